//! `tidy::defences`: the table of defences in `docs/concepts/promises.md` names a proof for each number, every proof it
//! names is there, and no comment claims a number that the table does not have.

use std::collections::BTreeSet;

use super::docs::{expand, quoted};
use crate::finding::{Finding, finding};
use crate::source::Tree;

const PAGE: &str = "docs/concepts/promises.md";
const HEADING: &str = "## Defences";

pub(in crate::rule) fn defences(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(PAGE) else {
        return vec![finding(rule, PAGE, 1, "the page is missing", "write it")];
    };
    let mut found = Vec::new();
    let mut numbers = BTreeSet::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.skip_while(|(_, line)| *line != HEADING) {
        let Some(number) = line.strip_prefix("| ").and_then(number_at) else {
            continue;
        };
        numbers.insert(number);
        let proofs: Vec<&str> = quoted(line).filter(|word| word.contains("::")).collect();
        if proofs.is_empty() {
            let message = format!("{number} has no proof");
            found.push(finding(
                rule,
                PAGE,
                index + 1,
                message,
                "name a test, or promise nothing",
            ));
        }
        for proof in proofs {
            if let Some(message) = fault(tree, proof) {
                found.push(finding(
                    rule,
                    PAGE,
                    index + 1,
                    message,
                    "correct the table or the test",
                ));
            }
        }
    }
    for file in tree.rust().filter(|file| !file.path.contains("/xtask/")) {
        for (index, line) in file.text.lines().enumerate() {
            for claimed in claims(line).filter(|claimed| !numbers.contains(claimed)) {
                let message = format!("{claimed} is not in the table of defences");
                found.push(finding(
                    rule,
                    &file.path,
                    index + 1,
                    message,
                    "see docs/concepts/promises.md",
                ));
            }
        }
    }
    found
}

/// What is wrong with `path::name`: a file as in `docs/architecture.md`, and a test or a named step in it.
fn fault(tree: &Tree, proof: &str) -> Option<String> {
    let (path, name) = proof.split_once("::")?;
    let Some(text) = expand(path).and_then(|path| tree.text(&path)) else {
        return Some(format!("`{path}` does not exist"));
    };
    let is_there = if path.ends_with(".rs") {
        text.contains(&format!("fn {name}("))
    } else {
        text.contains(&format!("\"{name}\""))
    };
    (!is_there).then(|| format!("`{path}` has no `{name}`"))
}

/// `S-` and three digits at the beginning of a text.
fn number_at(text: &str) -> Option<&str> {
    let number = text.get(..5)?;
    let digits = number.strip_prefix("S-")?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(number)
}

fn claims(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("S-")
        .filter(|(at, _)| !line[..*at].ends_with(|before: char| before.is_ascii_alphanumeric()))
        .filter_map(|(at, _)| number_at(&line[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(page: &str, code: &str) -> Vec<String> {
        let tree = Tree::from_files([(PAGE, page), ("crates/torana-core/src/a.rs", code)]);
        let found = defences("tidy::defences", &tree);
        found.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_number_without_a_proof_and_a_proof_without_a_test_are_found() {
        let page = "| S-009 | not here |\n## Defences\n| S-001 | x | `core/a.rs::holds` |\n| S-002 | y |\n\
                    | S-003 | z | `core/a.rs::gone`, `core/b.rs::holds` |\n";
        let expected = [
            "S-002 has no proof",
            "`core/a.rs` has no `gone`",
            "`core/b.rs` does not exist",
        ];
        assert_eq!(messages(page, "fn holds() {}"), expected);
    }

    #[test]
    fn a_number_that_only_the_code_knows_is_found() {
        let page = "## Defences\n| S-001 | x | `core/a.rs::holds` |\n";
        let code = "// S-001, S-077; not a number: MS-002, S-12.\nfn holds() {}";
        assert_eq!(
            messages(page, code),
            ["S-077 is not in the table of defences"]
        );
    }
}
