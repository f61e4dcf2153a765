//! The boundary rules of `docs/architecture.md`, one test each.
//! A failing test prints every finding as `path:line: rule: message; hint`.

use crate::rule::assert_clean;

#[test]
fn crate_edges() {
    assert_clean("arch::crate_edges");
}

#[test]
fn folder_imports() {
    assert_clean("arch::folder_imports");
}

#[test]
fn vendor_words() {
    assert_clean("arch::vendor_words");
}

#[test]
fn ambient() {
    assert_clean("arch::ambient");
}

#[test]
fn trait_budget() {
    assert_clean("arch::trait_budget");
}

#[test]
fn registries() {
    assert_clean("arch::registries");
}

#[test]
fn sizes() {
    assert_clean("arch::sizes");
}
