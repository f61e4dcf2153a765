//! `arch::vendor_words`: below the edges no platform, product or protocol is named in code.
//! Comments may name one, because a number's reason is often somebody's documented behaviour.

use crate::finding::{Finding, finding};
use crate::source::Tree;

/// Names of platforms, products and model vendors; each is unambiguous in English prose and in code.
const VENDOR_WORDS: &[&str] = &[
    "anthropic",
    "clawdbot",
    "discord",
    "feishu",
    "imessage",
    "mattermost",
    "moltbot",
    "msteams",
    "ollama",
    "openai",
    "openclaw",
    "praison",
    "simpleclaw",
    "slack",
    "telegram",
    "whatsapp",
];

const GUARDED: &[&str] = &["crates/torana-core/src/", "crates/torana-engine/src/"];

/// The key grammar and the config tree with its aliases are made of other people's spellings.
const SPELLINGS: &[&str] = &[
    "crates/torana-core/src/key",
    "crates/torana-core/src/config",
];

pub(in crate::rule) fn vendor_words(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        let guarded = GUARDED.iter().any(|folder| file.path.starts_with(folder));
        if !guarded || SPELLINGS.iter().any(|prefix| file.path.starts_with(prefix)) {
            continue;
        }
        for (index, line) in file.uncommented.lines().enumerate() {
            let line_number = index + 1;
            if file.is_test_line(line_number) {
                continue;
            }
            let lower = line.to_lowercase();
            if let Some(word) = VENDOR_WORDS.iter().find(|word| lower.contains(**word)) {
                found.push(finding(
                    rule,
                    &file.path,
                    line_number,
                    format!("`{word}` is named below the edges"),
                    "let the edge describe itself: a field of its descriptor, limits or config section",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> usize {
        vendor_words("arch::vendor_words", &Tree::from_files([(path, text)])).len()
    }

    #[test]
    fn a_vendor_in_code_or_text_is_found_but_not_in_a_comment() {
        let path = "crates/torana-engine/src/delivery/mod.rs";
        assert_eq!(check(path, "if channel == \"telegram\" {}"), 1);
        assert_eq!(check(path, "struct TelegramLane;"), 1);
        assert_eq!(
            check(
                path,
                "// Telegram counts UTF-16 units.\nconst LIMIT: usize = 1;"
            ),
            0
        );
    }

    #[test]
    fn keys_config_tests_and_edges_may_name_vendors() {
        let text = "const A: &str = \"telegram\";";
        assert_eq!(check("crates/torana-core/src/key/parse.rs", text), 0);
        assert_eq!(check("crates/torana-core/src/config/channel.rs", text), 0);
        assert_eq!(check("crates/torana-core/src/route/tests.rs", text), 0);
        assert_eq!(check("crates/torana-channels/src/telegram/mod.rs", text), 0);
    }
}
