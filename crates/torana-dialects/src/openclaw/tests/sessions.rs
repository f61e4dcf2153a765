//! Sessions where a golden file would say less: what changes over time, what depends on the day, what must not be lost.

use serde_json::{Value, json};

use super::rig::{Client, Rig};

async fn say(client: &mut Client, key: &str, text: &str, id: &str) {
    let params = json!({ "sessionKey": key, "message": text, "idempotencyKey": id });
    let answer = client.ask("chat.send", params).await;
    assert_eq!(answer["payload"]["status"], "started", "{answer}");
    client
        .until(|event| event["payload"]["state"] == "final" && event["payload"]["runId"] == id)
        .await;
}

fn texts(payload: &Value) -> Vec<String> {
    let text = |message: &Value| match &message["content"] {
        Value::String(text) => text.clone(),
        parts => parts[0]["text"].as_str().unwrap_or_default().to_owned(),
    };
    let messages = payload["messages"].as_array().expect("messages");
    messages.iter().map(text).collect()
}

#[tokio::test]
async fn a_cursor_brings_exactly_what_came_since_and_nothing_twice() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    say(&mut client, "main", "one", "a").await;
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await;
    let mut cursor = history["payload"]["deltaCursor"].clone();
    for (round, text) in ["two", "three"].into_iter().enumerate() {
        say(&mut client, "main", text, &format!("b{round}")).await;
        let params = json!({ "sessionKey": "main", "cursor": cursor });
        let delta = client.ask("chat.history", params).await["payload"].clone();
        assert_eq!(delta["kind"], "delta");
        assert_eq!(texts(&delta), [text.to_owned(), format!("echo: {text}")]);
        cursor = delta["deltaCursor"].clone();
    }
    let params = json!({ "sessionKey": "main", "cursor": cursor });
    let nothing = client.ask("chat.history", params.clone()).await["payload"].clone();
    assert_eq!(texts(&nothing), Vec::<String>::new());
    client.ask("sessions.reset", json!({ "key": "main" })).await;
    let reset = client.ask("chat.history", params).await;
    assert_eq!(reset["payload"], json!({ "kind": "reset" }));
}

#[tokio::test]
async fn an_old_transcript_is_read_by_its_id() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    say(&mut client, "main", "one", "a").await;
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await;
    let old = history["payload"]["sessionId"].clone();
    client.ask("sessions.reset", json!({ "key": "main" })).await;
    let params = json!({ "sessionKey": "main", "sessionId": old });
    let read = client.ask("chat.history", params).await["payload"].clone();
    assert_eq!(texts(&read), ["one", "echo: one"]);
    assert_eq!(read["sessionId"], old);
}

#[tokio::test]
async fn a_stopped_run_says_who_stopped_it() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let params = json!({ "sessionKey": "main", "message": "hang", "idempotencyKey": "h" });
    client.ask("chat.send", params).await;
    client
        .until(|event| event["payload"]["state"] == "delta")
        .await;
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await;
    let running = &history["payload"]["inFlightRun"];
    assert_eq!(running["text"], "well");
    assert!(running["startedAt"].is_i64(), "{running}");
    let stop = json!({ "sessionKey": "main", "message": "/stop", "idempotencyKey": "s" });
    client.ask("chat.send", stop).await;
    client
        .until(|event| event["payload"]["state"] == "aborted")
        .await;
    let word = client
        .events
        .iter()
        .find(|event| event["payload"]["state"] == "aborted")
        .map(|event| event["payload"]["stopReason"].clone());
    assert_eq!(word, Some(json!("stop")));
}

#[tokio::test]
async fn sessions_abort_leaves_what_waits_unless_told() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let send = |text: &str, id: &str| json!({ "sessionKey": "main", "message": text, "idempotencyKey": id, "queueMode": "followup" });
    client.ask("chat.send", send("hang", "h")).await;
    client
        .until(|event| event["payload"]["state"] == "delta")
        .await;
    client.ask("chat.send", send("next", "n")).await;
    let history = client
        .ask(
            "chat.history",
            json!({ "sessionKey": "main", "inputRunIds": ["n", "h"] }),
        )
        .await;
    assert_eq!(history["payload"]["pendingInputs"]["total"], 1);
    assert_eq!(
        history["payload"]["inputReceipts"][0],
        json!({ "runId": "n", "state": "pending" })
    );
    let stopped = client.ask("sessions.abort", json!({ "key": "main" })).await;
    assert_eq!(
        stopped["payload"],
        json!({ "ok": true, "abortedRunId": "h", "status": "aborted" })
    );
    client
        .until(|event| event["payload"]["state"] == "final" && event["payload"]["runId"] == "n")
        .await;
}

