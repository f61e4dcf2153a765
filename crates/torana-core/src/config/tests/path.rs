//! Paths in dot and bracket notation.

use expect_test::{Expect, expect};

use crate::config::KeyPath;

fn check(text: &str, expect: Expect) {
    let shown = match text.parse::<KeyPath>() {
        Ok(path) => format!("{path} {:?}", path.names()),
        Err(error) => format!("error: {error}"),
    };
    expect.assert_eq(&shown);
}

#[test]
fn both_notations_are_read() {
    check(
        "gateway.port",
        expect![[r#"gateway.port ["gateway", "port"]"#]],
    );
    check(
        "bindings[0].agentId",
        expect![[r#"bindings[0].agentId ["bindings", "0", "agentId"]"#]],
    );
    check(
        "bindings.0",
        expect![[r#"bindings["0"] ["bindings", "0"]"#]],
    );
    check(
        "channels['my.bot'][\"a\\\"b\"]",
        expect![[r#"channels["my.bot"]["a\"b"] ["channels", "my.bot", "a\"b"]"#]],
    );
    check("[\"x y\"].z", expect![[r#"["x y"].z ["x y", "z"]"#]]);
    check(
        "agents[main]",
        expect![[r#"agents.main ["agents", "main"]"#]],
    );
}

#[test]
fn malformed_paths_say_where() {
    check(
        "",
        expect!["error: the path has an empty part at character 1"],
    );
    check(
        "a..b",
        expect!["error: the path has an empty part at character 3"],
    );
    check(
        "a.",
        expect!["error: the path has an empty part at character 3"],
    );
    check(
        "a[",
        expect!["error: the bracket at character 2 is not closed"],
    );
    check(
        "a['x",
        expect!["error: the bracket at character 2 is not closed"],
    );
    check(
        "a[]",
        expect!["error: the path has an empty part at character 3"],
    );
    check(
        "a]b",
        expect![
            "error: the character at 2 cannot stand there; put names with special characters in brackets and quotes"
        ],
    );
    check(
        "a[0]b",
        expect![
            "error: the character at 5 cannot stand there; put names with special characters in brackets and quotes"
        ],
    );
}
