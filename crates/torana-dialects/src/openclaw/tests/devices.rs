//! Devices over real sockets: requests and decisions, more scopes, setup codes, credentials that end (S-008, S-040).

use std::future::poll_fn;
use std::task::Poll;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use torana_core::auth::{PublicKey, Role, Scope, ScopeSet};
use torana_engine::service::devices::ProvenDevice;
use torana_engine::store::device::DeviceFacts;

use super::super::frame::Request;
use super::super::methods;
use super::rig::{Client, Rig, TOKEN, connect, device_id, node};
use super::scopes::client;

fn payload(answer: &Value) -> &Value {
    assert_eq!(answer["ok"], true, "{answer}");
    &answer["payload"]
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

fn tui(scopes: &[&str]) -> Value {
    connect("openclaw-tui", "ui", scopes, json!({ "token": TOKEN }))
}

async fn end_of(client: &mut Client) -> (u16, String) {
    loop {
        if let Err(end) = client.frame().await {
            break end;
        }
    }
}

#[tokio::test]
async fn a_device_asks_for_more_and_has_it_when_a_person_agrees() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let (mut phone, hello) = rig.device(tui(&["operator.read"]), 1).await;
    let before = payload(&hello)["auth"]["deviceToken"].clone();
    assert_eq!(
        admin.event("device.pair.resolved").await["payload"]["decision"],
        "approved"
    );
    let wanted = json!({ "scopes": ["operator.write"] });
    let asked = phone
        .ask("device.scopes.requestUpgrade", wanted.clone())
        .await;
    let request = json!({ "requestId": payload(&asked)["requestId"] });
    let told = admin.event("device.pair.requested").await;
    assert_eq!(
        (&told["payload"]["isRepair"], &told["payload"]["scopes"]),
        (&json!(true), &json!(["operator.write"]))
    );
    phone
        .begin("w", "device.scopes.waitUpgrade", request.clone())
        .await;
    payload(&admin.ask("device.pair.approve", request.clone()).await);
    let answer = phone.answer().await.expect("an answer");
    let told = payload(&answer);
    assert_eq!(
        (&told["status"], &told["deviceToken"]),
        (&json!("approved"), &before)
    );
    assert_eq!(told["scopes"], json!(["operator.read", "operator.write"]));
    // The live connection got nothing: scopes are those of its hello (S-006).
    let refused = phone.ask("chat.send", json!({})).await;
    assert_eq!(message(&refused), "missing scope: operator.write");
    // A refusal is told too, and another device learns nothing of it.
    let asked = phone
        .ask(
            "device.scopes.requestUpgrade",
            json!({ "scopes": ["operator.admin"] }),
        )
        .await;
    let request = json!({ "requestId": payload(&asked)["requestId"] });
    let (mut other, _) = rig.device(tui(&[]), 2).await;
    let unknown = other
        .ask("device.scopes.waitUpgrade", request.clone())
        .await;
    assert_eq!(message(&unknown), "unknown requestId");
    phone
        .begin("w", "device.scopes.waitUpgrade", request.clone())
        .await;
    payload(&admin.ask("device.pair.reject", request).await);
    let answer = phone.answer().await.expect("an answer");
    assert_eq!(payload(&answer)["status"], "rejected");
    let nobody = rig
        .operator(&[])
        .await
        .ask("device.scopes.requestUpgrade", wanted)
        .await;
    assert_eq!(message(&nobody), "a paired device identity is required");
}

