//! `$include` makes several files one, and says what is wrong with them by name.

use expect_test::expect;

use super::{World, check_in};

#[test]
fn files_merge_in_order_and_siblings_win() {
    let world = World {
        env: &[("P", "19001")],
        files: &[
            (
                "a.json5",
                "{ session: { resetTriggers: ['/a'], dmScope: 'per-peer' } }",
            ),
            (
                "b.json5",
                "{ session: { resetTriggers: ['/b'] }, logging: { file: '${P}' } }",
            ),
        ],
    };
    let loaded =
        world.load("{ $include: ['./a.json5', './b.json5'], session: { resetTriggers: ['/c'] } }");
    let document = loaded.document.as_ref().expect("it parses");
    expect![[r#"{"session":{"resetTriggers":["/a","/b","/c"],"dmScope":"per-peer"},"logging":{"file":"${P}"}}"#]]
        .assert_eq(&document.to_value().to_string());
    assert_eq!(
        document.files().collect::<Vec<_>>(),
        ["torana.json", "a.json5", "b.json5"]
    );
    assert_eq!(
        loaded.config.expect("valid").logging.file.as_deref(),
        Some("19001")
    );
}

#[test]
fn a_finding_names_the_file_its_key_is_in() {
    let world = World {
        env: &[],
        files: &[
            ("g.json5", "// first line\n{ prot: 1 }"),
            ("broken.json5", "{ a: "),
        ],
    };
    check_in(
        &world,
        "{ gateway: { $include: 'g.json5' } }",
        expect![[r#"
        problem: g.json5:2:3: `gateway.prot` is not a known key; did you mean `gateway.port`?
    "#]],
    );
    check_in(
        &world,
        "{ gateway: { $include: 'broken.json5' }, session: { $include: 'gone.json5' }, logging: { $include: 5 } }",
        expect![[r#"
        problem: broken.json5:1:6: the file is not valid JSON5: expected value after colon in object property
        problem: torana.json:1:63: `session` cannot include gone.json5: no such file
        problem: torana.json:1:100: `logging` has an `$include` that is neither a path nor a list of paths
    "#]],
    );
}

#[test]
fn circles_and_depth_are_bounded() {
    let circle = World {
        env: &[],
        files: &[
            ("a", "{ $include: 'b' }"),
            ("b", "{ x: { $include: 'a' } }"),
        ],
    };
    check_in(
        &circle,
        "{ $include: 'a' }",
        expect![[r#"
        problem: b:1:18: `x` includes itself in a circle: a → b → a
    "#]],
    );
    let names: Vec<String> = (0..14).map(|index| format!("f{index}")).collect();
    let texts: Vec<String> = (1..15)
        .map(|index| format!("{{ $include: 'f{index}' }}"))
        .collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().map(String::as_str))
        .collect();
    check_in(
        &World {
            env: &[],
            files: &files,
        },
        "{ $include: 'f0' }",
        expect![[r#"
        problem: f9:1:13: includes f10 more than 10 files deep
    "#]],
    );
    let list = World {
        env: &[],
        files: &[("l", "[1]")],
    };
    check_in(
        &list,
        "{ bindings: { $include: 'l', x: 1 } }",
        expect![[r#"
        problem: torana.json:1:13: `bindings` has keys beside `$include`, but the included file holds no object
    "#]],
    );
}
