//! The text written anew where values differ, with comments and layout kept everywhere else.

use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstObjectProp, CstRootNode};
use serde_json::{Map, Value};

use super::error::EditError;
use super::value::read;
use crate::config::include::INCLUDE_KEY;
use crate::config::parse;
use crate::config::path::{KeyPath, Segment};

pub(in crate::config) fn rewrite_from(
    text: &str,
    old: &Value,
    new: &Value,
) -> Result<String, EditError> {
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
