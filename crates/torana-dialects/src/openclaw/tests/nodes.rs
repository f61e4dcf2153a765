//! Nodes over real sockets: pairing and approval, calls and their ends, work that waits, and the closed role.

use serde_json::{Value, json};
use torana_core::auth::{Role, ScopeSet};

use super::super::methods::{self, Needs, rows};
use super::rig::{Client, Rig, device_id, node};
use super::scopes::client;

fn payload(answer: &Value) -> &Value {
    assert_eq!(answer["ok"], true, "{answer}");
    &answer["payload"]
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

/// Approves whatever the node of a seed offers.
async fn approve(admin: &mut Client, seed: u8) {
    let list = admin.ask("node.pair.list", json!({})).await;
    let pending = payload(&list)["pending"].as_array().expect("a list");
    let request = pending
        .iter()
        .find(|request| request["nodeId"] == device_id(seed))
        .expect("an offer");
    let answer = admin
        .ask(
            "node.pair.approve",
            json!({ "requestId": request["requestId"] }),
        )
        .await;
    payload(&answer);
}

fn call(seed: u8, command: &str, key: &str) -> Value {
    json!({ "nodeId": device_id(seed), "command": command, "idempotencyKey": key, "params": { "a": 1 } })
}

#[tokio::test]
async fn s_008_a_local_node_is_paired_silently_and_its_commands_wait_for_a_person() {
    let rig = Rig::start().await;
    let mut watcher = rig.operator(&["operator.pairing"]).await;
    let mut lent = rig
        .node(1, "linux", &["system.run", "canvas.present", "made.up"])
        .await;
    let told = watcher.event("node.pair.requested").await;
    assert_eq!(
        told["payload"]["commands"],
        json!(["canvas.present", "system.run"])
    );
    assert_eq!(
        told["payload"]["requiredApproveScopes"],
        json!(["operator.admin", "operator.pairing"])
    );
    let request = json!({ "requestId": told["payload"]["requestId"] });
    let refused = watcher.ask("node.pair.approve", request.clone()).await;
    assert_eq!(message(&refused), "missing scope: operator.admin");
    let mut admin = rig.operator(&["operator.admin"]).await;
    let before = admin.ask("node.list", json!({})).await;
    let row = &payload(&before)["nodes"][0];
    assert_eq!(
        (&row["approvalState"], &row["commands"]),
        (&json!("pending-approval"), &json!([]))
    );
    let early = admin
        .ask("node.invoke", call(1, "canvas.present", "early"))
        .await;
    assert_eq!(
        message(&early),
        "node command not allowed: command not approved"
    );
    let approved = admin.ask("node.pair.approve", request.clone()).await;
    assert_eq!(
        payload(&approved)["node"]["commands"],
        json!(["canvas.present", "system.run"])
    );
    assert_eq!(
        watcher.event("node.pair.resolved").await["payload"]["decision"],
        "approved"
    );
    let again = admin.ask("node.pair.approve", request).await;
    assert_eq!(message(&again), "unknown requestId");
    // It works without a reconnect.
    admin
        .begin("9", "node.invoke", call(1, "canvas.present", "k"))
        .await;
    let asked = lent.event("node.invoke.request").await;
    assert_eq!(asked["payload"]["paramsJSON"], r#"{"a":1}"#);
    let result = json!({ "id": asked["payload"]["id"], "nodeId": device_id(1), "ok": true, "payloadJSON": "{\"b\":2}" });
    payload(&lent.ask("node.invoke.result", result).await);
    let answer = admin.answer().await.expect("an answer");
    assert_eq!(payload(&answer)["payload"], json!({ "b": 2 }));
}

#[tokio::test]
async fn an_approved_node_comes_back_without_a_question_and_asks_again_for_more() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    drop(rig.node(1, "ios", &["canvas.present"]).await);
    approve(&mut admin, 1).await;
    drop(rig.node(1, "ios", &["canvas.present"]).await);
    let list = admin.ask("node.pair.list", json!({})).await;
    assert_eq!(payload(&list)["pending"], json!([]));
    let _more = rig
        .node(1, "ios", &["canvas.present", "location.get"])
        .await;
    let told = admin
        .ask("node.describe", json!({ "nodeId": device_id(1) }))
        .await;
    let row = payload(&told);
    assert_eq!(row["approvalState"], "pending-reapproval");
    assert_eq!(
        row["commands"],
        json!(["canvas.present"]),
        "what was approved goes on working"
    );
    assert_eq!(
        row["pendingDeclaredCommands"],
        json!(["canvas.present", "location.get"])
    );
    // A reader learns nothing of offers nobody approved.
    let mut reader = rig.operator(&["operator.read"]).await;
    let seen = reader.ask("node.list", json!({})).await;
    assert!(payload(&seen)["nodes"][0]["pendingRequestId"].is_null());
    let reject = json!({ "requestId": row["pendingRequestId"] });
    let answer = admin.ask("node.pair.reject", reject).await;
    assert_eq!(payload(&answer)["nodeId"], device_id(1));
}

/// S-090: claiming more changes nothing.
#[tokio::test]
async fn s_090_claimed_commands_pass_every_filter_or_are_refused() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let _lent = rig
        .node(1, "ios", &["camera.snap", "location.get", "system.run"])
        .await;
    approve(&mut admin, 1).await;
    for (command, reason) in [
        ("system.run", "command not allowlisted"),
        ("camera.snap", "command not allowlisted"),
        ("canvas.eval", "command not declared by node"),
    ] {
        let refused = admin.ask("node.invoke", call(1, command, command)).await;
        assert_eq!(
            message(&refused),
            format!("node command not allowed: {reason}")
        );
        assert_eq!(refused["error"]["details"]["reason"], reason);
    }
    let exec = admin
        .ask("node.invoke", call(1, "system.execApprovals.set", "x"))
        .await;
    assert!(message(&exec).starts_with("node.invoke does not allow system.execApprovals"));
    let away = admin.ask("node.invoke", call(9, "location.get", "x")).await;
    assert_eq!(away["error"]["details"]["code"], "NOT_CONNECTED");
    let mut writer = rig.operator(&["operator.write"]).await;
    let weak = writer.ask("node.invoke", call(1, "system.run", "y")).await;
    assert_eq!(message(&weak), "missing scope: operator.admin");
}

