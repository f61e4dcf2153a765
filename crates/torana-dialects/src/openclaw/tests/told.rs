//! What clients hear beside the answers they asked for, and what a transcript keeps of a failure, as OpenClaw 2026.9.6
//! tells it.

use serde_json::{Value, json};
use torana_core::event::{Event, SessionChange};
use torana_core::run::ModelRef;
use torana_engine::ModelInfo;

use super::replies::said;
use super::rig::{Client, Rig, TOKEN, connect};

fn send(text: &str, key: &str) -> Value {
    json!({ "sessionKey": "main", "message": text, "idempotencyKey": key })
}

fn is_last(event: &Value) -> bool {
    let state = event["payload"]["state"].as_str().unwrap_or("");
    event["event"] == "chat" && ["final", "aborted", "error"].contains(&state)
}

/// A terminal window with these capabilities, and its hello.
async fn window(rig: &Rig, seed: u8, caps: &[&str]) -> (Client, Value) {
    let auth = json!({ "token": TOKEN });
    let mut params = connect("openclaw-tui", "ui", &["operator.admin"], auth);
    params["caps"] = json!(caps);
    rig.device(params, seed).await
}

/// Payloads of the events of a name, in the order they came.
fn heard<'a>(client: &'a Client, name: &'a str) -> Vec<&'a Value> {
    let named = client.events.iter().filter(|event| event["event"] == name);
    named.map(|event| &event["payload"]).collect()
}

