//! The configuration over the wire: nothing secret leaves, what is sent back unchanged changes nothing, and everybody
//! who reads hears of a change.

use serde_json::{Value, json};

use super::rig::Rig;

const FILE: &str = "// mine\n{\n  // the way in\n  gateway: { mode: 'local', auth: { token: 'a-secret-nobody-sees' } },\n  models: { providers: { openai: { apiKey: 'sk-aaaaaaaaaaaaaaaaaaaaaaa1', headers: { 'X-Any': 'another-secret' } } } },\n  // token: sk-aaaaaaaaaaaaaaaaaaaaaaa1\n}\n";

async fn configuration(client: &mut super::rig::Client) -> Value {
    let answer = client.ask("config.get", json!({})).await;
    assert_eq!(answer["ok"], true, "{answer}");
    answer["payload"].clone()
}

#[tokio::test]
async fn no_secret_is_in_any_answer() {
    let rig = Rig::configured(FILE).await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let shown = configuration(&mut client).await;
    let patched = client
        .ask(
            "config.patch",
            json!({ "raw": "{ session: { scope: 'global' } }", "baseHash": shown["hash"] }),
        )
        .await;
    assert_eq!(patched["ok"], true, "{patched}");
    let audit = client.ask("torana.audit.list", json!({})).await;
    for answer in [&shown, &patched, &audit, &configuration(&mut client).await] {
        let text = answer.to_string();
        for secret in ["a-secret-nobody-sees", "sk-aaa", "another-secret"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(rig.site.text().contains("'a-secret-nobody-sees'"));
}

#[tokio::test]
async fn what_is_sent_back_as_it_was_shown_changes_nothing() {
    let rig = Rig::configured(FILE).await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let shown = configuration(&mut client).await;
    for raw in [
        shown["raw"].as_str().expect("a text").to_owned(),
        shown["config"].to_string(),
    ] {
        for method in ["config.set", "config.apply", "config.patch"] {
            let answer = client
                .ask(method, json!({ "raw": raw, "baseHash": shown["hash"] }))
                .await;
            assert_eq!(
                answer["payload"]["hash"], shown["hash"],
                "{method}: {answer}"
            );
            assert_eq!(rig.site.text(), FILE);
        }
    }
    let audit = client.ask("torana.audit.list", json!({})).await;
    assert_eq!(audit["payload"]["records"], json!([]));
}

#[tokio::test]
async fn readers_hear_of_a_change_once_and_others_do_not() {
    let rig = Rig::configured(FILE).await;
    let mut writer = rig.operator(&["operator.admin"]).await;
    let mut reader = rig.operator(&["operator.read"]).await;
    let mut approver = rig.operator(&["operator.approvals"]).await;
    let shown = configuration(&mut writer).await;
    let patch = json!({ "raw": "{ session: { scope: 'global' } }", "baseHash": shown["hash"] });
    let answer = writer.ask("config.patch", patch).await;
    reader
        .until(|event| event["event"] == "config.changed")
        .await;
    let told: Vec<&Value> = reader
        .events
        .iter()
        .filter(|event| event["event"] == "config.changed")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["payload"]["hash"], answer["payload"]["hash"]);
    // Whatever was sent to it stands before this answer.
    approver.ask("health", json!({})).await;
    assert!(
        approver
            .events
            .iter()
            .all(|event| event["event"] != "config.changed")
    );
}

#[tokio::test]
async fn only_administrators_write() {
    let rig = Rig::configured(FILE).await;
    let mut client = rig.operator(&["operator.write"]).await;
    let shown = configuration(&mut client).await;
    for method in ["config.set", "config.apply", "config.patch"] {
        let answer = client
            .ask(method, json!({ "raw": "{}", "baseHash": shown["hash"] }))
            .await;
        assert_eq!(answer["error"]["code"], "FORBIDDEN", "{answer}");
    }
    assert_eq!(rig.site.text(), FILE);
}

#[tokio::test]
async fn bad_writes_leave_the_file_as_it_is() {
    let rig = Rig::configured(FILE).await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let shown = configuration(&mut client).await;
    let hash = &shown["hash"];
    for (method, params) in [
        ("config.set", json!({ "raw": "{}" })),
        (
            "config.set",
            json!({ "raw": "{}", "baseHash": "hmac-sha256:v1:0" }),
        ),
        (
            "config.set",
            json!({ "raw": "{ nonsense: 1 }", "baseHash": hash }),
        ),
        ("config.apply", json!({ "raw": "{", "baseHash": hash })),
        (
            "config.apply",
            json!({ "raw": "{ gateway: { port: 'x' } }", "baseHash": hash }),
        ),
        (
            "config.patch",
            json!({ "raw": "{ hooks: { token: '__OPENCLAW_REDACTED__' } }", "baseHash": hash }),
        ),
    ] {
        let answer = client.ask(method, params).await;
        assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{answer}");
        assert_eq!(rig.site.text(), FILE);
    }
}

#[tokio::test]
async fn the_schema_comes_with_hints() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.read"]).await;
    let answer = client.ask("config.schema", json!({})).await;
    let payload = &answer["payload"];
    assert_eq!(payload["schema"]["type"], "object");
    assert_eq!(payload["uiHints"]["gateway.auth.token"]["sensitive"], true);
    assert!(payload["version"].is_string() && payload["generatedAt"].is_string());
}

