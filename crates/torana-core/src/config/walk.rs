//! The walk of a document along the schema: every problem at once, and a clean value for deserialising.
//!
//! The clean value has our own spelling of every key and enumerated word, resolved secrets, and only keys that exist,
//! so that deserialising it cannot fail for a reason a person could understand better with a line number.

use serde_json::{Map, Number, Value, json};

use super::accepted::{self, Listing};
use super::document::{Member, Node, NodeKind, Origin, Sources};
use super::env::{self, Variables};
use super::finding::{Finding, Part, Refusal};
use super::guard;
use super::path::{KeyPath, Segment};
use super::schema;
use super::secret::{REDACTED, UNRESOLVED_KEY};
use super::suggest;

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

// === impl Walk: secrets ===

impl Walk<'_> {
    fn secret(&mut self, node: &Node) -> Option<Value> {
        match &node.kind {
            NodeKind::Text { text, .. } if text.contains(REDACTED) => {
                self.problem(
                    node.at,
                    "holds the placeholder of a hidden value instead of the value",
                );
                None
            }
            NodeKind::Text {
                text,
                unresolved: true,
            } => Some(unresolved(text)),
            NodeKind::Text { text, .. } => match env::shorthand(text) {
                Some(name) => Some(self.variable(node, name, text)),
                None if text.is_empty() => None,
                None => Some(Value::String(text.clone())),
            },
            NodeKind::Object(_) => self.secret_reference(node),
            NodeKind::Number(_) => {
                let finding = Finding::new(
                    self.place(node.at),
                    &self.path,
                    "is a number; text is needed",
                )
                .with_hint("put it in quotes");
                self.found.problems.push(finding);
                None
            }
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::List(_) => {
                self.wrong_type(node, &["string", "object"]);
                None
            }
        }
    }

    fn variable(&mut self, node: &Node, name: &str, written: &str) -> Value {
        if let Some(value) = self.variables.get(name) {
            return Value::String(value);
        }
        let warning = env::missing_variable(self.place(node.at), &self.path, name);
        self.found.warnings.push(warning);
        unresolved(written)
    }

    fn secret_reference(&mut self, node: &Node) -> Option<Value> {
        for member in node.members() {
            if !matches!(member.key.as_str(), "source" | "provider" | "id") {
                self.within(Segment::Key(member.key.clone()), |this| {
                    this.problem(
                        member.key_at,
                        "is not a known key of a secret reference (`source`, `provider`, `id`)",
                    );
                });
                return None;
            }
        }
        let field = |key: &str| node.get(key).and_then(Node::text);
        let (Some(source), Some(id)) = (field("source"), field("id")) else {
            self.problem(
                node.at,
                "must be text or a secret reference with `source`, `provider` and `id`",
            );
            return None;
        };
        match source {
            "env" if env::is_variable_name(id) => {
                Some(self.variable(node, id, &format!("${{{id}}}")))
            }
            "env" => {
                self.problem(
                    node.at,
                    "names a variable with characters that variables cannot have",
                );
                None
            }
            "file" | "exec" | "store" => {
                let message = format!("takes a secret from `{source}`, which is not built yet");
                self.refuse(node, guard::part_of(&self.path.names()), message);
                Some(unresolved(&format!("secret reference to {source}")))
            }
            _ => {
                self.problem(
                    node.at,
                    "has a secret source that is not one of `env`, `file`, `exec`, `store`",
                );
                None
            }
        }
    }
}

fn unresolved(written: &str) -> Value {
    json!({ UNRESOLVED_KEY: written })
}

// === impl Walk: keys that are not ours ===

