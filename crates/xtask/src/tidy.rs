//! The habits of the tree, one test each.
//! A failing test prints every finding as `path:line: rule: message; hint`.

use crate::rule::assert_clean;

#[test]
fn module_docs() {
    assert_clean("tidy::module_docs");
}

#[test]
fn words() {
    assert_clean("tidy::words");
}

#[test]
fn docs_paths() {
    assert_clean("tidy::docs_paths");
}

#[test]
fn docs_tests() {
    assert_clean("tidy::docs_tests");
}

#[test]
fn defences() {
    assert_clean("tidy::defences");
}

#[test]
fn no_todo() {
    assert_clean("tidy::no_todo");
}

#[test]
fn secrets() {
    assert_clean("tidy::secrets");
}

#[test]
fn no_sleep_in_tests() {
    assert_clean("tidy::no_sleep_in_tests");
}

#[test]
fn no_ignore() {
    assert_clean("tidy::no_ignore");
}

#[test]
fn workplace() {
    assert_clean("tidy::workplace");
}

#[test]
fn changelog() {
    assert_clean("tidy::changelog");
}