#[tokio::test]
async fn the_rules_a_node_keeps_are_read_and_replaced_by_administrators_through_the_node() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let offers = ["system.execApprovals.get", "system.execApprovals.set"];
    let mut lent = rig.node(1, "linux", &offers).await;
    approve(&mut admin, 1).await;
    let node = json!({ "nodeId": device_id(1) });
    admin
        .begin("a", "exec.approvals.node.get", node.clone())
        .await;
    let asked = lent.event("node.invoke.request").await;
    assert_eq!(asked["payload"]["command"], "system.execApprovals.get");
    let kept =
        json!({ "path": "/srv/x/rules", "exists": true, "hash": "h", "file": { "version": 1 } });
    let result = json!({ "id": asked["payload"]["id"], "nodeId": device_id(1), "ok": true, "payload": kept });
    payload(&lent.ask("node.invoke.result", result).await);
    let answer = admin.answer().await.expect("an answer");
    assert_eq!(payload(&answer), &kept);

    admin
        .begin("n", "exec.approvals.node.get", node.clone())
        .await;
    let asked = lent.event("node.invoke.request").await;
    // The text counts.
    let result = json!({ "id": asked["payload"]["id"], "nodeId": device_id(1), "ok": true, "payload": kept, "payloadJSON": "{}" });
    payload(&lent.ask("node.invoke.result", result).await);
    let useless = admin.answer().await.expect("an answer");
    assert_eq!(
        message(&useless),
        "node returned invalid exec approvals payload"
    );

    let new = json!({ "nodeId": device_id(1), "file": { "version": 1 }, "baseHash": "h" });
    admin
        .begin("b", "exec.approvals.node.set", new.clone())
        .await;
    let asked = lent.event("node.invoke.request").await;
    assert_eq!(asked["payload"]["command"], "system.execApprovals.set");
    let sent: Value =
        serde_json::from_str(asked["payload"]["paramsJSON"].as_str().expect("text")).expect("JSON");
    assert_eq!(sent, json!({ "file": { "version": 1 }, "baseHash": "h" }));
    // S-105: it is written down before the node hears of it.
    let act = json!(["exec.approvals.node.set", device_id(1)]);
    assert_eq!(rig.acts("exec-policy").await, [act]);
    // A system with rules of its own gets them as they are, and only over those somebody has seen.
    let native =
        json!({ "defaultAction": "deny", "rules": [{ "pattern": "hostname", "action": "allow" }] });
    let set = |more: Value| {
        let mut params = json!({ "nodeId": device_id(1) });
        params
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        params
    };
    let seen = set(json!({ "native": native, "baseHash": "h" }));
    admin.begin("c", "exec.approvals.node.set", seen).await;
    let asked = lent.event("node.invoke.request").await;
    let sent: Value =
        serde_json::from_str(asked["payload"]["paramsJSON"].as_str().expect("text")).expect("JSON");
    let mut expected = native.clone();
    expected["baseHash"] = json!("h");
    assert_eq!(sent, expected);
    for wrong in [
        json!({ "native": native }),
        json!({ "native": native, "file": {}, "baseHash": "h" }),
        json!({ "native": { "rules": [{ "pattern": "x" }] }, "baseHash": "h" }),
        json!({}),
    ] {
        let refused = admin.ask("exec.approvals.node.set", set(wrong)).await;
        assert_eq!(refused["error"]["code"], "INVALID_REQUEST", "{refused}");
    }
    let mut writer = rig.operator(&["operator.write"]).await;
    let weak = writer.ask("exec.approvals.node.set", new).await;
    assert_eq!(message(&weak), "missing scope: operator.admin");
    let away = admin
        .ask("exec.approvals.node.get", json!({ "nodeId": device_id(9) }))
        .await;
    assert_eq!(away["ok"], false);
}

