//! JSON5 is read completely, or refused with the reason by name.

use expect_test::expect;

use super::{EMPTY, check};

#[test]
fn every_json5_form_is_read() {
    let text = "\u{feff}// comment\n{\n  /* block */ unquoted: 'single \\x41 \\\n joined', \"q\": +1, hex: 0xFF, lead: .5, trail: 5., neg: -0x10, exp: 1e3, big: 123456789012345678901234567890, nested: [1, 2,],\n}";
    let loaded = EMPTY.load(text);
    let document = loaded.document.expect("it parses");
    expect![[r#"{"unquoted":"single A  joined","q":1,"hex":255,"lead":0.5,"trail":5.0,"neg":-16,"exp":1000.0,"big":1.2345678901234568e+29,"nested":[1,2]}"#]]
        .assert_eq(&document.to_value().to_string());
}

#[test]
fn what_cannot_be_read_is_named_with_its_place() {
    check(
        "",
        expect![[r#"
        problem: torana.json:1:1: the file is empty; write `{}` for a configuration without settings
    "#]],
    );
    check(
        "// only a comment",
        expect![[r#"
        problem: torana.json:1:1: the file is empty; write `{}` for a configuration without settings
    "#]],
    );
    check(
        "{ a: 1 b: 2 }",
        expect![[r#"
        problem: torana.json:1:7: the file is not valid JSON5: expected comma
    "#]],
    );
    check(
        "{\n  gateway: {\n",
        expect![[r#"
        problem: torana.json:2:12: the file is not valid JSON5: unterminated object
    "#]],
    );
    check(
        "{ a: Infinity, b: -NaN, c: 1e999 }",
        expect![[r#"
        problem: torana.json:1:6: `a` is Infinity, which no setting can be
        problem: torana.json:1:19: `b` is -NaN, which no setting can be
        problem: torana.json:1:28: `c` is 1e999, which no setting can be
    "#]],
    );
    check(
        "{ \\u0061: 1 }",
        expect![[r#"
        problem: torana.json:1:3: escapes in unquoted keys are not supported; put the key in quotes
    "#]],
    );
    check(
        "{ a: 1 } // x\u{2028}y",
        expect![[r#"
        problem: torana.json:1:14: the file has a Unicode line separator (U+2028 or U+2029) inside a comment, which ends the comment in JSON5 but is invisible; remove it
    "#]],
    );
    check(
        "{ a: 'x",
        expect![[r#"
        problem: torana.json:1:6: the file is not valid JSON5: unterminated string literal
    "#]],
    );
    check(
        "{ a: 1, a: 2 }",
        expect![[r#"
        problem: torana.json:1:9: `a` is written twice; the first is on line 1
    "#]],
    );
    check(
        "[1]",
        expect![[r#"
        problem: torana.json:1:1: the file is a list; an object is needed
    "#]],
    );
}

#[test]
fn nesting_and_size_are_bounded() {
    let deep = format!("{{ a: {}1{} }}", "[".repeat(70), "]".repeat(70));
    let loaded = EMPTY.load(&deep);
    assert!(
        loaded.problems[0].message.contains("more than 64 levels"),
        "{:?}",
        loaded.problems
    );
    let very_deep = "[".repeat(100_000);
    assert_eq!(EMPTY.load(&very_deep).problems.len(), 1);
    let large = format!("{{ a: '{}' }}", "x".repeat(super::super::TEXT_BYTES_MAX));
    assert!(EMPTY.load(&large).problems[0].message.contains("bytes"));
}
