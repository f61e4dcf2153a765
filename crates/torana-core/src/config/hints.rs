//! What forms need beside the schema: labels, order and sensitivity of every key, and one key with its children.
//!
//! Paths are dotted; `*` stands for any map key or list item, as OpenClaw's forms expect.

use serde_json::{Map, Value, json};

use super::schema::{self, TreeSchema};

/// Keywords of a schema that describe the place itself, not what is below it.
const OWN_KEYWORDS: &[&str] = &[
    "type",
    "title",
    "description",
    "default",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
    "examples",
];
/// Steps of a path; the tree is below 16 deep.
const STEPS_MAX: usize = 32;

/// One place of the tree, for `config.schema.lookup`.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The path as it was asked for.
    pub path: String,
    /// The schema of the place without what is below.
    pub schema: Value,
    /// `hot` or `restart`, where the place says.
    pub reload: Option<&'static str>,
    /// The form hint.
    pub hint: Value,
    /// The path under which the hint is listed.
    pub hint_path: String,
    /// What is directly below.
    pub children: Vec<DescribedChild>,
}

/// One key below a described place.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedChild {
    /// The key; `*` for any.
    pub key: String,
    /// Its path.
    pub path: String,
    /// Its type, when it has one.
    pub kind: Option<Value>,
    /// It must be written.
    pub required: bool,
    /// There is more below it.
    pub has_children: bool,
    /// `hot` or `restart`, where it says.
    pub reload: Option<&'static str>,
    /// The form hint.
    pub hint: Value,
    /// The path under which the hint is listed.
    pub hint_path: String,
}

// === impl TreeSchema ===

impl TreeSchema {
    /// Form hints of every key, by path.
    #[must_use]
    pub fn hints(&self) -> Map<String, Value> {
        let mut hints = Map::new();
        collect(self.as_value(), "", &mut hints, 0);
        hints
    }

    /// One place of the tree; `None` when there is no such key.
    #[must_use]
    pub fn describe(&self, path: &str) -> Option<Described> {
        let path = path.trim_matches('.');
        let dotted = path.replace("[]", ".*").replace('[', ".").replace(']', "");
        let mut found = self.as_value();
        let mut hint_path = String::new();
        for (count, name) in dotted
            .split('.')
            .filter(|name| !name.is_empty())
            .enumerate()
        {
            if count >= STEPS_MAX {
                return None;
            }
            let (below, shown) = below(found, name)?;
            hint_path = join(&hint_path, shown);
            found = below;
        }
        let name = hint_path.rsplit('.').next().unwrap_or_default();
        Some(Described {
            path: if path.is_empty() {
                ".".to_owned()
            } else {
                path.to_owned()
            },
            schema: own(found),
            reload: reload_of(found),
            hint: hint(name, found, None),
            children: children(found)
                .into_iter()
                .map(|(key, schema, required)| DescribedChild {
                    path: join(path, &key),
                    kind: schema.get("type").cloned(),
                    required,
                    has_children: !children(schema).is_empty(),
                    reload: reload_of(schema),
                    hint: hint(&key, schema, None),
                    hint_path: join(&hint_path, &key),
                    key,
                })
                .collect(),
            hint_path,
        })
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The schema one step below, and how that step is spelled in hints.
fn below<'a>(found: &'a Value, name: &'a str) -> Option<(&'a Value, &'a str)> {
    if let Some((name, schema)) = schema::property(found, name) {
        return Some((schema, name));
    }
    let any = ["additionalProperties", "items"]
        .iter()
        .find_map(|keyword| found.get(*keyword).filter(|schema| schema.is_object()));
    if let Some(schema) = any {
        return Some((schema, "*"));
    }
    schema::branches(found)
        .unwrap_or_default()
        .iter()
        .find_map(|branch| below(branch, name))
}

/// Everything directly below a schema: key, schema, whether it must be written.
fn children(found: &Value) -> Vec<(String, &Value, bool)> {
    let required: Vec<&str> = found
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut list: Vec<(String, &Value, bool)> = found
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, schema)| (key.clone(), schema, required.contains(&key.as_str())))
        .collect();
    for keyword in ["additionalProperties", "items"] {
        if let Some(schema) = found.get(keyword).filter(|schema| schema.is_object()) {
            list.push(("*".to_owned(), schema, false));
        }
    }
    if list.is_empty() {
        list.extend(
            schema::branches(found)
                .unwrap_or_default()
                .iter()
                .flat_map(children),
        );
    }
    list
}

fn own(found: &Value) -> Value {
    let kept: Map<String, Value> = found
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(keyword, _)| OWN_KEYWORDS.contains(&keyword.as_str()))
        .map(|(keyword, value)| (keyword.clone(), value.clone()))
        .collect();
    Value::Object(kept)
}

fn reload_of(found: &Value) -> Option<&'static str> {
    match found.get("x-reload").and_then(Value::as_str)? {
        "restart" => Some("restart"),
        // The restart of one account is no restart of the gateway.
        "live" | "account" | "listener" => Some("hot"),
        _ => None,
    }
}

fn collect(found: &Value, path: &str, hints: &mut Map<String, Value>, depth: usize) {
    if depth >= STEPS_MAX {
        return;
    }
    for (order, (key, schema, _)) in children(found).into_iter().enumerate() {
        let path = join(path, &key);
        if key != "*" {
            hints.insert(path.clone(), hint(&key, schema, Some(order)));
        } else if schema::is_secret(schema) {
            hints.insert(path.clone(), json!({ "sensitive": true }));
        }
        collect(schema, &path, hints, depth + 1);
    }
}

fn hint(key: &str, found: &Value, order: Option<usize>) -> Value {
    let mut hint = Map::new();
    if key != "*" && !key.is_empty() {
        hint.insert("label".to_owned(), label(key).into());
    }
    if let Some(help) = found.get("description").and_then(Value::as_str) {
        hint.insert("help".to_owned(), help.into());
    }
    if let Some(order) = order {
        hint.insert("order".to_owned(), order.into());
    }
    let advanced = found.get("x-advanced") == Some(&Value::Bool(true));
    hint.insert("advanced".to_owned(), advanced.into());
    if schema::is_secret(found) {
        hint.insert("sensitive".to_owned(), true.into());
    }
    Value::Object(hint)
}

/// `dmPolicy` as people read it: `Dm policy`.
fn label(key: &str) -> String {
    let mut text = String::with_capacity(key.len() + 4);
    let mut was_lower = false;
    for (index, letter) in key.chars().enumerate() {
        if index == 0 {
            text.extend(letter.to_uppercase());
        } else if letter.is_uppercase() && was_lower {
            text.push(' ');
            text.extend(letter.to_lowercase());
        } else if matches!(letter, '-' | '_') {
            text.push(' ');
        } else {
            text.push(letter);
        }
        was_lower = letter.is_lowercase() || letter.is_ascii_digit();
    }
    text
}