#[tokio::test]
async fn who_listens_to_sessions_hears_of_tools_under_a_name_of_their_own() {
    let rig = Rig::start().await;
    let (mut asker, _) = window(&rig, 1, &["tool-events"]).await;
    let mut listener = rig.operator(&["operator.read"]).await;
    let mut deaf = rig.operator(&["operator.read"]).await;
    listener.ask("sessions.subscribe", json!({})).await;
    asker.ask("sessions.subscribe", json!({})).await;
    asker.ask("chat.send", send("use a tool", "k")).await;
    for client in [&mut asker, &mut listener, &mut deaf] {
        client.until(is_last).await;
    }
    let tools = heard(&listener, "session.tool");
    let phases: Vec<&Value> = tools.iter().map(|tool| &tool["data"]["phase"]).collect();
    assert_eq!(phases, ["start", "result"]);
    assert_eq!(tools[0]["data"]["args"], json!({ "zone": "UTC" }));
    assert_eq!(tools[0]["sessionKey"], "agent:main:main");
    assert_eq!(tools[1]["data"]["result"]["content"][0]["text"], "noon");
    assert!(heard(&deaf, "session.tool").is_empty());
    // Whoever began the run has them in the run's own events, and not twice.
    let own: Vec<u64> = heard(&asker, "agent")
        .iter()
        .filter(|event| event["stream"] == "tool")
        .filter_map(|event| event["seq"].as_u64())
        .collect();
    let same: Vec<u64> = tools
        .iter()
        .filter_map(|tool| tool["seq"].as_u64())
        .collect();
    assert_eq!(own, same);
    assert!(heard(&asker, "session.tool").is_empty());
    // Lists bring what is said, too.
    let said = heard(&listener, "session.message");
    assert!(
        said.iter()
            .any(|line| line["message"]["content"][0]["text"] == "It is noon."),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_row_that_changed_while_nobody_listened_is_not_told_again() {
    let rig = Rig::start().await;
    let mut hand = rig.operator(&["operator.admin"]).await;
    let label = |label: &str| json!({ "key": "agent:main:main", "label": label });
    let mut page = rig.operator(&["operator.admin"]).await;
    page.ask("sessions.subscribe", json!({})).await;
    page.ask("chat.send", send("hello", "k")).await;
    page.until(is_last).await;
    hand.ask("sessions.patch", label("old")).await;
    page.until(|event| event["event"] == "sessions.changed" && event["payload"]["label"] == "old")
        .await;
    drop(page);
    while rig.dialect.clients() > 1 {
        tokio::task::yield_now().await;
    }
    hand.ask("sessions.patch", label("new")).await;
    let mut page = rig.operator(&["operator.read"]).await;
    page.ask("sessions.subscribe", json!({})).await;
    let line = json!({ "sessionKey": "agent:main:main", "message": "a note" });
    hand.ask("chat.inject", line).await;
    let is_note = |event: &Value| {
        event["event"] == "session.message"
            && event["payload"]["message"]["content"][0]["text"] == "a note"
    };
    page.until(is_note).await;
    let note = page.events.iter().find(|event| is_note(event));
    let label = &note.expect("told")["payload"]["label"];
    assert!(label.is_null() || label == "new", "{label}");
}

#[tokio::test]
async fn a_line_said_right_after_a_change_does_not_repeat_the_row_before_it() {
    let rig = Rig::start().await;
    let mut page = rig.operator(&["operator.admin"]).await;
    let label = |label: &str| json!({ "key": "agent:main:main", "label": label });
    page.ask("sessions.subscribe", json!({})).await;
    page.ask("sessions.patch", label("old")).await;
    page.until(|event| event["event"] == "sessions.changed" && event["payload"]["label"] == "old")
        .await;
    page.ask("sessions.patch", label("new")).await;
    page.ask("chat.send", send("hello", "k")).await;
    page.until(is_last).await;
    let said = heard(&page, "session.message");
    assert!(!said.is_empty());
    for line in said {
        let label = &line["label"];
        assert!(label.is_null() || label == "new", "{line}");
    }
}

#[tokio::test]
async fn changes_that_come_together_are_told_one_by_one_from_one_read() {
    let rig = Rig::distinct().await;
    let mut page = rig.operator(&["operator.admin"]).await;
    let label = json!({ "key": "agent:main:main", "label": "here" });
    page.ask("sessions.patch", label).await;
    page.ask("sessions.subscribe", json!({})).await;
    let engine = &rig.context.engine;
    let session = engine.parse_key("main").expect("a key");
    let agent = engine.agent_of(&session).expect("an agent");
    let changes = [
        SessionChange::Sent,
        SessionChange::RunStarted,
        SessionChange::Deleted,
    ];
    for change in changes {
        engine.bus().publish(Event::Session {
            session: session.clone(),
            agent: agent.clone(),
            change,
        });
    }
    page.until(|event| event["payload"]["reason"] == "delete")
        .await;
    let told = heard(&page, "sessions.changed");
    let reasons: Vec<&Value> = told.iter().map(|change| &change["reason"]).collect();
    assert_eq!(reasons, ["send", "agent.run.started", "delete"]);
    assert_eq!(told[0]["session"]["label"], "here");
    assert_eq!(told[0]["label"], "here");
    assert_eq!(told[0]["session"], told[1]["session"], "two reads");
    assert!(told[2].get("session").is_none());
}

#[tokio::test]
async fn a_page_is_told_how_long_its_message_took_and_nobody_else_is() {
    let rig = Rig::start().await;
    let (mut page, _) = window(&rig, 1, &[]).await;
    let mut other = rig.operator(&["operator.write"]).await;
    page.ask("chat.send", send("use a tool", "k")).await;
    page.until(|event| event["payload"]["phase"] == "post-dispatch-completed")
        .await;
    let told = heard(&page, "chat.send_timing");
    let phases: Vec<&Value> = told.iter().map(|step| &step["phase"]).collect();
    assert_eq!(
        phases,
        [
            "dispatch-started",
            "agent-run-started",
            "model-selected",
            "first-assistant-event",
            "dispatch-completed",
            "post-dispatch-completed",
        ]
    );
    assert!(told.iter().all(|step| step["runId"] == "k"
        && step["receivedToPhaseMs"].is_u64()
        && step["ackToPhaseMs"].is_u64()));
    assert_eq!(told[2]["model"], "big");
    other.ask("chat.send", send("hi", "o")).await;
    other.until(is_last).await;
    assert!(heard(&other, "chat.send_timing").is_empty());
}

#[tokio::test]
async fn a_page_knows_the_gateway_from_its_hello_on() {
    let rig = Rig::start().await;
    let (mut page, hello) = window(&rig, 1, &[]).await;
    let snapshot = &hello["payload"]["snapshot"];
    assert_eq!(snapshot["health"]["ok"], true);
    assert!(snapshot["health"]["agents"].is_array());
    let applied = page.ask("config.get", json!({})).await["payload"]["appliedConfigHash"].clone();
    assert!(applied.is_string());
    assert_eq!(snapshot["appliedConfigHash"], applied);
    let own = &snapshot["presence"][0];
    let facts = ["host", "platform", "deviceFamily", "mode", "reason"];
    assert_eq!(
        facts.map(|name| own[name].as_str().unwrap_or_default()),
        ["desk", "linux 6.1", "Linux", "gateway", "self"]
    );
    let mine = &snapshot["presence"][1];
    assert_eq!(mine["text"], "Node: unknown · mode ui");
    assert_eq!(mine["roles"], json!(["operator"]));
    let health = page.event("health").await;
    assert_eq!(health["payload"]["ok"], true);
    assert!(health["stateVersion"].is_object());
}

#[tokio::test]
async fn models_that_change_are_news_to_pages() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.read"]).await;
    let mut blind = rig.operator(&["operator.pairing"]).await;
    let engine = &rig.context.engine;
    engine.apply((*engine.settings()).clone());
    let told = client.event("chat.metadata.changed").await;
    assert_eq!(told["payload"], json!({}));
    blind.ask("health", json!({})).await;
    assert!(heard(&blind, "chat.metadata.changed").is_empty());
}

#[tokio::test]
async fn an_empty_answer_is_a_failure_that_everybody_sees() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.write"]).await;
    client.ask("chat.send", send("empty", "k")).await;
    client.until(is_last).await;
    let last = heard(&client, "chat").pop().cloned().expect("an end");
    let why = "the model gave no answer; please try again";
    assert_eq!(last["state"], "error");
    assert_eq!(last["errorMessage"], why);
    let again = client.ask("chat.send", send("empty", "k")).await;
    assert_eq!(again["payload"]["status"], "error");
    let params = json!({ "message": "empty", "idempotencyKey": "a" });
    client.ask("agent", params).await;
    let done = client.answer().await.expect("the final answer");
    assert_eq!(done["payload"]["status"], "error");
    assert_eq!(done["error"]["message"], why);
}

