//! What a schema wants in a place, and whether a value is of that shape.

use serde_json::Value;

use crate::config::document::{Node, NodeKind};
use crate::config::schema;

/// The words of an enumeration, if the schema is one.
pub(crate) fn words_of(schema: &Value) -> Option<Vec<&str>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::as_str).collect();
    }
    if let Some(value) = schema.get("const") {
        return value.as_str().map(|word| vec![word]);
    }
    let mut words = Vec::new();
    for branch in schema::branches(schema)? {
        words.extend(words_of(branch)?);
    }
    Some(words)
}

/// The types a schema names.
pub(super) fn types_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The types of an alternative, with those of its own alternatives.
pub(super) fn branch_types(branch: &Value) -> Vec<&str> {
    let own = types_of(branch);
    if own.is_empty() && words_of(branch).is_some() {
        return vec!["string"];
    }
    let nested = schema::branches(branch)
        .unwrap_or_default()
        .iter()
        .flat_map(branch_types);
    own.into_iter().chain(nested).collect()
}

/// Whether a value may be meant by an alternative.
pub(super) fn branch_fits(node: &Node, branch: &Value) -> bool {
    let types = branch_types(branch);
    types.is_empty() || types.iter().any(|name| fits(node, name))
}

/// Whether a value is of a type.
pub(super) fn fits(node: &Node, type_name: &str) -> bool {
    match (&node.kind, type_name) {
        (NodeKind::Number(number), "integer") => {
            number.is_i64()
                || number.is_u64()
                || number.as_f64().is_some_and(|size| size.fract() == 0.0)
        }
        (NodeKind::Null, "null")
        | (NodeKind::Bool(_), "boolean")
        | (NodeKind::Number(_), "number")
        | (NodeKind::Text { .. }, "string")
        | (NodeKind::List(_), "array")
        | (NodeKind::Object(_), "object") => true,
        _ => false,
    }
}

/// A type, for people.
pub(super) fn type_label(name: &str) -> &str {
    match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
}