#[tokio::test]
async fn a_setup_code_lets_a_phone_in_once_in_both_roles() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let params = json!({ "publicUrl": "https://gateway.example.org", "joinUrl": true });
    let made = admin.ask("device.pair.setupCode", params).await;
    let made = payload(&made).clone();
    assert_eq!(
        (&made["gatewayUrl"], &made["access"]),
        (&json!("wss://gateway.example.org"), &json!("full"))
    );
    let picture = made["qrDataUrl"].as_str().expect("a picture");
    assert!(picture.starts_with("data:image/png;base64,"));
    use base64::Engine as _;
    let code = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(made["setupCode"].as_str().expect("a code"))
        .expect("base64url");
    let code: Value = serde_json::from_slice(&code).expect("JSON");
    let mut params = node("ios", &["canvas.present"]);
    params["client"]["displayName"] = json!("Pocket");
    params["auth"] = json!({ "bootstrapToken": code["bootstrapToken"] });
    let status = json!({ "setupId": made["setupId"] });
    assert_eq!(
        payload(&admin.ask("device.pair.setupStatus", status.clone()).await),
        &json!({})
    );
    let (_phone, hello) = rig.device(params.clone(), 1).await;
    let tokens = payload(&hello)["auth"]["deviceTokens"]
        .as_array()
        .expect("tokens")
        .clone();
    let roles: Vec<&str> = tokens
        .iter()
        .filter_map(|token| token["role"].as_str())
        .collect();
    assert_eq!(roles, ["node", "operator"]);
    let told = admin.event("device.pair.setup.completed").await;
    assert_eq!(
        (&told["payload"]["deviceId"], &told["payload"]["deviceName"]),
        (&json!(device_id(1)), &json!("Pocket"))
    );
    let done = admin.ask("device.pair.setupStatus", status).await;
    assert_eq!(payload(&done)["completion"]["access"], "full");
    // The other role comes with its own token; the code is spent, for the same device too.
    let mut app = tui(&["operator.admin"]);
    app["auth"] = json!({ "deviceToken": tokens[1]["deviceToken"] });
    let (_app, hello) = rig.device(app, 1).await;
    assert_eq!(payload(&hello)["auth"]["scopes"], json!(["operator.admin"]));
    for seed in [1, 2] {
        let (_, refused) = rig.device(params.clone(), seed).await;
        assert_eq!(
            refused["error"]["details"]["code"],
            "AUTH_BOOTSTRAP_TOKEN_INVALID"
        );
    }
}

#[tokio::test]
async fn a_setup_code_grants_no_more_than_its_profile() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    for (profile, role, scopes) in [
        (
            "limited",
            "operator",
            json!(["operator.read", "operator.write"]),
        ),
        ("node", "operator", Value::Null),
    ] {
        let params = json!({ "publicUrl": "ws://10.0.0.2:18789", "bootstrapProfile": profile, "includeQr": false });
        let made = admin.ask("device.pair.setupCode", params).await;
        assert!(payload(&made)["qrDataUrl"].is_null());
        use base64::Engine as _;
        let code = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload(&made)["setupCode"].as_str().expect("a code"))
            .expect("base64url");
        let code: Value = serde_json::from_slice(&code).expect("JSON");
        let mut params = tui(&[
            "operator.admin",
            "operator.pairing",
            "operator.read",
            "operator.write",
        ]);
        params["role"] = json!(role);
        params["auth"] = json!({ "bootstrapToken": code["bootstrapToken"] });
        let (_, hello) = rig.device(params, 3).await;
        assert_eq!(hello["payload"]["auth"]["scopes"], scopes, "{hello}");
    }
    let mut pairing = rig.operator(&["operator.pairing"]).await;
    let refused = pairing.ask("device.pair.setupCode", json!({})).await;
    assert_eq!(message(&refused), "missing scope: operator.admin");
    let local = admin.ask("device.pair.setupCode", json!({})).await;
    assert!(
        message(&local).starts_with("no address is known"),
        "a loopback address helps no phone"
    );
}

