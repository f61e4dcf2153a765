//! A changed key reaches exactly as far as its class says.

use expect_test::{Expect, expect};

use super::{json, sections};
use crate::config::{KeyPath, ReloadPlan, TreeSchema};

fn check(old: &str, new: &str, expect: Expect) {
    let plan = ReloadPlan::between(&TreeSchema::new(&sections()), &json(old), &json(new));
    let list = |paths: &[KeyPath]| {
        paths
            .iter()
            .map(KeyPath::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    expect.assert_eq(&format!(
        "live: {}; accounts: {:?}; restart: {}",
        list(&plan.live),
        plan.accounts,
        list(&plan.restart)
    ));
}

#[test]
fn each_class_goes_its_own_way() {
    check(
        r#"{ "gateway": { "port": 1, "auth": { "token": "a" } }, "cron": { "x": 1 }, "agents": { "entries": { "a": {} } } }"#,
        r#"{ "gateway": { "port": 2, "auth": { "token": "b" } }, "cron": {}, "agents": { "entries": { "b": { "name": "B" } } } }"#,
        expect![
            "live: gateway.auth.token agents.entries.a agents.entries.b.name; accounts: {}; restart: gateway.port"
        ],
    );
    check(
        "{}",
        r#"{ "bindings": [{ "agentId": "b" }] }"#,
        expect![[r#"live: bindings; accounts: {}; restart: "#]],
    );
}

#[test]
fn a_channel_restarts_alone_or_only_one_account_of_it() {
    let old = r#"{ "channels": { "telegram": { "botToken": "1", "accounts": { "a": { "botToken": "x" }, "b": { "botToken": "y" } } } } }"#;
    let new = r#"{ "channels": { "telegram": { "botToken": "1", "accounts": { "a": { "botToken": "z" }, "b": { "botToken": "y" } } }, "discord": { "token": "t" } } }"#;
    check(
        old,
        new,
        expect![[r#"live: ; accounts: {("telegram", Some("a"))}; restart: "#]],
    );
    let only = r#"{ "channels": { "telegram": { "botToken": "1" } } }"#;
    check(
        only,
        "{}",
        expect![[r#"live: ; accounts: {("telegram", None)}; restart: "#]],
    );
}

#[test]
fn what_means_the_same_needs_nothing() {
    let nothing = || expect![[r#"live: ; accounts: {}; restart: "#]];
    check("{}", "{}", nothing());
    check(
        r#"{ "gateway": {} }"#,
        r#"{ "session": { "reset": {} } }"#,
        nothing(),
    );
}
