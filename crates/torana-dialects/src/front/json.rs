//! Bounds on JSON from clients: one pass over the bytes before anything is parsed (S-053, decision 42).
//!
//! `serde_json` keeps the last of two equal keys without a word and allows 128 levels, so it cannot be this check.
//! What is not JSON at all is left to the parser, which can say where.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::DeserializeOwned;
use torana_core::limit::{JSON_DEPTH_MAX, JSON_NODES_MAX};
use torana_host::json::repair_surrogates;

/// Keys of one object compared one by one; larger objects use a set.
const LINEAR_KEYS_MAX: usize = 32;
/// Digits of the largest finite number (`f64::MAX` has 309); a shorter one without an exponent is finite.
const FINITE_DIGITS: usize = 308;
/// Characters of a key repeated in a message.
const KEY_CHARS_MAX: usize = 64;

/// Why a document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonFault {
    /// Arrays and objects are nested too deeply.
    #[error("the JSON is nested deeper than {JSON_DEPTH_MAX} levels")]
    TooDeep,
    /// Too many values.
    #[error("the JSON has more than {JSON_NODES_MAX} values")]
    TooManyNodes,
    /// The same key twice in one object: two readers would see two different requests.
    #[error("the key \"{0}\" appears twice in one object")]
    DuplicateKey(String),
    /// A number no machine type holds: one reader would see infinity, another would stop.
    #[error("a number is beyond all measure")]
    Infinite,
    /// Not JSON, or not of the expected shape. The text is the parser's and names no content beyond a field.
    #[error("{0}")]
    Invalid(String),
}

/// Checks depth, number of values and repeated keys.
pub(crate) fn check(bytes: &[u8]) -> Result<(), JsonFault> {
    Scan::default().run(bytes)
}

/// Replaces escapes of lone surrogates by U+FFFD; borrows when there is nothing to do (control decision 23).
pub(crate) fn sanitise(bytes: &[u8]) -> Cow<'_, [u8]> {
    repair_surrogates(bytes)
}

/// Sanitises, checks and parses.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonFault> {
    let bytes = sanitise(bytes);
    check(&bytes)?;
    serde_json::from_slice(&bytes).map_err(|error| JsonFault::Invalid(error.to_string()))
}

/// The same for the body of a request. The parser would take a list for the fields in their order.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonFault> {
    match bytes.trim_ascii_start().first() {
        Some(b'{') | None => parse(bytes),
        Some(_) => Err(JsonFault::Invalid(
            "the body must be a JSON object".to_owned(),
        )),
    }
}

/// An open array or object.
struct Level {
    is_object: bool,
    /// Where its keys begin in the list of keys of all open objects.
    keys_from: usize,
    /// Keys as a set, once there are many.
    many: Option<HashSet<u64>>,
}

#[derive(Default)]
struct Scan {
    levels: Vec<Level>,
    keys: Vec<u64>,
    nodes: usize,
    expects_key: bool,
}

// === impl Scan ===

