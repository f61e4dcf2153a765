//! Events over a real socket: order within a run, who hears what, subscriptions, the end.

use serde_json::{Value, json};

use super::rig::{Rig, TOKEN, connect};

/// One word per event of a run.
fn word(event: &Value) -> Option<String> {
    let payload = &event["payload"];
    match event["event"].as_str()? {
        "agent" => {
            let phase = payload["data"]["phase"].as_str();
            let stream = payload["stream"].as_str()?;
            Some(phase.map_or_else(|| stream.to_owned(), |phase| format!("{stream} {phase}")))
        }
        "chat" => Some(format!("chat {}", payload["state"].as_str()?)),
        _ => None,
    }
}

fn is_last(event: &Value) -> bool {
    event["event"] == "chat"
        && ["final", "aborted", "error"].contains(&event["payload"]["state"].as_str().unwrap_or(""))
}

fn send(text: &str, key: &str) -> Value {
    json!({ "sessionKey": "main", "message": text, "idempotencyKey": key })
}

#[tokio::test]
async fn a_run_is_told_in_order_and_adds_up_to_its_text() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.write"]).await;
    let sent = client.ask("chat.send", send("hi", "k1")).await;
    assert_eq!(
        sent["payload"],
        json!({ "runId": "k1", "status": "started" })
    );
    client.until(is_last).await;
    let words: Vec<String> = client.events.iter().filter_map(word).collect();
    let without_deltas: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|word| !["chat delta", "assistant"].contains(word))
        .collect();
    assert_eq!(
        without_deltas,
        [
            "lifecycle start",
            "run_status starting_model",
            "chat status",
            "usage",
            "lifecycle finishing",
            "lifecycle end",
            "chat final"
        ],
    );
    let runs = |name: &'static str| {
        client
            .events
            .iter()
            .filter(move |event| event["event"] == name)
            .map(|event| &event["payload"])
    };
    let said: String = runs("chat")
        .filter_map(|chat| chat["deltaText"].as_str())
        .collect();
    assert_eq!(said, "echo: hi");
    let seqs: Vec<u64> = runs("agent")
        .filter_map(|agent| agent["seq"].as_u64())
        .collect();
    assert_eq!(
        seqs,
        (1..=seqs.len() as u64).collect::<Vec<_>>(),
        "the run's own numbers have no gap"
    );
    assert!(
        runs("agent").all(|agent| agent["sessionKey"].is_null()),
        "the published schema closes the envelope"
    );
    let numbers: Vec<u64> = client
        .events
        .iter()
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    assert_eq!(
        numbers,
        (1..=numbers.len() as u64).collect::<Vec<_>>(),
        "so have the connection's"
    );
    let again = client.ask("chat.send", send("hi", "k1")).await;
    assert_eq!(again["payload"], json!({ "runId": "k1", "status": "ok" }));
    let other = client.ask("chat.send", send("something else", "k1")).await;
    assert_eq!(other["error"]["details"]["code"], "IDEMPOTENCY_CONFLICT");
}

/// The first of what a connection hears of the answer to `hi`.
async fn first_word(client: &mut super::rig::Client, key: &str) -> Value {
    client.ask("chat.send", send("hi", key)).await;
    client.until(is_last).await;
    let first = client.events.iter().find(|event| word(event).is_some());
    first.expect("an event of the run")["payload"].clone()
}

#[tokio::test]
async fn the_terminal_interface_hears_a_text_before_anything_else_of_its_run() {
    let rig = Rig::start().await;
    let mut params = connect(
        "openclaw-tui",
        "ui",
        &["operator.write"],
        json!({ "token": TOKEN }),
    );
    params["caps"] = json!(["tool-events"]);
    let (mut terminal, hello) = rig.device(params, 1).await;
    assert_eq!(hello["ok"], true, "{hello}");
    let first = first_word(&mut terminal, "k1").await;
    assert_eq!(
        [&first["runId"], &first["state"], &first["deltaText"]],
        ["k1", "delta", ""]
    );
    let mut other = rig.operator(&["operator.write"]).await;
    let first = first_word(&mut other, "k2").await;
    assert_eq!(first["data"]["phase"], "start", "{first}");
}

#[tokio::test]
async fn stopping_a_run_tells_everybody_before_the_answer() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.write"]).await;
    client.ask("chat.send", send("hang", "k1")).await;
    client
        .until(|event| event["payload"]["state"] == "delta")
        .await;
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await;
    let running = &history["payload"]["inFlightRun"];
    assert_eq!(running["runId"], "k1");
    assert_eq!(running["text"], "well");
    let stopped = client
        .ask("chat.abort", json!({ "sessionKey": "main", "runId": "k1" }))
        .await;
    assert_eq!(
        stopped["payload"],
        json!({ "ok": true, "aborted": true, "runIds": ["k1"] })
    );
    let words: Vec<String> = client.events.iter().filter_map(word).collect();
    assert_eq!(words[words.len() - 2..], ["chat aborted", "lifecycle end"]);
    let idle = client
        .ask("chat.abort", json!({ "sessionKey": "main" }))
        .await;
    assert_eq!(
        idle["payload"],
        json!({ "ok": true, "aborted": false, "runIds": [] })
    );
}

#[tokio::test]
async fn a_message_that_joins_another_turn_ends_with_a_word_of_its_own() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.write"]).await;
    client.ask("chat.send", send("/queue collect", "k0")).await;
    client.ask("chat.send", send("hang", "k1")).await;
    client.ask("chat.send", send("one", "k2")).await;
    client.ask("chat.send", send("two", "k3")).await;
    client
        .ask("chat.abort", json!({ "sessionKey": "main", "runId": "k1" }))
        .await;
    client
        .until(|event| is_last(event) && event["payload"]["runId"] == "k2")
        .await;
    let last = |run: &str| {
        let mut events = client.events.iter().filter(|event| is_last(event));
        events.find(|event| event["payload"]["runId"] == run)
    };
    let answer = last("k3").expect("the answer to both comes first");
    assert_eq!(
        answer["payload"]["message"]["content"][0]["text"],
        "echo: one\ntwo"
    );
    let joined = last("k2").expect("an end");
    assert_eq!(joined["payload"]["state"], "final");
    assert_eq!(joined["payload"]["message"], Value::Null);
}

