//! Hiding secrets in a configuration that leaves the gateway, and putting them back into one that returns.
//!
//! A value is a secret when the schema says so; where there is no schema (keys that are accepted but not built), its
//! name decides. `${NAME}` and secret references are shown as they are written, because they give nothing away.

use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

use super::env;
use super::path::{KeyPath, Segment};
use super::schema::{self, TreeSchema};
use super::secret::REDACTED;

/// Hidden values came back in places where nothing was hidden.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a hidden value cannot be put back at {}", .paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", "))]
pub struct RestoreError {
    /// The keys that still hold the placeholder.
    pub paths: Vec<String>,
}

// === impl TreeSchema ===

impl TreeSchema {
    /// The document with every secret replaced by the placeholder.
    #[must_use]
    pub fn redacted(&self, document: &Value) -> Value {
        redact(document, &[self.as_value()], false)
    }

    /// A returned document with the placeholders replaced by what they stand for in `old`.
    ///
    /// List items are matched by `id` or `name`, else by an equal item at the same place.
    ///
    /// # Errors
    /// When a placeholder stands where nothing was hidden; it must never be stored.
    pub fn restore(&self, new: &Value, old: &Value) -> Result<Value, RestoreError> {
        let shown = self.redacted(old);
        let restored = put_back(new, Some(old), Some(&shown));
        let mut paths = Vec::new();
        find_placeholders(&restored, &mut KeyPath::root(), &mut paths);
        if paths.is_empty() {
            Ok(restored)
        } else {
            Err(RestoreError { paths })
        }
    }
}

/// `schemas` is empty in unknown areas; `below_secret` is set below a key whose name says that it holds secrets.
fn redact(value: &Value, schemas: &[&Value], below_secret: bool) -> Value {
    let is_secret = below_secret || schemas.iter().any(|schema| schema::is_secret(schema));
    match value {
        Value::String(text) if is_secret => Value::String(hide(text)),
        Value::String(text) => Value::String(hide_in_address(text)),
        Value::Number(_) if is_secret => Value::String(REDACTED.to_owned()),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| redact(item, &below(schemas, &Segment::Index(0)), is_secret))
                .collect(),
        ),
        Value::Object(map) if is_secret && is_reference(map) => value.clone(),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| {
                    let schemas = below(schemas, &Segment::Key(key.clone()));
                    let is_secret = is_secret || (schemas.is_empty() && may_hold_secrets(key));
                    (key.clone(), redact(value, &schemas, is_secret))
                })
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

pub(super) fn below<'a>(schemas: &[&'a Value], segment: &Segment) -> Vec<&'a Value> {
    schemas
        .iter()
        .flat_map(|schema| schema::step(schema, segment))
        .filter(|schema| is_described(schema))
        .collect()
}

/// A schema that says nothing about its values, as sections of raw JSON have, is an unknown area.
fn is_described(schema: &Value) -> bool {
    schema.as_object().is_some_and(|keywords| {
        ["type", "anyOf", "oneOf", "enum", "const", "x-secret"]
            .iter()
            .any(|keyword| keywords.contains_key(*keyword))
    })
}

pub(super) fn is_reference(map: &Map<String, Value>) -> bool {
    map.contains_key("source")
        && map
            .keys()
            .all(|key| matches!(key.as_str(), "source" | "provider" | "id"))
}

/// A key of an unknown area whose values are secrets: by its name, or because people put credentials under names of
/// their own there (variables of tools and servers, headers of requests).
fn may_hold_secrets(key: &str) -> bool {
    matches!(key, "env" | "headers") || is_secret_name(key)
}

/// Names that hold a credential wherever they appear.
pub(super) fn is_secret_name(key: &str) -> bool {
    let folded: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    const ENDINGS: &[&str] = &[
        "token",
        "secret",
        "password",
        "passphrase",
        "apikey",
        "privatekey",
        "credential",
        "authorization",
        "signingkey",
        "accesskey",
        "cookie",
    ];
    // Plurals only as whole names: `maxTokens` and its relatives count something else.
    const PLURALS: &[&str] = &["tokens", "secrets", "passwords", "apikeys", "credentials"];
    ENDINGS.iter().any(|ending| folded.ends_with(ending)) || PLURALS.contains(&folded.as_str())
}

fn hide(text: &str) -> String {
    if text.is_empty() || env::is_reference_only(text) {
        text.to_owned()
    } else {
        REDACTED.to_owned()
    }
}

/// An address keeps its host, but not the credentials in it.
fn hide_in_address(text: &str) -> String {
    if !text.contains("://") || !(text.contains('@') || text.contains('?')) {
        return text.to_owned();
    }
    let Ok(mut url) = Url::parse(text) else {
        return text.to_owned();
    };
    let mut is_hidden = false;
    if (!url.username().is_empty() || url.password().is_some())
        && url.set_password(None).is_ok()
        && url.set_username(REDACTED).is_ok()
    {
        is_hidden = true;
    }
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.iter().any(|(name, _)| is_secret_name(name)) {
        is_hidden = true;
        url.query_pairs_mut()
            .clear()
            .extend_pairs(pairs.iter().map(|(name, value)| {
                (
                    name,
                    if is_secret_name(name) {
                        REDACTED
                    } else {
                        value
                    },
                )
            }));
    }
    if is_hidden {
        url.to_string()
    } else {
        text.to_owned()
    }
}

fn put_back(new: &Value, old: Option<&Value>, shown: Option<&Value>) -> Value {
    match (new, old, shown) {
        (Value::String(text), Some(old), Some(Value::String(shown)))
            if text == shown && text.contains(REDACTED) =>
        {
            old.clone()
        }
        (Value::Object(map), old, shown) => Value::Object(
            map.iter()
                .map(|(key, value)| {
                    let old = old.and_then(|old| old.get(key));
                    let shown = shown.and_then(|shown| shown.get(key));
                    (key.clone(), put_back(value, old, shown))
                })
                .collect(),
        ),
        (Value::Array(items), Some(Value::Array(old)), Some(Value::Array(shown))) => Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    let matching = counterpart(item, index, items.len(), shown);
                    let old = matching.and_then(|index| old.get(index));
                    let shown = matching.and_then(|index| shown.get(index));
                    put_back(item, old, shown)
                })
                .collect(),
        ),
        _ => new.clone(),
    }
}

/// Which old item a new one is: the one with the same `id` or `name`, else the equal one at the same place.
fn counterpart(item: &Value, index: usize, len: usize, shown: &[Value]) -> Option<usize> {
    for key in ["id", "name"] {
        let Some(name) = item.get(key).filter(|name| *name != REDACTED) else {
            continue;
        };
        let mut found = shown
            .iter()
            .enumerate()
            .filter(|(_, candidate)| candidate.get(key) == Some(name));
        // Two items of one name cannot be told apart by it.
        match (found.next(), found.next()) {
            (Some((index, _)), None) => return Some(index),
            (None, _) => return None,
            (Some(_), Some(_)) => {}
        }
    }
    let is_plain_in_place = !item.is_object() && shown.len() == len;
    shown
        .get(index)
        .filter(|candidate| *candidate == item || is_plain_in_place)
        .map(|_| index)
}

fn find_placeholders(value: &Value, path: &mut KeyPath, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(REDACTED) => found.push(path.to_string()),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                find_placeholders(item, path, found);
                path.pop();
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                path.push(Segment::Key(key.clone()));
                find_placeholders(value, path, found);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
