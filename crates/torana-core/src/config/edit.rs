//! Changes to a configuration file that keep its comments and layout.
//!
//! Every change is first computed on plain values, then the text is brought to the new value node by node, and the
//! result is parsed again and compared. So an edit either means exactly what was asked or is refused.
//! A change that changes nothing leaves the text byte for byte as it was.

use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstObjectProp, CstRootNode};
use serde_json::{Map, Value};
use thiserror::Error;

use super::document::Sources;
use super::finding::Finding;
use super::include::INCLUDE_KEY;
use super::load::{LoadInput, Loaded, load};
use super::parse;
use super::path::{KeyPath, Segment};
use super::secret::REDACTED;

/// Files below this size may shrink freely: taking one section out of a small file is no accident.
const SHRINK_GUARD_BYTES_MIN: usize = 512;

/// Why an edit was refused; the file stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The text cannot be parsed, so nothing can be changed in it.
    #[error("the file cannot be edited: {0}")]
    Unreadable(String),
    /// There is nothing at the path.
    #[error("`{0}` is not set")]
    NotSet(String),
    /// The path leads through a value that has no parts.
    #[error("`{0}` holds a plain value, so nothing can be set below it")]
    NotAContainer(String),
    /// The path leads to a list item that cannot exist.
    #[error("`{path}` has {len} items; the next one is number {len}")]
    NoSuchItem {
        /// The list.
        path: String,
        /// How many items it has.
        len: usize,
    },
    /// The value comes from an included file, or would be mixed with what comes from there.
    #[error("{}", included(.0))]
    Included(String),
    /// A patch would drop list entries that it did not name.
    #[error("the patch would remove entries of the list `{0}`; name it as replaced to do so")]
    RemovesEntries(String),
    /// The value holds the placeholder of a hidden secret.
    #[error("`{0}` would be set to the placeholder of a hidden value")]
    Placeholder(String),
    /// The changed text does not read as the intended value.
    #[error("the change cannot be written into this file without disturbing it; edit it by hand")]
    Diverged,
}

fn included(path: &str) -> String {
    if path.is_empty() {
        "the file takes in others with `$include` at its top, so this key could belong to any of them; write it by hand"
            .to_owned()
    } else {
        format!("`{path}` comes from an included file; change it there")
    }
}

/// Why a finished text must not replace the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteRefusal {
    /// The result is not a valid configuration.
    #[error("the result is not a valid configuration ({} problems)", .0.len())]
    Invalid(Vec<Finding>),
    /// `gateway.mode` was set and would be gone, which looks like a damaged file.
    #[error("`gateway.mode` would vanish")]
    ModeVanishes,
    /// The file would lose more than half of its size.
    #[error("the file would shrink from {before} to {after} bytes")]
    Shrinks {
        /// Bytes now.
        before: usize,
        /// Bytes after the write.
        after: usize,
    },
}

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

pub(super) fn read(text: &str) -> Result<Value, EditError> {
    let text = parse::without_bom(text);
    let mut sources = Sources::default();
    let source = sources.add("", text);
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match parse::parse(&sources, source, text) {
        Ok(node) => Ok(node.to_value()),
        Err(findings) => Err(EditError::Unreadable(
            findings
                .iter()
                .map(|finding| finding.message.as_str())
                .collect::<Vec<_>>()
                .join("; "),
        )),
    }
}

fn holds_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(REDACTED),
        Value::Array(items) => items.iter().any(holds_placeholder),
        Value::Object(map) => map.values().any(holds_placeholder),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `list.0` and `list[0]` both mean the first item.
fn item_index(segment: &Segment) -> Option<usize> {
    match segment {
        Segment::Index(index) => Some(*index),
        Segment::Key(key) => key.parse().ok(),
    }
}

fn child_mut<'a>(value: &'a mut Value, segment: &Segment) -> Option<&'a mut Value> {
    match (value, segment) {
        (Value::Object(map), Segment::Key(key)) => map.get_mut(key),
        (Value::Array(items), segment) => items.get_mut(item_index(segment)?),
        _ => None,
    }
}