/// S-040: rotated, revoked and removed credentials end their connections at once.
#[tokio::test]
async fn s_040_connections_end_with_their_credential() {
    for (method, reason) in [
        ("device.token.rotate", "device-token-rotated"),
        ("device.token.revoke", "device-token-revoked"),
        ("device.pair.remove", "device-removed"),
    ] {
        let rig = Rig::start().await;
        let mut admin = rig.operator(&["operator.admin"]).await;
        let (mut phone, hello) = rig.device(tui(&["operator.read"]), 1).await;
        let token = payload(&hello)["auth"]["deviceToken"].clone();
        let mut params = json!({ "deviceId": device_id(1) });
        if method != "device.pair.remove" {
            params["role"] = json!("operator");
        }
        let answer = admin.ask(method, params).await;
        assert!(
            payload(&answer)["token"].is_null(),
            "never to another device"
        );
        assert_eq!(
            end_of(&mut phone).await,
            (4001, format!("client invalidated: {reason}"))
        );
        assert_eq!(
            admin.event("device.pair.changed").await["payload"],
            json!({})
        );
        let mut again = tui(&["operator.read"]);
        again["auth"] = json!({ "deviceToken": token });
        let (_, refused) = rig.device(again, 1).await;
        assert_eq!(
            refused["error"]["details"]["code"], "AUTH_DEVICE_TOKEN_MISMATCH",
            "{method}"
        );
    }
}

/// S-040: whoever asked for it may be gone before it is done; what it took away is gone with its connections.
#[tokio::test]
async fn s_040_connections_end_even_when_whoever_asked_is_gone() {
    for method in [
        "device.token.rotate",
        "device.token.revoke",
        "device.pair.remove",
        "node.pair.remove",
    ] {
        let rig = Rig::start().await;
        let (mut phone, params) = if method == "node.pair.remove" {
            let node = rig.node(1, "linux", &["canvas.present"]).await;
            (node, json!({ "nodeId": device_id(1) }))
        } else {
            let (phone, _) = rig.device(tui(&["operator.read"]), 1).await;
            let mut params = json!({ "deviceId": device_id(1) });
            if method != "device.pair.remove" {
                params["role"] = json!("operator");
            }
            (phone, params)
        };
        let request = Request {
            id: "1".to_owned(),
            method: method.to_owned(),
            params,
        };
        let admin = client(Role::Operator, ScopeSet::every());
        let Ok(mut call) = methods::admit(&rig.dialect, &admin, request) else {
            panic!("{method} is admitted");
        };
        let step = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
        assert!(step.is_pending(), "{method} has begun");
        drop(call);
        assert_eq!(end_of(&mut phone).await.0, 4001, "{method}");
    }
}

/// S-008: a device that is no administrator touches only itself; the command line of this machine may touch all.
#[tokio::test]
async fn s_008_devices_manage_only_themselves() {
    let rig = Rig::start().await;
    let (mut own, _) = rig
        .device(tui(&["operator.pairing", "operator.read"]), 1)
        .await;
    let (_other, _) = rig.device(tui(&["operator.admin"]), 2).await;
    let label = |seed: u8| json!({ "deviceId": device_id(seed), "label": "Mine" });
    payload(&own.ask("device.pair.rename", label(1)).await);
    let listed = own.ask("device.pair.list", json!({})).await;
    let listed = payload(&listed);
    let named = |device: &Value| device["operatorLabel"] == "Mine";
    assert!(
        listed["paired"]
            .as_array()
            .is_some_and(|paired| paired.iter().any(named))
    );
    for (method, params) in [
        ("device.pair.rename", label(2)),
        ("device.pair.remove", json!({ "deviceId": device_id(2) })),
        (
            "device.token.rotate",
            json!({ "deviceId": device_id(2), "role": "operator" }),
        ),
        (
            "device.token.revoke",
            json!({ "deviceId": device_id(2), "role": "operator" }),
        ),
        ("node.pair.remove", json!({ "nodeId": device_id(2) })),
        (
            "node.rename",
            json!({ "nodeId": device_id(2), "displayName": "x" }),
        ),
    ] {
        let refused = own.ask(method, params).await;
        assert_eq!(
            message(&refused),
            "missing scope: operator.admin",
            "{method}"
        );
    }
    let mut tool = rig.operator(&["operator.pairing"]).await;
    let rotate = json!({ "deviceId": device_id(2), "role": "operator" });
    let refused = tool.ask("device.token.rotate", rotate).await;
    assert_eq!(
        message(&refused),
        "missing scope: operator.admin",
        "nobody makes a token wider than himself"
    );
    payload(
        &tool
            .ask("device.pair.remove", json!({ "deviceId": device_id(2) }))
            .await,
    );
}

