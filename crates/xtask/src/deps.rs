//! The dependency rules, one test each.
//! A failing test prints every finding as `path:line: rule: message; hint`.

use crate::rule::assert_clean;

#[test]
fn licences() {
    assert_clean("deps::licences");
}

#[test]
fn duplicates() {
    assert_clean("deps::duplicates");
}

#[test]
fn unused() {
    assert_clean("deps::unused");
}
