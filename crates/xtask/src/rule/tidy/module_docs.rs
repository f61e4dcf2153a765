//! `tidy::module_docs`: every Rust file begins by saying what it is.

use crate::finding::{Finding, finding};
use crate::source::Tree;

/// Enough for a sentence; less is a title.
const OPENING_CHARS_MIN: usize = 20;

pub(in crate::rule) fn module_docs(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let opening = file
            .text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("");
        let says = opening
            .strip_prefix("//!")
            .map_or(0, |sentence| sentence.trim().chars().count());
        if says < OPENING_CHARS_MIN {
            found.push(finding(
                rule,
                &file.path,
                1,
                "the file does not begin with `//!` and a sentence",
                "say what it is, why it exists and where to read on",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_opening_sentence_is_found() {
        let tree = Tree::from_files([
            ("a.rs", "//! Counts the lanes that are open.\n"),
            ("b.rs", "fn main() {}\n"),
            ("c.rs", "//! lanes\n"),
        ]);
        let found = module_docs("tidy::module_docs", &tree);
        let paths: Vec<&str> = found.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["b.rs", "c.rs"]);
    }
}
