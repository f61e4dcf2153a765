//! The schema of the tree as a form reads it: keywords of JSON Schema only.
//!
//! Quirk: a form of the Control UI (OpenClaw 2026.9.6) offers no field for a schema with a keyword it does not know,
//! so `x-reload` and its like would leave a page without a single field. What they say is in the hints.

use serde_json::{Map, Value, json};

use super::schema::{self, TreeSchema};

// === impl TreeSchema ===

impl TreeSchema {
    /// The schema for `config.schema`.
    #[must_use]
    pub fn for_forms(&self) -> Value {
        let mut form = plain(self.as_value());
        // It is for editors of the text; a form would open with it.
        if let Some(sections) = form.get_mut("properties").and_then(Value::as_object_mut) {
            sections.retain(|name, _| name != "$schema");
        }
        form
    }
}

/// A schema without the keywords of our own.
fn plain(found: &Value) -> Value {
    let Some(object) = found.as_object() else {
        return found.clone();
    };
    let mut kept: Map<String, Value> = object
        .iter()
        .filter(|(keyword, _)| !keyword.starts_with("x-"))
        .map(|(keyword, value)| (keyword.clone(), plain_keyword(keyword, value)))
        .collect();
    widen(&mut kept);
    if schema::is_secret(found) {
        kept.get_mut("anyOf")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .for_each(by_source);
    }
    Value::Object(kept)
}

/// Lets a form write any text where a setting is one of some words or something longer.
///
/// Quirk: a form (OpenClaw 2026.9.6) offers a field for either of the two, but not for both.
fn widen(schema: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = schema.get_mut("anyOf") else {
        return;
    };
    if branches.iter().all(|branch| branch["type"] == "string") {
        return;
    }
    for branch in branches.iter_mut().filter_map(Value::as_object_mut) {
        branch.remove("enum");
    }
}

fn plain_keyword(keyword: &str, value: &Value) -> Value {
    match (keyword, value) {
        // Here the keys are names of settings.
        ("properties", Value::Object(properties)) => properties
            .iter()
            .map(|(name, schema)| (name.clone(), plain(schema)))
            .collect(),
        ("anyOf" | "oneOf" | "allOf", Value::Array(branches)) => {
            branches.iter().map(plain).collect()
        }
        ("items" | "additionalProperties", schema) => plain(schema),
        _ => value.clone(),
    }
}

/// Splits the reference to a secret into one alternative for each source.
///
/// Quirk: that is how the form (OpenClaw 2026.9.6) knows that a text field will do for either.
fn by_source(branch: &mut Value) {
    let Some(Value::Array(sources)) = branch.pointer("/properties/source/enum") else {
        return;
    };
    let alternatives: Vec<Value> = sources
        .iter()
        .map(|source| {
            let mut one = branch.clone();
            one["properties"]["source"] = json!({ "type": "string", "const": source });
            one
        })
        .collect();
    *branch = json!({ "oneOf": alternatives });
}
