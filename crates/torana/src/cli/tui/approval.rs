//! Things an agent may only do when a person says so.

use serde_json::{Value, json};

use super::state::{Action, Ask, ask};
use crate::cli::rpc::method;
use crate::cli::words::{items_of, number_of, text_of};

/// Approvals kept at once; the gateway keeps the rest, and they are read again after these are decided.
pub(crate) const APPROVALS_MAX: usize = 64;
/// What may be answered when the gateway does not say.
const DECISIONS: [&str; 3] = ["allow-once", "allow-always", "deny"];

/// One thing to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) id: String,
    /// `exec`, `plugin` or `system-agent`.
    pub(crate) kind: String,
    /// What is to be done.
    pub(crate) subject: String,
    /// Where and for whom.
    pub(crate) place: String,
    pub(crate) decisions: Vec<String>,
    pub(crate) expires_at_ms: i64,
}

// === impl Approval ===

impl Approval {
    /// Reads what the gateway lists and announces.
    pub(crate) fn read(value: &Value, kind: &str) -> Option<Self> {
        let id = text_of(value, "id");
        if id.is_empty() {
            return None;
        }
        let request = &value["request"];
        let first = |names: &[&str]| {
            names
                .iter()
                .map(|name| text_of(request, name))
                .find(|text| !text.is_empty())
                .unwrap_or_default()
                .to_owned()
        };
        let place: Vec<&str> = ["host", "cwd", "agentId", "sessionKey"]
            .iter()
            .map(|name| text_of(request, name))
            .filter(|text| !text.is_empty())
            .collect();
        let mut decisions: Vec<String> = items_of(request, "allowedDecisions")
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if decisions.is_empty() {
            decisions = DECISIONS.map(str::to_owned).to_vec();
        }
        let told = text_of(value, "approvalKind");
        Some(Self {
            id: id.to_owned(),
            kind: if told.is_empty() { kind } else { told }.to_owned(),
            subject: first(&["command", "commandText", "title", "description", "summary"]),
            place: place.join(" · "),
            decisions,
            expires_at_ms: number_of(value, "expiresAtMs").unwrap_or(i64::MAX),
        })
    }

    /// The call that decides.
    pub(crate) fn decide(&self, decision: &str) -> Action {
        let target = Ask::Decide {
            id: self.id.clone(),
        };
        let params = json!({ "id": self.id, "decision": decision });
        match self.kind.as_str() {
            "plugin" => ask(target, method::PLUGIN_APPROVAL_RESOLVE, params),
            "exec" => ask(target, method::EXEC_APPROVAL_RESOLVE, params),
            other => ask(
                target,
                method::APPROVAL_RESOLVE,
                json!({ "id": self.id, "kind": other, "decision": decision }),
            ),
        }
    }
}