#[tokio::test]
async fn a_call_ends_once_by_answer_deadline_or_the_nodes_end() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let mut lent = rig.node(1, "linux", &["canvas.present"]).await;
    let mut other = rig.node(2, "linux", &["canvas.present"]).await;
    approve(&mut admin, 1).await;
    // A repeat joins, another body under the same key is a conflict.
    let params = call(1, "canvas.present", "one");
    admin.begin("a", "node.invoke", params.clone()).await;
    let asked = lent.event("node.invoke.request").await;
    let id = asked["payload"]["id"].clone();
    admin.begin("b", "node.invoke", params.clone()).await;
    let mut changed = params.clone();
    changed["params"] = json!({ "a": 2 });
    let conflict = admin.ask("node.invoke", changed).await;
    assert_eq!(conflict["error"]["details"]["code"], "IDEMPOTENCY_CONFLICT");
    // Nobody else answers for it, and a node names only itself.
    let forged = json!({ "id": id, "nodeId": device_id(2), "ok": true, "payload": "forged" });
    assert_eq!(
        payload(&other.ask("node.invoke.result", forged).await)["ignored"],
        true
    );
    let named = json!({ "id": id, "nodeId": device_id(1), "ok": true, "payload": "forged" });
    assert_eq!(
        message(&other.ask("node.invoke.result", named).await),
        "nodeId mismatch"
    );
    let piece =
        |seq: u64| json!({ "invokeId": id, "nodeId": device_id(1), "seq": seq, "chunk": "…" });
    for (seq, ignored) in [(1, false), (0, false), (0, true), (2, false)] {
        let heard = lent.ask("node.invoke.progress", piece(seq)).await;
        assert_eq!(payload(&heard)["ignored"] == true, ignored, "{seq}");
    }
    let result = json!({ "id": id, "nodeId": device_id(1), "ok": false, "error": { "code": "E", "message": "no" } });
    assert!(payload(&lent.ask("node.invoke.result", result.clone()).await)["ignored"].is_null());
    for _ in 0..2 {
        let answer = admin.answer().await.expect("an answer");
        assert_eq!(message(&answer), "E: no");
    }
    assert_eq!(
        payload(&lent.ask("node.invoke.result", result).await)["ignored"],
        true
    );
    let repeated = admin.ask("node.invoke", params).await;
    assert_eq!(
        message(&repeated),
        "E: no",
        "the outcome is remembered, the node is not asked again"
    );
    // The deadline cancels.
    let mut short = call(1, "canvas.present", "short");
    short["timeoutMs"] = json!(1);
    let late = admin.ask("node.invoke", short).await;
    assert_eq!(late["error"]["details"]["code"], "TIMEOUT");
    let cancelled = lent.event("node.invoke.cancel").await;
    assert_eq!(cancelled["payload"]["nodeId"], device_id(1));
    // So does the caller's end.
    let mut caller = rig.operator(&["operator.admin"]).await;
    caller
        .begin("c", "node.invoke", call(1, "canvas.present", "left"))
        .await;
    lent.until(|event| event["payload"]["idempotencyKey"] == "left")
        .await;
    drop(caller);
    lent.event("node.invoke.cancel").await;
    // And the node's.
    admin
        .begin("d", "node.invoke", call(1, "canvas.present", "gone"))
        .await;
    lent.until(|event| event["payload"]["idempotencyKey"] == "gone")
        .await;
    drop(lent);
    let gone = admin.answer().await.expect("an answer");
    assert_eq!(message(&gone), "node disconnected");
}

