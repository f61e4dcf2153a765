//! A parsed configuration: values that know where they were written.
//!
//! Included files are merged into one tree, and every node keeps its own file, so that a message about a value
//! always names the line somebody can change.

use serde_json::{Map, Number, Value};

use super::finding::Place;
use super::path::{KeyPath, Segment};

/// The files a configuration consists of, and the tree they form.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) sources: Sources,
    pub(crate) root: Node,
}

/// The files a configuration consists of; a node names its file by its index here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Vec<Source>);

#[derive(Debug, Clone)]
struct Source {
    name: String,
    text: String,
}

/// Where a node begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) source: usize,
    pub(crate) offset: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Origin,
    pub(crate) kind: NodeKind,
}

#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    Null,
    Bool(bool),
    Number(Number),
    /// Text after variables were filled in; `unresolved` when one of them has no value.
    Text {
        text: String,
        unresolved: bool,
    },
    List(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_at: Origin,
    pub(crate) value: Node,
}

// === impl Document ===

impl Document {
    /// The names of the files, the main one first, then includes in the order they were read.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources.0.iter().map(|source| source.name.as_str())
    }

    /// The files with what was read from them, in the same order.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let sources = self.sources.0.iter();
        sources.map(|source| (source.name.as_str(), source.text.as_str()))
    }

    /// The merged values as they are written: includes followed, variables not filled in.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.root.to_value()
    }

    /// Where the value at `path`, or the nearest one above it, is written.
    #[must_use]
    pub fn place(&self, path: &KeyPath) -> Option<Place> {
        let mut node = &self.root;
        let mut at = node.at;
        for segment in path.segments() {
            match (segment, &node.kind) {
                (Segment::Key(key), NodeKind::Object(members)) => {
                    let Some(member) = members.iter().find(|member| member.key == *key) else {
                        break;
                    };
                    at = member.key_at;
                    node = &member.value;
                }
                (Segment::Index(index), NodeKind::List(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    at = item.at;
                    node = item;
                }
                _ => break,
            }
        }
        self.sources.place(at)
    }
}

// === impl Sources ===

impl Sources {
    pub(crate) fn add(&mut self, name: &str, text: &str) -> usize {
        self.0.push(Source {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        self.0.len() - 1
    }

    pub(crate) fn name(&self, source: usize) -> &str {
        self.0.get(source).map_or("", |source| source.name.as_str())
    }

    /// Line and column are counted only when a finding needs them, so a clean file pays nothing.
    pub(crate) fn place(&self, at: Origin) -> Option<Place> {
        let source = self.0.get(at.source)?;
        let before = source.text.get(..at.offset.min(source.text.len()))?;
        let line_start = before.rfind('\n').map_or(0, |index| index + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        Some(Place {
            file: source.name.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        })
    }
}

// === impl Node ===

impl Node {
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(flag) => Value::Bool(*flag),
            NodeKind::Number(number) => Value::Number(number.clone()),
            NodeKind::Text { text, .. } => Value::String(text.clone()),
            NodeKind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            NodeKind::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            NodeKind::Object(members) => members
                .iter()
                .find(|member| member.key == key)
                .map(|member| &member.value),
            _ => None,
        }
    }

    pub(crate) fn at_keys(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(crate) fn members(&self) -> &[Member] {
        match &self.kind {
            NodeKind::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            NodeKind::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Text as written, a whole number printed: the form ids are compared in.
    pub(crate) fn id_text(&self) -> Option<String> {
        match &self.kind {
            NodeKind::Text { text, .. } => Some(text.clone()),
            NodeKind::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn is_false(&self) -> bool {
        matches!(self.kind, NodeKind::Bool(false))
    }
}
