//! The method table: one row per method with scope, parameters, documentation and handler. Everything else about
//! methods (discovery, scope checks, limits, the reference page) comes from it.

mod agents;
mod chat;
mod dispatch;
mod own;
mod pairing;
mod sessions;
mod system;
mod table;

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use torana_core::auth::{Scope, ScopeSet};
use torana_core::port::BoxFuture;
use torana_engine::Engine;

use super::client::Client;
use super::error::WireError;
use super::frame::Payload;
use super::gateway::OpenClaw;
use super::params::{Params, Spec};

pub(crate) use dispatch::admit;
#[cfg(test)]
pub(crate) use dispatch::permit;
pub(crate) use table::TABLE;

/// What a method needs of its caller.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// Nothing: every client may call it.
    Nothing,
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

    /// Wall time, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.engine().world().wall_ms()
    }
}

/// Names for `features.methods`.
pub(crate) fn listed() -> &'static [&'static str] {
    static LISTED: OnceLock<Vec<&'static str>> = OnceLock::new();
    LISTED.get_or_init(|| {
        TABLE
            .iter()
            .filter(|method| method.listed)
            .map(|method| method.name)
            .collect()
    })
}

/// The reference page of this dialect's methods.
pub fn reference_markdown() -> String {
    let mut text = String::from(
        "# OpenClaw protocol: methods\n\nGenerated from the method table.\n`W` marks control-plane writes, limited to 30 per minute and client.\n\n\
         | method | scope | | parameters | since | |\n|---|---|---|---|---|---|\n",
    );
    for method in TABLE {
        let scope = match method.needs {
            Needs::Nothing => "none".to_owned(),
            Needs::Scope(scope) => format!("`{scope}`"),
            Needs::Depends(scope, _) => format!("`{scope}` or more, by parameters"),
        };
        let params: Vec<String> = method
            .params
            .fields
            .iter()
            .map(|field| {
                if field.required {
                    format!("`{}`", field.name)
                } else {
                    format!("`{}?`", field.name)
                }
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
