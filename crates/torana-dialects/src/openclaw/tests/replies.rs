//! What clients ask of a message and of a session's answers beside the words: every parameter has its effect.

use serde_json::{Value, json};
use torana_core::run::{ModelRef, Usage};
use torana_engine::store::session::RunEnd;
use torana_engine::store::usage::{Booking, book};
use torana_engine::{ModelInfo, ModelPrice};

use super::rig::{Client, Rig, TOKEN, connect};

/// Says something and returns the final text.
pub(super) async fn said(client: &mut Client, params: Value) -> String {
    let id = params["idempotencyKey"].clone();
    let answer = client.ask("chat.send", params).await;
    assert_eq!(answer["payload"]["status"], "started", "{answer}");
    let is_final =
        |event: &Value| event["payload"]["state"] == "final" && event["payload"]["runId"] == id;
    client.until(is_final).await;
    let event = client.events.iter().rev().find(|event| is_final(event));
    event.expect("a final")["payload"]["message"]["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn refusal(answer: &Value) -> &str {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"]["message"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn the_agent_learns_what_a_message_answers_and_what_the_person_sees() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let first = json!({ "sessionKey": "main", "message": "rain?", "idempotencyKey": "a" });
    assert_eq!(said(&mut client, first).await, "echo: rain?");
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await["payload"]
        .clone();
    let line = history["messages"][0]["__openclaw"]["id"].clone();
    let second = json!({
        "sessionKey": "main", "message": "and now?", "idempotencyKey": "b", "replyToId": line,
        "workContext": { "page": "config", "file": "torana.json", "selection": "port" },
    });
    assert_eq!(
        said(&mut client, second).await,
        "echo: [The person is looking at: page config, file torana.json]\n[Selected there]\n> port\n\n\
         [in reply to a message of the person]\n> rain?\n\nand now?"
    );
    // The transcript has the words alone.
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await["payload"]
        .clone();
    assert_eq!(history["messages"][2]["content"], "and now?");
}

#[tokio::test]
async fn no_session_begins_under_a_name_that_only_looks_like_another() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for key in ["main\u{200b}", "no\u{202e}tes", "a\nb"] {
        let params = json!({ "sessionKey": key, "message": "hi", "idempotencyKey": key });
        let answer = client.ask("chat.send", params).await;
        assert!(
            refusal(&answer).starts_with("invalid session key"),
            "{key:?}"
        );
    }
}

#[tokio::test]
async fn a_command_can_be_meant_literally() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let params = json!({
        "sessionKey": "main", "message": "/whoami", "idempotencyKey": "a", "suppressCommandInterpretation": true,
    });
    assert_eq!(said(&mut client, params).await, "echo: /whoami");
}

#[tokio::test]
async fn a_page_that_shows_something_else_writes_nothing() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let params = |id: &str, leaf: Value, session: Option<&str>| {
        let mut params = json!({
            "sessionKey": "main", "message": "hello", "idempotencyKey": id, "expectedLeafEntryId": leaf,
        });
        if let Some(session) = session {
            params["sessionId"] = json!(session);
        }
        params
    };
    said(&mut client, params("a", Value::Null, None)).await;
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await["payload"]
        .clone();
    let (leaf, session) = (
        history["messages"][1]["__openclaw"]["id"].clone(),
        history["sessionId"].as_str().expect("an id"),
    );
    for wrong in [
        params("b", Value::Null, None),
        params(
            "c",
            leaf.clone(),
            Some("00000000-0000-4000-8000-000000000000"),
        ),
        params("d", json!("nothing"), None),
    ] {
        let answer = client.ask("chat.send", wrong).await;
        assert_eq!(refusal(&answer), "session changed; reload and retry");
    }
    said(&mut client, params("e", leaf, Some(session))).await;
}

