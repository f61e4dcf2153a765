//! `${NAME}` in configuration texts.
//!
//! A variable without a value stays visible as it is written and is reported; whatever needs the value treats it as
//! absent. `$${NAME}` writes a literal `${NAME}`. Variables come from the process first, then from `env.vars`.

use std::collections::BTreeMap;

use super::document::{Node, NodeKind, Sources};
use super::finding::Finding;
use super::path::{KeyPath, Segment};

/// Where variables come from.
pub(crate) struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    own: BTreeMap<String, String>,
}

/// A text with its variables filled in.
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// Names without a value, in order of appearance.
    pub(crate) missing: Vec<String>,
}

// === impl Variables ===

impl<'a> Variables<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>, root: &Node) -> Self {
        let own = root
            .at_keys(&["env", "vars"])
            .map(Node::members)
            .unwrap_or_default()
            .iter()
            .filter_map(|member| Some((member.key.clone(), member.value.text()?.to_owned())))
            .collect();
        Self { lookup, own }
    }

    /// The same for a document that is a value already.
    pub(crate) fn of_value(
        lookup: &'a dyn Fn(&str) -> Option<String>,
        document: &serde_json::Value,
    ) -> Self {
        let own = document["env"]["vars"].as_object();
        let own = own
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        Self { lookup, own }
    }

    /// The variable's value; an empty one counts as missing, because an empty credential is never meant.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .filter(|value| !value.is_empty())
            .or_else(|| {
                self.own
                    .get(name)
                    .filter(|value| !value.is_empty() && !value.contains("${"))
                    .cloned()
            })
    }

    pub(crate) fn substitute(&self, text: &str) -> Substituted {
        let mut result = Substituted {
            text: String::with_capacity(text.len()),
            missing: Vec::new(),
        };
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            let (before, tail) = rest.split_at(dollar);
            result.text.push_str(before);
            let escaped = tail
                .strip_prefix('$')
                .filter(|after| reference(after).is_some());
            if let Some((name, length)) = escaped.and_then(reference) {
                result.text.push_str(&format!("${{{name}}}"));
                rest = &tail[1 + length..];
            } else if let Some((name, length)) = reference(tail) {
                match self.get(name) {
                    Some(value) => result.text.push_str(&value),
                    None => {
                        result.text.push_str(&tail[..length]);
                        result.missing.push(name.to_owned());
                    }
                }
                rest = &tail[length..];
            } else {
                result.text.push('$');
                rest = &tail[1..];
            }
        }
        result.text.push_str(rest);
        result
    }
}

/// `${NAME}` at the start of `text`: the name and the length of the whole.
fn reference(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("${")?;
    let end = inner.find('}')?;
    let name = &inner[..end];
    is_variable_name(name).then_some((name, end + 3))
}

/// OpenClaw's rule for names: capitals, digits and underscores, not starting with a digit.
pub(crate) fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_uppercase() || first == '_')
        && characters.all(|rest| rest.is_ascii_uppercase() || rest.is_ascii_digit() || rest == '_')
}

/// `$NAME`, the shorthand that secret fields accept.
pub(crate) fn shorthand(text: &str) -> Option<&str> {
    text.strip_prefix('$').filter(|name| is_variable_name(name))
}

/// True when a text only names where its secret is, so that showing it gives nothing away.
pub(crate) fn is_reference_only(text: &str) -> bool {
    shorthand(text).is_some() || reference(text).is_some_and(|(_, length)| length == text.len())
}

/// Fills in every text below `node`.
pub(crate) fn substitute_tree(
    node: &mut Node,
    path: &mut KeyPath,
    variables: &Variables<'_>,
    sources: &Sources,
    warnings: &mut Vec<Finding>,
) {
    match &mut node.kind {
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => {}
        NodeKind::Text { text, unresolved } => {
            if !text.contains('$') {
                return;
            }
            let substituted = variables.substitute(text);
            *unresolved = !substituted.missing.is_empty();
            *text = substituted.text;
            for name in substituted.missing {
                warnings.push(missing_variable(sources.place(node.at), path, &name));
            }
        }
        NodeKind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(Segment::Index(index));
                substitute_tree(item, path, variables, sources, warnings);
                path.pop();
            }
        }
        NodeKind::Object(members) => {
            for member in members {
                path.push(Segment::Key(member.key.clone()));
                substitute_tree(&mut member.value, path, variables, sources, warnings);
                path.pop();
            }
        }
    }
}

pub(crate) fn missing_variable(
    place: Option<super::finding::Place>,
    path: &KeyPath,
    name: &str,
) -> Finding {
    Finding::new(
        place,
        path,
        format!("uses the variable {name}, which has no value"),
    )
    .with_hint("set it in the environment, in `.env` or in `env.vars`")
}
