//! What belongs to one session, one device or nobody stays there: cursors, receipts, approvals, bearers, secrets.

use serde_json::{Value, json};
use torana_core::auth::ScopeSet;
use torana_core::key::SessionKey;
use torana_engine::service::devices::IssuedToken;
use torana_engine::store::StoreError;

use super::super::client::SUBSCRIPTIONS_MAX;
use super::super::connect::Connect;
use super::rig::{Client, Rig, TOKEN, connect, device_id};

const OTHER: &str = "agent:main:other";

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

/// Says something in a session and waits for the end of its run.
async fn say(client: &mut Client, session: &str, key: &str) {
    let params = json!({ "sessionKey": session, "message": "hi", "idempotencyKey": key });
    let sent = client.ask("chat.send", params).await;
    assert_eq!(sent["ok"], true, "{sent}");
    let is_end =
        |event: &Value| event["payload"]["runId"] == key && event["payload"]["state"] == "final";
    client.until(is_end).await;
}

async fn history(client: &mut Client, params: Value) -> Value {
    let answer = client.ask("chat.history", params).await;
    assert_eq!(answer["ok"], true, "{answer}");
    answer["payload"].clone()
}

/// a cursor is of one transcript, and one that is too far back says so instead of leaving lines out.
#[tokio::test]
async fn r_04_a_cursor_of_another_session_or_of_long_ago_starts_anew() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    say(&mut client, "main", "here").await;
    say(&mut client, OTHER, "there").await;
    let other = history(&mut client, json!({ "sessionKey": OTHER })).await;
    let foreign = &other["deltaCursor"];
    let asked = json!({
        "sessionKey": "main", "cursor": foreign, "inputRunIds": ["here", "there"],
    });
    assert_eq!(
        history(&mut client, asked).await,
        json!({ "kind": "reset" })
    );
    let mine = json!({ "sessionKey": "main", "inputRunIds": ["here", "there"] });
    let mine = history(&mut client, mine).await;
    let receipts = mine["inputReceipts"].as_array().expect("a list");
    assert_eq!((receipts.len(), &receipts[0]["runId"]), (1, &json!("here")));
    // A page that still shows the other session does not write into this one.
    let stale = json!({
        "sessionKey": "main", "message": "hi", "idempotencyKey": "stale", "expectedLeafEntryId": foreign,
    });
    let refused = client.ask("chat.send", stale).await;
    assert_eq!(message(&refused), "session changed; reload and retry");
    let cursor = mine["deltaCursor"].clone();
    for _ in 0..201 {
        let line = json!({ "sessionKey": "main", "message": "a line" });
        assert_eq!(client.ask("chat.inject", line).await["ok"], true);
    }
    let far = json!({ "sessionKey": "main", "cursor": cursor });
    assert_eq!(history(&mut client, far).await, json!({ "kind": "reset" }));
}

/// S-091: what waits for a decision is told to those who may decide, for the session they look at.
#[tokio::test]
async fn s_091_open_approvals_are_told_for_one_session_to_those_who_decide() {
    let rig = Rig::start().await;
    let decider = &["operator.read", "operator.approvals"];
    let mut asker = rig.operator(decider).await;
    let mut person = rig.operator(decider).await;
    let mut reader = rig.operator(&["operator.read"]).await;
    let request = |id: &str, session: &str| json!({ "id": id, "command": "uptime", "sessionKey": session, "twoPhase": true });
    let listen = json!({ "key": "main", "includeApprovals": true });
    asker
        .begin("1", "exec.approval.request", request("of-main", "main"))
        .await;
    asker.answer().await.expect("accepted");
    asker
        .begin("2", "exec.approval.request", request("of-other", OTHER))
        .await;
    asker.answer().await.expect("accepted");
    let told = person
        .ask("sessions.messages.subscribe", listen.clone())
        .await;
    let open = &told["payload"]["approvalReplay"]["approvals"];
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{told}");
    assert!(open.to_string().contains("of-main"));
    let told = reader.ask("sessions.messages.subscribe", listen).await;
    assert_eq!(told["payload"]["approvalReplay"]["approvals"], json!([]));
    asker
        .begin("3", "exec.approval.request", request("again-other", OTHER))
        .await;
    asker.answer().await.expect("accepted");
    person.event("exec.approval.requested").await;
    person.ask("health", json!({})).await;
    let of_session = |event: &Value| {
        event["event"] == "session.approval" && event.to_string().contains("again-other")
    };
    assert!(!person.events.iter().any(of_session));
}