#[tokio::test]
async fn what_this_gateway_lacks_is_refused_by_name() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for (method, name, value) in [
        ("chat.send", "intent", json!({ "kind": "goal" })),
        ("chat.send", "fastMode", json!("auto")),
        ("chat.send", "toolBindings", json!({ "a": 1 })),
        ("chat.send", "mentions", json!([{ "profileId": "p" }])),
        ("agent", "cwd", json!("/tmp")),
        ("agent", "label", json!("x")),
        ("sessions.patch", "fastMode", json!(true)),
        ("send", "silent", json!(true)),
        ("models.list", "authProfileId", json!("p")),
    ] {
        let mut params = json!({});
        let must: &[(&str, &str)] = match method {
            "chat.send" => &[
                ("sessionKey", "main"),
                ("message", "x"),
                ("idempotencyKey", "k"),
            ],
            "agent" => &[("message", "x"), ("idempotencyKey", "k")],
            "sessions.patch" => &[("key", "main")],
            "send" => &[("to", "a:1"), ("message", "x"), ("idempotencyKey", "k")],
            _ => &[],
        };
        for (name, value) in must {
            params[*name] = json!(value);
        }
        params[name] = value;
        let answer = client.ask(method, params).await;
        let expected = format!("invalid {method} params: at /{name}: ");
        assert!(refusal(&answer).starts_with(&expected), "{answer}");
        assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn the_context_is_told_part_by_part() {
    let rig = Rig::start().await;
    let mut settings = (*rig.context.engine.settings()).clone();
    for agent in settings.agents.values_mut() {
        agent.system = "x".repeat(40) + &"y".repeat(80);
        agent.notes = vec![torana_engine::NoteSize {
            name: "SOUL.md".to_owned(),
            bytes: 100,
            told: 80,
            is_cut: true,
        }];
    }
    rig.context.engine.apply(settings);
    let mut client = rig.operator(&["operator.admin"]).await;
    let command = |text: &str, id: &str| json!({ "sessionKey": "main", "message": text, "idempotencyKey": id });
    said(&mut client, command("hello", "a")).await;
    assert_eq!(
        said(&mut client, command("/context detail", "b")).await,
        "**Context**\nModel: demo (no model is configured)\nInstructions: 40 bytes, about 10 tokens\n\
         Workspace files:\n- `SOUL.md`: 100 bytes, of which 80 are told, about 20 tokens\n\
         Conversation: 2 messages, 16 bytes, about 4 tokens\n\
         - From people: 1, 5 bytes, about 2 tokens\n- From the agent: 1, 11 bytes, about 3 tokens\n\
         Tools: none\nTogether: about 34 of 100000 tokens (0 %)\n\
         With its last answer the model reported 5 tokens."
    );
    // Commands and their answers are not said to the agent, so they take no room.
    let listed = said(&mut client, command("/context", "c")).await;
    assert!(
        listed.contains("\nConversation: 2 messages, 16 bytes,"),
        "{listed}"
    );
    let coded = said(&mut client, command("/context json", "d")).await;
    let inner = coded
        .strip_prefix("```json\n")
        .and_then(|text| text.strip_suffix("\n```"));
    let report: Value = serde_json::from_str(inner.expect("a block of code")).expect("JSON");
    assert_eq!(report["estimatedTokens"], 34, "{report}");
    assert_eq!(report["workspaceFiles"][0]["toldBytes"], 80);
    assert_eq!(
        said(&mut client, command("/context map", "e")).await,
        "I do not understand `map`. Use /context followed by list, detail or json."
    );
}

#[tokio::test]
async fn settings_of_answers_last_and_mean_the_same_by_command_and_by_patch() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let command = |text: &str, id: &str| json!({ "sessionKey": "main", "message": text, "idempotencyKey": id });
    assert_eq!(
        said(&mut client, command("/usage", "a")).await,
        "Usage below answers: off (default)."
    );
    assert_eq!(
        said(&mut client, command("/usage ON", "b")).await,
        "Usage below answers: tokens."
    );
    assert_eq!(
        said(&mut client, command("/think high", "c")).await,
        "Thinking: high."
    );
    assert_eq!(
        said(&mut client, command("/verbose loud", "d")).await,
        "I do not understand `loud`. Use /verbose followed by off, on, full, or by default."
    );
    assert_eq!(
        said(&mut client, command("/usage cost", "e")).await,
        "This conversation used 0 in, 0 out.\nAll conversations today: 0 tokens.\nAll conversations in 30 days: 0 tokens."
    );
    let patch = json!({
        "key": "main", "verboseLevel": "full", "reasoningLevel": "show", "sendPolicy": "deny",
        "groupActivation": "always", "fastMode": null,
    });
    client.ask("sessions.patch", patch).await;
    let row = client
        .ask("sessions.describe", json!({ "key": "main" }))
        .await["payload"]["session"]
        .clone();
    for (name, word) in [
        ("verboseLevel", "full"),
        ("reasoningLevel", "on"),
        ("responseUsage", "tokens"),
        ("sendPolicy", "deny"),
        ("groupActivation", "always"),
        ("thinkingLevel", "high"),
    ] {
        assert_eq!(row[name], word, "{name}");
    }
    let wrong = client
        .ask(
            "sessions.patch",
            json!({ "key": "main", "reasoningLevel": "stream" }),
        )
        .await;
    assert_eq!(refusal(&wrong), "invalid reasoningLevel (use off|on)");
    let back = json!({ "key": "main", "verboseLevel": null, "sendPolicy": null });
    let entry = client.ask("sessions.patch", back).await["payload"]["entry"].clone();
    assert!(entry["verboseLevel"].is_null() && entry["sendPolicy"].is_null());
    assert_eq!(entry["reasoningLevel"], "on");
}

