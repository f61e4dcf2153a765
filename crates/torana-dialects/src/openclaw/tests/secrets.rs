//! The one call that returns credentials: for administrators, with a trace, and for nothing but references (S-028).

use serde_json::{Value, json};

use super::rig::Rig;

const CONFIG: &str = r#"{
  gateway: { mode: "local", auth: { token: "written-in-plain-text", password: "${TEST_SECRET}" } },
  models: { providers: {
    one: { baseUrl: "https://one.example", apiKey: { source: "env", provider: "default", id: "TEST_SECRET" } },
    two: { baseUrl: "https://two.example", apiKey: "${NOT_THERE}" },
  } },
}"#;
/// What the variable of the test's site holds.
const VALUE: &str = "what-the-variable-holds";

fn payload(answer: &Value) -> &Value {
    assert_eq!(answer["ok"], true, "{answer}");
    &answer["payload"]
}

fn ask(targets: &[&str]) -> Value {
    json!({ "commandName": "agent", "targetIds": targets })
}

#[tokio::test]
async fn s_028_references_are_resolved_for_administrators_and_every_use_is_written_down() {
    let rig = Rig::configured(CONFIG).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let targets = [
        "models.providers.*.apiKey",
        "gateway.auth.token",
        "unknown.key",
    ];
    let answer = admin.ask("secrets.resolve", ask(&targets)).await;
    let path = ["models", "providers", "one", "apiKey"];
    assert_eq!(
        payload(&answer),
        &json!({
            "ok": true,
            "assignments": [{ "path": path.join("."), "pathSegments": path, "value": VALUE }],
            "diagnostics": ["models.providers.two.apiKey: the secret it refers to has no value"],
            "inactiveRefPaths": ["models.providers.two.apiKey"],
        }),
        "text that is written there is no reference and is not handed out"
    );
    let log = admin.ask("torana.audit.list", json!({})).await;
    let log = payload(&log).to_string();
    assert!(log.contains("secrets.resolve") && log.contains("models.providers.one.apiKey"));
    assert!(!log.contains(VALUE), "{log}");
    // The page that shows the configuration still shows the reference and not what it stands for.
    let shown = admin.ask("config.get", json!({})).await.to_string();
    assert!(shown.contains("TEST_SECRET") && !shown.contains(VALUE));
}

#[tokio::test]
async fn only_what_is_asked_for_and_allowed_is_resolved() {
    let rig = Rig::configured(CONFIG).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let all = ["models.providers.*.apiKey", "gateway.auth.password"];
    let mut params = ask(&all);
    params["allowedPaths"] = json!(["gateway.auth.password"]);
    let answer = admin.ask("secrets.resolve", params).await;
    let found = payload(&answer);
    assert_eq!(found["assignments"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["assignments"][0]["path"], "gateway.auth.password");
    assert_eq!(found["inactiveRefPaths"], json!([]));
    let missing = "models.providers.two.apiKey";
    let mut params = ask(&all);
    params["optionalActivePaths"] = json!([missing]);
    let answer = admin.ask("secrets.resolve", params).await;
    assert_eq!(payload(&answer)["diagnostics"], json!([]));
    let mut params = ask(&all);
    params["forcedActivePaths"] = json!([missing]);
    let answer = admin.ask("secrets.resolve", params).await;
    assert_eq!(answer["error"]["code"], "UNAVAILABLE");
    assert_eq!(answer["error"]["details"]["path"], missing);
    assert!(!answer.to_string().contains(VALUE), "nothing by halves");
    let answer = admin.ask("secrets.resolve", ask(&[])).await;
    assert_eq!(payload(&answer)["assignments"], json!([]));
    for scopes in [
        &["operator.read", "operator.write", "operator.pairing"][..],
        &["operator.approvals", "operator.questions"][..],
    ] {
        let mut other = rig.operator(scopes).await;
        let refused = other.ask("secrets.resolve", ask(&all)).await;
        assert_eq!(refused["error"]["message"], "missing scope: operator.admin");
    }
}

#[tokio::test]
async fn s_028_nothing_is_handed_out_that_cannot_be_written_down() {
    let rig = Rig::configured(CONFIG).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let gone = rig.context.engine.write(|connection| {
        connection.execute_batch("ALTER TABLE audit RENAME TO elsewhere")?;
        Ok(())
    });
    gone.await.expect("renamed");
    let answer = admin
        .ask("secrets.resolve", ask(&["models.providers.*.apiKey"]))
        .await;
    assert_eq!(answer["ok"], false, "{answer}");
    assert!(!answer.to_string().contains(VALUE), "{answer}");
}
