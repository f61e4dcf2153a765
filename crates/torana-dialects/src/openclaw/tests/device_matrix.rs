//! Who may do what to whose device: every kind of caller against every kind of target (S-008).
//!
//! Nobody makes anything wider than himself, and a device that is no administrator touches only itself. A command line
//! of this machine that holds the shared secret could ask for everything, so it may also take things away from others
//! when it asked for `operator.pairing` alone, as the official one does (OpenClaw 2026.9.6).

use std::fmt::Write as _;

use expect_test::{expect, expect_file};
use serde_json::{Value, json};

use super::rig::{Client, Rig, TOKEN, connect, device_id};

const OPERATIONS: [&str; 7] = [
    "rename",
    "rotate",
    "rotate to nothing",
    "reject",
    "approve",
    "revoke",
    "remove",
];

fn tui(scopes: &[&str]) -> Value {
    connect("openclaw-tui", "ui", scopes, json!({ "token": TOKEN }))
}

/// Asks for one operation on a device.
async fn act(caller: &mut Client, operation: &str, target: &mut Client, seed: u8) -> String {
    let device = device_id(seed);
    let request = match operation {
        "approve" | "reject" => {
            let wanted = json!({ "scopes": ["operator.write"] });
            let asked = target.ask("device.scopes.requestUpgrade", wanted).await;
            json!({ "requestId": asked["payload"]["requestId"] })
        }
        _ => Value::Null,
    };
    let (method, params) = match operation {
        "rename" => (
            "device.pair.rename",
            json!({ "deviceId": device, "label": "Named" }),
        ),
        "rotate" => (
            "device.token.rotate",
            json!({ "deviceId": device, "role": "operator" }),
        ),
        "rotate to nothing" => (
            "device.token.rotate",
            json!({ "deviceId": device, "role": "operator", "scopes": [] }),
        ),
        "reject" => ("device.pair.reject", request),
        "approve" => ("device.pair.approve", request),
        "revoke" => (
            "device.token.revoke",
            json!({ "deviceId": device, "role": "operator" }),
        ),
        _ => ("device.pair.remove", json!({ "deviceId": device })),
    };
    let answer = caller.ask(method, params).await;
    if answer["ok"] != true {
        return answer["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
    }
    let payload = &answer["payload"];
    match payload["scopes"].as_array() {
        // Only the device itself ever sees its token.
        Some(scopes) if payload["token"].is_null() => {
            format!("done, {} scopes, withheld", scopes.len())
        }
        Some(scopes) => format!("done, {} scopes, token", scopes.len()),
        None => "done".to_owned(),
    }
}

async fn row(text: &mut String, name: &str, scopes: &[&str], has_device: bool) {
    let rig = Rig::start().await;
    let mut seed = 10;
    for (target_name, target_scopes) in [
        ("reader", &["operator.read"][..]),
        ("approver", &["operator.read", "operator.approvals"]),
        ("administrator", &["operator.admin"]),
    ] {
        for operation in OPERATIONS {
            // An administrator has nothing to ask for.
            if target_name == "administrator" && matches!(operation, "approve" | "reject") {
                continue;
            }
            seed += 1;
            let mut caller = if has_device {
                rig.device(tui(scopes), 1).await.0
            } else {
                rig.operator(scopes).await
            };
            let (mut target, _) = rig.device(tui(target_scopes), seed).await;
            let outcome = act(&mut caller, operation, &mut target, seed).await;
            writeln!(
                text,
                "{name:<16} {target_name:<14} {operation:<18} {outcome}"
            )
            .expect("written");
        }
    }
}

#[tokio::test]
async fn s_008_every_caller_against_every_target() {
    let mut text = String::new();
    let pairing = &["operator.pairing"][..];
    let writer = &["operator.pairing", "operator.read", "operator.write"][..];
    let admin = &["operator.admin"][..];
    row(&mut text, "device, pairing", pairing, true).await;
    row(&mut text, "device, writer", writer, true).await;
    row(&mut text, "device, admin", admin, true).await;
    row(&mut text, "tool, pairing", pairing, false).await;
    row(&mut text, "tool, writer", writer, false).await;
    row(&mut text, "tool, admin", admin, false).await;
    expect_file!["device-matrix.txt"].assert_eq(&text);
}

#[tokio::test]
async fn s_008_a_device_may_do_everything_to_itself_and_grow_by_nothing() {
    let mut text = String::new();
    for operation in OPERATIONS {
        let rig = Rig::start().await;
        let scopes = ["operator.pairing", "operator.read"];
        let (mut own, _) = rig.device(tui(&scopes), 1).await;
        // The same device on a second connection, since the first one is asked to wait for its answer.
        let (mut again, _) = rig.device(tui(&scopes), 1).await;
        let outcome = act(&mut own, operation, &mut again, 1).await;
        writeln!(text, "{operation:<18} {outcome}").expect("written");
    }
    expect![[r#"
        rename             done
        rotate             done, 2 scopes, token
        rotate to nothing  done, 0 scopes, token
        reject             done
        approve            missing scope: operator.write
        revoke             done
        remove             done
    "#]]
    .assert_eq(&text);
}

/// A device that was forgotten and comes back without scopes has none, whatever it had.
#[tokio::test]
async fn s_008_pairing_again_inherits_nothing() {
    for method in ["device.pair.remove", "device.token.revoke"] {
        let rig = Rig::start().await;
        let mut admin = rig.operator(&["operator.admin"]).await;
        let (_first, _) = rig.device(tui(&["operator.admin"]), 1).await;
        let mut params = json!({ "deviceId": device_id(1) });
        if method == "device.token.revoke" {
            params["role"] = json!("operator");
        }
        assert_eq!(admin.ask(method, params).await["ok"], true);
        let (_second, hello) = rig.device(tui(&[]), 1).await;
        assert_eq!(
            hello["payload"]["auth"]["scopes"],
            json!([]),
            "{method}: {hello}"
        );
        let listed = admin.ask("device.pair.list", json!({})).await;
        assert_eq!(
            listed["payload"]["paired"][0]["scopes"],
            json!([]),
            "{method}"
        );
    }
}
