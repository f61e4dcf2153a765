//! `arch::trait_budget`: a public trait has at least two implementations, the simulated one included.
//! A trait with one implementation is a type that has been made harder to read.

use std::collections::BTreeMap;

use crate::finding::{Finding, finding};
use crate::source::{Tree, identifiers, line_of};

/// One real and one simulated, or two real ones.
const IMPLEMENTATIONS_MIN: usize = 2;

pub(in crate::rule) fn trait_budget(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut implementations: BTreeMap<String, usize> = BTreeMap::new();
    for file in tree.rust_under("crates/") {
        for name in implemented_traits(&file.code) {
            *implementations.entry(name).or_default() += 1;
        }
    }
    let mut found = Vec::new();
    for file in tree.rust_under("crates/") {
        for (at, name) in public_traits(&file.code) {
            let line = line_of(&file.code, at);
            let count = implementations.get(name).copied().unwrap_or(0);
            if count < IMPLEMENTATIONS_MIN && !file.is_test_line(line) {
                found.push(finding(
                    rule,
                    &file.path,
                    line,
                    format!("trait `{name}` has {count} of the {IMPLEMENTATIONS_MIN} implementations it needs"),
                    "use the concrete type until the second one exists",
                ));
            }
        }
    }
    found
}

fn public_traits(code: &str) -> Vec<(usize, &str)> {
    let words = identifiers(code);
    words
        .windows(3)
        .filter(|window| window[0].1 == "pub" && window[1].1 == "trait")
        .filter(|window| code[window[0].0..window[1].0].trim_end() == "pub")
        .map(|window| (window[0].0, window[2].1))
        .collect()
}

/// The last path segment of the trait in each `impl … Trait for …`.
fn implemented_traits(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, word) in identifiers(code) {
        if word != "impl" {
            continue;
        }
        let rest = skip_generics(code[at + word.len()..].trim_start());
        let head = rest.split(['{', ';']).next().unwrap_or("");
        if let Some((path, _)) = head.split_once(" for ") {
            let path = path.split('<').next().unwrap_or(path).trim();
            found.push(path.rsplit("::").next().unwrap_or(path).trim().to_owned());
        }
    }
    found
}

/// Drops the `<…>` of `impl<…>`.
fn skip_generics(text: &str) -> &str {
    if !text.starts_with('<') {
        return text;
    }
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            // The arrow of a function type closes nothing.
            '>' if !text[..at].ends_with('-') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text[at + 1..].trim_start();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> usize {
        trait_budget(
            "arch::trait_budget",
            &Tree::from_files([("crates/a/src/lib.rs", text)]),
        )
        .len()
    }

    #[test]
    fn two_implementations_are_enough() {
        assert_eq!(
            check(
                "pub trait Clock {} impl Clock for Real {} impl<T: Copy> port::Clock for Virtual<T> {}"
            ),
            0
        );
        assert_eq!(check("pub trait Clock {} impl Clock for Real {}"), 1);
        assert_eq!(
            check("pub trait Clock {} impl Display for Clock {} fn a(b: impl Clock) {}"),
            1
        );
    }

    #[test]
    fn private_traits_have_no_budget() {
        assert_eq!(check("trait Local {} pub(crate) trait Near {}"), 0);
    }
}
