//! Makes forged log lines impossible: controls and format characters never reach the terminal or the file raw.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes what a JSON formatter leaves in: DEL, C1 controls, line separators, bidirectional and other format characters,
/// and interior line breaks. The result is the same JSON value.
pub fn escape_json_line(line: &str) -> Cow<'_, str> {
    escape(line, is_harmful, |out, character| {
        let mut units = [0_u16; 2];
        for unit in character.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            write!(out, "\\u{unit:04x}").unwrap_or_default();
        }
    })
}

/// Escapes a line of plain text as `\u{…}`; colour sequences of our own formatter stay.
pub fn escape_text_line(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return escape_text(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at(at);
        out.push_str(&escape_text(before));
        let length = colour_length(sequence);
        if length == 0 {
            out.push_str("\\u{1b}");
            rest = &sequence[1..];
        } else {
            out.push_str(&sequence[..length]);
            rest = &sequence[length..];
        }
    }
    out.push_str(&escape_text(rest));
    Cow::Owned(out)
}

fn escape_text(line: &str) -> Cow<'_, str> {
    escape(line, is_harmful, |out, character| {
        write!(out, "\\u{{{:x}}}", u32::from(character)).unwrap_or_default();
    })
}

/// Length of `ESC [ digits ; … m`, or 0.
fn colour_length(sequence: &str) -> usize {
    let Some(parameters) = sequence.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let digits = parameters
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b';')
        .count();
    // Our formatter never writes more than this; a longer one is not ours.
    if digits <= 16 && parameters.as_bytes().get(digits) == Some(&b'm') {
        digits + 3
    } else {
        0
    }
}

fn escape<'a>(
    line: &'a str,
    harmful: fn(char) -> bool,
    write: fn(&mut String, char),
) -> Cow<'a, str> {
    let Some(first) = line.find(harmful) else {
        return Cow::Borrowed(line);
    };
    let mut out = String::with_capacity(line.len() + 16);
    out.push_str(&line[..first]);
    for character in line[first..].chars() {
        if harmful(character) {
            write(&mut out, character);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

fn is_harmful(character: char) -> bool {
    match character {
        // A tab cannot forge anything.
        '\t' => false,
        '\u{ad}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_keeps_colours_and_nothing_else() {
        let line = "\u{1b}[32mINFO\u{1b}[0m name=\u{1b}[2Jx\r\nforged \u{202e}evil\u{9b}31m";
        assert_eq!(
            escape_text_line(line),
            "\u{1b}[32mINFO\u{1b}[0m name=\\u{1b}[2Jx\\u{d}\\u{a}forged \\u{202e}evil\\u{9b}31m"
        );
        assert!(matches!(escape_text_line("plain é 😀"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn json_keeps_its_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).expect("JSON");
            let escaped = escape_json_line(&json);
            prop_assert!(!escaped.contains(is_harmful));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).expect("still JSON"), text);
        }

        #[test]
        fn text_never_keeps_a_line_break(text in any::<String>()) {
            let escaped = escape_text_line(&text);
            let raw = escaped.contains(['\n', '\r', '\u{9b}', '\u{2028}']);
            prop_assert!(!raw);
        }
    }
}