/// S-091: a page that asked for its own sessions only hears of no other.
#[tokio::test]
async fn s_091_a_client_hears_only_the_sessions_it_asked_for() {
    let rig = Rig::start().await;
    let mut scoped = rig.client().await;
    let mut params = connect("cli", "cli", &["operator.read"], json!({ "token": TOKEN }));
    params["caps"] = json!(["session-scoped-events"]);
    assert_eq!(scoped.ask("connect", params).await["ok"], true);
    let listen = json!({ "key": OTHER });
    scoped.ask("sessions.messages.subscribe", listen).await;
    let mut talker = rig.operator(&["operator.admin"]).await;
    say(&mut talker, "main", "not-for-it").await;
    say(&mut talker, OTHER, "for-it").await;
    let is_end = |event: &Value| {
        event["payload"]["runId"] == "for-it" && event["payload"]["state"] == "final"
    };
    scoped.until(is_end).await;
    let strange = |event: &Value| event.to_string().contains("not-for-it");
    assert!(!scoped.events.iter().any(strange));
    let client = rig.dialect.hub().clients()[0].clone();
    let key = |number: usize| {
        let text = format!("agent:main:s{number}");
        rig.context.engine.parse_key(&text).expect("a key")
    };
    let taken = (0..2 * SUBSCRIPTIONS_MAX)
        .map(key)
        .filter(|key: &SessionKey| client.listen_to(key.clone()))
        .count();
    assert_eq!(taken, SUBSCRIPTIONS_MAX - 1, "one was there already");
}

/// S-007: a device's token is as good as its scopes over HTTP too.
#[tokio::test]
async fn s_007_a_bearer_that_may_not_read_reads_nothing() {
    let rig = Rig::start().await;
    for (seed, scope, is_let_in) in [(1, "operator.read", true), (2, "operator.questions", false)] {
        let params = connect("openclaw-tui", "ui", &[scope], json!({ "token": TOKEN }));
        let (_client, hello) = rig.device(params, seed).await;
        let token = hello["payload"]["auth"]["deviceToken"]
            .as_str()
            .expect("a token");
        let bearer = format!("Authorization: Bearer {token}");
        let reply = rig.http("GET", "/avatar/main?meta=1", &[&bearer]).await;
        assert_eq!(reply.status == 200, is_let_in, "{scope}: {}", reply.status);
    }
}

/// S-040: a removed device takes its waiting requests along.
#[tokio::test]
async fn s_040_what_a_removed_device_asked_for_cannot_be_approved() {
    let rig = Rig::start().await;
    let params = connect(
        "openclaw-tui",
        "ui",
        &["operator.read"],
        json!({ "token": TOKEN }),
    );
    let (mut device, _) = rig.device(params, 3).await;
    let more = json!({ "scopes": ["operator.write"] });
    let asked = device.ask("device.scopes.requestUpgrade", more).await;
    let request = json!({ "requestId": asked["payload"]["requestId"] });
    let mut admin = rig.operator(&["operator.admin"]).await;
    let gone = json!({ "deviceId": device_id(3) });
    assert_eq!(admin.ask("device.pair.remove", gone).await["ok"], true);
    let refused = admin.ask("device.pair.approve", request).await;
    assert_eq!(message(&refused), "unknown requestId");
}

/// S-028, S-072: what can be printed holds no credential, and a failure tells nothing of the inside.
#[tokio::test]
async fn s_028_nothing_that_is_printed_holds_a_credential() {
    let rig = Rig::start().await;
    let auth =
        json!({ "token": TOKEN, "password": TOKEN, "deviceToken": TOKEN, "bootstrapToken": TOKEN });
    let connect = Connect::read(&connect("cli", "cli", &[], auth)).expect("readable");
    let issued = IssuedToken {
        token: TOKEN.to_owned(),
        scopes: ScopeSet::NONE,
        issued_at_ms: 0,
    };
    let failure = StoreError::Database(format!("no such table in /srv/{TOKEN}"));
    let problem = rig.context.engine.problem(&failure);
    let printed = format!("{connect:?} {issued:?} {problem:?}");
    assert!(!printed.contains(TOKEN), "{printed}");
}

/// S-105: notes of an agent are bounded, and who changed one is on record.
#[tokio::test]
async fn s_105_a_changed_note_is_recorded_and_none_is_too_large() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let set =
        |content: String| json!({ "agentId": "main", "name": "AGENTS.md", "content": content });
    let written = admin
        .ask("agents.files.set", set("be kind".to_owned()))
        .await;
    assert_eq!(written["ok"], true, "{written}");
    let large = admin
        .ask("agents.files.set", set("x".repeat(1024 * 1024 + 1)))
        .await;
    assert!(
        message(&large).contains("at most 1048576 are kept"),
        "{large}"
    );
    let acts = rig.acts("agent").await;
    assert_eq!(acts[0], json!(["agents.files.set", "main/AGENTS.md"]));
}
