//! `channels.*`: defaults for all channels, and one raw section per channel.
//!
//! A channel's own keys live in that channel's folder; it hands in their schema as a
//! [`ChannelSection`](crate::config::ChannelSection), and reads its section from here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Messaging platforms, one section per channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Channels {
    /// Settings of every channel that does not override them.
    pub defaults: ChannelDefaults,
    /// One validated section per channel, by the channel's id.
    #[serde(flatten)]
    pub sections: BTreeMap<String, Value>,
}

/// Settings of every channel that does not override them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ChannelDefaults {
    /// Which groups may be answered.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub group_policy: GroupPolicy,
}

/// Which groups may be answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupPolicy {
    /// Only listed groups; an empty list means none.
    #[default]
    Allowlist,
    /// Every group.
    Open,
    /// No group.
    Disabled,
}
