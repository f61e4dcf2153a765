//! The walk of a document along the schema: every problem at once, and a clean value for deserialising.
//!
//! The clean value has our own spelling of every key and enumerated word, resolved secrets, and only keys that exist,
//! so that deserialising it cannot fail for a reason a person could understand better with a line number.

use serde_json::{Map, Number, Value, json};

use super::document::{Member, Node, NodeKind, Origin, Sources};
use super::env::Variables;
use super::finding::{Finding, Refusal};
use super::path::{KeyPath, Segment};
use super::secret::REDACTED;
use super::{accepted, guard, schema, suggest};

mod foreign;
mod secret;
mod shape;

pub(crate) use shape::words_of;
use shape::{branch_fits, branch_types, fits, type_label, types_of};

/// Everything a walk finds.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Finding>,
    pub(crate) warnings: Vec<Finding>,
    pub(crate) refusals: Vec<Refusal>,
    /// Keys and values that are accepted but not built yet.
    pub(crate) accepted: Vec<String>,
    /// Channels that exist elsewhere, with the place of their section.
    pub(crate) unavailable_channels: Vec<Finding>,
}

pub(crate) struct Walk<'a> {
    sources: &'a Sources,
    variables: &'a Variables<'a>,
    root_schema: &'a Value,
    path: KeyPath,
    found: Findings,
}

/// How far the findings had come, to undo an alternative that did not fit.
#[derive(Clone, Copy)]
struct Mark {
    problems: usize,
    warnings: usize,
    refusals: usize,
    accepted: usize,
    unavailable: usize,
}

/// Walks the whole document; the value is what deserialises.
pub(crate) fn walk(
    sources: &Sources,
    variables: &Variables<'_>,
    root: &Node,
    root_schema: &Value,
) -> (Value, Findings) {
    let mut walk = Walk {
        sources,
        variables,
        root_schema,
        path: KeyPath::root(),
        found: Findings::default(),
    };
    let value = walk.value(root, root_schema);
    (value.unwrap_or_else(|| json!({})), walk.found)
}

// === impl Walk: values ===

