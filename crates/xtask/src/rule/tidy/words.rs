//! `tidy::words`: public names use the words of the glossary, and no word that says nothing.
//!
//! Forbidden are the words in backticks in the "Not" column of the glossary in `docs/architecture.md`;
//! words without backticks there are advice, because they are right in other places.

use crate::finding::{Finding, finding};
use crate::source::{RustFile, Tree, identifiers, line_of};

const GLOSSARY_PATH: &str = "docs/architecture.md";

/// Words that name nothing, and abbreviations, each with what to write.
const EMPTY_WORDS: &[(&str, &str)] = &[
    ("utils", "name what it does"),
    ("util", "name what it does"),
    ("helper", "name what it does"),
    ("helpers", "name what it does"),
    (
        "manager",
        "a thing that only manages has not been named yet",
    ),
    ("impl", "name the difference"),
    ("msg", "write `message`"),
    ("cfg", "write `config`"),
    ("err", "write `error`"),
    ("mgr", "name what it does"),
];

/// Bindings that the conventions spell out; each is looked for as text.
const SHORT_BINDINGS: &[&str] = &["Err(e)", "Err(err)", "map_err(|e|", "map_err(|err|"];

pub(in crate::rule) fn words(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let glossary = tree
        .text(GLOSSARY_PATH)
        .map(forbidden_words)
        .unwrap_or_default();
    let mut found = Vec::new();
    for file in tree.rust_under("crates/") {
        let module = module_name(&file.path);
        for word in name_words(module) {
            if let Some(hint) = objection(&word, &glossary) {
                found.push(finding(
                    rule,
                    &file.path,
                    1,
                    format!("module `{module}` uses the word `{word}`"),
                    hint,
                ));
            }
        }
        for (line, name) in public_names(file) {
            for word in name_words(name) {
                if let Some(hint) = objection(&word, &glossary) {
                    found.push(finding(
                        rule,
                        &file.path,
                        line,
                        format!("`{name}` uses the word `{word}`"),
                        hint,
                    ));
                }
            }
        }
        for binding in SHORT_BINDINGS {
            for (at, _) in file.code.match_indices(binding) {
                let line = line_of(&file.code, at);
                found.push(finding(
                    rule,
                    &file.path,
                    line,
                    format!("`{binding}` abbreviates"),
                    "write `error`",
                ));
            }
        }
    }
    found
}

/// Each forbidden word with the term to use instead.
fn forbidden_words(document: &str) -> Vec<(String, String)> {
    let glossary = document
        .split_once("Glossary\n")
        .map_or("", |(_, rest)| rest);
    let section = glossary.split("\n## ").next().unwrap_or("");
    let mut words = Vec::new();
    for row in section.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        if let [term, _, not] = cells[..] {
            let quoted = not.split('`').skip(1).step_by(2);
            words.extend(quoted.map(|word| (word.to_lowercase(), term.to_owned())));
        }
    }
    words
}

fn objection(word: &str, glossary: &[(String, String)]) -> Option<String> {
    let empty = EMPTY_WORDS
        .iter()
        .find(|(bad, _)| *bad == word)
        .map(|(_, hint)| (*hint).to_owned());
    empty.or_else(|| {
        let (_, term) = glossary.iter().find(|(bad, _)| bad == word)?;
        Some(format!("the glossary says: {term}"))
    })
}

fn module_name(path: &str) -> &str {
    let stem = path.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.rsplit('/').next().unwrap_or(stem)
}

/// Names after `pub`: items and fields, with their line.
fn public_names(file: &RustFile) -> Vec<(usize, &str)> {
    const BETWEEN: &[&str] = &[
        "async", "const", "fn", "struct", "enum", "trait", "mod", "type", "static", "unsafe",
    ];
    let words = identifiers(&file.code);
    let mut found = Vec::new();
    for (index, (at, word)) in words.iter().enumerate() {
        if *word != "pub" || file.code[at + word.len()..].starts_with('(') {
            continue;
        }
        if let Some((name_at, name)) = words[index + 1..]
            .iter()
            .find(|(_, word)| !BETWEEN.contains(word))
            && *name != "use"
        {
            found.push((line_of(&file.code, *name_at), *name));
        }
    }
    found
}

/// `InboxRow` and `inbox_row` are both `inbox`, `row`.
fn name_words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in name.chars() {
        if letter == '_'
            || (letter.is_uppercase() && word.chars().last().is_some_and(char::is_lowercase))
        {
            words.push(std::mem::take(&mut word));
        }
        if letter != '_' {
            word.extend(letter.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLOSSARY: &str = "## 9 Glossary\n\n| Term | Means | Not |\n|---|---|---|\n| allowlist | who may | `whitelist` |\n| session | context | history |\n\n## 10 End\n";

    fn check(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::from_files([(GLOSSARY_PATH, GLOSSARY), (path, text)]);
        words("tidy::words", &tree)
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_forbidden_word_in_a_public_name_is_found() {
        assert_eq!(
            check("crates/a/src/b.rs", "pub struct UserWhitelist;"),
            ["`UserWhitelist` uses the word `whitelist`"]
        );
        assert_eq!(
            check("crates/a/src/b.rs", "pub async fn send_msg() {}"),
            ["`send_msg` uses the word `msg`"]
        );
        assert_eq!(
            check("crates/a/src/utils.rs", ""),
            ["module `utils` uses the word `utils`"]
        );
    }

    #[test]
    fn advice_private_names_and_imports_are_fine() {
        assert!(
            check(
                "crates/a/src/b.rs",
                "pub fn history() {} pub(crate) fn whitelist() {} pub use msg::Cfg;"
            )
            .is_empty()
        );
    }

    #[test]
    fn an_error_is_never_abbreviated() {
        assert_eq!(
            check("crates/a/src/b.rs", "match a { Err(e) => b, _ => c }").len(),
            1
        );
        assert!(check("crates/a/src/b.rs", "match a { Err(error) => b, _ => c }").is_empty());
    }
}