/// S-008: whoever asks for more than was approved is told so, and keeps the token he has.
#[tokio::test]
async fn s_008_a_rotation_never_widens_and_never_loses_scopes_unasked() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let (mut phone, _) = rig.device(tui(&["operator.read"]), 1).await;
    for (device, scopes) in [
        (1, json!(["operator.read", "operator.write"])),
        (1, json!(["operator.admin"])),
        (1, json!(["operator.raed"])),
        (9, json!(["operator.read"])),
    ] {
        let wider = json!({ "deviceId": device_id(device), "role": "operator", "scopes": scopes });
        let refused = admin.ask("device.token.rotate", wider).await;
        assert_eq!(
            message(&refused),
            "device token rotation denied",
            "{scopes}"
        );
    }
    let health = phone.ask("health", json!({})).await;
    assert_eq!(health["ok"], true, "its token is still good: {health}");
}

/// S-105: what was done to devices and nodes is in the audit log, with who did it.
#[tokio::test]
async fn s_105_what_is_done_to_devices_is_recorded() {
    let rig = Rig::start().await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let (_phone, _) = rig.device(tui(&["operator.read"]), 1).await;
    let of_role = json!({ "deviceId": device_id(1), "role": "operator" });
    let _lent = rig.node(2, "linux", &["canvas.present"]).await;
    let offers = admin.ask("node.pair.list", json!({})).await;
    let offer = json!({ "requestId": payload(&offers)["pending"][0]["requestId"] });
    for (method, params) in [
        ("device.token.rotate", of_role.clone()),
        ("device.token.revoke", of_role),
        ("device.pair.remove", json!({ "deviceId": device_id(1) })),
        ("node.pair.approve", offer),
        ("node.pair.remove", json!({ "nodeId": device_id(2) })),
    ] {
        payload(&admin.ask(method, params).await);
    }
    let wanted = [
        ("device.pair", 1),
        ("device.token.rotate", 1),
        ("device.token.revoke", 1),
        ("device.pair.remove", 1),
        ("node.pair", 2),
        ("node.pair.remove", 2),
    ];
    // What the bus tells is written by a task of its own.
    let records = loop {
        let page = admin
            .ask("torana.audit.list", json!({ "kind": "device" }))
            .await;
        let records = payload(&page)["records"]
            .as_array()
            .expect("a list")
            .clone();
        if records.len() > wanted.len() {
            break records;
        }
        tokio::task::yield_now().await;
    };
    for (action, seed) in wanted {
        let is_it =
            |record: &&Value| record["action"] == action && record["target"] == device_id(seed);
        let record = records.iter().find(is_it);
        assert!(record.is_some(), "{action}: {records:?}");
    }
    let verified = admin.ask("torana.audit.verify", json!({})).await;
    assert_eq!(payload(&verified)["ok"], true, "{verified}");
}

