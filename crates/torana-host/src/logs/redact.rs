//! Keeps secrets out of everything that is written down: exact values we know, and shapes we recognise (S-070).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, RwLock};

const MASK: &str = "[redacted]";
/// Shorter values would make ordinary words unreadable and protect little.
const EXACT_BYTES_MIN: usize = 6;
/// Prefixes of keys of well-known services, with the fewest key characters that must follow.
const KEY_PREFIXES: &[(&str, usize)] = &[
    ("sk-", 16),
    ("sk_live_", 16),
    ("gsk_", 16),
    ("xai-", 16),
    ("AIza", 30),
    ("ghp_", 20),
    ("gho_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xapp-", 10),
    ("hf_", 20),
    ("r8_", 20),
    ("AKIA", 16),
    ("eyJ", 40),
];
/// Words before a `=` or `:` whose value is a secret, in query strings, headers and JSON.
const SECRET_NAMES: &[&str] = &[
    "access_token",
    "api_key",
    "api-key",
    "apikey",
    "token",
    "password",
    "passwd",
    "secret",
    "client_secret",
    "refresh_token",
    "x-api-key",
    "login",
];

/// Most patterns of the operator that are searched; each costs a pass over every line.
const PATTERNS_MAX: usize = 64;
/// Compiled size of one pattern, bytes: bounds its memory and the time per line.
const PATTERN_BYTES_MAX: usize = 1 << 18;

/// Replaces secrets. Cheap to clone; all clones share the known values.
#[derive(Clone, Default)]
pub struct Redactor {
    // Longest first, so that a secret which contains another is replaced whole.
    exact: Arc<RwLock<Vec<Box<str>>>>,
    patterns: Arc<RwLock<Vec<regex::Regex>>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Redactor")
    }
}

impl Redactor {
    /// Knows no values yet; shapes are recognised from the start.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret, also in the forms it takes inside JSON and URLs.
    pub fn register(&self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < EXACT_BYTES_MIN {
            return;
        }
        let json = serde_json::to_string(secret).unwrap_or_default();
        let forms = [
            secret.to_owned(),
            json.trim_matches('"').to_owned(),
            percent_encoded(secret),
        ];
        let mut exact = self
            .exact
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for form in forms {
            if !form.is_empty() && !exact.iter().any(|known| **known == *form) {
                exact.push(form.into());
            }
        }
        exact.sort_by_key(|known| std::cmp::Reverse(known.len()));
    }

