//! The JSON Schema of the whole tree: generated from the types, completed with the channels' sections.
//!
//! Draft-07 without references, so that any form or editor can use it, and so that the walk, redaction and the
//! reference page can step through it by path.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::accepted::{self, Listing};
use super::path::{KeyPath, Segment};
use super::tree::Config;

/// What one channel contributes to the tree: its keys below `channels.<id>`.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSection {
    /// The channel's id, its key below `channels`.
    pub id: String,
    /// Other spellings of the key.
    pub aliases: Vec<String>,
    /// JSON Schema of the section, without references.
    pub schema: Value,
}

/// The schema of a whole configuration.
#[derive(Debug, Clone)]
pub struct TreeSchema {
    root: Value,
}

/// What this build knows about a key path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    /// It is a key of the tree.
    Known,
    /// It is accepted, but not built yet.
    Unbuilt,
    /// Nobody knows it.
    Unknown,
}

// === impl TreeSchema ===

impl TreeSchema {
    /// The schema of the tree with these channels.
    #[must_use]
    pub fn new(sections: &[ChannelSection]) -> Self {
        let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
        let mut root = settings
            .into_generator()
            .into_root_schema_for::<Config>()
            .to_value();
        let mut channels = Map::new();
        for section in sections {
            let mut schema = section.schema.clone();
            if let Some(object) = schema.as_object_mut() {
                object.remove("$schema");
                if !section.aliases.is_empty() {
                    object.insert("x-aliases".to_owned(), json!(section.aliases));
                }
            }
            channels.insert(section.id.clone(), schema);
        }
        if let Some(schema) = root
            .pointer_mut("/properties/channels")
            .and_then(Value::as_object_mut)
        {
            schema.insert("additionalProperties".to_owned(), Value::Bool(false));
            if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
                properties.extend(channels);
            }
        }
        simplify(&mut root);
        Self { root }
    }

    /// The schema as JSON, for `config.schema` and editors.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.root
    }

    /// The schema of what is at `path`: its type, meaning and children, for forms and `config.schema.lookup`.
    #[must_use]
    pub fn lookup(&self, path: &KeyPath) -> Option<&Value> {
        let mut schemas = vec![&self.root];
        for segment in path.segments() {
            schemas = schemas
                .iter()
                .flat_map(|schema| step(schema, segment))
                .collect();
        }
        schemas.first().copied()
    }

    /// Whether a path is a key of ours, one that is accepted but not built, or a mistake.
    #[must_use]
    pub fn knowledge(&self, path: &KeyPath) -> Knowledge {
        if self.lookup(path).is_some() {
            return Knowledge::Known;
        }
        match accepted::classify(&path.names()) {
            Listing::Section | Listing::Whole => Knowledge::Unbuilt,
            Listing::Absent => Knowledge::Unknown,
        }
    }
}

/// Removes what only Rust means: `null` for an absent option, integer formats, defaults of whole objects.
fn simplify(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    drop_null_type(object);
    drop_null_branch(object);
    let is_section = object.contains_key("properties");
    if is_section || object.get("default").is_some_and(is_empty_default) {
        object.remove("default");
    }
    if object
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| format != "uri")
    {
        object.remove("format");
    }
    if is_section && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    let required: Vec<String> = object
        .get("required")
        .and_then(Value::as_array)
        .map(|names| {
            names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default();
    for name in required {
        // The type has an empty text for it, but nobody may leave it out.
        if let Some(Value::Object(property)) = object
            .get_mut("properties")
            .and_then(|all| all.get_mut(&name))
        {
            property.remove("default");
        }
    }
    for (keyword, value) in object.iter_mut() {
        match keyword.as_str() {
            "properties" => value
                .as_object_mut()
                .into_iter()
                .flatten()
                .for_each(|(_, schema)| simplify(schema)),
            "anyOf" | "oneOf" | "allOf" => value
                .as_array_mut()
                .into_iter()
                .flatten()
                .for_each(simplify),
            "items" | "additionalProperties" => simplify(value),
            _ => {}
        }
    }
}

fn is_empty_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn drop_null_type(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

fn drop_null_branch(object: &mut Map<String, Value>) {
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = object.get_mut(keyword) else {
            continue;
        };
        branches.retain(|branch| branch.get("type").and_then(Value::as_str) != Some("null"));
        if branches.len() == 1 {
            let Some(Value::Object(only)) = branches.pop() else {
                continue;
            };
            object.remove(keyword);
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// The schema of one property, by its name or an alias; the property's own name comes with it.
pub(crate) fn property<'a>(schema: &'a Value, key: &str) -> Option<(&'a str, &'a Value)> {
    let properties = schema.get("properties")?.as_object()?;
    if let Some((name, found)) = properties.get_key_value(key) {
        return Some((name, found));
    }
    properties
        .iter()
        .find(|(_, schema)| {
            schema
                .get("x-aliases")
                .and_then(Value::as_array)
                .is_some_and(|aliases| aliases.iter().any(|alias| alias == key))
        })
        .map(|(name, schema)| (name.as_str(), schema))
}

/// The branches a value may satisfy, if the schema has alternatives.
pub(crate) fn branches(schema: &Value) -> Option<&[Value]> {
    ["anyOf", "oneOf"]
        .iter()
        .find_map(|keyword| schema.get(*keyword)?.as_array())
        .map(Vec::as_slice)
}

/// True when values at this place are credentials.
pub(crate) fn is_secret(schema: &Value) -> bool {
    schema.get("x-secret") == Some(&Value::Bool(true))
}

/// The schemas one step below `schema`: several, if alternatives have that step.
pub(crate) fn step<'a>(schema: &'a Value, segment: &Segment) -> Vec<&'a Value> {
    let mut found = Vec::new();
    match segment {
        Segment::Key(key) => match property(schema, key) {
            Some((_, schema)) => found.push(schema),
            None => found.extend(
                schema
                    .get("additionalProperties")
                    .filter(|schema| schema.is_object()),
            ),
        },
        Segment::Index(_) => found.extend(schema.get("items").filter(|schema| schema.is_object())),
    }
    for branch in branches(schema).unwrap_or_default() {
        found.extend(step(branch, segment));
    }
    found
}
