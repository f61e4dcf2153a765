//! `tidy::docs_paths` and `tidy::docs_tests`: what `docs/architecture.md` points at exists.
//! `tidy::docs_paths` also follows the relative links of every Markdown file.

use crate::finding::{Finding, finding};
use crate::rule::names;
use crate::source::Tree;

const ARCHITECTURE_PATH: &str = "docs/architecture.md";

/// First segments that make a backticked word a path, and where they lead.
const SHORTHAND: &[(&str, &str)] = &[
    ("core", "crates/torana-core/src"),
    ("engine", "crates/torana-engine/src"),
    ("channels", "crates/torana-channels/src"),
    ("agents", "crates/torana-agents/src"),
    ("dialects", "crates/torana-dialects/src"),
    ("host", "crates/torana-host/src"),
    ("testkit", "crates/torana-testkit/src"),
    ("torana", "crates/torana/src"),
    ("crates", "crates"),
    ("docs", "docs"),
    ("ui", "ui"),
    ("conformance", "conformance"),
    ("changelog.d", "changelog.d"),
    (".ci", ".ci"),
];

pub(in crate::rule) fn docs_paths(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md")) {
        for (index, line) in text.lines().enumerate() {
            if path == ARCHITECTURE_PATH {
                for word in quoted(line) {
                    if let Some(target) = path_target(word)
                        && !tree.exists(&target)
                        && !tree.exists(&format!("{target}.rs"))
                    {
                        let message = format!("`{word}` does not exist");
                        found.push(finding(
                            rule,
                            path,
                            index + 1,
                            message,
                            "correct the document or the tree",
                        ));
                    }
                }
            }
            for link in links(line) {
                let target = resolve(path, link);
                if !tree.exists(&target) {
                    let message = format!("the link to {link} leads nowhere");
                    found.push(finding(
                        rule,
                        path,
                        index + 1,
                        message,
                        "links are relative to the file",
                    ));
                }
            }
        }
    }
    found
}

pub(in crate::rule) fn docs_tests(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(ARCHITECTURE_PATH) else {
        return vec![finding(
            rule,
            ARCHITECTURE_PATH,
            1,
            "the document is missing",
            "write it",
        )];
    };
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in quoted(line).filter(|word| is_rule_name(word)) {
            if !names().any(|name| name == word) {
                let message = format!("no test is called `{word}`");
                found.push(finding(
                    rule,
                    ARCHITECTURE_PATH,
                    index + 1,
                    message,
                    "see `cargo xtask tidy --list`",
                ));
            }
        }
    }
    for name in names() {
        if !text.contains(&format!("`{name}`")) {
            let message = format!("the test `{name}` is not described");
            found.push(finding(
                rule,
                ARCHITECTURE_PATH,
                1,
                message,
                "say when it fails",
            ));
        }
    }
    found
}

pub(super) fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_rule_name(word: &str) -> bool {
    ["arch::", "tidy::", "deps::"]
        .iter()
        .any(|prefix| word.starts_with(prefix))
}

/// The place in the tree that a backticked path means; none for other words and for patterns.
fn path_target(word: &str) -> Option<String> {
    let (_, rest) = word.split_once('/')?;
    let plain = |letter: char| letter.is_alphanumeric() || "_-./".contains(letter);
    if !rest.chars().all(plain) {
        return None;
    }
    expand(word)
}

/// A path with its first segment written out.
pub(super) fn expand(path: &str) -> Option<String> {
    let (first, rest) = path.split_once('/')?;
    let (_, folder) = SHORTHAND.iter().find(|(short, _)| *short == first)?;
    Some(format!("{folder}/{rest}").trim_end_matches('/').to_owned())
}

/// Relative targets of `[text](target)`, without their anchors.
fn links(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split('#').next().unwrap_or(""))
        .filter(|target| !target.is_empty() && !target.contains(':') && !target.contains(' '))
        .collect()
}

fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_does_not_exist_is_found() {
        let text = "See `core/lane`, `core/gone`, `docs/guides/`, `channels/<name>/` and [a](guides/a.md#x), [b](b.md).\n";
        let tree = Tree::from_files([
            (ARCHITECTURE_PATH, text),
            ("crates/torana-core/src/lane.rs", ""),
            (
                "docs/guides/a.md",
                "[up](../architecture.md) [out](https://example.org)",
            ),
        ]);
        let found: Vec<String> = docs_paths("tidy::docs_paths", &tree)
            .into_iter()
            .map(|finding| finding.message)
            .collect();
        assert_eq!(
            found,
            [
                "`core/gone` does not exist",
                "the link to b.md leads nowhere"
            ]
        );
    }

    #[test]
    fn a_test_without_a_description_and_a_description_without_a_test_are_found() {
        let tree = Tree::from_files([(
            ARCHITECTURE_PATH,
            "`arch::nothing_like_it` and `arch::sizes`",
        )]);
        let found = docs_tests("tidy::docs_tests", &tree);
        assert!(
            found
                .iter()
                .any(|finding| finding.message.contains("nothing_like_it"))
        );
        assert!(
            found
                .iter()
                .any(|finding| finding.message.contains("`arch::ambient` is not described"))
        );
        assert!(
            found
                .iter()
                .all(|finding| !finding.message.contains("arch::sizes"))
        );
    }
}
