//! `tidy::secrets`: product code compares secrets only as digests, in the one place whose time tells nothing (S-036).
//!
//! No clock could prove that: what `==` gives away of two texts drowns in the noise of a test machine. So the operator
//! itself is what is forbidden.

use crate::finding::{Finding, finding};
use crate::source::{Tree, line_of};

/// Last words of a path that holds a secret.
const SECRETS: &[&str] = &["token", "secret", "password", "passphrase", "expose"];

pub(in crate::rule) fn secrets(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust_under("crates/") {
        if file.is_fake() || ["xtask", "torana-testkit"].contains(&file.crate_name()) {
            continue;
        }
        for operator in ["==", "!="] {
            for (at, _) in file.code.match_indices(operator) {
                let line = line_of(&file.code, at);
                let (left, right) = (&file.code[..at], &file.code[at + operator.len()..]);
                let compares = [last_word(left), last_word(path_at(right))]
                    .into_iter()
                    .any(is_secret);
                if compares && !file.is_test_line(line) {
                    found.push(finding(
                        rule,
                        &file.path,
                        line,
                        "a secret is compared as text",
                        "use `torana_core::auth::same_secret`, or compare digests",
                    ));
                }
            }
        }
    }
    found
}

fn is_secret(word: &str) -> bool {
    SECRETS.iter().any(|secret| {
        let rest = word.strip_suffix(secret);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
    })
}

/// The last word of an expression such as `a.b` or `a.b()`.
fn last_word(expression: &str) -> &str {
    let expression = expression.trim_end().trim_end_matches("()");
    let from = expression
        .rfind(|character: char| !is_word(character))
        .map_or(0, |at| at + 1);
    &expression[from..]
}

/// The path an expression begins with, references left out.
fn path_at(expression: &str) -> &str {
    let expression = expression.trim_start_matches([' ', '\n', '&', '*']);
    let end = expression
        .find(|character: char| !is_word(character) && !['.', ':'].contains(&character))
        .unwrap_or(expression.len());
    &expression[..end]
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, code: &str) -> usize {
        let text = format!("fn a() {{ {code} }}");
        secrets("tidy::secrets", &Tree::from_files([(path, &text)])).len()
    }

    #[test]
    fn s_036_secrets_compared_as_text_are_found() {
        for code in [
            "b.token == c",
            "b == &c.token",
            "b != *device_token",
            "secret.expose() == c",
            "front.secret\n != now.secret",
        ] {
            assert_eq!(count("crates/a/src/lib.rs", code), 1, "{code}");
        }
        for code in ["digest(b) == c", "b.tokens == 3", "same_secret(token, c)"] {
            assert_eq!(count("crates/a/src/lib.rs", code), 0, "{code}");
        }
        assert_eq!(count("crates/a/src/tests.rs", "b.token == c"), 0);
    }
}