#[derive(Debug, Clone)]
enum Step {
    Admit(u8, u16),
    Rotate(u8, Option<u16>),
    Revoke(u8),
    Remove(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let device = 0_u8..3;
    let step = prop_oneof![
        (device.clone(), 0_u16..1024).prop_map(|(device, bits)| Step::Admit(device, bits)),
        (device.clone(), proptest::option::of(0_u16..1024))
            .prop_map(|(device, bits)| Step::Rotate(device, bits)),
        device.clone().prop_map(Step::Revoke),
        device.prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 1..16)
}

fn scopes(bits: u16) -> ScopeSet {
    Scope::ALL
        .into_iter()
        .enumerate()
        .filter(|(index, _)| bits & (1 << index) != 0)
        .map(|(_, scope)| scope)
        .collect()
}

/// Whatever happens to a device, only its newest token works, for itself alone, and one that was taken never again.
#[test]
fn a_dead_token_stays_dead_and_a_live_one_fits_one_device() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let rig = runtime.block_on(Rig::start());
    let devices = rig.dialect.devices().clone();
    let round = std::cell::Cell::new(0_u8);
    let config = proptest::test_runner::Config {
        cases: 24,
        failure_persistence: None,
        ..proptest::test_runner::Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        // Devices of their own for every case: what earlier ones left behind does not matter.
        round.set(round.get().wrapping_add(3));
        let round = round.get();
        let proven = |device: u8| {
            let seed = [round.wrapping_add(device); 32];
            let key = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
            use base64::Engine as _;
            let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.as_bytes());
            let key = PublicKey::parse(&text).expect("a key");
            ProvenDevice {
                id: key.device_id(),
                key,
                facts: DeviceFacts::default(),
            }
        };
        let mut live: [Option<(String, ScopeSet)>; 3] = [None, None, None];
        let mut dead: Vec<String> = Vec::new();
        runtime.block_on(async {
            for step in &steps {
                match step {
                    Step::Admit(device, bits) => {
                        let wanted = scopes(*bits);
                        let issued = devices
                            .admit(&proven(*device), Role::Operator, wanted, "owner")
                            .await
                            .expect("admitted");
                        let slot = &mut live[usize::from(*device)];
                        let held = slot.as_ref().map_or(ScopeSet::NONE, |(_, held)| *held);
                        if let Some((token, _)) = slot.as_ref() {
                            assert_eq!(*token, issued.token, "the same string at every hello");
                        }
                        assert_eq!(issued.scopes, held.union(wanted));
                        *slot = Some((issued.token, issued.scopes));
                    }
                    Step::Rotate(device, bits) => {
                        let wanted = bits.map(scopes);
                        let id = proven(*device).id;
                        let rotated = devices
                            .rotate(id.as_str(), Role::Operator, wanted, ScopeSet::every())
                            .await;
                        let slot = &mut live[usize::from(*device)];
                        let may_have = |(_, held): &(String, ScopeSet)| {
                            wanted.is_none_or(|wanted| held.covers(wanted))
                        };
                        assert_eq!(rotated.is_ok(), slot.as_ref().is_some_and(may_have));
                        if let Ok(issued) = rotated {
                            let (old, held) = slot.take().expect("only what lives is rotated");
                            assert_eq!(issued.scopes, wanted.unwrap_or(held));
                            dead.push(old);
                            *slot = Some((issued.token, issued.scopes));
                        }
                    }
                    Step::Revoke(device) => {
                        let id = proven(*device).id;
                        let revoked = devices.revoke(id.as_str(), Role::Operator).await;
                        let old = live[usize::from(*device)].take();
                        assert_eq!(revoked.is_ok(), old.is_some());
                        dead.extend(old.map(|(token, _)| token));
                    }
                    Step::Remove(device) => {
                        drop(devices.remove(proven(*device).id.as_str()).await);
                        let old = live[usize::from(*device)].take();
                        dead.extend(old.map(|(token, _)| token));
                    }
                }
                for owner in 0..3_u8 {
                    let id = proven(owner).id;
                    for token in &dead {
                        let found = devices.verify_token(&id, Role::Operator, token).await;
                        assert_eq!(found, Ok(None), "a dead token");
                    }
                    for (device, slot) in live.iter().enumerate() {
                        let Some((token, held)) = slot else { continue };
                        let found = devices.verify_token(&id, Role::Operator, token).await;
                        let expected = (device == usize::from(owner)).then_some(*held);
                        assert_eq!(found, Ok(expected));
                        let other = devices.verify_token(&id, Role::Node, token).await;
                        assert_eq!(other, Ok(None), "a token is bound to its role");
                    }
                }
            }
        });
        Ok(())
    });
    outcome.expect("every sequence holds");
}