#[tokio::test]
async fn agent_answers_twice_and_a_failure_carries_payload_and_error() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.write"]).await;
    let accepted = client
        .ask("agent", json!({ "message": "hi", "idempotencyKey": "a1" }))
        .await;
    assert_eq!(accepted["payload"]["status"], "accepted");
    let last = client.answer().await.expect("the final");
    assert_eq!(last["id"], accepted["id"]);
    assert_eq!(
        last["payload"]["result"]["payloads"],
        json!([{ "text": "echo: hi", "mediaUrl": null }])
    );
    let repeated = client
        .ask("agent", json!({ "message": "hi", "idempotencyKey": "a1" }))
        .await;
    assert_eq!(
        repeated["payload"]["result"]["payloads"][0]["text"], "echo: hi",
        "one frame, from the store"
    );
    let waited = client.ask("agent.wait", json!({ "runId": "a1" })).await;
    assert_eq!(
        waited["payload"]["terminalReply"],
        json!({ "disposition": "visible", "text": "echo: hi" })
    );
    client
        .ask(
            "agent",
            json!({ "message": "fail", "idempotencyKey": "a2" }),
        )
        .await;
    let failed = client.answer().await.expect("the final");
    assert_eq!(
        (failed["ok"].as_bool(), failed["error"]["code"].as_str()),
        (Some(false), Some("UNAVAILABLE"))
    );
    assert_eq!(failed["payload"]["status"], "error");
    let unknown = client
        .ask("agent.wait", json!({ "runId": "nobody", "timeoutMs": 1 }))
        .await;
    assert_eq!(
        unknown["payload"],
        json!({ "runId": "nobody", "status": "timeout" })
    );
}

/// S-091: without `operator.read` nothing about sessions, agents or people arrives.
#[tokio::test]
async fn clients_without_read_hear_nothing_about_sessions() {
    let rig = Rig::start().await;
    let mut blind = rig.client().await;
    let hello = blind
        .ask(
            "connect",
            super::rig::connect(
                "cli",
                "probe",
                &["operator.read"],
                json!({ "token": super::rig::TOKEN }),
            ),
        )
        .await;
    let payload = &hello["payload"];
    assert_eq!(payload["auth"]["scopes"], json!([]));
    assert_eq!(payload["snapshot"]["health"], json!({}));
    assert!(payload["snapshot"]["sessionDefaults"].is_null());
    assert_eq!(
        payload["snapshot"]["presence"].as_array().map(Vec::len),
        Some(1)
    );
    let mut writer = rig.operator(&["operator.write"]).await;
    writer.ask("chat.send", send("secret words", "k1")).await;
    writer.until(is_last).await;
    rig.context.engine.set_storage_full(true);
    blind.until(|event| event["event"] == "health").await;
    let health = blind.ask("health", json!({})).await;
    let keys: Vec<&String> = health["payload"]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(keys, ["ok", "ts", "durationMs"]);
    let heard: Vec<&str> = blind
        .events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert!(heard.iter().all(|name| *name == "health"), "{heard:?}");
    assert!(
        !blind
            .events
            .iter()
            .any(|event| event.to_string().contains("secret words"))
    );
    let refused = blind.ask("status", json!({})).await;
    assert_eq!(refused["error"]["message"], "missing scope: operator.read");
}

#[tokio::test]
async fn subscribers_hear_of_messages_and_rows_and_then_of_the_end() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    assert_eq!(
        client.ask("sessions.subscribe", json!({})).await["payload"],
        json!({ "subscribed": true })
    );
    let listening = client
        .ask("sessions.messages.subscribe", json!({ "key": "main" }))
        .await;
    assert_eq!(
        listening["payload"],
        json!({ "subscribed": true, "key": "agent:main:main" })
    );
    client.ask("chat.send", send("hi", "k1")).await;
    client
        .until(|event| {
            event["event"] == "session.message"
                && event["payload"]["message"]["role"] == "assistant"
        })
        .await;
    client
        .until(|event| event["payload"]["reason"] == "agent.input.settled")
        .await;
    let changed = client
        .events
        .iter()
        .find(|event| event["payload"]["reason"] == "agent.input.settled")
        .expect("there");
    let told = &changed["payload"];
    assert_eq!(told["session"]["key"], "agent:main:main");
    for name in ["sessionId", "status", "totalTokens", "label", "model"] {
        assert_eq!(told[name], told["session"][name], "{name}");
    }
    assert_eq!(told["status"], "done");
    assert!(told.get("label").is_some_and(Value::is_null), "{told}");
    let said = client
        .events
        .iter()
        .find(|event| event["event"] == "session.message")
        .expect("there");
    assert_eq!(said["payload"]["sessionId"], told["sessionId"]);
    rig.context
        .engine
        .bus()
        .publish(torana_core::event::Event::ShuttingDown {
            reason: "gateway stopping".to_owned(),
            restart_expected_ms: None,
        });
    let closed = loop {
        match client.frame().await {
            Ok(frame) => client.events.push(frame),
            Err(closed) => break closed,
        }
    };
    assert_eq!(closed, (1012, "service restart".to_owned()));
    assert_eq!(
        client.events.last().map(|event| event["event"].clone()),
        Some(json!("shutdown"))
    );
}
