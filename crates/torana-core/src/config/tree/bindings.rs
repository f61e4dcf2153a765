//! `bindings[]`: rules that choose the agent for a message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DmScope, GroupScope};

/// One rule: messages that match go to this agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("required" = ["agentId", "match"]))]
pub struct Binding {
    /// What kind of rule this is.
    #[serde(rename = "type")]
    #[schemars(extend("x-essential" = true, "x-advanced" = true))]
    pub kind: BindingKind,
    /// The agent that answers.
    #[schemars(length(min = 1))]
    pub agent_id: String,
    /// A note for whoever reads the file.
    pub comment: Option<String>,
    /// What a message must look like; all given fields must match.
    #[serde(rename = "match")]
    pub matches: BindingMatch,
    /// Session scopes for messages of this rule, instead of the global ones.
    pub session: BindingSession,
}

/// What kind of rule a binding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BindingKind {
    /// Chooses an agent.
    #[default]
    Route,
}

/// What a message must look like for a binding to apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("required" = ["channel"]))]
pub struct BindingMatch {
    /// The channel's name.
    #[schemars(length(min = 1))]
    pub channel: String,
    /// The account; unset means the channel's default account, `*` any.
    pub account_id: Option<String>,
    /// The chat or person.
    pub peer: Option<BindingPeer>,
    /// The server of a platform that has servers. No channel of this build has, so such a rule matches nothing.
    pub guild_id: Option<String>,
    /// The team of a platform that has teams. No channel of this build has, so such a rule matches nothing.
    pub team_id: Option<String>,
    /// Roles, of which the sender must have one. No channel of this build has roles, so such a rule matches nothing.
    pub roles: Vec<String>,
}

impl BindingMatch {
    /// It asks for something only platforms with servers, teams or roles have.
    #[must_use]
    pub fn needs_server(&self) -> bool {
        self.guild_id.is_some() || self.team_id.is_some() || !self.roles.is_empty()
    }
}

/// The chat or person a binding applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BindingPeer {
    /// What kind of chat.
    pub kind: PeerKind,
    /// Its id on the platform, or `*` for all of this kind.
    pub id: String,
}

/// What kind of chat a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("x-value-aliases" = { "dm": "direct" }))]
pub enum PeerKind {
    /// One person.
    #[serde(alias = "dm")]
    Direct,
    /// A group.
    Group,
    /// A channel or room.
    Channel,
}

/// Session scopes of one binding.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct BindingSession {
    /// As `session.dmScope`.
    pub dm_scope: Option<DmScope>,
    /// As `session.groupScope`.
    pub group_scope: Option<GroupScope>,
}