#[tokio::test]
async fn a_second_connection_of_a_node_replaces_the_first() {
    let rig = Rig::start().await;
    let mut first = rig.node(1, "linux", &["canvas.present"]).await;
    let _second = rig.node(1, "linux", &["canvas.present"]).await;
    let (code, reason) = loop {
        if let Err(end) = first.frame().await {
            break end;
        }
    };
    assert_eq!((code, reason.as_str()), (1000, "this node connected again"));
    assert_eq!(rig.dialect.nodes().connected(), 1);
}

/// S-089: a node calls node methods only, an operator none of them, whatever the scopes.
#[test]
fn s_089_the_node_role_is_closed() {
    let lent = client(Role::Node, ScopeSet::every());
    let admin = client(Role::Operator, ScopeSet::every());
    for method in rows() {
        let of = |client| {
            methods::permit(client, method.name, &json!({}))
                .err()
                .map(|error| error.message)
        };
        let (by_node, by_admin) = (of(&lent), of(&admin));
        match method.needs {
            Needs::Nothing => assert_eq!((by_node, by_admin), (None, None)),
            Needs::Node { .. } => {
                assert_eq!(by_node, None, "{}", method.name);
                assert_eq!(by_admin.as_deref(), Some("unauthorized role: operator"));
            }
            Needs::Operator | Needs::Scope(_) | Needs::Depends(..) => {
                assert_eq!(
                    by_node.as_deref(),
                    Some("unauthorized role: node"),
                    "{}",
                    method.name
                );
                assert_eq!(by_admin, None);
            }
        }
    }
}

#[tokio::test]
async fn s_089_a_nodes_events_are_checked_and_never_reach_a_conversation() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let mut lent = rig.node(1, "macos", &[]).await;
    for (event, payload_in, handled, reason) in [
        (
            "node.presence.alive",
            json!({ "trigger": "manual" }),
            true,
            "updated",
        ),
        (
            "node.presence.alive",
            json!({ "trigger": "whatever" }),
            false,
            "invalid_payload",
        ),
        (
            "node.presence.activity",
            json!({ "idleSeconds": 5 }),
            true,
            "updated",
        ),
        (
            "node.presence.activity",
            json!({ "idleSeconds": -5 }),
            false,
            "invalid_payload",
        ),
        (
            "node.presence.activity",
            json!({ "action": "clear" }),
            true,
            "cleared",
        ),
        (
            "chat.send",
            json!({ "message": "hello" }),
            false,
            "unsupported_event",
        ),
        (
            "agent.request",
            json!({ "message": "hello" }),
            false,
            "unsupported_event",
        ),
    ] {
        let answer = lent
            .ask(
                "node.event",
                json!({ "event": event, "payloadJSON": payload_in.to_string() }),
            )
            .await;
        let told = payload(&answer);
        assert_eq!(
            (&told["handled"], &told["reason"]),
            (&json!(handled), &json!(reason)),
            "{event}"
        );
    }
    let told = admin.event("node.presence").await;
    assert_eq!(told["payload"]["nodeId"], device_id(1));
    let sessions = admin.ask("sessions.list", json!({})).await;
    assert_eq!(payload(&sessions)["sessions"], json!([]));
}

/// S-092: live sockets close, the token is dead, what was approved is forgotten.
#[tokio::test]
async fn s_092_a_removed_node_is_gone() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let (mut lent, hello) = rig.device(node("linux", &["canvas.present"]), 1).await;
    let token = hello["payload"]["auth"]["deviceToken"].clone();
    approve(&mut admin, 1).await;
    let removed = admin
        .ask("node.pair.remove", json!({ "nodeId": device_id(1) }))
        .await;
    assert_eq!(payload(&removed)["nodeId"], device_id(1));
    let (code, reason) = loop {
        if let Err(end) = lent.frame().await {
            break end;
        }
    };
    assert_eq!(
        (code, reason.as_str()),
        (4001, "client invalidated: device-pair-removed")
    );
    let mut params = node("linux", &["canvas.present"]);
    params["auth"] = json!({ "deviceToken": token });
    let (_, refused) = rig.device(params, 1).await;
    assert_eq!(
        refused["error"]["details"]["code"],
        "AUTH_DEVICE_TOKEN_MISMATCH"
    );
    let (_back, hello) = rig.device(node("linux", &["canvas.present"]), 1).await;
    assert_ne!(hello["payload"]["auth"]["deviceToken"], token);
    let list = admin.ask("node.list", json!({})).await;
    assert_eq!(
        payload(&list)["nodes"][0]["approvalState"],
        "pending-approval"
    );
}

