//! Every method against every single scope, beside a checked-in matrix (S-006, S-007).

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use expect_test::expect_file;
use serde_json::json;
use torana_core::auth::{Role, Scope, ScopeSet};
use torana_core::id::ConnectionId;

use super::super::client::Client;
use super::super::methods::{self, Needs, rows};
use super::super::rate::WriteRate;
use crate::front::outgoing::Outgoing;

pub(super) fn client(role: Role, scopes: ScopeSet) -> Arc<Client> {
    Arc::new(Client {
        id: ConnectionId(1),
        outgoing: Outgoing::new(),
        role,
        scopes,
        device: None,
        address: "192.0.2.1".to_owned(),
        local_tool: false,
        host: String::new(),
        base_url: None,
        protocol: 4,
        newer: false,
        observed: false,
        text_first: false,
        guide: false,
        tool_events: false,
        session_scoped: false,
        subscriptions: Mutex::default(),
    })
}

#[test]
fn each_method_opens_to_exactly_the_scopes_of_the_matrix() {
    let mut text = String::new();
    for method in rows() {
        let mut allowed = Vec::new();
        for scope in Scope::ALL {
            match methods::permit(
                &client(Role::Operator, ScopeSet::NONE.with(scope)),
                method.name,
                &json!({}),
            ) {
                Ok(_) => allowed.push(scope.as_str().trim_start_matches("operator.")),
                Err(error) if matches!(method.needs, Needs::Node { .. }) => {
                    assert_eq!(error.message, "unauthorized role: operator");
                }
                Err(error) => assert_eq!(error.code, "FORBIDDEN"),
            }
        }
        let nobody = methods::permit(
            &client(Role::Operator, ScopeSet::NONE),
            method.name,
            &json!({}),
        )
        .is_ok();
        let node = methods::permit(
            &client(Role::Node, ScopeSet::every()),
            method.name,
            &json!({}),
        )
        .is_ok();
        let (is_open, is_node) = match method.needs {
            Needs::Nothing => (true, true),
            Needs::Operator => (true, false),
            Needs::Node { .. } => (false, true),
            Needs::Scope(_) | Needs::Depends(..) => (false, false),
        };
        assert_eq!(nobody, is_open, "{}", method.name);
        assert_eq!(node, is_node, "{}", method.name);
        if is_node && !is_open {
            allowed.push("node");
        }
        writeln!(text, "{}: {}", method.name, allowed.join(" "))
            .expect("a string takes everything");
    }
    expect_file!["scope-matrix.txt"].assert_eq(&text);
}

#[test]
fn names_are_unique_and_what_is_listed_exists() {
    let mut names: Vec<_> = rows().map(|method| method.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(methods::listed().iter().all(|name| names.contains(name)));
    assert!(methods::reference_markdown().contains("| `chat.send` | `operator.write` |"));
}

#[test]
fn dynamic_scopes_follow_the_parameters() {
    let writer = client(Role::Operator, ScopeSet::NONE.with(Scope::Write));
    let cases = [
        ("agent", json!({ "message": "hello" }), true),
        ("agent", json!({ "message": " /new please" }), false),
        ("agent", json!({ "message": "/reset" }), false),
        (
            "sessions.patch",
            json!({ "key": "main", "label": "x", "expectedSessionId": "y" }),
            true,
        ),
        (
            "sessions.patch",
            json!({ "key": "main", "execHost": "x" }),
            false,
        ),
        ("sessions.delete", json!({ "key": "main" }), false),
        (
            "sessions.delete",
            json!({ "key": "main", "archivedOnly": true }),
            true,
        ),
        (
            "sessions.delete",
            json!({ "key": "main", "archivedOnly": true, "emitLifecycleHooks": true }),
            false,
        ),
        ("node.invoke", json!({ "command": "canvas.present" }), true),
        ("node.invoke", json!({ "command": " system.run " }), false),
    ];
    for (method, params, allowed) in cases {
        assert_eq!(
            methods::permit(&writer, method, &params).is_ok(),
            allowed,
            "{method} {params}"
        );
    }
}

#[test]
fn unknown_methods_are_told_to_administrators_only() {
    for name in ["no.such", "__proto__", "constructor", ""] {
        let reader = methods::permit(
            &client(Role::Operator, ScopeSet::NONE.with(Scope::Write)),
            name,
            &json!({}),
        );
        assert_eq!(
            reader.err().map(|error| error.message),
            Some("missing scope: operator.admin".to_owned())
        );
        let admin = methods::permit(
            &client(Role::Operator, ScopeSet::NONE.with(Scope::Admin)),
            name,
            &json!({}),
        );
        assert_eq!(
            admin.err().map(|error| error.message),
            Some(format!("unknown method: {name}"))
        );
    }
    let again = methods::permit(
        &client(Role::Operator, ScopeSet::every()),
        "connect",
        &json!({}),
    );
    assert_eq!(
        again.err().map(|error| error.message),
        Some("connect is only valid as the first request".to_owned())
    );
}

/// Keys a newer client knows are ignored; everybody else is told.
#[tokio::test]
async fn unknown_keys_of_newer_clients_are_ignored_and_said_once() {
    let rig = super::rig::Rig::start().await;
    for (version, is_ok) in [("2026.9.6", false), ("2027.1.0", true)] {
        let mut client = rig.client().await;
        let auth = json!({ "token": super::rig::TOKEN });
        let mut params = super::rig::connect("cli", "cli", &["operator.read"], auth);
        params["client"]["version"] = json!(version);
        assert_eq!(client.ask("connect", params).await["ok"], true);
        let answer = client.ask("sessions.list", json!({ "invented": 1 })).await;
        assert_eq!(answer["ok"], is_ok, "{version}: {answer}");
        let wrong = client
            .ask("sessions.list", json!({ "limit": "x", "invented": 1 }))
            .await;
        assert_eq!(wrong["ok"], false, "what we know is checked all the same");
    }
    assert!(!rig.dialect.is_first_of("sessions.list"), "said already");
}

#[test]
fn the_thirty_first_write_of_a_minute_waits() {
    let rate = WriteRate::default();
    for call in 0..30 {
        assert!(rate.take("config.patch", "a", call * 100).is_ok());
    }
    let refused = rate
        .take("config.patch", "a", 18_000)
        .expect_err("the limit");
    assert_eq!(
        refused.message,
        "rate limit exceeded for config.patch; retry after 42s"
    );
    assert_eq!(
        (refused.retryable, refused.retry_after_ms),
        (Some(true), Some(42_000))
    );
    assert!(
        rate.take("config.patch", "b", 18_000).is_ok(),
        "another caller"
    );
    assert!(
        rate.take("config.apply", "a", 18_000).is_ok(),
        "another method"
    );
    assert!(
        rate.take("config.patch", "a", 60_000).is_ok(),
        "a minute later"
    );
}