#[tokio::test]
async fn a_writer_may_not_turn_sending_off() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.read", "operator.write"]).await;
    let text = json!({ "sessionKey": "main", "message": "/send off", "idempotencyKey": "a" });
    assert_eq!(
        said(&mut client, text).await,
        "Only an owner of this gateway can do that."
    );
    let patch = json!({ "key": "main", "sendPolicy": "deny" });
    let answer = client.ask("sessions.patch", patch).await;
    assert_eq!(answer["error"]["code"], "FORBIDDEN", "{answer}");
}

#[tokio::test]
async fn a_session_follows_another_as_terminals_ask() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let first = json!({ "sessionKey": "main", "message": "one", "idempotencyKey": "a" });
    said(&mut client, first).await;
    let params = json!({
        "key": "tui-1", "agentId": "main", "parentSessionKey": "main", "succeedsParent": true,
        "emitCommandHooks": true,
    });
    let made = client.ask("sessions.create", params).await;
    assert_eq!(made["payload"]["key"], "agent:main:tui-1", "{made}");
    let alone = json!({ "succeedsParent": true, "emitCommandHooks": true });
    let answer = client.ask("sessions.create", alone).await;
    assert_eq!(refusal(&answer), "succeedsParent requires parentSessionKey");
}

#[tokio::test]
async fn a_fork_of_what_is_complete_leaves_the_open_question_behind() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let first = json!({ "sessionKey": "main", "message": "one", "idempotencyKey": "a" });
    said(&mut client, first).await;
    let open = json!({ "sessionKey": "main", "message": "hang", "idempotencyKey": "b" });
    client.ask("chat.send", open).await;
    client
        .until(|event| event["payload"]["state"] == "delta" && event["payload"]["runId"] == "b")
        .await;
    // The answer of a command completes nothing.
    let command = json!({ "sessionKey": "main", "message": "/status", "idempotencyKey": "c" });
    said(&mut client, command).await;
    for (key, forked, lines) in [
        ("whole", json!({ "fork": true }), 5),
        ("done", json!({ "forkFrom": "last-completed" }), 2),
    ] {
        let mut params = json!({ "key": key, "parentSessionKey": "main" });
        for (name, value) in forked.as_object().expect("an object") {
            params[name] = value.clone();
        }
        client.ask("sessions.create", params).await;
        let history = client
            .ask("chat.history", json!({ "sessionKey": key }))
            .await;
        let messages = history["payload"]["messages"].as_array().map(Vec::len);
        assert_eq!(messages, Some(lines), "{key}");
    }
    client
        .ask("chat.abort", json!({ "sessionKey": "main" }))
        .await;
}

#[tokio::test]
async fn lists_and_turns_keep_to_what_they_are_asked() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let first = json!({ "sessionKey": "main", "message": "one", "idempotencyKey": "a" });
    said(&mut client, first).await;
    client
        .ask("sessions.create", json!({ "key": "empty" }))
        .await;
    let mut count = async |params: Value| {
        client.ask("sessions.list", params).await["payload"]["totalCount"].clone()
    };
    assert_eq!(count(json!({})).await, 2);
    assert_eq!(count(json!({ "requireLastInteraction": true })).await, 1);
    assert_eq!(
        count(json!({ "activeMinutes": 5, "sortBy": "activity" })).await,
        2
    );
    let both = json!({ "agent": "main", "allAgents": true });
    let answer = client.ask("sessions.cleanup", both).await;
    assert_eq!(refusal(&answer), "agent and allAgents exclude each other");
    let both = json!({ "agentScope": "all", "agentId": "main" });
    let answer = client.ask("sessions.usage", both).await;
    assert_eq!(
        refusal(&answer),
        "agentScope=all cannot be combined with key or agentId"
    );
    let id = client
        .ask("sessions.describe", json!({ "key": "main" }))
        .await["payload"]["session"]["sessionId"]
        .clone();
    let by_id = json!({ "message": "hello", "idempotencyKey": "b", "sessionId": id });
    let accepted = client.ask("agent", by_id).await;
    assert_eq!(accepted["payload"]["sessionKey"], "agent:main:main");
    client.answer().await.expect("the final answer");
    let other = json!({
        "message": "hello", "idempotencyKey": "c", "expectedExistingSessionId": "00000000-0000-4000-8000-000000000000",
    });
    let answer = client.ask("agent", other).await;
    assert_eq!(refusal(&answer), "session changed; reload and retry");
}