#[tokio::test]
async fn s_008_a_node_that_is_let_in_again_lends_nothing_that_was_approved_before() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let (_lent, _) = rig.device(node("linux", &["system.run"]), 1).await;
    approve(&mut admin, 1).await;
    let taken = admin
        .ask(
            "device.token.revoke",
            json!({ "deviceId": device_id(1), "role": "node" }),
        )
        .await;
    payload(&taken);
    let (_, refused) = rig.device(node("linux", &["system.run"]), 1).await;
    let request = refused["error"]["details"]["requestId"].clone();
    let mut doorman = rig.operator(&["operator.pairing"]).await;
    let let_in = doorman
        .ask("device.pair.approve", json!({ "requestId": request }))
        .await;
    payload(&let_in);
    let (_back, hello) = rig.device(node("linux", &["system.run"]), 1).await;
    assert_eq!(hello["ok"], true, "{hello}");
    let list = admin.ask("node.list", json!({})).await;
    assert_eq!(
        payload(&list)["nodes"][0]["approvalState"],
        "pending-approval"
    );
}

#[tokio::test]
async fn a_node_without_its_token_is_listed_until_it_is_removed() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let (_lent, _) = rig.device(node("linux", &["canvas.present"]), 1).await;
    approve(&mut admin, 1).await;
    let token = json!({ "deviceId": device_id(1), "role": "node" });
    payload(&admin.ask("device.token.revoke", token).await);
    let list = admin.ask("node.list", json!({})).await;
    let row = &payload(&list)["nodes"][0];
    assert_eq!(row["nodeId"], device_id(1));
    // What was approved ends when it is let in again, as another test shows.
    assert_eq!(row["approvalState"], "approved");
    let named = json!({ "nodeId": device_id(1) });
    payload(&admin.ask("node.pair.remove", named.clone()).await);
    let list = admin.ask("node.list", json!({})).await;
    assert_eq!(payload(&list)["nodes"], json!([]));
    let again = admin.ask("node.pair.remove", named).await;
    assert_eq!(message(&again), "unknown nodeId");
}

#[tokio::test]
async fn work_waits_for_a_node_until_it_says_that_it_is_done() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let mut lent = rig.node(1, "ios", &["canvas.present"]).await;
    approve(&mut admin, 1).await;
    let enqueue = |kind: &str, priority: &str| json!({ "nodeId": device_id(1), "type": kind, "priority": priority });
    let first = admin
        .ask("node.pending.enqueue", enqueue("status.request", "normal"))
        .await;
    let second = admin
        .ask("node.pending.enqueue", enqueue("status.request", "high"))
        .await;
    assert_eq!(
        payload(&first)["queued"]["id"],
        payload(&second)["queued"]["id"],
        "the same waits already"
    );
    payload(
        &admin
            .ask("node.pending.enqueue", enqueue("location.request", "high"))
            .await,
    );
    let unknown = json!({ "nodeId": device_id(7), "type": "status.request" });
    assert_eq!(
        message(&admin.ask("node.pending.enqueue", unknown).await),
        "unknown nodeId"
    );
    let page = lent
        .ask("node.pending.drain", json!({ "maxItems": 1 }))
        .await;
    assert_eq!(
        payload(&page)["items"][0]["type"],
        "location.request",
        "urgent first"
    );
    assert_eq!(payload(&page)["hasMore"], true);
    let page = lent.ask("node.pending.drain", json!({})).await;
    let ids: Vec<Value> = payload(&page)["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["id"].clone())
        .collect();
    payload(&lent.ask("node.pending.ack", json!({ "ids": ids })).await);
    let page = lent.ask("node.pending.drain", json!({})).await;
    assert_eq!(payload(&page)["items"][0]["id"], "baseline-status");
    // A phone in the background postpones what needs its screen.
    admin
        .begin("x", "node.invoke", call(1, "canvas.present", "later"))
        .await;
    let asked = lent.event("node.invoke.request").await;
    let result = json!({
        "id": asked["payload"]["id"], "nodeId": device_id(1), "ok": false,
        "error": { "code": "NODE_BACKGROUND_UNAVAILABLE", "message": "in the background" },
    });
    payload(&lent.ask("node.invoke.result", result).await);
    let answer = admin.answer().await.expect("an answer");
    assert_eq!(
        answer["error"]["details"]["code"],
        "QUEUED_UNTIL_FOREGROUND"
    );
    let pulled = lent.ask("node.pending.pull", json!({})).await;
    let action = &payload(&pulled)["actions"][0];
    assert_eq!(
        (&action["command"], &action["paramsJSON"]),
        (&json!("canvas.present"), &json!("{\"a\":1}"))
    );
    let done = lent
        .ask("node.pending.ack", json!({ "ids": [action["id"]] }))
        .await;
    assert_eq!(payload(&done)["remainingCount"], 0);
}

