//! Edits keep comments, mean exactly what was asked, and refuse what looks like an accident.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{EMPTY, json};
use crate::config::KeyPath;
use crate::config::edit::{self, WriteRefusal};

const FILE: &str = "// Torana\n{\n  // the gateway\n  gateway: {\n    port: 18789, // usual\n    auth: { mode: \"token\" },\n  },\n  agents: {\n    list: [\n      { id: \"a\", name: \"A\" }, // first\n      { id: \"b\" },\n    ],\n  },\n}\n";

fn path(text: &str) -> KeyPath {
    text.parse().expect("a path")
}

fn check_set(key: &str, value: Value, expect: Expect) {
    let result =
        edit::set(FILE, &path(key), &value).unwrap_or_else(|error| format!("error: {error}\n"));
    expect.assert_eq(&result);
}

#[test]
fn a_value_changes_and_everything_else_stays() {
    check_set(
        "gateway.port",
        json!(19001),
        expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            port: 19001, // usual
            auth: { mode: "token" },
          },
          agents: {
            list: [
              { id: "a", name: "A" }, // first
              { id: "b" },
            ],
          },
        }
    "#]],
    );
    check_set(
        "gateway.auth",
        json!({ "mode": "password", "password": "x" }),
        expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            port: 18789, // usual
            auth: {
              mode: "password",
              "password": "x"
            },
          },
          agents: {
            list: [
              { id: "a", name: "A" }, // first
              { id: "b" },
            ],
          },
        }
    "#]],
    );
}

#[test]
fn missing_sections_and_items_are_added() {
    check_set(
        "session.dmScope",
        json!("per-peer"),
        expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            port: 18789, // usual
            auth: { mode: "token" },
          },
          agents: {
            list: [
              { id: "a", name: "A" }, // first
              { id: "b" },
            ],
          },
          "session": {
            "dmScope": "per-peer",
          },
        }
    "#]],
    );
    check_set(
        "agents.list[1].name",
        json!("B"),
        expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            port: 18789, // usual
            auth: { mode: "token" },
          },
          agents: {
            list: [
              { id: "a", name: "A" }, // first
              {
                id: "b",
                "name": "B"
              },
            ],
          },
        }
    "#]],
    );
    check_set(
        "agents.list.2",
        json!({ "id": "c" }),
        expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            port: 18789, // usual
            auth: { mode: "token" },
          },
          agents: {
            list: [
              { id: "a", name: "A" }, // first
              { id: "b" },
              {
                "id": "c",
              },
            ],
          },
        }
    "#]],
    );
}