fn set_value(
    target: &mut Value,
    path: &[Segment],
    value: &Value,
    at: &mut KeyPath,
) -> Result<(), EditError> {
    let Some((segment, rest)) = path.split_first() else {
        *target = value.clone();
        return Ok(());
    };
    let label = at.to_string();
    at.push(segment.clone());
    match (target, segment) {
        (Value::Object(map), Segment::Key(key)) => {
            let child = map.entry(key.clone()).or_insert_with(|| empty_for(rest));
            set_value(child, rest, value, at)
        }
        (Value::Array(items), segment) => {
            let len = items.len();
            match item_index(segment) {
                Some(index) if index < len => set_value(&mut items[index], rest, value, at),
                Some(index) if index == len => {
                    let mut item = empty_for(rest);
                    set_value(&mut item, rest, value, at)?;
                    items.push(item);
                    Ok(())
                }
                Some(_) | None => Err(EditError::NoSuchItem { path: label, len }),
            }
        }
        _ => Err(EditError::NotAContainer(label)),
    }
}

/// What a missing parent becomes: a list when an index follows, else an object.
fn empty_for(rest: &[Segment]) -> Value {
    match rest.first() {
        Some(Segment::Index(_)) => Value::Array(Vec::new()),
        Some(Segment::Key(_)) | None => Value::Object(Map::new()),
    }
}

pub(super) fn merge_value(
    target: &mut Value,
    patch: &Value,
    replaced: &[KeyPath],
    at: &mut KeyPath,
) -> Result<(), EditError> {
    match (&mut *target, patch) {
        (Value::Object(map), Value::Object(changes)) => {
            for (key, change) in changes {
                if change.is_null() {
                    map.shift_remove(key);
                    continue;
                }
                at.push(Segment::Key(key.clone()));
                merge_value(
                    map.entry(key.clone()).or_insert(Value::Null),
                    change,
                    replaced,
                    at,
                )?;
                at.pop();
            }
            Ok(())
        }
        (Value::Array(_), Value::Array(_)) if replaced.contains(at) => {
            *target = without_nulls(patch);
            Ok(())
        }
        (Value::Array(items), Value::Array(changes))
            if all_have_id(items) && all_have_id(changes) =>
        {
            for change in changes {
                match items
                    .iter_mut()
                    .find(|item| item.get("id") == change.get("id"))
                {
                    Some(item) => merge_value(item, change, replaced, at)?,
                    None => items.push(without_nulls(change)),
                }
            }
            Ok(())
        }
        (Value::Array(items), Value::Array(changes)) => {
            if items.iter().any(|item| !changes.contains(item)) {
                return Err(EditError::RemovesEntries(at.to_string()));
            }
            *target = without_nulls(patch);
            Ok(())
        }
        _ => {
            *target = without_nulls(patch);
            Ok(())
        }
    }
}

/// True when every item can be told apart by its id.
fn all_have_id(items: &[Value]) -> bool {
    let mut ids: Vec<&Value> = Vec::with_capacity(items.len());
    !items.is_empty()
        && items.iter().all(|item| match item.get("id") {
            Some(id) if !ids.contains(&id) => {
                ids.push(id);
                true
            }
            _ => false,
        })
}

/// A patch value as it is stored: in a new object, null means that the key stays absent.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.clone(), without_nulls(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

// === text ===

pub(super) fn rewrite_from(text: &str, old: &Value, new: &Value) -> Result<String, EditError> {
    if old == new {
        return Ok(text.to_owned());
    }
    let bare = parse::without_bom(text);
    let mark = &text[..text.len() - bare.len()];
    let start = if bare.trim().is_empty() { "{}\n" } else { bare };
    let root = CstRootNode::parse(start, &parse::options())
        .map_err(|error| EditError::Unreadable(error.to_string()))?;
    match (root.value(), old, new) {
        (Some(node), Value::Object(_), Value::Object(_)) => {
            update(&node, old, new, &mut KeyPath::root())?
        }
        _ => root.set_value(input(new)),
    }
    let changed = format!("{mark}{root}");
    if read(&changed)? == *new {
        Ok(changed)
    } else {
        Err(EditError::Diverged)
    }
}

