//! Text of others, made harmless for a terminal (S-110).
//!
//! Everything a gateway sends passes here before it reaches the state: escape sequences vanish as a whole, other control
//! characters and everything that reorders or hides text one by one. What is left only ever takes up cells.

use serde_json::Value;

/// Longest control string that is taken for one; an introducer without an end within it is dropped alone, so that
/// nobody can hide the rest of a message behind it.
const SEQUENCE_BYTES_MAX: usize = 4_096;
/// Columns of a tab; narrow, because cards are.
const TAB: &str = "    ";

/// Cleans a text of several lines.
pub(crate) fn text(input: &str) -> String {
    let mut out = String::with_capacity(input.len());
    let mut rest = input;
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        rest = match character {
            '\u{1b}' => &after[escape_length(after)..],
            '\u{9b}' => &after[control_length(after)..],
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => &after[string_length(after)..],
            '\r' => {
                if !after.starts_with('\n') {
                    out.push('\n');
                }
                after
            }
            '\n' | '\u{2028}' | '\u{2029}' => {
                out.push('\n');
                after
            }
            '\t' => {
                out.push_str(TAB);
                after
            }
            harmful if is_harmful(harmful) => after,
            harmless => {
                out.push(harmless);
                after
            }
        };
    }
    out
}

/// Cleans a text for one line.
pub(crate) fn line(input: &str) -> String {
    let cleaned = text(input);
    if cleaned.contains('\n') {
        cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        cleaned
    }
}

/// Cleans every text in a value, names included.
pub(crate) fn value(value: Value) -> Value {
    match value {
        Value::String(string) => Value::String(text(&string)),
        Value::Array(items) => Value::Array(items.into_iter().map(self::value).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(name, item)| (line(&name), self::value(item)))
                .collect(),
        ),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

/// Moves, reorders, hides or pretends: C0, DEL, C1, bidirectional controls, invisible characters, tag characters.
/// The zero-width joiner stays, since emoji are made with it.
pub(crate) fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Bytes of the sequence after ESC.
fn escape_length(after: &str) -> usize {
    match after.as_bytes().first() {
        Some(b'[') => 1 + control_length(&after[1..]),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => 1 + string_length(&after[1..]),
        Some(0x20..=0x2f) => {
            let intermediates = after
                .bytes()
                .take_while(|byte| (0x20..=0x2f).contains(byte))
                .count();
            let has_end = after
                .as_bytes()
                .get(intermediates)
                .is_some_and(|byte| (0x30..=0x7e).contains(byte));
            intermediates + usize::from(has_end)
        }
        Some(0x30..=0x7e) => 1,
        _ => 0,
    }
}

/// Bytes of parameters, intermediates and the final byte of a control sequence.
fn control_length(after: &str) -> usize {
    let body = after
        .bytes()
        .take(SEQUENCE_BYTES_MAX)
        .take_while(|byte| (0x20..=0x3f).contains(byte))
        .count();
    match after.as_bytes().get(body) {
        Some(0x40..=0x7e) => body + 1,
        // No sequence after all: only its parameters go, since a terminal would have swallowed them.
        _ => body,
    }
}

/// Bytes of a control string with its end; nothing when it has none.
fn string_length(after: &str) -> usize {
    for (at, character) in after.char_indices() {
        if at > SEQUENCE_BYTES_MAX {
            return 0;
        }
        match character {
            '\u{7}' | '\u{9c}' => return at + character.len_utf8(),
            '\u{1b}' if after[at + 1..].starts_with('\\') => return at + 2,
            '\u{1b}' | '\u{18}' | '\u{1a}' => return at,
            _ => {}
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// What terminals were attacked with, and what is left of it.
    const CORPUS: &[(&str, &str)] = &[
        ("plain", "plain"),
        ("two\nlines\r\nthree\rfour", "two\nlines\nthree\nfour"),
        ("red \u{1b}[31mtext\u{1b}[0m", "red text"),
        ("8-bit \u{9b}31mtext", "8-bit text"),
        ("clear \u{1b}[2J\u{1b}[H screen", "clear  screen"),
        ("title \u{1b}]0;owned\u{7}!", "title !"),
        ("title \u{1b}]0;owned\u{1b}\\!", "title !"),
        ("8-bit title \u{9d}0;owned\u{9c}!", "8-bit title !"),
        ("clipboard \u{1b}]52;c;cm0gLXJm\u{7}!", "clipboard !"),
        (
            "link \u{1b}]8;;http://evil\u{7}text\u{1b}]8;;\u{7}",
            "link text",
        ),
        ("device \u{1b}P+q544e\u{1b}\\!", "device !"),
        ("answer back \u{1b}[c\u{5}\u{1b}[6n!", "answer back !"),
        (
            "unfinished \u{1b}]0;the rest stays",
            "unfinished 0;the rest stays",
        ),
        ("string \u{1b}X hidden \u{18}shown", "string shown"),
        ("charset \u{1b}(0qqq", "charset qqq"),
        ("reset \u{1b}c!", "reset !"),
        (
            "bell\u{7} back\u{8}space null\u{0} del\u{7f}",
            "bell backspace null del",
        ),
        ("rtl \u{202e}gpj.exe\u{202c}", "rtl gpj.exe"),
        (
            "isolate \u{2066}x\u{2069} mark\u{200f}\u{61c}",
            "isolate x mark",
        ),
        (
            "hidden \u{200b}\u{2060}\u{feff}\u{e0041}\u{e0042}!",
            "hidden !",
        ),
        ("family 👩\u{200d}👧 stays", "family 👩\u{200d}👧 stays"),
        ("tab\there", "tab    here"),
        ("paragraph\u{2029}break", "paragraph\nbreak"),
        ("lone \u{1b}", "lone "),
        ("nested \u{1b}\u{1b}[31m", "nested "),
        ("umlaut \u{1b}ä", "umlaut ä"),
    ];

    #[test]
    fn nothing_of_the_corpus_reaches_a_terminal() {
        for (attack, left) in CORPUS {
            assert_eq!(text(attack), *left, "{attack:?}");
        }
    }

    #[test]
    fn names_and_nested_values_are_cleaned_as_well() {
        let dirty = json!({ "a\u{1b}[2Jb": ["x\u{202e}", { "c": "\u{9b}1m!" }], "n": 1 });
        assert_eq!(value(dirty), json!({ "ab": ["x", { "c": "!" }], "n": 1 }));
        assert_eq!(line("a\nb\tc"), "a b c");
    }

    proptest! {
        #[test]
        fn whatever_comes_nothing_harmful_is_left_and_cleaning_twice_changes_nothing(
            input in "[\\x00-\\x9f\u{200b}-\u{206f}a-z;\\[\\]\\\\]{0,60}"
        ) {
            let cleaned = text(&input);
            prop_assert!(cleaned.chars().all(|character| character == '\n' || !is_harmful(character)), "{cleaned:?}");
            prop_assert_eq!(text(&cleaned), cleaned);
        }
    }
}