impl Walk<'_> {
    /// The clean form of `node`, or nothing when it is wrong or not built yet.
    fn value(&mut self, node: &Node, schema: &Value) -> Option<Value> {
        if schema::is_secret(schema) {
            return self.secret(node);
        }
        if let Some(words) = words_of(schema) {
            return self.word(node, schema, &words);
        }
        if let Some(branches) = schema::branches(schema) {
            return self.alternative(node, branches);
        }
        let types = types_of(schema);
        if types.is_empty() {
            return Some(node.to_value());
        }
        if !types.iter().any(|name| fits(node, name)) {
            self.wrong_type(node, &types);
            return None;
        }
        match &node.kind {
            NodeKind::Null | NodeKind::Bool(_) => Some(node.to_value()),
            NodeKind::Number(number) => self.number(node, number, schema, &types),
            NodeKind::Text { text, unresolved } => self.text(node, text, *unresolved, schema),
            NodeKind::List(items) => self.list(node, items, schema),
            NodeKind::Object(members) => self.object(node, members, schema),
        }
    }

    fn alternative(&mut self, node: &Node, branches: &[Value]) -> Option<Value> {
        let fitting: Vec<&Value> = branches
            .iter()
            .filter(|branch| branch_fits(node, branch))
            .collect();
        match fitting.as_slice() {
            [] => {
                let types: Vec<&str> = branches.iter().flat_map(branch_types).collect();
                self.wrong_type(node, &types);
                None
            }
            [only] => self.value(node, only),
            several => self.best_of(node, several),
        }
    }

    /// The first alternative without problems, else the one with the fewest.
    fn best_of(&mut self, node: &Node, branches: &[&Value]) -> Option<Value> {
        let start = self.mark();
        let mut best: Option<(usize, &Value)> = None;
        for branch in branches {
            let value = self.value(node, branch);
            let problems = self.found.problems.len() - start.problems;
            if problems == 0 {
                return value;
            }
            self.undo(start);
            if best.is_none_or(|(fewest, _)| problems < fewest) {
                best = Some((problems, branch));
            }
        }
        best.and_then(|(_, branch)| self.value(node, branch))
    }

    fn word(&mut self, node: &Node, schema: &Value, words: &[&str]) -> Option<Value> {
        let text = node.text().unwrap_or_default();
        if words.contains(&text) {
            return Some(Value::String(text.to_owned()));
        }
        if let Some(canonical) = schema
            .get("x-value-aliases")
            .and_then(|aliases| aliases.get(text))
        {
            return Some(canonical.clone());
        }
        let names = self.path.names();
        if accepted::has_value(&names, text) {
            self.found.accepted.push(format!("{} = {text}", self.path));
            if let Some(part) = guard::guarded_part(&names, node) {
                self.refuse(node, part, format!("is `{text}`, which is not built yet"));
            }
            return None;
        }
        let known = words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let finding = Finding::new(
            self.place(node.at),
            &self.path,
            format!("must be one of {known}"),
        );
        self.found
            .problems
            .push(match suggest::nearest(text, words.iter().copied()) {
                Some(word) => finding.with_hint(format!("did you mean `{word}`?")),
                None => finding,
            });
        None
    }

    fn number(
        &mut self,
        node: &Node,
        number: &Number,
        schema: &Value,
        types: &[&str],
    ) -> Option<Value> {
        let size = number.as_f64()?;
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let complaint = if bound("minimum").is_some_and(|least| size < least) {
            Some(format!("at least {} is needed", schema["minimum"]))
        } else if bound("exclusiveMinimum").is_some_and(|least| size <= least) {
            Some(format!(
                "more than {} is needed",
                schema["exclusiveMinimum"]
            ))
        } else if bound("maximum").is_some_and(|most| size > most) {
            Some(format!("at most {} is allowed", schema["maximum"]))
        } else if bound("exclusiveMaximum").is_some_and(|most| size >= most) {
            Some(format!(
                "less than {} is needed",
                schema["exclusiveMaximum"]
            ))
        } else {
            None
        };
        if let Some(complaint) = complaint {
            self.problem(node.at, format!("is {number}; {complaint}"));
            return None;
        }
        let whole = types.contains(&"integer") && !types.contains(&"number");
        if whole && !number.is_i64() && !number.is_u64() {
            // `1e3` and `5.` are whole numbers in JSON5; printing without a fraction keeps every digit.
            return format!("{size:.0}").parse::<i64>().ok().map(Value::from);
        }
        Some(Value::Number(number.clone()))
    }

    fn text(&mut self, node: &Node, text: &str, unresolved: bool, schema: &Value) -> Option<Value> {
        if text.contains(REDACTED) {
            self.problem(
                node.at,
                "holds the placeholder of a hidden value instead of the value",
            );
            return None;
        }
        if unresolved {
            return Some(Value::String(text.to_owned()));
        }
        let count = text.chars().count() as u64;
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
        if bound("minLength").is_some_and(|least| count < least) {
            let complaint = if text.is_empty() {
                "must not be empty"
            } else {
                "is too short"
            };
            self.problem(node.at, complaint);
            return None;
        }
        if bound("maxLength").is_some_and(|most| count > most) {
            self.problem(
                node.at,
                format!("is longer than {} characters", schema["maxLength"]),
            );
            return None;
        }
        let is_address = schema.get("format").and_then(Value::as_str) == Some("uri");
        if is_address && url::Url::parse(text).is_err() {
            self.problem(
                node.at,
                "must be a complete address such as `https://example.org`",
            );
            return None;
        }
        Some(Value::String(text.to_owned()))
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &Value) -> Option<Value> {
        let count = items.len() as u64;
        if schema
            .get("maxItems")
            .and_then(Value::as_u64)
            .is_some_and(|most| count > most)
        {
            self.problem(
                node.at,
                format!("has more than {} items", schema["maxItems"]),
            );
            return None;
        }
        let Some(item_schema) = schema.get("items") else {
            return Some(node.to_value());
        };
        let values = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                self.within(Segment::Index(index), |this| this.value(item, item_schema))
            })
            .collect();
        Some(Value::Array(values))
    }

    fn object(&mut self, node: &Node, members: &[Member], schema: &Value) -> Option<Value> {
        let mut clean = Map::new();
        let mut left_out = Vec::new();
        let rest = schema.get("additionalProperties");
        for member in members {
            let known = schema::property(schema, &member.key);
            let name = known.map_or(member.key.as_str(), |(name, _)| name);
            let value = match (known, rest) {
                (Some((name, property)), _) => {
                    if clean.contains_key(name) {
                        self.within(Segment::Key(member.key.clone()), |this| {
                            this.problem(
                                member.key_at,
                                format!("is another spelling of `{name}`, which is written too"),
                            );
                        });
                        continue;
                    }
                    self.within(Segment::Key(member.key.clone()), |this| {
                        this.value(&member.value, property)
                    })
                }
                (None, Some(property @ Value::Object(_))) => self
                    .within(Segment::Key(member.key.clone()), |this| {
                        this.value(&member.value, property)
                    }),
                (None, Some(Value::Bool(false))) => {
                    self.within(Segment::Key(member.key.clone()), |this| {
                        this.unknown(member, schema)
                    });
                    continue;
                }
                (None, _) => Some(member.value.to_value()),
            };
            match value {
                Some(value) => {
                    clean.insert(name.to_owned(), value);
                }
                // A rule of a kind that is not built would mean something else without its kind.
                None if known
                    .is_some_and(|(_, property)| property.get("x-essential").is_some()) =>
                {
                    return None;
                }
                None => left_out.push(name.to_owned()),
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !clean.contains_key(name) {
                if !left_out.iter().any(|known| known == name) {
                    self.problem(node.at, format!("needs `{name}`"));
                }
                return None;
            }
        }
        Some(Value::Object(clean))
    }
}

