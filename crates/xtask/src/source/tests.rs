//! The scanner must not be fooled by text that looks like code.

use super::rust::{Blank, blank, functions};
use super::{Tree, identifiers, word_positions};

fn code_of(text: &str) -> String {
    blank(text, Blank::CommentsAndStrings)
}

#[test]
fn comments_strings_and_characters_are_blanked_but_lines_stay() {
    let text = "let a = \"x // y\"; // z\n/* q /* r */ s */ let b = '\\''; let c: &'static str = r#\"\"#;\n";
    let code = code_of(text);
    assert_eq!(code.len(), text.len());
    assert_eq!(code.lines().count(), text.lines().count());
    let words: Vec<&str> = identifiers(&code)
        .into_iter()
        .map(|(_, word)| word)
        .collect();
    assert_eq!(words, ["let", "a", "let", "b", "let", "c", "static", "str"]);
}

#[test]
fn only_comments_go_when_strings_are_wanted() {
    let kept = blank("let a = \"telegram\"; // discord", Blank::Comments);
    assert!(kept.contains("telegram"));
    assert!(!kept.contains("discord"));
}

#[test]
fn byte_strings_raw_identifiers_and_wide_characters_are_understood() {
    let code = code_of("let r#type = b\"x y\"; let d = 'é'; let e = br##\"a\"# b\"##; fin();");
    assert!(code.contains("fin();"));
    assert!(!code.contains("x y"));
    assert!(!code.contains('é'));
}

#[test]
fn a_function_counts_its_code_lines_only() {
    let text = "trait T { fn none(&self); }\nfn long(a: [u8; 2]) -> u8 {\n    // why\n\n    let b = 1;\n    b\n}\n";
    let found = functions(&code_of(text));
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].name.as_str(), found[0].line, found[0].code_lines),
        ("long", 2, 2)
    );
}

#[test]
fn test_modules_inside_and_outside_a_file_are_marked() {
    let tree = Tree::from_files([
        (
            "crates/a/src/lib.rs",
            "fn live() {}\n#[cfg(test)]\nmod fake;\n#[cfg(test)]\nmod checks {\n    fn t() {}\n}\n",
        ),
        ("crates/a/src/fake.rs", "fn only_in_tests() {}\n"),
        ("crates/a/tests/it/main.rs", "fn t() {}\n"),
    ]);
    let files: Vec<_> = tree.rust().collect();
    assert_eq!(files[0].path, "crates/a/src/fake.rs");
    assert!(!files[0].has_production());
    assert_eq!(files[1].production_lines(), 1);
    assert!(files[1].is_test_line(6));
    assert!(!files[2].has_production());
}

#[test]
fn words_are_whole_words() {
    let code = "crate::telegram::x; crate::telegrams; my_crate::telegram";
    assert_eq!(word_positions(code, "crate::telegram").count(), 1);
}