/// S-045: what waits is bounded, and what was promised is not dropped for newer work.
#[tokio::test]
async fn s_045_work_for_a_node_is_bounded() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let _lent = rig.node(1, "ios", &["canvas.present"]).await;
    approve(&mut admin, 1).await;
    let node = torana_core::id::DeviceId::new(device_id(1)).expect("an id");
    let nodes = rig.dialect.nodes();
    let limit = torana_core::limit::NODE_WORK_MAX;
    for number in 0..limit {
        nodes
            .postpone(&node, "canvas.present", None, &format!("k{number}"))
            .await
            .expect("room");
    }
    assert!(
        nodes
            .postpone(&node, "canvas.present", None, "one more")
            .await
            .is_err()
    );
    assert!(
        nodes
            .postpone(&node, "canvas.present", None, "k0")
            .await
            .is_ok(),
        "a repeat is not new"
    );
    assert_eq!(nodes.actions(&node).await.expect("actions").len(), limit);
}

#[tokio::test]
async fn nodes_of_the_previous_protocol_come_in_without_what_is_new() {
    let rig = Rig::start().await;
    let mut params = node("android", &["canvas.present"]);
    (params["minProtocol"], params["maxProtocol"]) = (json!(3), json!(3));
    let (mut old, hello) = rig.device(params, 1).await;
    assert_eq!(payload(&hello)["protocol"], 4);
    payload(&old.ask("node.pending.drain", json!({})).await);
    let skills = json!({ "skills": [{ "name": "a", "content": "b" }] });
    let refused = old.ask("node.skills.update", skills.clone()).await;
    assert_eq!(message(&refused), "unauthorized role: node");
    let mut new = rig.node(2, "android", &[]).await;
    assert_eq!(
        payload(&new.ask("node.skills.update", skills).await)["skills"],
        1
    );
    let bad = json!({ "skills": [{ "name": "Bad Name", "content": "b" }] });
    assert!(
        message(&new.ask("node.skills.update", bad).await)
            .starts_with("invalid node.skills.update")
    );
    let surface = new
        .ask("node.pluginSurface.refresh", json!({ "surface": "canvas" }))
        .await;
    let url = payload(&surface)["pluginSurfaceUrls"]["canvas"].clone();
    assert!(
        url.as_str()
            .is_some_and(|url| url.contains("/__openclaw__/cap/")),
        "{surface}"
    );
    let other = new
        .ask("node.pluginSurface.refresh", json!({ "surface": "other" }))
        .await;
    assert_eq!(message(&other), "other plugin surface unavailable");
}

#[tokio::test]
async fn a_node_hears_only_what_is_for_everybody_and_its_own_calls() {
    let rig = Rig::start().await;
    let mut lent = rig.node(1, "linux", &["canvas.present"]).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    approve(&mut admin, 1).await;
    let send = json!({ "sessionKey": "main", "message": "hi", "idempotencyKey": "m1" });
    payload(&admin.ask("chat.send", send).await);
    admin
        .until(|event| event["payload"]["state"] == "final")
        .await;
    admin
        .begin("x", "node.invoke", call(1, "canvas.present", "k"))
        .await;
    lent.until(|event| event["event"] == "node.invoke.request")
        .await;
    let heard: Vec<&str> = lent
        .events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .filter(|name| !["health", "tick", "node.invoke.request"].contains(name))
        .collect();
    assert_eq!(heard, Vec::<&str>::new());
}