#[tokio::test]
async fn a_compacted_session_keeps_every_word_for_people_and_a_summary_for_the_agent() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for round in 0..6 {
        let text = format!("{round} {}", "words ".repeat(200));
        say(&mut client, "main", &text, &format!("r{round}")).await;
    }
    let compacted = client
        .ask("sessions.compact", json!({ "key": "main" }))
        .await["payload"]
        .clone();
    assert_eq!(compacted["compacted"], true, "{compacted}");
    assert_eq!(compacted["result"]["summary"], "They talked.");
    let before = compacted["result"]["tokensBefore"]
        .as_u64()
        .expect("a count");
    let after = compacted["result"]["tokensAfter"]
        .as_u64()
        .expect("a count");
    assert!(after * 2 < before, "{before} {after}");
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await["payload"]
        .clone();
    assert_eq!(history["totalMessages"], 13);
    assert_eq!(history["messages"][12]["__openclaw"]["kind"], "compaction");
    assert_eq!(history["messages"][12]["role"], "system");
    // The summary, and the last turn that stayed.
    say(&mut client, "main", "count", "c").await;
    let last = client
        .ask("sessions.get", json!({ "key": "main", "limit": 1 }))
        .await;
    assert_eq!(texts(&last["payload"]), ["echo: 3 lines before"]);
    let again = client
        .ask("sessions.compact", json!({ "key": "agent:main:never" }))
        .await;
    assert_eq!(again["payload"]["compacted"], false);
}

#[tokio::test]
async fn usage_adds_up_by_session_day_and_message() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    say(&mut client, "main", "one", "a").await;
    client.ask("sessions.reset", json!({ "key": "main" })).await;
    say(&mut client, "main", "two", "b").await;
    let whole = client
        .ask("sessions.usage", json!({ "groupBy": "family" }))
        .await["payload"]
        .clone();
    assert_eq!(whole["totals"]["totalTokens"], 10, "{whole}");
    assert_eq!(whole["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(whole["sessions"][0]["historicalInstanceCount"], 1);
    assert_eq!(whole["aggregates"]["messages"]["user"], 2);
    let single = client.ask("sessions.usage", json!({ "key": "main" })).await["payload"].clone();
    assert_eq!(single["sessions"].as_array().map(Vec::len), Some(2));
    assert_eq!(single["sessions"][0]["usage"]["input"], 3);
    let far = json!({ "startDate": "2020-01-01", "endDate": "2020-01-02", "mode": "specific", "utcOffset": "UTC+2" });
    let nothing = client.ask("sessions.usage", far).await["payload"].clone();
    assert_eq!(nothing["sessions"], json!([]));
    let wrong = json!({ "startDate": "2020-02-02", "endDate": "2020-01-02" });
    let refused = client.ask("sessions.usage", wrong).await;
    assert_eq!(refused["ok"], false);
}

#[tokio::test]
async fn a_failed_turn_is_recovered_on_a_branch_of_its_own() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let params = json!({ "sessionKey": "main", "message": "fail", "idempotencyKey": "f" });
    client.ask("chat.send", params).await;
    client
        .until(|event| event["payload"]["state"] == "error")
        .await;
    let again = client
        .ask("sessions.recover", json!({ "key": "main" }))
        .await["payload"]
        .clone();
    assert_eq!(again["continuation"]["status"], "started", "{again}");
    let run_id = again["continuation"]["runId"].clone();
    client
        .until(|event| event["payload"]["state"] == "error" && event["payload"]["runId"] == run_id)
        .await;
    let branches = client
        .ask("sessions.branches.list", json!({ "sessionKey": "main" }))
        .await;
    assert_eq!(
        branches["payload"]["branches"].as_array().map(Vec::len),
        Some(2)
    );
}
