//! Guards one at a time against a running gateway: each test fails when its guard is taken away.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use torana_core::auth::Role;
use torana_core::id::{ConnectionId, DeviceId};
use torana_core::limit::NODE_CALLS_MAX;
use torana_engine::service::nodes::{CallAnswer, Skill};

use super::rig::{Client, Rig, TOKEN, connect, device_id};
use crate::openclaw::quirks::WRONG_ROLE_MAX;

const DECIDER: &[&str] = &["operator.read", "operator.approvals", "operator.questions"];

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

/// How the gateway ends a connection, after the answers that are on their way.
async fn end_of(client: &mut Client) -> (u16, String) {
    loop {
        if let Err(end) = client.frame().await {
            return end;
        }
    }
}

async fn paired(rig: &Rig, seed: u8, scopes: &[&str]) -> (Client, Value) {
    let params = connect("openclaw-tui", "ui", scopes, json!({ "token": TOKEN }));
    let (client, hello) = rig.device(params, seed).await;
    assert_eq!(hello["ok"], true, "{hello}");
    (client, hello["payload"]["auth"]["deviceToken"].clone())
}

/// A node whose offer an administrator approved, and its connection.
async fn lent(rig: &Rig, seed: u8, commands: &[&str]) -> (Client, ConnectionId) {
    let node = rig.node(seed, "linux", commands).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let list = admin.ask("node.pair.list", json!({})).await;
    let request = json!({ "requestId": list["payload"]["pending"][0]["requestId"] });
    let approved = admin.ask("node.pair.approve", request).await;
    assert_eq!(approved["ok"], true, "{approved}");
    (node, connection_of(rig, Role::Node))
}

/// The newest connection of a role.
fn connection_of(rig: &Rig, role: Role) -> ConnectionId {
    let clients = rig.dialect.hub().clients();
    let client = clients.iter().rev().find(|client| client.role == role);
    client.expect("a client").id
}

fn invoke(seed: u8, command: &str, key: &str) -> Value {
    json!({ "nodeId": device_id(seed), "command": command, "idempotencyKey": key })
}

#[tokio::test]
async fn s_093_the_thirty_first_write_of_a_minute_waits_and_nobody_elses_does() {
    let rig = Rig::start().await;
    let (mut first, _) = paired(&rig, 1, &["operator.admin"]).await;
    let (mut second, _) = paired(&rig, 2, &["operator.admin"]).await;
    for _ in 0..30 {
        let answer = first.ask("config.set", json!({})).await;
        assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{answer}");
    }
    let limited = first.ask("config.set", json!({})).await;
    assert_eq!(limited["error"]["code"], "UNAVAILABLE", "{limited}");
    assert!(
        limited["error"]["retryAfterMs"]
            .as_u64()
            .is_some_and(|wait_ms| wait_ms > 0)
    );
    let other_method = first.ask("config.patch", json!({})).await;
    assert_eq!(other_method["error"]["code"], "INVALID_REQUEST");
    let other_device = second.ask("config.set", json!({})).await;
    assert_eq!(other_device["error"]["code"], "INVALID_REQUEST");
}

#[tokio::test]
async fn s_089_a_node_that_goes_on_calling_what_is_not_its_own_is_cut_off() {
    let rig = Rig::start().await;
    let mut node = rig.node(3, "linux", &[]).await;
    for _ in 0..WRONG_ROLE_MAX {
        let refused = node.ask("sessions.list", json!({})).await;
        assert_eq!(message(&refused), "unauthorized role: node");
    }
    node.begin("last", "sessions.list", json!({})).await;
    assert_eq!(
        end_of(&mut node).await,
        (1008, "repeated unauthorized calls".to_owned())
    );
}

#[tokio::test]
async fn s_047_a_client_that_sends_bytes_instead_of_text_is_cut_off() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    client.send(Message::binary(vec![1])).await;
    assert_eq!(
        end_of(&mut client).await,
        (1003, "text frames only".to_owned())
    );
}

