//! Secrets that a configuration only refers to, with what they resolve to: for the one call that hands them out.
//!
//! What a secret is, and where, follows the same rules as redaction: the schema says so, or, where there is none, its
//! name does.

use serde_json::Value;

use super::env::{self, Variables};
use super::path::{KeyPath, Segment};
use super::redact::{below, is_reference, is_secret_name};
use super::schema::{self, TreeSchema};
use super::secret::Secret;

/// A secret that is written as a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretReference {
    /// Where it stands.
    pub path: KeyPath,
    /// What it resolves to; `None` when its variable has no value or its source is not built.
    pub value: Option<Secret>,
}

impl TreeSchema {
    /// Every secret of `document` that is a reference, in document order. `lookup` has the variables of the process;
    /// the document's own `env.vars` come after it.
    #[must_use]
    pub fn secret_references(
        &self,
        document: &Value,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<SecretReference> {
        let mut search = Search {
            variables: Variables::of_value(lookup, document),
            path: KeyPath::root(),
            found: Vec::new(),
        };
        search.visit(document, &[self.as_value()], false);
        search.found
    }
}

struct Search<'a> {
    variables: Variables<'a>,
    path: KeyPath,
    found: Vec<SecretReference>,
}

impl Search<'_> {
    fn visit(&mut self, value: &Value, schemas: &[&Value], below_secret: bool) {
        let is_secret = below_secret || schemas.iter().any(|schema| schema::is_secret(schema));
        match value {
            Value::String(text) if is_secret => self.text(text),
            Value::Object(map) if is_secret && is_reference(map) => {
                let is_variable = map.get("source").and_then(Value::as_str) == Some("env");
                let name = map.get("id").and_then(Value::as_str);
                let value = name
                    .filter(|name| is_variable && env::is_variable_name(name))
                    .and_then(|name| self.variables.get(name));
                self.push(value);
            }
            Value::Object(map) => {
                for (key, value) in map {
                    let step = Segment::Key(key.clone());
                    let schemas = below(schemas, &step);
                    let is_secret = is_secret || (schemas.is_empty() && is_secret_name(key));
                    self.path.push(step);
                    self.visit(value, &schemas, is_secret);
                    self.path.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let step = Segment::Index(index);
                    let schemas = below(schemas, &step);
                    self.path.push(step);
                    self.visit(item, &schemas, is_secret);
                    self.path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(name) = env::shorthand(text) {
            let value = self.variables.get(name);
            self.push(value);
            return;
        }
        let substituted = self.variables.substitute(text);
        if !substituted.missing.is_empty() {
            self.push(None);
        } else if substituted.text != text {
            self.push(Some(substituted.text));
        }
    }

    fn push(&mut self, value: Option<String>) {
        self.found.push(SecretReference {
            path: self.path.clone(),
            value: value.map(Secret::new),
        });
    }
}
