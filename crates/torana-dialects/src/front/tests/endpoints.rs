//! The smaller endpoints: tools, embeddings, `/api`, and the Control UI's own config.

use serde_json::{Value, json};
use torana_engine::{Prepared, Suspend};

use super::rig::{PATIENCE, Rig, Script};

const JSON: &str = "Content-Type: application/json";

#[tokio::test]
async fn a_tool_that_is_not_there_is_told_so() {
    let rig = Rig::start(Script::Echo).await;
    let missing = rig
        .ask(
            "POST",
            "/tools/invoke",
            &[JSON],
            r#"{"tool":"exec","args":{}}"#,
        )
        .await;
    assert_eq!(missing.status, 404);
    let error = json!({ "type": "not_found", "message": "Tool not available: exec" });
    assert_eq!(missing.json(), json!({ "ok": false, "error": error }));
    let nameless = rig.ask("POST", "/tools/invoke", &[JSON], "{}").await;
    let error = json!({ "type": "invalid_request", "message": "tools.invoke requires name" });
    assert_eq!(
        (nameless.status, nameless.json()),
        (400, json!({ "ok": false, "error": error }))
    );
    assert_eq!(
        rig.send("POST", "/tools/invoke", &[JSON], "{}")
            .await
            .status,
        401
    );
    assert_eq!(rig.ask("GET", "/tools/invoke", &[], "").await.status, 405);
    let large = [JSON, "Content-Length: 2097153"];
    let refused = rig.ask("POST", "/tools/invoke", &large, "").await;
    assert_eq!(refused.status, 413);
}

#[tokio::test]
async fn embeddings_without_a_model_are_an_internal_error() {
    let rig = Rig::start(Script::Echo).await;
    let reply = rig
        .ask("POST", "/v1/embeddings", &[JSON], r#"{"input":"x"}"#)
        .await;
    let error = json!({ "error": { "message": "internal error", "type": "api_error" } });
    assert_eq!((reply.status, reply.json()), (500, error));
    for (body, wanted) in [
        (json!({}), "Missing `input`"),
        (json!({ "input": [] }), "Missing `input`"),
        (json!({ "input": [1, 2] }), "not tokens"),
        (
            json!({ "input": "x", "encoding_format": "hex" }),
            "Invalid `encoding_format`",
        ),
        (
            json!({ "input": "x", "dimensions": 0 }),
            "Invalid `dimensions`",
        ),
        (
            json!({ "input": "x", "model": "text-embedding-3-small" }),
            "Invalid `model`",
        ),
    ] {
        let reply = rig
            .ask("POST", "/v1/embeddings", &[JSON], &body.to_string())
            .await;
        assert_eq!(reply.status, 400, "{body}");
        let answer = reply.json();
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(wanted), "{wanted}: {message}");
    }
}

#[tokio::test]
async fn embeddings_are_waited_for_and_none_begin_under_a_suspension() {
    let rig = Rig::start(Script::Echo).await;
    let (asked, engine) = (r#"{"input":"hang"}"#, &rig.context.engine);
    let lease = |drain| Suspend {
        request: "copy".to_owned(),
        drain,
        ends_terminals: false,
    };
    let asking = rig.ask("POST", "/v1/embeddings", &[JSON], asked);
    let counted = async {
        while engine.blocking().passing == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        reply = asking => panic!("it hangs: {}", reply.status),
        counted = tokio::time::timeout(PATIENCE, counted) => counted.expect("it is counted"),
    }
    let busy = engine.suspend(lease(false));
    assert!(matches!(busy, Prepared::Busy(_)), "{busy:?}");
    engine.suspend(lease(true));
    let refused = rig.ask("POST", "/v1/embeddings", &[JSON], asked).await;
    assert_eq!(refused.status, 503);
}

#[tokio::test]
async fn known_api_paths_have_nothing_and_others_do_not_exist() {
    let rig = Rig::start(Script::Echo).await;
    let nothing = json!({ "ok": false, "error": { "type": "not_found" } });
    for path in ["/api/users/ann/avatar", "/api/artifacts/download/file/a"] {
        let reply = rig.ask("GET", path, &[], "").await;
        assert_eq!(
            (reply.status, reply.json()),
            (404, nothing.clone()),
            "{path}"
        );
        assert_eq!(rig.send("GET", path, &[], "").await.status, 401, "{path}");
    }
    for path in [
        "/api/unknown",
        "/.well-known/openclaw/browser-bootstrap",
        "/sessions/x/history",
    ] {
        let reply = rig.ask("GET", path, &[], "").await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (404, "Not Found"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_page_reads_its_config_with_a_credential() {
    let rig = Rig::with(Script::Echo, |front| front.base_path = "/ui".to_owned()).await;
    for path in [
        "/ui/control-ui-config.json",
        "/__openclaw__/control-ui-config.json",
    ] {
        assert_eq!(rig.send("GET", path, &[], "").await.status, 401, "{path}");
        let reply = rig.ask("GET", path, &[], "").await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let config = reply.json();
        assert_eq!(config["basePath"], "/ui");
        assert_eq!(config["assistantAgentId"], "main");
        assert_eq!(config["serverVersion"], "2026.9.6");
        assert_eq!(config["terminalEnabled"], false);
        assert_eq!(config.get("serverBuildId"), None::<&Value>);
        assert_eq!(
            rig.ask("POST", path, &[JSON], "{}").await.status,
            405,
            "{path}"
        );
        let foreign = rig
            .ask("GET", path, &["Origin: https://evil.example"], "")
            .await;
        assert_eq!(foreign.status, 403, "{path}");
    }
    let off = Rig::with(Script::Echo, |front| front.control_ui = false).await;
    let path = "/__openclaw__/control-ui-config.json";
    assert_eq!(off.ask("GET", path, &[], "").await.status, 404);
}