#[tokio::test]
async fn a_page_gets_its_models_with_the_greeting() {
    let rig = Rig::start().await;
    let mut params = connect("cli", "cli", &["operator.read"], json!({ "token": TOKEN }));
    params["caps"] = json!(["model-catalog-snapshot"]);
    params["modelCatalog"] = json!({ "agentId": "main", "sessionKey": "main" });
    let mut client = rig.client().await;
    let hello = client.ask("connect", params.clone()).await;
    let capabilities = hello["payload"]["features"]["capabilities"].as_array();
    assert!(capabilities.is_some_and(|all| all.contains(&json!("model-catalog-snapshot"))));
    client
        .until(|event| event["event"] == "models.snapshot")
        .await;
    let event = client
        .events
        .iter()
        .find(|event| event["event"] == "models.snapshot")
        .expect("the event")["payload"]
        .clone();
    assert_eq!(event["target"], params["modelCatalog"]);
    assert_eq!(event["scope"], params["modelCatalog"]);
    assert!(event["catalog"]["models"].is_array());
    // Nobody gets it who did not ask or may not read.
    for (caps, scopes) in [
        (json!([]), ["operator.read"]),
        (json!(["model-catalog-snapshot"]), ["operator.pairing"]),
    ] {
        let mut other = connect("cli", "cli", &scopes, json!({ "token": TOKEN }));
        other["caps"] = caps;
        other["modelCatalog"] = params["modelCatalog"].clone();
        let mut client = rig.client().await;
        client.ask("connect", other).await;
        client.ask("health", json!({})).await;
        assert!(
            !client
                .events
                .iter()
                .any(|event| event["event"] == "models.snapshot")
        );
    }
}

/// Forty runs of one model in two transcripts of one session.
async fn book_runs(engine: &torana_engine::Engine) {
    let at_ms = engine.world().wall_ms();
    let day = torana_engine::service::usage::utc_day(at_ms);
    let written = engine
        .store()
        .write(move |connection| {
            for number in 1..=40_i64 {
                let tokens = number.unsigned_abs();
                let usage = Usage {
                    input: tokens * 711,
                    output: tokens * 93,
                    cache_read: tokens * 5_003,
                    cache_write: tokens * 57,
                    cost_usd: Some(
                        (number * 711 * 300
                            + number * 93 * 1_500
                            + number * 5_003 * 30
                            + number * 57 * 375)
                            .to_string()
                            .parse::<f64>()
                            .expect("a number")
                            / 1e8,
                    ),
                };
                let end = RunEnd {
                    status: "done",
                    usage,
                    provider: Some("acme".to_owned()),
                    model: Some("large".to_owned()),
                    error: None,
                    at_ms,
                };
                let booking = Booking {
                    session_id: if number % 2 == 0 { "even" } else { "odd" },
                    key: "agent:main:main",
                    agent: "main",
                    day: &day,
                    end: &end,
                    questions: 1,
                    answered: true,
                    started_at_ms: at_ms - 5,
                };
                book(connection, &booking)?;
            }
            Ok(())
        })
        .await;
    written.expect("booked");
}

