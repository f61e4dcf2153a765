//! Lenient but bounded reading of JSON that other programs wrote.
//!
//! Platforms, providers and child processes send JSON that our parser would refuse for one bad escape:
//! JavaScript cuts an emoji in half and writes the lone surrogate `"\ud83d"`. One character must not lose a message.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Deepest nesting accepted from outside; the limit of the threat model's table.
pub const DEPTH_MAX: usize = 64;

/// Why a document was refused.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Arrays and objects are nested too deeply.
    #[error("the document is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Not JSON, or not of the expected shape. The position is named, the content is not.
    #[error("not the expected JSON (line {line}, column {column})")]
    Invalid {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
}

/// Parses bytes after replacing escapes of lone surrogates by U+FFFD, with bounded depth. Unknown fields are up to the type.
pub fn lenient<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check_depth(bytes)?;
    let repaired = repair_surrogates(bytes);
    serde_json::from_slice(&repaired).map_err(|error| JsonError::Invalid {
        line: error.line(),
        column: error.column(),
    })
}

/// Replaces every `\uD800`-`\uDFFF` escape that is not part of a pair by `\uFFFD`; borrows when there is nothing to do.
pub fn repair_surrogates(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut repaired: Option<Vec<u8>> = None;
    let mut index = 0;
    while let Some(offset) = bytes
        .get(index..)
        .and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        let at = index + offset;
        match surrogate_at(bytes, at) {
            Some(Surrogate::High)
                if matches!(surrogate_at(bytes, at + 6), Some(Surrogate::Low)) =>
            {
                index = at + 12
            }
            Some(_) => {
                let copy = repaired.get_or_insert_with(|| bytes.to_vec());
                copy[at + 2..at + 6].copy_from_slice(b"FFFD");
                index = at + 6;
            }
            // Skip the escaped character too, so that `\\u` is not taken for an escape.
            None => index = at + 2,
        }
    }
    repaired.map_or(Cow::Borrowed(bytes), Cow::Owned)
}

enum Surrogate {
    High,
    Low,
}

fn surrogate_at(bytes: &[u8], at: usize) -> Option<Surrogate> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    let text = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` would also take a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    match u16::from_str_radix(text, 16).ok()? {
        0xd800..=0xdbff => Some(Surrogate::High),
        0xdc00..=0xdfff => Some(Surrogate::Low),
        _ => None,
    }
}

/// Refuses documents nested deeper than [`DEPTH_MAX`], before any recursion happens.
pub fn check_depth(bytes: &[u8]) -> Result<(), JsonError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(JsonError::TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Fuzz entry: reading never panics, and what was repaired contains no lone surrogate escape any more.
pub fn fuzz_json(bytes: &[u8]) {
    let repaired = repair_surrogates(bytes);
    assert_eq!(repaired.len(), bytes.len(), "a repair keeps the length");
    assert_eq!(
        repair_surrogates(&repaired),
        repaired,
        "a repaired text needs no repair"
    );
    match lenient::<serde_json::Value>(bytes) {
        Ok(_) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        lenient::<serde_json::Value>(text.as_bytes())
            .map_or_else(|error| error.to_string(), |value| value.to_string())
    }

    #[test]
    fn lone_surrogates_become_the_replacement_character() {
        assert_eq!(read(r#"["a\ud83db"]"#), "[\"a\u{fffd}b\"]");
        assert_eq!(read(r#"["\udc00\ud83d"]"#), "[\"\u{fffd}\u{fffd}\"]");
        assert_eq!(read(r#"["\ud83d\ud83d\ude00"]"#), "[\"\u{fffd}\u{1f600}\"]");
    }

    #[test]
    fn pairs_and_escaped_backslashes_stay() {
        assert_eq!(read(r#"["\ud83d\ude00"]"#), "[\"\u{1f600}\"]");
        assert_eq!(read(r#"["\\ud83d"]"#), r#"["\\ud83d"]"#);
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        assert!(matches!(
            check_depth(deep.as_bytes()),
            Err(JsonError::TooDeep)
        ));
        let text = format!("\"{}\\\"\"", "[".repeat(100));
        assert!(check_depth(text.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            fuzz_json(&bytes);
        }

        #[test]
        fn any_string_survives_a_round_trip(text in any::<String>()) {
            let written = serde_json::to_vec(&text).expect("a string is JSON");
            prop_assert_eq!(lenient::<String>(&written).expect("own JSON"), text);
        }
    }
}