#[test]
fn what_cannot_be_set_is_refused_with_the_reason() {
    check_set(
        "agents.list[5]",
        json!({}),
        expect![[r#"
        error: `agents.list` has 2 items; the next one is number 2
    "#]],
    );
    check_set(
        "gateway.port.x",
        json!(1),
        expect![[r#"
        error: `gateway.port` holds a plain value, so nothing can be set below it
    "#]],
    );
    check_set(
        "gateway.auth.token",
        json!("__OPENCLAW_REDACTED__"),
        expect![[r#"
        error: `gateway.auth.token` would be set to the placeholder of a hidden value
    "#]],
    );
}

#[test]
fn a_change_that_changes_nothing_leaves_the_bytes_alone() {
    let odd = "{gateway :{ port:0x4965 ,},}  // end";
    assert_eq!(
        edit::set(odd, &path("gateway.port"), &json!(18789)).expect("valid"),
        odd
    );
    assert_eq!(
        edit::merge(odd, &json!({ "session": null }), &[]).expect("valid"),
        odd
    );
}

#[test]
fn unset_takes_out_one_key() {
    let unset =
        |key: &str| edit::unset(FILE, &path(key)).unwrap_or_else(|error| format!("error: {error}"));
    expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            auth: { mode: "token" },
          },
          agents: {
            list: [
              { id: "a", name: "A" }, // first
              { id: "b" },
            ],
          },
        }
    "#]]
    .assert_eq(&unset("gateway.port"));
    expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            port: 18789, // usual
            auth: { mode: "token" },
          },
          agents: {
            list: [
              { id: "b" },
            ],
          },
        }
    "#]]
    .assert_eq(&unset("agents.list[0]"));
    expect!["error: `session.scope` is not set"].assert_eq(&unset("session.scope"));
}

#[test]
fn a_patch_merges_objects_and_lists_with_ids() {
    let merge = |patch: &str| {
        edit::merge(FILE, &json(patch), &[]).unwrap_or_else(|error| format!("error: {error}"))
    };
    expect![[r#"
        // Torana
        {
          // the gateway
          gateway: {
            port: 18789, // usual
            "bind": "lan",
          },
          agents: {
            list: [
              { id: "a", name: "A" }, // first
              {
                id: "b",
                "name": "B"
              },
              {
                "id": "c",
              },
            ],
          },
        }
    "#]].assert_eq(&merge(
        r#"{ "gateway": { "auth": null, "bind": "lan" }, "agents": { "list": [{ "id": "b", "name": "B" }, { "id": "c", "name": null }] } }"#,
    ));
    let listed = "{ logging: { redactPatterns: ['a', 'b'] } }";
    let patch = json(r#"{ "logging": { "redactPatterns": ["b"] } }"#);
    let refused = edit::merge(listed, &patch, &[]).expect_err("an entry would vanish");
    assert_eq!(
        refused.to_string(),
        "the patch would remove entries of the list `logging.redactPatterns`; name it as replaced to do so"
    );
    let allowed =
        edit::merge(listed, &patch, &[path("logging.redactPatterns")]).expect("it is named");
    assert_eq!(allowed, "{ logging: { redactPatterns: [ 'b'] } }");
}

#[test]
fn included_sections_are_not_edited_here() {
    let text = "{ gateway: { $include: 'g.json5' } }";
    let error = edit::set(text, &path("gateway.port"), &json!(1)).expect_err("it is elsewhere");
    assert_eq!(
        error.to_string(),
        "`gateway` comes from an included file; change it there"
    );
}

#[test]
fn what_a_file_overrides_beside_an_include_stays_editable() {
    let text =
        "{ $include: 'base.json5', gateway: { port: 1 }, session: { resetTriggers: ['x'] } }";
    let set = |key: &str, value| {
        edit::set(text, &path(key), &value).unwrap_or_else(|error| format!("error: {error}"))
    };
    assert_eq!(
        set("gateway.port", json!(2)),
        text.replace("port: 1", "port: 2")
    );
    // A key that is not overridden yet could be meant for any of the files, and lists are joined.
    let root = "error: the file takes in others with `$include` at its top, so this key could belong to any of them; write it by hand";
    assert_eq!(set("logging.level", json!("debug")), root);
    assert_eq!(set("session.resetTriggers", json!(["y"])), root);
    assert_eq!(set("$include", json!("other.json5")), root);
}

#[test]
fn a_write_that_looks_like_an_accident_is_refused() {
    let long = format!("{{ gateway: {{ mode: 'local' }} }} // {}", "x".repeat(600));
    EMPTY.with_input(&long, |current| {
        let mut longer = long.clone();
        longer.push('y');
        assert!(edit::propose(current, &longer).is_ok());
        assert_eq!(
            edit::propose(current, "{ gateway: { mode: 'local' } }")
                .expect_err("too short")
                .to_string(),
            "the file would shrink from 634 to 30 bytes"
        );
        let without_mode = long.replace("mode: 'local'", "");
        assert_eq!(
            edit::propose(current, &without_mode).expect_err("no mode"),
            WriteRefusal::ModeVanishes
        );
        let invalid = edit::propose(current, "{ gatway: 1 }").expect_err("unknown key");
        assert!(matches!(invalid, WriteRefusal::Invalid(problems) if problems.len() == 1));
    });
}

#[test]
fn an_empty_file_can_be_filled() {
    expect![[r#"
        {
          "gateway": {
            "port": 1
          }
        }
    "#]]
    .assert_eq(&edit::set("", &path("gateway.port"), &json!(1)).expect("valid"));
}