    /// Replaces the operator's own patterns. Those that cannot be used are left out and returned by their place in the
    /// list: no pattern, too large, one too many, or one that matches empty text and so everywhere.
    pub fn set_patterns<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
        let (mut usable, mut refused) = (Vec::new(), Vec::new());
        for (index, pattern) in wanted.into_iter().enumerate() {
            let built = regex::RegexBuilder::new(pattern)
                .size_limit(PATTERN_BYTES_MAX)
                .build();
            match built {
                Ok(regex) if usable.len() < PATTERNS_MAX && !regex.is_match("") => {
                    usable.push(regex);
                }
                Ok(_) | Err(_) => refused.push(index),
            }
        }
        *self
            .patterns
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = usable;
        refused
    }

    /// The text with every secret replaced; borrowed when there is none.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        {
            let exact = self
                .exact
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            for secret in exact.iter() {
                if text.contains(&**secret) {
                    text = Cow::Owned(text.replace(&**secret, MASK));
                }
            }
        }
        {
            let patterns = self
                .patterns
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            for pattern in patterns.iter() {
                if let Cow::Owned(replaced) = pattern.replace_all(&text, regex::NoExpand(MASK)) {
                    text = Cow::Owned(replaced);
                }
            }
        }
        match redact_shapes(&text) {
            Some(redacted) => Cow::Owned(redacted),
            None => text,
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

/// One pass over the text; at each position where a word starts, asks whether a secret starts there.
fn redact_shapes(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let starts_word = at == 0 || !is_key_byte(bytes[at - 1]) || in_bot_path(bytes, at);
        let found = if bytes[at] == b'-' && bytes[at..].starts_with(b"-----BEGIN") {
            pem(text, at)
        } else if starts_word && bytes[at].is_ascii_alphanumeric() {
            bot_token(bytes, at)
                .or_else(|| known_prefix(bytes, at))
                .or_else(|| named_value(bytes, at))
        } else {
            None
        };
        match found {
            Some((start, end)) if end > start => {
                let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
                out.push_str(&text[copied..start]);
                out.push_str(MASK);
                copied = end;
                at = end;
            }
            _ => at += 1,
        }
    }
    let mut out = out?;
    out.push_str(&text[copied..]);
    Some(out)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `/bot123:abc` has the token right after the word `bot`.
fn in_bot_path(bytes: &[u8], at: usize) -> bool {
    at >= 3 && bytes[at].is_ascii_digit() && bytes[at - 3..at].eq_ignore_ascii_case(b"bot")
}

fn run_length(bytes: &[u8], at: usize, accept: impl Fn(u8) -> bool) -> usize {
    bytes.get(at..).map_or(0, |rest| {
        rest.iter().take_while(|byte| accept(**byte)).count()
    })
}

/// `<6 to 12 digits>:<30 or more key characters>`.
fn bot_token(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let digits = run_length(bytes, at, |byte| byte.is_ascii_digit());
    if !(6..=12).contains(&digits) {
        return None;
    }
    let separator = match bytes.get(at + digits..)? {
        [b':', ..] => 1,
        [b'%', b'3', b'A' | b'a', ..] => 3,
        _ => return None,
    };
    let start = at + digits + separator;
    let length = run_length(bytes, start, is_key_byte);
    (length >= 30).then_some((at, start + length))
}

fn known_prefix(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    KEY_PREFIXES.iter().find_map(|(prefix, key_min)| {
        bytes[at..].starts_with(prefix.as_bytes()).then_some(())?;
        let start = at + prefix.len();
        let length = run_length(bytes, start, |byte| is_key_byte(byte) || byte == b'.');
        (length >= *key_min).then_some((at, start + length))
    })
}

/// `Bearer x`, `Basic x`, `name=x`, `name: x`, `"name":"x"`; only the value is replaced.
fn named_value(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = &bytes[at..];
    for scheme in ["bearer ", "basic "] {
        if rest.len() > scheme.len() && rest[..scheme.len()].eq_ignore_ascii_case(scheme.as_bytes())
        {
            let start = at + scheme.len();
            let length = run_length(bytes, start, is_value_byte);
            // "bearer token" in a sentence is not a secret; eight characters with a digit may be one.
            let value = &bytes[start..start + length];
            return (length >= 8 && value.iter().any(u8::is_ascii_digit))
                .then_some((start, start + length));
        }
    }
    let name = SECRET_NAMES
        .iter()
        .filter(|name| {
            rest.len() > name.len() && rest[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        })
        .max_by_key(|name| name.len())?;
    let mut start = at + name.len();
    start += run_length(bytes, start, |byte| matches!(byte, b'"' | b'\\'));
    if !matches!(bytes.get(start), Some(b'=' | b':')) {
        return None;
    }
    start += 1;
    start += run_length(bytes, start, |byte| matches!(byte, b' ' | b'"' | b'\\'));
    let length = run_length(bytes, start, is_value_byte);
    (length >= 6).then_some((start, start + length))
}

fn is_value_byte(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'\'' | b'&' | b',' | b';' | b'<' | b'>' | b'}' | b')' | b'\\'
        )
}

/// A private key in PEM form, to its end line or to the end of the text.
fn pem(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    // The label is short; looking further could join two unrelated blocks.
    let label_end = rest.get(10..)?.find("-----")? + 10;
    if label_end > 60 || !rest[..label_end].contains("PRIVATE KEY") {
        return None;
    }
    let end = rest.find("-----END").and_then(|end| {
        let after = rest[end + 8..].find("-----")?;
        Some(at + end + 8 + after + 5)
    });
    Some((at, end.unwrap_or(text.len())))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shapes_are_recognised() {
        let redactor = Redactor::new();
        let lines = [
            "GET https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe failed",
            "authorization: Bearer abcdefgh12345678",
            "bearer token is missing",
            "key sk-ant-api03-abcdefghijklmnopqrstuvwxyz012345 refused",
            "GET /v1?key=AIzaSyA1234567890abcdefghijklmnopqrstu&x=1",
            r#"{"api_key":"hunter2hunter2","other":"kept"}"#,
            "ws://h/?token=abcdef123456&session=main",
            "-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY----- tail",
            "task-force sk-1 and 12:34 stay, password: ok",
        ];
        let shown: String = lines
            .iter()
            .map(|line| format!("{}\n", redactor.redact(line)))
            .collect();
        expect![[r#"
            GET https://api.telegram.org/bot[redacted]/getMe failed
            authorization: Bearer [redacted]
            bearer token is missing
            key [redacted] refused
            GET /v1?key=[redacted]&x=1
            {"api_key":"[redacted]","other":"kept"}
            ws://h/?token=[redacted]&session=main
            [redacted] tail
            task-force sk-1 and 12:34 stay, password: ok
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn known_values_go_in_every_form() {
        let redactor = Redactor::new();
        redactor.register("pass\"word/1");
        redactor.register("pass\"word/1 longer");
        redactor.register("abc");
        assert_eq!(redactor.redact("abc pass\"word/1 longer"), "abc [redacted]");
        assert_eq!(
            redactor.redact(r#"{"x":"pass\"word/1"}"#),
            r#"{"x":"[redacted]"}"#
        );
        assert_eq!(redactor.redact("?x=pass%22word%2F1"), "?x=[redacted]");
    }

    #[test]
    fn patterns_of_the_operator_are_replaced_and_bad_ones_refused() {
        let redactor = Redactor::new();
        let refused = redactor.set_patterns(["(?i)customer-[0-9]+", "(", "x*", "a{1000}{1000}"]);
        assert_eq!(refused, [1, 2, 3]);
        assert_eq!(
            redactor.redact("order of Customer-4711, xxx"),
            "order of [redacted], xxx"
        );
        assert!(redactor.clone().set_patterns([]).is_empty());
        assert_eq!(redactor.redact("customer-1"), "customer-1");
    }

    proptest! {
        #[test]
        fn planted_secret_never_survives(before in any::<String>(), after in any::<String>()) {
            let redactor = Redactor::new();
            redactor.register("correct-horse-battery");
            let line = format!("{before}correct-horse-battery{after}");
            prop_assert!(!redactor.redact(&line).contains("correct-horse-battery"));
        }

        #[test]
        fn any_text_is_survived(text in "[a-z:=\"\\- 0-9sk_PRIVATEKY.]{0,80}") {
            let redacted = Redactor::new().redact(&text).into_owned();
            prop_assert!(redacted.len() <= text.len() + 16 * MASK.len());
        }
    }
}
