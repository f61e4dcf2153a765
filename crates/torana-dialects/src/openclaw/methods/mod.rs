//! The method table: one row per method with scope, parameters, documentation and handler. Everything else about
//! methods (discovery, scope checks, limits, the reference page) comes from it.

mod absent;
mod agent_entries;
mod agent_files;
mod agents;
mod approvals;
mod artifacts;
mod audit;
mod canvas;
mod channels;
mod chat;
mod config;
mod devices;
mod dispatch;
mod lifecycle;
mod machine;
mod models;
mod nodes;
mod own;
mod pairing;
mod secrets;
mod sessions;
mod setup;
mod surface;
mod system;
mod table;
mod usage;
mod voice;

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use torana_core::auth::{Scope, ScopeSet};
use torana_core::port::BoxFuture;
use torana_engine::Engine;
use torana_engine::service::audit::Act;

use super::client::Client;
use super::error::WireError;
use super::frame::Payload;
use super::gateway::OpenClaw;
use super::params::{Effect, Params, Spec};

pub(crate) use dispatch::admit;
#[cfg(test)]
pub(crate) use dispatch::permit;
pub(crate) use lifecycle::{door_after, door_before};
pub(crate) use models::{asked_agent, catalog};
pub(crate) use nodes::{offer as node_offer, surface_of};
pub(crate) use setup::done as setup_done;
pub(crate) use table::{find, rows};
pub(crate) use voice::tell_node as tell_wake_words;

/// What a method needs of its caller.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// Nothing: every client may call it.
    Nothing,
    /// No scope, but the operator role: what a client without any scope may still ask for itself.
    Operator,
    /// The node role; for nodes of the old protocol `false` leaves it out.
    Node {
        /// Nodes that only speak the previous protocol may call it too.
        old: bool,
    },
    /// A scope.
    Scope(Scope),
    /// One scope for most parameters, another for some.
    Depends(Scope, fn(&Value) -> Scope),
}

/// One method.
pub(crate) struct Method {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it needs.
    pub(crate) needs: Needs,
    /// Listed in `features.methods`. Quirk: the reference hides some that work.
    pub(crate) listed: bool,
    /// A control-plane write, limited per client (S-093).
    pub(crate) write: bool,
    /// Torana's version that brought it.
    pub(crate) since: &'static str,
    /// One sentence for the reference.
    pub(crate) doc: &'static str,
    /// Its parameters.
    pub(crate) params: Spec,
    /// What carries it out.
    pub(crate) run: fn(Call) -> Running,
}

/// The answer of a method.
pub(crate) type Answer = Result<Payload, WireError>;
/// A method at work.
pub(crate) type Running = BoxFuture<'static, Answer>;

/// One call.
pub(crate) struct Call {
    /// The dialect.
    pub(crate) gateway: Arc<OpenClaw>,
    /// Who calls.
    pub(crate) client: Arc<Client>,
    /// The method, for handlers that serve several.
    pub(crate) method: &'static str,
    /// Request id.
    pub(crate) id: String,
    /// Checked parameters.
    pub(crate) params: Params,
}

impl Call {
    /// The engine.
    pub(crate) fn engine(&self) -> &Engine {
        &self.gateway.context().engine
    }

    /// What the caller may do.
    pub(crate) fn scopes(&self) -> ScopeSet {
        self.client.scopes
    }

    /// Who calls, as the audit log names it: the device, else the address.
    pub(crate) fn actor(&self) -> String {
        let device = self.client.device.as_ref();
        device.map_or_else(
            || format!("address:{}", self.client.address),
            |device| format!("device:{device}"),
        )
    }

    /// What this call does, as the audit log keeps it.
    pub(crate) fn act(
        &self,
        kind: &'static str,
        target: impl Into<String>,
        detail: Option<Value>,
    ) -> Act {
        Act {
            kind,
            action: self.method.to_owned(),
            actor: self.actor(),
            target: target.into(),
            allowed: true,
            detail,
        }
    }

    /// Wall time, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.engine().world().wall_ms()
    }
}

/// Names for `features.methods`.
pub(crate) fn listed() -> &'static [&'static str] {
    static LISTED: OnceLock<Vec<&'static str>> = OnceLock::new();
    LISTED.get_or_init(|| {
        rows()
            .filter(|method| method.listed)
            .map(|method| method.name)
            .collect()
    })
}

/// The reference page of this dialect's methods.
pub fn reference_markdown() -> String {
    let mut text = String::from(
        "# OpenClaw protocol: methods\n\nGenerated from the method table.\n`W` marks control-plane writes, limited to 30 per minute and client.\nParameters in parentheses are accepted and change nothing, because what they ask for is so anyway; parameters of\nthe original protocol that are not listed are refused by name.\n\n\
         | method | scope | | parameters | since | |\n|---|---|---|---|---|---|\n",
    );
    for method in rows() {
        let scope = match method.needs {
            Needs::Nothing | Needs::Operator => "none".to_owned(),
            Needs::Node { .. } => "node role".to_owned(),
            Needs::Scope(scope) => format!("`{scope}`"),
            Needs::Depends(scope, _) => format!("`{scope}` or more, by parameters"),
        };
        let params: Vec<String> = method
            .params
            .fields
            .iter()
            .filter_map(|field| match field.effect {
                Effect::Absent(_) => None,
                Effect::Moot(_) if field.required => Some(format!("(`{}`)", field.name)),
                Effect::Moot(_) => Some(format!("(`{}?`)", field.name)),
                Effect::Read | Effect::Kept if field.required => Some(format!("`{}`", field.name)),
                Effect::Read | Effect::Kept => Some(format!("`{}?`", field.name)),
            })
            .collect();
        let flag = if method.write { "W" } else { "" };
        text.push_str(&format!(
            "| `{}` | {scope} | {flag} | {} | {} | {} |\n",
            method.name,
            params.join(", "),
            method.since,
            method.doc
        ));
    }
    text
}
