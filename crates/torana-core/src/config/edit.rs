//! Changes to a configuration file that keep its comments and layout.
//!
//! Every change is first computed on plain values, then the text is brought to the new value node by node, and the
//! result is parsed again and compared. So an edit either means exactly what was asked or is refused.
//! A change that changes nothing leaves the text byte for byte as it was.

use serde_json::Value;

use super::document::Sources;
use super::load::{LoadInput, Loaded, load};
use super::parse;
use super::path::{KeyPath, Segment};
use super::secret::REDACTED;

mod error;
mod text;
mod value;

pub use error::{EditError, WriteRefusal};
pub(super) use text::rewrite_from;
use value::{child_mut, item_index, set_value};
pub(super) use value::{merge_value, read};

/// Files below this size may shrink freely: taking one section out of a small file is no accident.
const SHRINK_GUARD_BYTES_MIN: usize = 512;

/// A value as people write it on a command line: JSON5, or nothing when it is not JSON5.
#[must_use]
pub fn parse_value(text: &str) -> Option<Value> {
    let text = parse::without_bom(text);
    let mut sources = Sources::default();
    let source = sources.add("", text);
    parse::parse(&sources, source, text)
        .ok()
        .map(|node| node.to_value())
}

/// The value at `path`, if it is set.
#[must_use]
pub fn get<'a>(value: &'a Value, path: &KeyPath) -> Option<&'a Value> {
    path.segments()
        .iter()
        .try_fold(value, |value, segment| match (value, segment) {
            (Value::Object(map), Segment::Key(key)) => map.get(key),
            (Value::Array(items), segment) => items.get(item_index(segment)?),
            _ => None,
        })
}

/// The text with `value` at `path`; missing sections are created.
///
/// ```
/// use serde_json::json;
/// use torana_core::config::edit;
///
/// let text = "{\n  // the usual port\n  gateway: { port: 18789 },\n}\n";
/// let changed = edit::set(text, &"gateway.port".parse()?, &json!(19001))?;
/// assert_eq!(changed, "{\n  // the usual port\n  gateway: { port: 19001 },\n}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the file cannot be parsed, or the path leads through a plain value or an included file.
pub fn set(text: &str, path: &KeyPath, value: &Value) -> Result<String, EditError> {
    if holds_placeholder(value) {
        return Err(EditError::Placeholder(path.to_string()));
    }
    let old = read(text)?;
    let mut new = old.clone();
    set_value(&mut new, path.segments(), value, &mut KeyPath::root())?;
    rewrite_from(text, &old, &new)
}

/// The text without the value at `path`.
///
/// # Errors
/// When the file cannot be parsed, or nothing is set there.
pub fn unset(text: &str, path: &KeyPath) -> Result<String, EditError> {
    let old = read(text)?;
    let mut new = old.clone();
    let Some((last, parents)) = path.segments().split_last() else {
        return Err(EditError::NotSet(String::new()));
    };
    let not_set = || EditError::NotSet(path.to_string());
    let mut parent = &mut new;
    for segment in parents {
        parent = child_mut(parent, segment).ok_or_else(not_set)?;
    }
    match (parent, last) {
        (Value::Object(map), Segment::Key(key)) => {
            map.shift_remove(key).ok_or_else(not_set)?;
        }
        (Value::Array(items), segment) => {
            let index = item_index(segment)
                .filter(|index| *index < items.len())
                .ok_or_else(not_set)?;
            items.remove(index);
        }
        _ => return Err(not_set()),
    }
    rewrite_from(text, &old, &new)
}

/// The text with a JSON merge patch applied: null deletes, objects merge, lists of objects with `id` merge by id.
///
/// `replaced` names the lists that the patch may shorten.
///
/// # Errors
/// When the file cannot be parsed, or the patch would drop list entries without being allowed to.
pub fn merge(text: &str, patch: &Value, replaced: &[KeyPath]) -> Result<String, EditError> {
    if holds_placeholder(patch) {
        return Err(EditError::Placeholder(String::new()));
    }
    let old = read(text)?;
    let mut new = old.clone();
    merge_value(&mut new, patch, replaced, &mut KeyPath::root())?;
    rewrite_from(text, &old, &new)
}

/// The text brought to a whole new value, keeping what stays the same.
///
/// # Errors
/// When the file cannot be parsed, or the change cannot be made in it.
pub fn rewrite(text: &str, new: &Value) -> Result<String, EditError> {
    if holds_placeholder(new) {
        return Err(EditError::Placeholder(String::new()));
    }
    let old = read(text)?;
    rewrite_from(text, &old, new)
}

/// Judges a changed text before it is written: it must be valid and must not look like an accident.
///
/// # Errors
/// When the text must not replace the current one.
pub fn propose(current: LoadInput<'_>, text: &str) -> Result<Loaded, WriteRefusal> {
    let loaded = load(LoadInput { text, ..current });
    let Some(config) = &loaded.config else {
        return Err(WriteRefusal::Invalid(loaded.problems));
    };
    let (before, after) = (current.text.len(), text.len());
    if before >= SHRINK_GUARD_BYTES_MIN && after < before / 2 {
        return Err(WriteRefusal::Shrinks { before, after });
    }
    let mode_before = load(current).config.and_then(|config| config.gateway.mode);
    if mode_before.is_some() && config.gateway.mode.is_none() {
        return Err(WriteRefusal::ModeVanishes);
    }
    Ok(loaded)
}

// === values ===

fn holds_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(REDACTED),
        Value::Array(items) => items.iter().any(holds_placeholder),
        Value::Object(map) => map.values().any(holds_placeholder),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

// === text ===
