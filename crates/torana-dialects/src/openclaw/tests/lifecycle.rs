//! Restart and suspension over a real socket: who is refused meanwhile, who is not, and what everybody hears.

use serde_json::{Value, json};

use super::rig::{Client, Rig, TOKEN, connect};

const ADMIN: &[&str] = &["operator.admin"];

async fn payload(client: &mut Client, method: &str, params: Value) -> Value {
    let answer = client.ask(method, params).await;
    assert_eq!(answer["ok"], true, "{answer}");
    answer["payload"].clone()
}

/// How a connect with these scopes ends.
async fn refused(rig: &Rig, scopes: &[&str]) -> (Value, u16, String) {
    let mut client = rig.client().await;
    let params = connect("cli", "cli", scopes, json!({ "token": TOKEN }));
    let answer = client.ask("connect", params).await;
    let (code, reason) = client.frame().await.expect_err("it is closed");
    (answer["error"].clone(), code, reason)
}

/// Starts a run that never ends by itself.
async fn hang(client: &mut Client) -> String {
    let sent = payload(
        client,
        "chat.send",
        json!({ "sessionKey": "main", "message": "hang", "idempotencyKey": "h1" }),
    )
    .await;
    client
        .until(|event| event["payload"]["state"] == "delta")
        .await;
    sent["runId"].as_str().expect("a run").to_owned()
}

async fn last_line(client: &mut Client) -> String {
    let history = payload(client, "chat.history", json!({ "sessionKey": "main" })).await;
    let lines = history["messages"].as_array();
    let last = lines.and_then(|lines| lines.last());
    last.expect("a line").to_string()
}

async fn until_phase(client: &mut Client, phase: &str) {
    client
        .until(|event| event["event"] == "gateway.suspension" && event["payload"]["phase"] == phase)
        .await;
}