// === impl Walk: bookkeeping ===

impl Walk<'_> {
    fn wrong_type(&mut self, node: &Node, types: &[&str]) {
        let mut wanted: Vec<&str> = types.iter().map(|name| type_label(name)).collect();
        wanted.dedup();
        let wanted = wanted.join(" or ");
        let found = match node.kind {
            NodeKind::Null => "null",
            NodeKind::Bool(_) => "true or false",
            NodeKind::Number(_) => "a number",
            NodeKind::Text { .. } => "text",
            NodeKind::List(_) => "a list",
            NodeKind::Object(_) => "an object",
        };
        let subject = if self.path.is_root() {
            "the file is"
        } else {
            "is"
        };
        let message = format!("{subject} {found}; {wanted} is needed");
        let finding = Finding::new(self.place(node.at), &self.path, message);
        self.found.problems.push(match node.kind {
            NodeKind::Null => finding.with_hint("leave the key out to use its default"),
            _ => finding,
        });
    }

    fn problem(&mut self, at: Origin, message: impl Into<String>) {
        let finding = Finding::new(self.place(at), &self.path, message);
        self.found.problems.push(finding);
    }

    fn place(&self, at: Origin) -> Option<super::finding::Place> {
        self.sources.place(at)
    }

    fn within<T>(&mut self, segment: Segment, action: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(segment);
        let result = action(self);
        self.path.pop();
        result
    }

    fn mark(&self) -> Mark {
        Mark {
            problems: self.found.problems.len(),
            warnings: self.found.warnings.len(),
            refusals: self.found.refusals.len(),
            accepted: self.found.accepted.len(),
            unavailable: self.found.unavailable_channels.len(),
        }
    }

    fn undo(&mut self, mark: Mark) {
        self.found.problems.truncate(mark.problems);
        self.found.warnings.truncate(mark.warnings);
        self.found.refusals.truncate(mark.refusals);
        self.found.accepted.truncate(mark.accepted);
        self.found.unavailable_channels.truncate(mark.unavailable);
    }
}
