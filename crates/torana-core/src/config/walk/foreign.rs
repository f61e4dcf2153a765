//! Keys that are not ours: known elsewhere and accepted, guarding something and refused, or unknown.

use serde_json::{Map, Value};

use super::Walk;
use crate::config::accepted::Listing;
use crate::config::document::{Member, Node, NodeKind, Origin};
use crate::config::finding::{Finding, Part, Refusal};
use crate::config::path::{KeyPath, Segment};
use crate::config::{accepted, guard, suggest};

impl Walk<'_> {
    /// Sorts a key that the tree does not have.
    pub(super) fn unknown(&mut self, member: &Member, parent: &Value) {
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
    pub(super) fn refuse(&mut self, node: &Node, part: Part, message: String) {
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
            .map(|name| parent_path.key(name).to_string())
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

fn is_container(node: &Node) -> bool {
    matches!(node.kind, NodeKind::List(_) | NodeKind::Object(_))
}