async fn acts_of_the_gateway(client: &mut Client) -> Vec<String> {
    let acts = payload(client, "torana.audit.list", json!({ "kind": "gateway" })).await;
    acts["records"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|act| act["action"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_drain_lets_the_running_turn_end_and_then_the_gateway_is_quiet() {
    let rig = Rig::start().await;
    let mut client = rig.operator(ADMIN).await;
    let run = hang(&mut client).await;
    let busy = payload(
        &mut client,
        "gateway.suspend.prepare",
        json!({ "requestId": "r1" }),
    )
    .await;
    assert_eq!(
        (&busy["status"], &busy["reason"]),
        (&json!("busy"), &json!("active-work"))
    );
    let draining = payload(
        &mut client,
        "gateway.suspend.prepare",
        json!({ "requestId": "r1", "drain": true }),
    )
    .await;
    assert_eq!(draining["status"], "draining", "{draining}");
    assert_eq!(
        draining["blockers"],
        json!([{ "kind": "embedded-run", "count": 1, "message": "1 answers are being written" }])
    );
    until_phase(&mut client, "draining").await;
    let other = client
        .ask("gateway.suspend.prepare", json!({ "requestId": "r2" }))
        .await;
    assert_eq!(
        other["error"]["message"],
        "another gateway suspension is already prepared"
    );
    assert_eq!(
        other["error"]["details"]["reason"],
        "gateway-suspension-conflict"
    );

    let late = client
        .ask(
            "chat.send",
            json!({ "sessionKey": "main", "message": "no", "idempotencyKey": "h2" }),
        )
        .await;
    assert_eq!(
        late["error"],
        json!({
            "code": "UNAVAILABLE", "message": "chat.send unavailable during gateway suspension",
            "details": { "method": "chat.send", "reason": "gateway-suspending", "phase": "draining" },
            "retryable": true, "retryAfterMs": 1000,
        })
    );
    payload(
        &mut client,
        "chat.abort",
        json!({ "sessionKey": "main", "runId": run }),
    )
    .await;
    until_phase(&mut client, "prepared").await;
    let id = &draining["suspensionId"];
    let status = payload(
        &mut client,
        "gateway.suspend.status",
        json!({ "suspensionId": id }),
    )
    .await;
    assert_eq!(status["status"], "ready");

    let (error, code, reason) = refused(&rig, &["operator.read"]).await;
    assert_eq!(
        error["message"],
        "connect unavailable during gateway suspension"
    );
    assert_eq!(error["details"]["phase"], "prepared");
    assert_eq!(
        (code, reason.as_str()),
        (1013, "gateway suspension in progress")
    );
    // Whoever may end it comes in, or a lost connection would lock everybody out.
    let mut rescuer = rig.operator(ADMIN).await;
    let resumed = payload(
        &mut rescuer,
        "gateway.suspend.resume",
        json!({ "suspensionId": id }),
    )
    .await;
    assert_eq!(
        resumed,
        json!({ "ok": true, "status": "running", "resumed": true })
    );
    payload(&mut client, "status", json!({})).await;
    let actions = acts_of_the_gateway(&mut client).await;
    assert_eq!(
        actions,
        ["gateway.suspend.resume", "gateway.suspend.prepare"]
    );
}

#[tokio::test]
async fn a_gateway_that_goes_refuses_who_comes_and_tells_who_is_there() {
    let rig = Rig::start().await;
    let mut client = rig.operator(ADMIN).await;
    let run = hang(&mut client).await;
    let engine = rig.context.engine.clone();
    let drain = tokio::spawn(async move { engine.drain("a test", Some(2_000)).await });
    while rig.context.engine.phase() != torana_engine::Phase::Draining {
        tokio::task::yield_now().await;
    }
    let (error, code, reason) = refused(&rig, ADMIN).await;
    assert_eq!(
        error,
        json!({
            "code": "UNAVAILABLE", "message": "connect unavailable during gateway restart",
            "details": { "method": "connect", "reason": "gateway-restarting", "phase": "draining" },
            "retryable": true, "retryAfterMs": 1000,
        })
    );
    assert_eq!(
        (code, reason.as_str()),
        (1013, "gateway restart in progress")
    );
    let late = client.ask("gateway.restart.request", json!({})).await;
    assert_eq!(
        late["error"]["message"],
        "gateway.restart.request unavailable during gateway restart"
    );
    payload(
        &mut client,
        "chat.abort",
        json!({ "sessionKey": "main", "runId": run }),
    )
    .await;
    client.event("shutdown").await;
    assert!(drain.await.expect("it drains"));
}

#[tokio::test]
async fn a_restart_that_something_runs_before_is_deferred_and_asked_for_once() {
    let rig = Rig::start().await;
    let mut client = rig.operator(ADMIN).await;
    hang(&mut client).await;
    let first = payload(
        &mut client,
        "gateway.restart.request",
        json!({ "reason": "new plugin" }),
    )
    .await;
    assert_eq!(
        (&first["status"], &first["preflight"]["safe"]),
        (&json!("deferred"), &json!(false))
    );
    let second = payload(
        &mut client,
        "gateway.restart.request",
        json!({ "skipDeferral": true }),
    )
    .await;
    assert_eq!(second["status"], "coalesced");
    let endless = json!({ "restartIntent": { "waitMs": 0 } });
    payload(&mut client, "gateway.restart.request", endless).await;
    let asked = rig.restarts.lock().expect("no panic").clone();
    let patience_ms: Vec<u64> = asked.iter().map(|request| request.patience_ms).collect();
    assert_eq!(patience_ms, [300_000, 0, u64::MAX]);
    assert_eq!(asked[0].reason, "new plugin");
}

#[tokio::test]
async fn a_written_configuration_restarts_when_its_writer_says_and_the_session_reads_why() {
    let rig = Rig::configured("{ logging: { level: 'info' } }").await;
    let mut client = rig.operator(ADMIN).await;
    let sent = json!({ "sessionKey": "main", "message": "hello", "idempotencyKey": "k" });
    payload(&mut client, "chat.send", sent).await;
    client
        .until(|event| event["payload"]["state"] == "final")
        .await;
    let delay = |rig: &Rig| {
        rig.site
            .restart_delay_ms
            .load(std::sync::atomic::Ordering::SeqCst)
    };
    let patch = |raw: &str, more: Value| {
        let mut params = json!({ "raw": raw, "baseHash": rig.site.hash() });
        for (key, value) in more.as_object().expect("an object") {
            params[key] = value.clone();
        }
        params
    };
    let params = patch(
        "{ logging: { consoleStyle: 'json' } }",
        json!({ "restartDelayMs": 5_000, "sessionKey": "main", "note": "JSON for the log shipper" }),
    );
    let answer = payload(&mut client, "config.patch", params).await;
    assert_eq!(
        answer["sentinel"]["payload"]["stats"]["requiresRestart"],
        true
    );
    assert_eq!(delay(&rig), 5_000);
    let last = last_line(&mut client).await;
    assert!(last.contains("JSON for the log shipper"), "{last}");
    // What is in force at once needs no telling.
    let params = patch(
        "{ session: { scope: 'global' } }",
        json!({ "sessionKey": "main", "note": "one for all" }),
    );
    let answer = payload(&mut client, "config.patch", params).await;
    assert_eq!(
        answer["sentinel"]["payload"]["stats"]["requiresRestart"],
        false
    );
    assert_eq!(last_line(&mut client).await, last);
    // Without a wish the original waits for two seconds, and never longer than a minute.
    let params = patch("{ logging: { consoleStyle: 'pretty' } }", json!({}));
    payload(&mut client, "config.patch", params).await;
    assert_eq!(delay(&rig), 2_000);
    let params = patch(
        "{ logging: { consoleStyle: 'json' } }",
        json!({ "restartDelayMs": 3_600_000 }),
    );
    payload(&mut client, "config.patch", params).await;
    assert_eq!(delay(&rig), 60_000);
    let params = patch(
        "{ logging: { consoleStyle: 'pretty' } }",
        json!({ "sessionKey": "agent:nobody:main" }),
    );
    let refused = client.ask("config.patch", params).await;
    assert_eq!(refused["error"]["details"]["code"], "UNKNOWN_AGENT_ID");
}