/// Brings one container to its new value. The caller has replaced everything that is not the same kind of container.
fn update(node: &CstNode, old: &Value, new: &Value, path: &mut KeyPath) -> Result<(), EditError> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let object = node.as_object().ok_or(EditError::Diverged)?;
            update_object(&object, old, new, path)
        }
        (Value::Array(old), Value::Array(new)) => {
            let array = node.as_array().ok_or(EditError::Diverged)?;
            update_array(&array, old, new, path)
        }
        _ => Err(EditError::Diverged),
    }
}

fn update_object(
    object: &CstObject,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    path: &mut KeyPath,
) -> Result<(), EditError> {
    if old.contains_key(INCLUDE_KEY) && !overrides_alike(old, new) {
        return Err(EditError::Included(path.to_string()));
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        property(object, key)?.remove();
    }
    for (key, value) in new {
        match old.get(key) {
            None => {
                object.append(key, input(value));
            }
            Some(before) if before == value => {}
            Some(before) => {
                let property = property(object, key)?;
                path.push(Segment::Key(key.clone()));
                match property.value() {
                    Some(node) if is_same_container(before, value) => {
                        update(&node, before, value, path)?
                    }
                    _ => property.set_value(input(value)),
                }
                path.pop();
            }
        }
    }
    Ok(())
}

/// True when an object that includes others only gets other values for the keys it overrides already. New keys would
/// flatten what is included, and lists are joined with the included ones, so those would not mean what they say.
fn overrides_alike(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    old.len() == new.len()
        && old.iter().all(|(key, before)| {
            new.get(key).is_some_and(|after| {
                before == after || (key != INCLUDE_KEY && !changes_a_list(before, after))
            })
        })
}

fn changes_a_list(old: &Value, new: &Value) -> bool {
    let nothing = &Value::Null;
    match (old, new) {
        _ if old == new => false,
        (Value::Array(_), _) | (_, Value::Array(_)) => true,
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            old.keys().chain(added).any(|key| {
                let (old, new) = (old.get(key), new.get(key));
                changes_a_list(old.unwrap_or(nothing), new.unwrap_or(nothing))
            })
        }
        (Value::Object(map), _) | (_, Value::Object(map)) => {
            map.values().any(|value| changes_a_list(nothing, value))
        }
        _ => false,
    }
}

fn update_array(
    array: &CstArray,
    old: &[Value],
    new: &[Value],
    path: &mut KeyPath,
) -> Result<(), EditError> {
    let head = old
        .iter()
        .zip(new)
        .take_while(|(old, new)| old == new)
        .count();
    let rest = old.len().min(new.len()) - head;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(|(old, new)| old == new)
        .count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let shared_end = old_end.min(new_end);
    for index in head..shared_end {
        let node = array
            .elements()
            .into_iter()
            .nth(index)
            .ok_or(EditError::Diverged)?;
        path.push(Segment::Index(index));
        if is_same_container(&old[index], &new[index]) {
            update(&node, &old[index], &new[index], path)?;
        } else {
            replace(node, &new[index]);
        }
        path.pop();
    }
    for _ in shared_end..old_end {
        array
            .elements()
            .into_iter()
            .nth(shared_end)
            .ok_or(EditError::Diverged)?
            .remove();
    }
    for (index, value) in new.iter().enumerate().take(new_end).skip(shared_end) {
        array.insert(index, input(value));
    }
    Ok(())
}

fn property(object: &CstObject, key: &str) -> Result<CstObjectProp, EditError> {
    object
        .properties()
        .into_iter()
        .find(|property| property.decoded_name().as_deref() == Some(key))
        .ok_or(EditError::Diverged)
}

fn is_same_container(old: &Value, new: &Value) -> bool {
    matches!(
        (old, new),
        (Value::Object(_), Value::Object(_)) | (Value::Array(_), Value::Array(_))
    )
}

fn replace(node: CstNode, value: &Value) {
    let value = input(value);
    if let Some(node) = node.as_object() {
        node.replace_with(value);
    } else if let Some(node) = node.as_array() {
        node.replace_with(value);
    } else if let Some(node) = node.as_string_lit() {
        node.replace_with(value);
    } else if let Some(node) = node.as_number_lit() {
        node.replace_with(value);
    } else if let Some(node) = node.as_boolean_lit() {
        node.replace_with(value);
    } else if let Some(node) = node.as_null_keyword() {
        node.replace_with(value);
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(map) => CstInputValue::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), input(value)))
                .collect(),
        ),
    }
}