/// S-009: a signature is for one connection, so no two are asked to sign the same.
#[tokio::test]
async fn s_009_every_connection_has_a_challenge_of_its_own() {
    let rig = Rig::start().await;
    let (first, second) = (rig.client().await, rig.client().await);
    assert_eq!((first.nonce.len(), second.nonce.len()), (43, 43));
    assert_ne!(first.nonce, second.nonce);
}

#[tokio::test]
async fn s_016_an_answer_is_for_the_kind_and_the_one_id_it_names() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(DECIDER).await;
    let plugin = json!({ "title": "Deploy", "description": "to the world", "twoPhase": true });
    asker.begin("a", "plugin.approval.request", plugin).await;
    let accepted = asker.answer().await.expect("an answer");
    let plugin = accepted["payload"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let exec = json!({
        "id": "deploy-two", "commandArgv": ["rm", "a b", "it's", "-r"], "twoPhase": true,
        "env": { "KEY": "do-not-store" },
    });
    asker.begin("b", "exec.approval.request", exec).await;
    let accepted = asker.answer().await.expect("an answer");
    assert_eq!(accepted["ok"], true, "{accepted}");
    // What is stored holds no value of the environment, and two argument lists never read alike.
    let stored = rig.context.engine.read(|connection| {
        let sql = "SELECT group_concat(request_json) FROM approval";
        Ok(connection.query_row(sql, [], |row| row.get::<_, String>(0))?)
    });
    let stored = stored.await.expect("rows");
    assert!(!stored.contains("do-not-store"), "{stored}");
    assert!(stored.contains(r"rm 'a b' 'it'\\''s' -r"), "{stored}");

    let answer = |id: &str| json!({ "id": id, "decision": "allow-once" });
    for (method, id) in [
        ("exec.approval.resolve", plugin.as_str()),
        ("plugin.approval.resolve", "deploy-two"),
        // Too short to stand for a whole one.
        ("exec.approval.resolve", "deploy"),
    ] {
        let refused = person.ask(method, answer(id)).await;
        assert_eq!(
            message(&refused),
            "unknown or expired approval id",
            "{method} {id}"
        );
    }
    let wrong = json!({ "id": plugin, "kind": "exec", "decision": "allow-once" });
    let refused = person.ask("approval.resolve", wrong).await;
    assert_eq!(message(&refused), "approval not found");
    let refused = person
        .ask("exec.approval.get", json!({ "id": plugin }))
        .await;
    assert_eq!(message(&refused), "unknown or expired approval id");
    let right = person
        .ask("exec.approval.resolve", answer("deploy-two"))
        .await;
    assert_eq!(right["ok"], true, "{right}");
    let ended = person
        .ask("exec.approval.get", json!({ "id": "deploy-two" }))
        .await;
    assert_eq!(message(&ended), "unknown or expired approval id");
}

