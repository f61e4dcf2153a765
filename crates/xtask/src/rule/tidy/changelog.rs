//! `tidy::changelog`: fragments in `changelog.d/` are named by what changed and say it.

use crate::finding::{Finding, finding};
use crate::source::Tree;

const FOLDER: &str = "changelog.d/";
const CHANGELOG_PATH: &str = "CHANGELOG.md";
const KINDS: &[&str] = &["added", "changed", "fixed", "security", "removed"];

pub(in crate::rule) fn changelog(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    if tree.text(CHANGELOG_PATH).is_none() {
        found.push(finding(
            rule,
            CHANGELOG_PATH,
            1,
            "the changelog is missing",
            "releases collect fragments into it",
        ));
    }
    for (path, text) in tree.texts() {
        let Some(name) = path
            .strip_prefix(FOLDER)
            .filter(|name| *name != "README.md")
        else {
            continue;
        };
        if !is_fragment_name(name) {
            let hint = format!("write `<slug>.<{}>.md`", KINDS.join("|"));
            found.push(finding(rule, path, 1, "not the name of a fragment", hint));
        }
        if text.trim().is_empty() {
            found.push(finding(
                rule,
                path,
                1,
                "the fragment says nothing",
                "tell a user what is different for them",
            ));
        }
    }
    found
}

fn is_fragment_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let slug =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    match parts[..] {
        [title, kind, "md"] => {
            !title.is_empty() && title.chars().all(slug) && KINDS.contains(&kind)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_needs_a_name_a_kind_and_a_sentence() {
        let tree = Tree::from_files([
            ("CHANGELOG.md", "# Changelog\n"),
            ("changelog.d/README.md", "How.\n"),
            ("changelog.d/first-answer.added.md", "Torana answers.\n"),
            ("changelog.d/silent.fixed.md", "\n"),
            ("changelog.d/Notes.md", "Text.\n"),
        ]);
        let paths: Vec<String> = changelog("tidy::changelog", &tree)
            .into_iter()
            .map(|finding| finding.path)
            .collect();
        assert_eq!(
            paths,
            ["changelog.d/Notes.md", "changelog.d/silent.fixed.md"]
        );
    }
}