#[tokio::test]
async fn every_report_of_costs_says_the_same() {
    let rig = Rig::start().await;
    let engine = &rig.context.engine;
    let mut settings = (*engine.settings()).clone();
    settings.models = vec![ModelInfo {
        reference: ModelRef::parse("acme/large").expect("a model"),
        name: "Large".to_owned(),
        alias: None,
        context_tokens: None,
        reasoning: false,
        available: true,
        local: false,
        price: Some(ModelPrice {
            input: 3.0,
            output: 15.0,
            cache_read: 0.3,
            cache_write: 3.75,
        }),
    }];
    engine.apply(settings);
    let mut client = rig.operator(&["operator.admin"]).await;
    client
        .ask("sessions.create", json!({ "key": "main" }))
        .await;
    book_runs(engine).await;
    let cost = client.ask("usage.cost", json!({})).await["payload"]["totals"].clone();
    let report = client
        .ask("sessions.usage", json!({ "agentScope": "all" }))
        .await["payload"]
        .clone();
    let names = ["input", "output", "cacheRead", "cacheWrite"];
    let cents = |value: &Value| (value.as_f64().expect("money") * 100.0).round();
    let mut whole = 0.0;
    for name in names {
        let part = format!("{name}Cost");
        assert!(cents(&cost[&part]) > 0.0, "{part}: {cost}");
        assert_eq!(
            cents(&cost[&part]),
            cents(&report["totals"][&part]),
            "{part}"
        );
        assert_eq!(cost[name], report["totals"][name]);
        let sessions = report["sessions"].as_array().expect("sessions");
        let sum: f64 = sessions
            .iter()
            .filter_map(|session| session["usage"][&part].as_f64())
            .sum();
        assert_eq!(cents(&json!(sum)), cents(&cost[&part]), "{part}");
        whole += cost[&part].as_f64().expect("money");
    }
    assert_eq!(cents(&json!(whole)), cents(&cost["totalCost"]));
    assert_eq!(
        cents(&cost["totalCost"]),
        cents(&report["totals"]["totalCost"])
    );
    let by_model = &report["aggregates"]["byModel"][0]["totals"];
    assert_eq!(cents(&by_model["inputCost"]), cents(&cost["inputCost"]));
}

#[tokio::test]
async fn what_everybody_used_is_told_to_owners_only() {
    let rig = Rig::start().await;
    book_runs(&rig.context.engine).await;
    let command = json!({ "sessionKey": "main", "message": "/usage cost", "idempotencyKey": "a" });
    let mut owner = rig.operator(&["operator.admin"]).await;
    let told = said(&mut owner, command.clone()).await;
    let cost = owner.ask("usage.cost", json!({})).await["payload"]["totals"].clone();
    let lately = format!(
        "All conversations in 30 days: {} tokens, ${:.4}.",
        cost["totalTokens"],
        cost["totalCost"].as_f64().expect("money")
    );
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(
        lines[1].starts_with("All conversations today: 4808480 tokens, $"),
        "{told}"
    );
    assert_eq!(lines[2], lately);
    let mut writer = rig.operator(&["operator.write"]).await;
    let mut params = command;
    params["idempotencyKey"] = json!("b");
    let told = said(&mut writer, params).await;
    assert_eq!(told, "This conversation used 0 in, 0 out.");
}

#[tokio::test]
async fn actions_of_channels_are_truthful() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for (action, params, expected) in [
        (
            "poll",
            json!({ "to": "1" }),
            "unsupported message action: poll",
        ),
        (
            "edit",
            json!({ "to": "1", "message": "x" }),
            "message.action edit needs a messageId",
        ),
        (
            "edit",
            json!({ "to": "1", "messageId": "5" }),
            "message.action edit needs a message",
        ),
        (
            "delete",
            json!({ "messageId": 5 }),
            "message.action delete needs a target",
        ),
        (
            "send",
            json!({ "to": "1", "message": "x", "media": "a.png" }),
            "media is not supported yet; send text",
        ),
        (
            "thread-reply",
            json!({ "to": "1", "message": "x" }),
            "message.action thread-reply needs a threadId",
        ),
        (
            "reply",
            json!({ "to": "1", "message": "x", "messageId": "outbox:9" }),
            "the message outbox:9 is not on its platform",
        ),
        (
            "delete",
            json!({ "to": "1", "messageId": "5" }),
            "no account \"default\" of channel \"chat\" is running",
        ),
    ] {
        let answer = client
            .ask("message.action", json!({ "channel": "chat", "action": action, "params": params, "idempotencyKey": "k" }))
            .await;
        assert_eq!(refusal(&answer), expected, "{action}");
    }
    let dry = json!({
        "channel": "chat", "action": "edit", "idempotencyKey": "k",
        "params": { "to": "1", "messageId": "5", "message": "x", "dryRun": true },
    });
    let answer = client.ask("message.action", dry).await["payload"].clone();
    assert_eq!(answer["dryRun"], true);
    let mirrored =
        json!({ "to": "chat:1", "message": "x", "idempotencyKey": "m", "sessionKey": "never" });
    let answer = client.ask("send", mirrored).await;
    assert_eq!(refusal(&answer), "No session found: agent:main:never");
}
