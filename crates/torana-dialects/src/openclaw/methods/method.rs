//! One method as the table has it: what it needs, what it takes, what carries it out.

use serde_json::Value;
use torana_core::auth::Scope;

use super::call::{Call, Running};
use crate::openclaw::params::Spec;

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