#[tokio::test]
async fn s_016_a_beginning_that_two_ids_share_decides_neither() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(DECIDER).await;
    for id in ["same-beginning-1", "same-beginning-2"] {
        let request = json!({ "id": id, "command": "uptime", "twoPhase": true });
        asker.begin(id, "exec.approval.request", request).await;
        asker.answer().await.expect("accepted");
    }
    let decide = |id: &str| json!({ "id": id, "decision": "allow-once" });
    let both = person
        .ask("exec.approval.resolve", decide("same-beginning"))
        .await;
    assert_eq!(message(&both), "unknown or expired approval id");
    let waiting = person.ask("exec.approval.list", json!({})).await;
    assert_eq!(waiting["payload"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn s_045_a_request_for_a_word_is_bounded_and_its_id_is_plain() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let _person = rig.operator(DECIDER).await;
    for (request, wanted) in [
        (
            json!({ "id": "a b", "command": "uptime" }),
            "an id has 1 to 128",
        ),
        (json!({ "command": "x".repeat(70_000) }), "larger than"),
    ] {
        let refused = asker.ask("exec.approval.request", request).await;
        assert!(message(&refused).contains(wanted), "{refused}");
    }
}

/// S-091: a question and its answer are for those who may answer.
#[tokio::test]
async fn s_091_who_may_not_answer_hears_no_question() {
    let rig = Rig::start().await;
    let mut asker = rig.operator(DECIDER).await;
    let mut person = rig.operator(DECIDER).await;
    let mut reader = rig.operator(&["operator.read", "operator.approvals"]).await;
    let question = json!({
        "id": "q-secret", "questions": [{
            "questionId": "colour", "header": "Colour", "question": "Which?", "isOther": false,
            "options": [{ "label": "blue" }, { "label": "red" }],
        }],
    });
    let asked = asker.ask("question.request", question).await;
    assert_eq!(asked["ok"], true, "{asked}");
    person.event("question.requested").await;
    let answer = |colour: &str, resolution: &str| json!({ "id": "q-secret", "answers": { "answers": { "colour": [colour] } }, "resolutionId": resolution });
    let first = person.ask("question.resolve", answer("blue", "r1")).await;
    assert_eq!(first["ok"], true, "{first}");
    // Another answer is refused, and so is taking it back under the name of the first.
    let cancelled = json!({ "id": "q-secret", "cancel": true, "resolutionId": "r1" });
    for other in [answer("red", "r2"), cancelled] {
        let refused = person.ask("question.resolve", other).await;
        assert_eq!(message(&refused), "the question is answered already");
    }
    reader.ask("health", json!({})).await;
    let heard = |event: &Value| event.to_string().contains("q-secret");
    assert!(!reader.events.iter().any(heard), "{:?}", reader.events);
}

/// S-040: taking one role away ends the connections of that role.
#[tokio::test]
async fn s_040_a_role_that_is_taken_away_leaves_the_other_connected() {
    let rig = Rig::start().await;
    let mut node = rig.node(4, "linux", &[]).await;
    let (mut operator, token) = paired(&rig, 4, &["operator.read"]).await;
    let token = token.as_str().expect("a token").to_owned();
    let granted = rig.dialect.verify_bearer(&token).await;
    assert!(granted.expect("readable").is_some());
    let id = DeviceId::new(device_id(4)).expect("an id");
    let lent = rig.dialect.devices().token(&id, Role::Node).await;
    let lent = lent.expect("readable").expect("a token").token;
    // What a node holds is for its connection alone.
    let granted = rig.dialect.verify_bearer(&lent).await;
    assert_eq!(granted.expect("readable"), None);
    let mut admin = rig.operator(&["operator.admin"]).await;
    let gone = json!({ "deviceId": device_id(4), "role": "operator" });
    let revoked = admin.ask("device.token.revoke", gone).await;
    assert_eq!(revoked["ok"], true, "{revoked}");
    assert_eq!(end_of(&mut operator).await.0, 4001);
    let granted = rig.dialect.verify_bearer(&token).await;
    assert_eq!(granted.expect("readable"), None);
    let drained = node.ask("node.pending.drain", json!({})).await;
    assert_eq!(drained["ok"], true, "{drained}");
}

#[tokio::test]
async fn s_089_only_the_connection_that_was_asked_answers_and_publishes() {
    let rig = Rig::start().await;
    let nodes = rig.dialect.nodes();
    let device = DeviceId::new(device_id(5)).expect("an id");
    let skill = || {
        vec![Skill {
            name: "brew".to_owned(),
            content: "coffee".to_owned(),
        }]
    };
    let unapproved = rig.node(5, "linux", &["canvas.present"]).await;
    let early = connection_of(&rig, Role::Node);
    assert!(nodes.publish_skills(&device, early, skill()));
    assert!(nodes.skills().is_empty(), "nobody approved this node");
    drop(unapproved);
    let (mut node, connection) = lent(&rig, 5, &["canvas.present"]).await;
    let other = ConnectionId(i64::MAX);
    assert!(!nodes.publish_skills(&device, other, skill()));
    assert!(nodes.publish_skills(&device, connection, skill()));
    assert_eq!(nodes.skills().len(), 1);
    let mut caller = rig.operator(&["operator.write"]).await;
    caller
        .begin("1", "node.invoke", invoke(5, "canvas.present", "k1"))
        .await;
    let asked = node.event("node.invoke.request").await;
    let id = asked["payload"]["id"].as_str().expect("an id");
    let stranger = DeviceId::new(device_id(6)).expect("an id");
    let lie = || Ok(CallAnswer::default());
    assert!(!nodes.answered(&device, other, id, lie()));
    assert!(!nodes.answered(&stranger, connection, id, lie()));
    assert!(nodes.answered(&device, connection, id, lie()));
}

/// S-090: what may not be asked for any more is not answered from memory either, and nobody fills a node's line.
#[tokio::test]
async fn s_090_a_command_that_was_taken_back_is_gone_with_its_remembered_answers() {
    let rig = Rig::start().await;
    let (mut node, connection) = lent(&rig, 7, &["canvas.present", "canvas.hide"]).await;
    let mut caller = rig.operator(&["operator.write"]).await;
    let call = invoke(7, "canvas.present", "once");
    caller.begin("1", "node.invoke", call.clone()).await;
    let asked = node.event("node.invoke.request").await;
    let id = asked["payload"]["id"].as_str().expect("an id");
    let device = DeviceId::new(device_id(7)).expect("an id");
    let nodes = rig.dialect.nodes();
    assert!(nodes.answered(&device, connection, id, Ok(CallAnswer::default())));
    assert_eq!(caller.answer().await.expect("an answer")["ok"], true);
    let mut front = (*rig.context.front.load_full()).clone();
    front.nodes.commands.deny = vec!["canvas.present".to_owned()];
    rig.context.front.store(Arc::new(front));
    let again = caller.ask("node.invoke", call).await;
    assert_eq!(
        message(&again),
        "node command not allowed: command not allowlisted"
    );
    for number in 0..=NODE_CALLS_MAX {
        let call = invoke(7, "canvas.hide", &format!("k{number}"));
        caller.begin(&number.to_string(), "node.invoke", call).await;
    }
    let busy = caller.answer().await.expect("the one too many");
    assert_eq!(busy["error"]["details"]["code"], "BUSY", "{busy}");
}

/// Decision 44: a client that is far behind misses pieces and states, never an ending.
#[tokio::test]
async fn a_client_that_is_far_behind_hears_every_ending() {
    let rig = Rig::start().await;
    let mut slow = rig.operator(&["operator.read"]).await;
    let outgoing = Arc::clone(&rig.dialect.hub().clients()[0].outgoing);
    let filler =
        json!({ "type": "res", "id": "filler", "ok": true, "payload": "x".repeat(1 << 20) });
    let filler = filler.to_string();
    for _ in 0..16 {
        assert!(outgoing.text(filler.clone()));
    }
    let mut talker = rig.operator(&["operator.admin"]).await;
    let send = |text: &str, key: &str| json!({ "sessionKey": "main", "message": text, "idempotencyKey": key });
    let is_end = |event: &Value, key: &str| {
        let state = event["payload"]["state"].as_str().unwrap_or_default();
        event["payload"]["runId"] == key && matches!(state, "final" | "aborted")
    };
    for (text, key) in [("hi", "answered"), ("/status", "command")] {
        talker.ask("chat.send", send(text, key)).await;
        talker.until(|event| is_end(event, key)).await;
    }
    talker.ask("chat.send", send("hang", "stopped")).await;
    talker
        .until(|event| event["payload"]["runId"] == "stopped")
        .await;
    let stop = json!({ "sessionKey": "main", "runId": "stopped" });
    talker.ask("chat.abort", stop).await;
    for key in ["answered", "command", "stopped"] {
        slow.until(|event| is_end(event, key)).await;
    }
    let is_over = |event: &Value| event["payload"]["data"]["phase"] == "end";
    assert!(
        slow.events.iter().any(is_over),
        "the run's own end came too"
    );
}