impl Walk<'_> {
    fn unknown(&mut self, member: &Member, parent: &Value) {
        let names = self.path.names();
        match accepted::classify(&names) {
            Listing::Whole if self.is_channel(&names) => {
                let message = "is a channel that is not available in this build";
                let finding = Finding::new(self.place(member.key_at), &self.path, message);
                self.found.unavailable_channels.push(finding);
            }
            Listing::Whole => {
                let label = self.path.to_string();
                self.accept(&member.value, &names, label);
            }
            Listing::Section if guard::guarded_part(&names, &member.value).is_some() => {
                let label = self.path.to_string();
                self.accept(&member.value, &names, label);
            }
            Listing::Section => self.accept_section(&member.value),
            Listing::Absent => self.unknown_key(member.key_at, &member.key, parent),
        }
    }

    fn is_channel(&self, names: &[String]) -> bool {
        names.len() == 2 && names[0] == "channels" && names[1] != "modelByChannel"
    }

    /// A part of the document where we have no key, but the list has some: each leaf is looked up on its own.
    fn accept_section(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::Object(members) => {
                for member in members {
                    let nothing = Value::Bool(true);
                    self.within(Segment::Key(member.key.clone()), |this| {
                        this.unknown(member, &nothing)
                    });
                }
            }
            NodeKind::List(items) if items.iter().any(is_container) => {
                for (index, item) in items.iter().enumerate() {
                    self.within(Segment::Index(index), |this| this.accept_section(item));
                }
            }
            NodeKind::Null
            | NodeKind::Bool(_)
            | NodeKind::Number(_)
            | NodeKind::Text { .. }
            | NodeKind::List(_) => {
                let names = self.path.names();
                let label = self.path.to_string();
                self.accept(node, &names, label);
            }
        }
    }

    fn accept(&mut self, node: &Node, names: &[String], label: String) {
        self.found.accepted.push(label);
        self.guard(node, names);
    }

    /// Refuses the parts that keys at and below `node` guard.
    fn guard(&mut self, node: &Node, names: &[String]) {
        if let Some(part) = guard::guarded_part(names, node) {
            self.refuse(
                node,
                part,
                "restricts something in a way that is not built yet".to_owned(),
            );
            return;
        }
        let children = node
            .members()
            .iter()
            .map(|member| (Segment::Key(member.key.clone()), &member.value))
            .chain(
                node.items()
                    .iter()
                    .enumerate()
                    .map(|(index, item)| (Segment::Index(index), item)),
            );
        for (segment, child) in children {
            self.within(segment, |this| {
                let names = this.path.names();
                this.guard(child, &names);
            });
        }
    }

    /// A refusal of everything is a problem: the gateway does not start.
    fn refuse(&mut self, node: &Node, part: Part, message: String) {
        let place = self.place(node.at);
        if part == Part::Gateway {
            let message = format!("{message}, and starting without it would weaken protection");
            let finding = Finding::new(place, &self.path, message)
                .with_hint("remove the key to start without that protection");
            self.found.problems.push(finding);
            return;
        }
        let message = format!("{message}, so this stays off: {part}");
        self.found.refusals.push(Refusal {
            part,
            key: self.path.to_string(),
            place,
            message,
        });
    }

    fn unknown_key(&mut self, at: Origin, key: &str, parent: &Value) {
        let mut parent_path = self.path.clone();
        parent_path.pop();
        let listed = accepted::keys_below(&parent_path.names());
        let own = parent.get("properties").and_then(Value::as_object);
        let own = own.into_iter().flat_map(Map::keys).map(String::as_str);
        let hint = suggest::nearest(key, own.chain(listed.iter().copied()))
            .map(str::to_owned)
            .or_else(|| elsewhere(self.root_schema, key));
        let finding = Finding::new(self.place(at), &self.path, "is not a known key");
        self.found.problems.push(match hint {
            Some(name) => finding.with_hint(format!("did you mean `{name}`?")),
            None => finding,
        });
    }
}

/// The only place in the tree that has exactly this key, for keys that were put into the wrong section.
fn elsewhere(schema: &Value, key: &str) -> Option<String> {
    fn collect(schema: &Value, key: &str, path: &mut KeyPath, found: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            path.push(Segment::Key(name.clone()));
            if name == key {
                found.push(path.to_string());
            }
            collect(property, key, path, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    collect(schema, key, &mut KeyPath::root(), &mut found);
    match found.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
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

fn is_container(node: &Node) -> bool {
    matches!(node.kind, NodeKind::List(_) | NodeKind::Object(_))
}

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

fn types_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn branch_types(branch: &Value) -> Vec<&str> {
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

fn branch_fits(node: &Node, branch: &Value) -> bool {
    let types = branch_types(branch);
    types.is_empty() || types.iter().any(|name| fits(node, name))
}

fn fits(node: &Node, type_name: &str) -> bool {
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

fn type_label(name: &str) -> &str {
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
