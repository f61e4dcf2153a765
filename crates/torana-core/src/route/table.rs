//! The routing table: a value built from config.

use std::collections::BTreeMap;

use crate::id::AgentId;
use crate::key::{DmScope, GroupScope};
use crate::message::PeerKind;

/// The routing table, built from config.
#[derive(Debug, Clone)]
pub struct Routing {
    /// Configured agents, in file order; never empty.
    pub agents: Vec<AgentId>,
    /// The agent that takes what no binding takes; absent when several are configured and none is marked.
    pub default_agent: Option<AgentId>,
    /// Rules in file order.
    pub bindings: Vec<Binding>,
    /// Scope of direct sessions.
    pub dm_scope: DmScope,
    /// Scope of group sessions.
    pub group_scope: GroupScope,
    /// All conversations share one session per agent (`session.scope: "global"`).
    pub global: bool,
    /// Configured name of the main session; keys always print `main`.
    pub main_key: String,
    /// Identity name → `channel:id` spellings of one person.
    pub identity_links: BTreeMap<String, Vec<String>>,
}

/// One rule that gives matching conversations to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The agent.
    pub agent: AgentId,
    /// Which conversations.
    pub matches: BindingMatch,
    /// Overrides the scope of direct sessions.
    pub dm_scope: Option<DmScope>,
    /// Overrides the scope of group sessions.
    pub group_scope: Option<GroupScope>,
}

/// What a binding asks of a conversation; every given field must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BindingMatch {
    /// Channel id.
    pub channel: String,
    /// Account; absent means the channel's default account only, `*` every account.
    pub account: Option<String>,
    /// Peer kind and id; id `*` is every peer of the kind.
    pub peer: Option<(PeerKind, String)>,
}