#[tokio::test]
async fn reading_the_configuration_stays_within_its_budget() {
    let rig = Rig::configured(FILE).await;
    let desk = rig.dialect.desk();
    let file = rig.context.host.config_file();
    let first = desk.shown(file).await.expect("shown");
    let world = rig.context.engine.world();
    let began_ms = world.monotonic_ms();
    for _ in 0..1_000 {
        let again = desk.shown(file).await.expect("shown");
        assert!(std::sync::Arc::ptr_eq(&first, &again), "made once");
    }
    // A millisecond each is the budget; a thousand of them, measured together, even out a busy machine.
    assert!(world.monotonic_ms() - began_ms < 1_000);
}

#[tokio::test]
async fn runs_are_in_the_audit_log_and_pages_do_not_overlap() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    for number in 0..3 {
        let text = if number == 1 { "fail" } else { "hello" };
        client
            .ask(
                "agent",
                json!({ "message": text, "idempotencyKey": format!("k{number}") }),
            )
            .await;
        // The second answer is the final one.
        client.answer().await.expect("the final answer");
    }
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut params = json!({ "limit": 2 });
        if !cursor.is_null() {
            params["cursor"] = cursor.clone();
        }
        let page = client.ask("audit.activity.list", params).await;
        let payload = &page["payload"];
        for event in payload["events"].as_array().expect("a list") {
            seen.push((event["sequence"].as_i64(), event["status"].clone()));
        }
        cursor = payload["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(
        seen.windows(2).all(|pair| pair[0].0 > pair[1].0),
        "{seen:?}"
    );
    let failed = seen.iter().filter(|(_, status)| status == "failed").count();
    assert_eq!(failed, 1);
    let only = client
        .ask(
            "audit.list",
            json!({ "runId": "k0", "status": "succeeded" }),
        )
        .await;
    assert_eq!(
        only["payload"]["events"].as_array().map(Vec::len),
        Some(1),
        "{only}"
    );
}

#[tokio::test]
async fn a_wake_up_is_a_turn_now_or_a_remark_before_the_next() {
    let rig = Rig::start().await;
    let mut client = rig.operator(&["operator.admin"]).await;
    let answer = client
        .ask("wake", json!({ "mode": "now", "text": "get up" }))
        .await;
    assert_eq!(answer["payload"], json!({ "ok": true }));
    client
        .until(|event| event["payload"]["state"] == "final")
        .await;
    let said = client
        .events
        .iter()
        .find(|event| event["payload"]["state"] == "final");
    let text = said.map(ToString::to_string).unwrap_or_default();
    assert!(text.contains("get up"), "{text}");
    client.events.clear();
    client
        .ask(
            "wake",
            json!({ "mode": "next-heartbeat", "text": "the milk" }),
        )
        .await;
    let history = client
        .ask("chat.history", json!({ "sessionKey": "main" }))
        .await;
    assert!(
        history.to_string().contains("[System event] the milk"),
        "{history}"
    );
}

#[tokio::test]
async fn refused_credentials_are_counted_in_the_audit_log() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        let mut stranger = rig.client().await;
        let params = super::rig::connect(
            "cli",
            "cli",
            &["operator.read"],
            json!({ "token": "wrong" }),
        );
        let answer = stranger.ask("connect", params).await;
        assert_eq!(answer["ok"], false);
    }
    let mut client = rig.operator(&["operator.admin"]).await;
    let audit = client
        .ask("torana.audit.list", json!({ "kind": "auth" }))
        .await;
    let records = audit["payload"]["records"].as_array().expect("a list");
    assert_eq!(records.len(), 1, "{audit}");
    assert_eq!(
        (&records[0]["count"], &records[0]["outcome"]),
        (&json!(3), &json!("refused"))
    );
}
