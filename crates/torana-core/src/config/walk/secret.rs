//! Secrets: written out, named by a variable, or referred to.

use serde_json::{Value, json};

use super::Walk;
use crate::config::document::{Node, NodeKind};
use crate::config::finding::Finding;
use crate::config::path::Segment;
use crate::config::secret::{REDACTED, UNRESOLVED_KEY};
use crate::config::{env, guard};

impl Walk<'_> {
    /// The value of a secret, or what was written where it cannot be resolved.
    pub(super) fn secret(&mut self, node: &Node) -> Option<Value> {
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