#[tokio::test]
async fn a_model_that_says_nothing_is_asked_once_more() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.write"]).await;
    let key = "asked-once-more";
    client.ask("chat.send", send("empty at first", key)).await;
    client.until(is_last).await;
    let last = heard(&client, "chat").pop().cloned().expect("an end");
    assert_eq!(last["state"], "final", "{last}");
    assert_eq!(
        last["message"]["content"][0]["text"],
        "echo: empty at first"
    );
    // Both are paid for; only the second one fills the context.
    let described = client
        .ask("sessions.describe", json!({ "key": "main" }))
        .await;
    let row = &described["payload"]["session"];
    let figures = ["inputTokens", "outputTokens", "totalTokens"];
    assert_eq!(figures.map(|name| row[name].as_u64()), [6, 4, 5].map(Some));
}

#[tokio::test]
async fn lists_are_told_of_a_run_phase_by_phase() {
    let rig = Rig::start().await;
    for (text, phases) in [
        ("hello", &["start", "end"][..]),
        ("fail", &["start", "error"]),
    ] {
        let mut page = rig.operator(&["operator.write"]).await;
        page.ask("sessions.subscribe", json!({})).await;
        page.ask("chat.send", send(text, text)).await;
        let last = phases[phases.len() - 1];
        page.until(|event| {
            event["payload"]["phase"] == last && event["event"] == "sessions.changed"
        })
        .await;
        let told: Vec<&Value> = heard(&page, "sessions.changed")
            .into_iter()
            .filter(|change| change["phase"].is_string() && change["phase"] != "model")
            .collect();
        let words: Vec<&str> = told.iter().filter_map(|it| it["phase"].as_str()).collect();
        assert_eq!(words, phases);
        for change in told {
            assert_eq!(change["runId"], text);
            assert!(change["reason"].is_null(), "{change}");
            assert_eq!(change["session"]["key"], "agent:main:main");
        }
    }
}

#[tokio::test]
async fn rows_say_how_much_their_model_may_think_unless_the_list_does() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    client.ask("chat.send", send("hello", "k")).await;
    client.until(is_last).await;
    let list = client.ask("sessions.list", json!({})).await["payload"].clone();
    let names = [
        "thinkingLevels",
        "thinkingOptions",
        "thinkingDefault",
        "agentRuntime",
    ];
    let described = client
        .ask("sessions.describe", json!({ "key": "main" }))
        .await;
    let row = &described["payload"]["session"];
    for name in names {
        assert!(!list["defaults"][name].is_null(), "{name}");
        assert!(list["sessions"][0][name].is_null(), "{name}");
        assert_eq!(row[name], list["defaults"][name]);
    }
    assert_eq!(row["agentRuntime"]["id"], "openclaw");
}