impl Scan {
    fn run(mut self, bytes: &[u8]) -> Result<(), JsonFault> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at = match byte {
                b'"' => self.string(bytes, at)?,
                b'{' | b'[' => self.open(*byte == b'{', at)?,
                b'}' | b']' => self.close(at),
                b',' => {
                    self.expects_key = self.levels.last().is_some_and(|level| level.is_object);
                    at + 1
                }
                b':' => {
                    self.expects_key = false;
                    at + 1
                }
                b' ' | b'\t' | b'\r' | b'\n' => at + 1,
                _ => self.word(bytes, at)?,
            };
        }
        Ok(())
    }

    fn node(&mut self) -> Result<(), JsonFault> {
        self.nodes += 1;
        if self.nodes > JSON_NODES_MAX {
            Err(JsonFault::TooManyNodes)
        } else {
            Ok(())
        }
    }

    fn open(&mut self, is_object: bool, at: usize) -> Result<usize, JsonFault> {
        self.node()?;
        if self.levels.len() >= JSON_DEPTH_MAX {
            return Err(JsonFault::TooDeep);
        }
        self.levels.push(Level {
            is_object,
            keys_from: self.keys.len(),
            many: None,
        });
        self.expects_key = is_object;
        Ok(at + 1)
    }

    fn close(&mut self, at: usize) -> usize {
        if let Some(level) = self.levels.pop() {
            self.keys.truncate(level.keys_from);
        }
        self.expects_key = false;
        at + 1
    }

    /// A number or literal.
    fn word(&mut self, bytes: &[u8], at: usize) -> Result<usize, JsonFault> {
        self.node()?;
        let rest = &bytes[at..];
        let ends = |byte: &u8| {
            matches!(
                byte,
                b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"' | b' ' | b'\t' | b'\r' | b'\n'
            )
        };
        let word = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        if is_infinite(word) {
            return Err(JsonFault::Infinite);
        }
        Ok(at + word.len())
    }

    fn string(&mut self, bytes: &[u8], at: usize) -> Result<usize, JsonFault> {
        let inside = &bytes[at + 1..];
        let mut end = 0;
        while let Some(byte) = inside.get(end) {
            match byte {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        let text = &inside[..end.min(inside.len())];
        if self.expects_key {
            self.expects_key = false;
            self.key(text)?;
        } else {
            self.node()?;
        }
        Ok(at + 1 + text.len() + 1)
    }

    fn key(&mut self, text: &[u8]) -> Result<(), JsonFault> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        let hash = key_hash(text);
        let own = &self.keys[level.keys_from..];
        if level.many.is_none() && own.len() == LINEAR_KEYS_MAX {
            level.many = Some(own.iter().copied().collect());
        }
        let is_new = match &mut level.many {
            Some(many) => many.insert(hash),
            None => !own.contains(&hash),
        };
        if !is_new {
            let shown = String::from_utf8_lossy(text);
            let shown = shown
                .chars()
                .filter(|character| !character.is_control())
                .take(KEY_CHARS_MAX);
            return Err(JsonFault::DuplicateKey(shown.collect()));
        }
        if level.many.is_none() {
            self.keys.push(hash);
        }
        Ok(())
    }
}

/// Whether a word is a number too large for any machine type.
fn is_infinite(word: &[u8]) -> bool {
    let is_number = matches!(word.first(), Some(b'-' | b'0'..=b'9'));
    let may_be = word.len() > FINITE_DIGITS || word.iter().any(|byte| matches!(byte, b'e' | b'E'));
    let parsed = || std::str::from_utf8(word).ok()?.parse::<f64>().ok();
    is_number && may_be && parsed().is_some_and(f64::is_infinite)
}

/// A hash (FNV-1a) of what the key means, so that `"a"` and `"\u0061"` are the same key. Equal keys always collide;
/// that others do is a matter of 1 in 2^64 and would only refuse that one document.
fn key_hash(text: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte != b'\\' {
            add(&[*byte]);
            at += 1;
            continue;
        }
        let escape = text.get(at + 1).copied().unwrap_or(b'\\');
        at += 2;
        match escape {
            b'n' => add(b"\n"),
            b't' => add(b"\t"),
            b'r' => add(b"\r"),
            b'b' => add(b"\x08"),
            b'f' => add(b"\x0c"),
            b'u' => {
                let (character, length) = unicode(&text[at.min(text.len())..]);
                add(character.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
            }
            other => add(&[other]),
        }
    }
    hash
}

/// The character of a `\u` escape whose digits begin here, and how many bytes it takes, a second escape included.
fn unicode(text: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u32> {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(0) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if (0xd800..0xdc00).contains(&first)
        && text.get(4..6) == Some(b"\\u")
        && let Some(second) = unit(6).filter(|second| (0xdc00..0xe000).contains(second))
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
            10,
        );
    }
    (
        char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
        4,
    )
}

/// Fuzz entry: no bytes break the scan, and what passes it and parses is within its bounds.
pub fn fuzz_json(bytes: &[u8]) {
    let bytes = sanitise(bytes);
    if check(&bytes).is_ok()
        && let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes)
    {
        assert!(depth(&value) <= JSON_DEPTH_MAX, "the scan bounds depth");
        let again = serde_json::to_vec(&value).unwrap_or_default();
        assert!(check(&again).is_ok(), "a value that passed passes again");
    }
}

fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        serde_json::Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod fuzz {
    #[test]
    fn json() {
        crate::front::tests::drive(
            &[
                b"{\"a\":[1,\"\\ud83d\"]}",
                b"[[{}]]",
                b"{\"a\":1,\"\\u0061\":2}",
            ],
            super::fuzz_json,
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn repeated_keys_are_found_in_any_spelling_and_place() {
        for text in [
            r#"{"method":"a","method":"b"}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"x":{"k":1, "y":[{"k":1}], "k" : 2}}]"#,
            r#"{"\ud83d\ude00":1,"😀":2}"#,
            r#"{"a\/b":1,"a/b":2}"#,
        ] {
            assert!(
                matches!(check(text.as_bytes()), Err(JsonFault::DuplicateKey(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn equal_keys_in_different_objects_and_keys_among_values_are_fine() {
        for text in [
            r#"[{"a":1},{"a":1}]"#,
            r#"{"a":{"a":{"a":"a"}},"b":["a","a"]}"#,
            r#"{"a":"{\"a\":1,\"a\":2}"}"#,
        ] {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn repeated_keys_are_found_in_large_objects() {
        let mut fields: Vec<String> = (0..5_000)
            .map(|number| format!("\"k{number}\":0"))
            .collect();
        assert_eq!(
            check(format!("{{{}}}", fields.join(",")).as_bytes()),
            Ok(())
        );
        for repeated in ["\"k0\":1", "\"k33\":1", "\"k4999\":1"] {
            fields.push(repeated.to_owned());
            assert!(
                check(format!("{{{}}}", fields.join(",")).as_bytes()).is_err(),
                "{repeated}"
            );
            fields.pop();
        }
    }

    #[test]
    fn depth_and_size_are_bounded_exactly() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(nested(JSON_DEPTH_MAX).as_bytes()), Ok(()));
        assert_eq!(
            check(nested(JSON_DEPTH_MAX + 1).as_bytes()),
            Err(JsonFault::TooDeep)
        );
        assert_eq!(
            check("{\"a\":".repeat(100_000).as_bytes()),
            Err(JsonFault::TooDeep)
        );
        let flat = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert_eq!(check(flat(JSON_NODES_MAX - 1).as_bytes()), Ok(()));
        assert_eq!(
            check(flat(JSON_NODES_MAX).as_bytes()),
            Err(JsonFault::TooManyNodes)
        );
    }

    #[test]
    fn numbers_beyond_all_measure_are_refused_as_such() {
        let long = format!("[{}]", "9".repeat(FINITE_DIGITS + 1));
        for text in ["[1e999]", "[-1E+400]", "{\"a\":1e309}", &long] {
            let parsed = parse::<Value>(text.as_bytes());
            assert_eq!(parsed, Err(JsonFault::Infinite), "{text}");
        }
        let long = format!("[1{}]", "0".repeat(FINITE_DIGITS));
        for text in ["[1e-999]", "[1e308]", "[1E5]", &long] {
            assert!(parse::<Value>(text.as_bytes()).is_ok(), "{text}");
        }
        assert!(matches!(
            parse::<Value>(b"[-infinity]"),
            Err(JsonFault::Invalid(_))
        ));
        assert!(matches!(
            parse::<Value>("\u{feff}{}".as_bytes()),
            Err(JsonFault::Invalid(_))
        ));
        assert_eq!(parse::<Value>(br#"["\ud83d"]"#), Ok(json!(["\u{fffd}"])));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..40)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_library_writes_passes(value in any_json(), pretty in any::<bool>()) {
            let bytes = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
            let bytes = bytes.expect("a value is JSON");
            prop_assert_eq!(check(&bytes), Ok(()));
            prop_assert_eq!(parse::<Value>(&bytes), Ok(value));
        }

        #[test]
        fn a_repeated_key_is_found_wherever_it_stands(value in any_json(), key in any::<String>(), others in 0_usize..60) {
            let key = serde_json::to_string(&key).expect("a string is JSON");
            let filler: String = (0..others).map(|number| format!("\"\\u0000{number}\":{value},")).collect();
            let text = format!("[{value},{{{key}:1,{filler}{key}:{value}}}]");
            prop_assert!(matches!(check(text.as_bytes()), Err(JsonFault::DuplicateKey(_))));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            fuzz_json(&bytes);
        }
    }
}
