//! `tidy::no_todo`: what is not done is in the issue list, not in the tree.

use crate::finding::{Finding, finding};
use crate::source::{Tree, is_word_at};

/// Split so that this file does not find itself.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];
const MACROS: &[&str] = &[concat!("to", "do!"), concat!("unimple", "mented!")];

const SCANNED: &[&str] = &[
    ".rs", ".md", ".ts", ".tsx", ".js", ".mjs", ".svelte", ".css", ".toml",
];

pub(in crate::rule) fn no_todo(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts() {
        if !SCANNED.iter().any(|ending| path.ends_with(ending)) || is_built(path) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let mark = MARKS.iter().find(|mark| {
                line.match_indices(**mark)
                    .any(|(at, _)| is_word_at(line, at, mark))
            });
            let call = MACROS
                .iter()
                .find(|call| path.ends_with(".rs") && line.contains(**call));
            if let Some(leftover) = mark.or(call) {
                let message = format!("`{leftover}` was left behind");
                found.push(finding(
                    rule,
                    path,
                    index + 1,
                    message,
                    "do it, or open an issue and delete the line",
                ));
            }
        }
    }
    found
}

/// Build output is not written by a person.
fn is_built(path: &str) -> bool {
    path.contains("/dist/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_is_found_in_code_and_prose() {
        let note = format!("// {} later\nfn a() {{}}\n", MARKS[0]);
        let call = format!("fn a() {{ {}() }}", MACROS[0]);
        let tree = Tree::from_files([
            ("a.rs", note.as_str()),
            ("b.rs", call.as_str()),
            ("c.md", "Nothing here. TODOS is a word of its own."),
            ("ui/dist/d.js", note.as_str()),
        ]);
        let paths: Vec<String> = no_todo("tidy::no_todo", &tree)
            .into_iter()
            .map(|finding| finding.path)
            .collect();
        assert_eq!(paths, ["a.rs", "b.rs"]);
    }
}