#[tokio::test]
async fn a_transcript_keeps_why_an_answer_failed_beside_what_was_said() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.write"]).await;
    for (text, said) in [
        ("break off", "half an ans"),
        ("fail", "the provider asks for patience"),
    ] {
        client.ask("chat.send", send(text, text)).await;
        client.until(is_last).await;
        client.events.clear();
        let params = json!({ "sessionKey": "main", "limit": 1 });
        let history = client.ask("chat.history", params).await;
        let line = &history["payload"]["messages"][0];
        assert_eq!(line["stopReason"], "error");
        assert_eq!(line["content"][0]["text"], said);
        let why = match text {
            "fail" => said,
            _ => "the provider hung up",
        };
        assert_eq!(line["errorMessage"], why);
    }
}

fn with_plain_model(rig: &Rig) {
    let engine = &rig.context.engine;
    let mut settings = (*engine.settings()).clone();
    settings.models = vec![ModelInfo {
        reference: ModelRef {
            provider: "acme".to_owned(),
            model: "plain".to_owned(),
        },
        name: "plain".to_owned(),
        alias: None,
        context_tokens: None,
        reasoning: false,
        available: true,
        local: false,
        price: None,
    }];
    engine.apply(settings);
}

#[tokio::test]
async fn a_thinking_level_the_model_does_not_have_is_refused() {
    let rig = Rig::start().await;
    with_plain_model(&rig);
    let mut client = rig.operator(&["operator.admin"]).await;
    for method in ["sessions.patch", "sessions.create"] {
        for (level, why) in [
            (
                "high",
                "thinkingLevel \"high\" is not supported for acme/plain (use off)",
            ),
            ("loud", "invalid thinkingLevel (use off)"),
        ] {
            let params = json!({ "key": "t", "model": "acme/plain", "thinkingLevel": level });
            let refused = client.ask(method, params).await;
            assert_eq!(refused["error"]["message"], why, "{method}");
        }
    }
    let plain = json!({ "key": "t", "model": "acme/plain", "thinkingLevel": "off" });
    assert_eq!(client.ask("sessions.patch", plain).await["ok"], true);
    // The model chosen before counts, too.
    let later = json!({ "key": "t", "thinkingLevel": "low" });
    assert_eq!(client.ask("sessions.patch", later).await["ok"], false);
    // By command as well, and the words that are offered are those of this model.
    let command =
        |text: &str| json!({ "sessionKey": "t", "message": text, "idempotencyKey": text });
    assert_eq!(
        said(&mut client, command("/think bogus")).await,
        "I do not understand `bogus`. Use /think followed by off, or by default."
    );
    assert_eq!(
        said(&mut client, command("/think high")).await,
        "The model of this conversation cannot think at `high`. Use /think followed by off, or by default."
    );
    assert_eq!(said(&mut client, command("/think")).await, "Thinking: off.");
}

#[tokio::test]
async fn how_long_a_model_thinks_unless_chosen_is_told_beside_it() {
    let rig = Rig::start().await;
    let mut settings = (*rig.context.engine.settings()).clone();
    for agent in settings.agents.values_mut() {
        agent.thinking = Some("medium".to_owned());
    }
    rig.context.engine.apply(settings);
    let mut client = rig.operator(&["operator.admin"]).await;
    let command =
        |text: &str| json!({ "sessionKey": "t", "message": text, "idempotencyKey": text });
    said(&mut client, command("/status")).await;
    let history = |key: &str| json!({ "sessionKey": key });
    let told = client.ask("chat.history", history("t")).await;
    assert_eq!(told["payload"]["thinkingLevel"], "medium");
    let patch = json!({ "key": "t", "model": "acme/plain" });
    with_plain_model(&rig);
    let patched = client.ask("sessions.patch", patch).await;
    assert_eq!(
        patched["payload"]["resolved"]["thinkingLevel"], "off",
        "{patched}"
    );
    let told = client.ask("chat.history", history("t")).await;
    assert_eq!(told["payload"]["thinkingLevel"], "off");
}

