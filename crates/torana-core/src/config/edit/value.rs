//! Changes of plain values: one key set, or a patch merged.

use serde_json::{Map, Value};

use super::error::EditError;
use crate::config::document::Sources;
use crate::config::parse;
use crate::config::path::{KeyPath, Segment};

/// `list.0` and `list[0]` both mean the first item.
pub(super) fn item_index(segment: &Segment) -> Option<usize> {
    match segment {
        Segment::Index(index) => Some(*index),
        Segment::Key(key) => key.parse().ok(),
    }
}

/// The member or item a path goes on with.
pub(super) fn child_mut<'a>(value: &'a mut Value, segment: &Segment) -> Option<&'a mut Value> {
    match (value, segment) {
        (Value::Object(map), Segment::Key(key)) => map.get_mut(key),
        (Value::Array(items), segment) => items.get_mut(item_index(segment)?),
        _ => None,
    }
}

/// Sets one value, and makes the objects on the way to it.
pub(super) fn set_value(
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

pub(in crate::config) fn merge_value(
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

pub(in crate::config) fn read(text: &str) -> Result<Value, EditError> {
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
