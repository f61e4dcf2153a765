//! What clients see of a file, and what becomes of what they send back.

use expect_test::expect;
use proptest::prelude::*;
use serde_json::json;

use super::properties::{commented, document, read};
use super::sections;
use crate::config::{KeyPath, REDACTED, TreeSchema, changed_paths};

const FILE: &str = "// mine\n{\n  gateway: {\n    auth: { token: 'first-secret' }, // was first-secret before\n    port: 1, // the usual port\n  },\n  channels: {\n    telegram: {\n      botToken: '123456:abcdefghijklmnop',\n      // botToken: '99:zz'\n    },\n  },\n}\n";

fn schema() -> TreeSchema {
    TreeSchema::new(&sections())
}

#[test]
fn a_shown_file_keeps_its_comments_but_no_secret() {
    let shown = schema().redacted_text(FILE);
    expect![[r#"
        // mine
        {
          gateway: {
            auth: { token: "__OPENCLAW_REDACTED__" }, // (hidden: may hold a secret) 
            port: 1, // the usual port
          },
          channels: {
            telegram: {
              botToken: "__OPENCLAW_REDACTED__",
              // (hidden: may hold a secret) 
            },
          },
        }
    "#]]
    .assert_eq(&shown);
}

#[test]
fn what_cannot_be_read_is_not_shown() {
    assert_eq!(schema().redacted_text("{ token: 'abc'"), "");
}

#[test]
fn a_text_that_comes_back_unchanged_changes_nothing() {
    let schema = schema();
    let shown = schema.redacted_text(FILE);
    assert_eq!(schema.returned_text(&shown, FILE).expect("returned"), FILE);
    let quoted = "{ gateway: { auth: { token: 'abc' } } } // single quotes\n";
    let shown_quoted = schema.redacted_text(quoted);
    assert_eq!(
        schema
            .returned_text(&shown_quoted, quoted)
            .expect("returned"),
        quoted
    );
    let form = read(&shown).to_string();
    assert_eq!(schema.returned_text(&form, FILE).expect("returned"), FILE);
}

#[test]
fn a_text_with_comments_of_its_own_replaces_the_file() {
    let schema = schema();
    let current = "{ gateway: { auth: { token: 'abc' } } } // old\n";
    let submitted =
        format!("{{ gateway: {{ auth: {{ token: '{REDACTED}' }}, port: 2 }} }} // new\n");
    expect![[r#"
        { gateway: { auth: { token: "abc" }, port: 2 } } // new
    "#]]
    .assert_eq(&schema.returned_text(&submitted, current).expect("returned"));
}

#[test]
fn a_patch_may_carry_placeholders_and_names_the_lists_it_shortens() {
    let schema = schema();
    let patch = json!({ "gateway": { "auth": { "token": REDACTED }, "port": 5 } });
    let text = schema.patched_text(&patch, &[], FILE).expect("patched");
    assert_eq!(text, FILE.replace("port: 1", "port: 5"));
    let patch = json!({ "hooks": { "token": REDACTED } });
    assert_eq!(
        schema
            .patched_text(&patch, &[], FILE)
            .expect_err("nothing was hidden there")
            .to_string(),
        "a hidden value cannot be put back at `hooks.token`"
    );
    let list = "{ bindings: [1, 2] }";
    let patch = json!({ "bindings": [1] });
    assert!(schema.patched_text(&patch, &[], list).is_err());
    let named = [KeyPath::root().key("bindings")];
    assert!(schema.patched_text(&patch, &named, list).is_ok());
}

#[test]
fn an_include_is_not_flattened() {
    let schema = schema();
    let current = "{ agents: { $include: 'agents.json5' } }";
    assert!(
        schema
            .returned_text(r#"{ "agents": { "list": [] } }"#, current)
            .is_err()
    );
}

#[test]
fn a_change_names_the_whole_part_that_came_or_went() {
    let old = json!({ "a": { "b": 1 }, "gone": { "x": 1 }, "list": [1] });
    let new = json!({ "a": { "b": 2, "c": {} }, "list": [2] });
    let paths: Vec<String> = changed_paths(&old, &new)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(paths, ["a.b", "a.c", "gone", "list"]);
}

#[test]
fn hints_and_places_describe_every_key() {
    let schema = schema();
    let hints = schema.hints();
    assert_eq!(hints["gateway.port"]["label"], "Port");
    assert_eq!(hints["gateway.port"]["order"], 1);
    assert_eq!(hints["gateway.auth.token"]["sensitive"], true);
    assert_eq!(hints["channels.telegram.botToken"]["sensitive"], true);
    assert_eq!(hints["agents.entries.*.name"]["label"], "Name");
    for path in hints.keys() {
        assert!(schema.describe(path).is_some(), "{path}");
    }
    let port = schema.describe("gateway.port").expect("a key");
    assert_eq!(
        (port.reload, port.hint_path.as_str()),
        (Some("restart"), "gateway.port")
    );
    assert!(port.children.is_empty() && port.schema["type"] == "integer");
    let entry = schema.describe("agents.entries.main").expect("any agent");
    assert_eq!(entry.hint_path, "agents.entries.*");
    let name = entry
        .children
        .iter()
        .find(|child| child.key == "name")
        .expect("a child");
    assert_eq!(
        (name.path.as_str(), name.hint_path.as_str()),
        ("agents.entries.main.name", "agents.entries.*.name")
    );
    assert!(schema.describe("agents.list[0].name").is_some());
    assert!(schema.describe(".").expect("the root").children.len() > 5);
    assert!(schema.describe("gateway.prot").is_none());
}

proptest! {
    #[test]
    fn what_is_shown_and_returned_is_no_change(document in document()) {
        let schema = schema();
        let mut count = 0;
        let text = commented(&document, &mut count);
        let shown = schema.redacted_text(&text);
        prop_assert_eq!(schema.returned_text(&shown, &text).expect("it came from here"), text.clone());
        let form = schema.redacted(&document).to_string();
        prop_assert_eq!(schema.returned_text(&form, &text).expect("it came from here"), text.clone());
        prop_assert_eq!(schema.patched_text(&schema.redacted(&document), &[], &text).map(|text| read(&text)), Ok(document));
    }
}