#[tokio::test]
async fn a_session_is_put_aside_by_the_transcript_one_means() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    client.ask("sessions.subscribe", json!({})).await;
    let params = json!({ "key": "s", "category": "Work" });
    let made = client.ask("sessions.create", params).await;
    let groups = client
        .until(|event| event["payload"]["reason"] == "groups")
        .await;
    assert!(groups.is_empty());
    let id = made["payload"]["sessionId"].as_str().expect("an id");
    let key = "agent:main:s";
    for (expected, why) in [
        (
            None,
            format!("expectedSessionId required for session lifecycle patch: {key}"),
        ),
        (
            Some("another"),
            format!("Session {key} changed before patch. Retry."),
        ),
    ] {
        for archived in [true, false] {
            let mut params = json!({ "key": "s", "archived": archived });
            if let Some(expected) = expected {
                params["expectedSessionId"] = json!(expected);
            }
            let refused = client.ask("sessions.patch", params).await;
            assert_eq!(refused["error"]["message"], why);
        }
    }
    let params = json!({ "key": "s", "archived": true, "expectedSessionId": id });
    let aside = client.ask("sessions.patch", params).await;
    assert_eq!(aside["payload"]["entry"]["archived"], true, "{aside}");
    let nobody = json!({ "key": "nobody" });
    let compacted = client.ask("sessions.compact", nobody).await;
    assert_eq!(compacted["payload"]["reason"], "no sessionId");
}

#[tokio::test]
async fn faults_name_each_alternative_as_the_published_schema_has_them() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let union = "must be equal to constant; at PLACE: must match a schema in anyOf";
    for (method, params, place, fault) in [
        (
            "wake",
            json!({ "text": "x", "mode": "x" }),
            "/mode",
            union.to_owned(),
        ),
        (
            "wake",
            json!({ "text": "x", "mode": 1 }),
            "/mode",
            format!("must be string; at PLACE: {union}"),
        ),
        (
            "cron.list",
            json!({ "enabled": "x" }),
            "/enabled",
            union.to_owned(),
        ),
        (
            "cron.runs",
            json!({ "statuses": [] }),
            "/statuses",
            "must not have fewer than 1 items".to_owned(),
        ),
        (
            "cron.runs",
            json!({ "statuses": ["x"] }),
            "/statuses/0",
            union.to_owned(),
        ),
        (
            "tasks.list",
            json!({ "status": "x" }),
            "/status",
            format!("{union}; at PLACE: must be array"),
        ),
        (
            "tasks.list",
            json!({ "limit": 501 }),
            "/limit",
            "must be <= 500".to_owned(),
        ),
        (
            "sessions.catalog.list",
            json!({ "cursors": { "a": 1 } }),
            "/cursors/a",
            "must be string".to_owned(),
        ),
        (
            "sessions.list",
            json!({ "archived": "x" }),
            "/archived",
            format!("must be boolean; at PLACE: {union}"),
        ),
        (
            "sessions.patch",
            json!({ "key": "main", "label": 1 }),
            "/label",
            "must be string; at PLACE: must be null; at PLACE: must match a schema in anyOf"
                .to_owned(),
        ),
        (
            "chat.send",
            json!({ "sessionKey": "main", "message": "x", "idempotencyKey": "x", "queueMode": "x" }),
            "/queueMode",
            "must be equal to one of the allowed values".to_owned(),
        ),
    ] {
        let refused = client.ask(method, params).await;
        let fault = fault.replace("PLACE", place);
        let words = format!("invalid {method} params: at {place}: {fault}");
        assert_eq!(refused["error"]["message"], words);
    }
}

#[tokio::test]
async fn what_is_absent_checks_what_is_asked_of_it() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.read"]).await;
    for method in [
        "cron.list",
        "cron.runs",
        "tasks.list",
        "sessions.catalog.list",
    ] {
        let refused = client.ask(method, json!({ "x": 1 })).await;
        let words = format!("invalid {method} params: at root: unexpected property 'x'");
        assert_eq!(refused["error"]["message"], words);
    }
    for (method, params, words) in [
        (
            "cron.runs",
            json!({ "scope": "job" }),
            "invalid cron.runs params: missing id",
        ),
        ("cron.runs", json!({ "id": "j" }), "cron job not found: j"),
        (
            "tasks.list",
            json!({ "cursor": "c" }),
            "invalid or expired tasks.list cursor; restart pagination without a cursor",
        ),
        (
            "sessions.catalog.list",
            json!({ "catalogId": "c" }),
            "unknown session catalog: c",
        ),
    ] {
        let refused = client.ask(method, params).await;
        assert_eq!(refused["error"]["message"], words);
    }
}
