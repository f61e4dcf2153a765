//! `session.*`: how messages are grouped into sessions and when a session starts anew.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::IdText;

/// How messages are grouped into sessions and when a session starts anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Session {
    /// Which direct chats share a session. `main` puts all of them into one: right for one person, wrong for several.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub dm_scope: DmScope,
    /// Which group chats share a session.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub group_scope: GroupScope,
    /// `global` puts everything into one session.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub scope: SessionScope,
    /// One person on several platforms: a name and its identities, each as `<channel>:<id>`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub identity_links: BTreeMap<String, Vec<IdText>>,
    /// When a session starts anew by itself.
    pub reset: Reset,
    /// The same by kind of chat.
    pub reset_by_type: ResetByType,
    /// The same by channel (`webchat` is the Control UI and other clients); it wins over the other two.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub reset_by_channel: BTreeMap<String, Reset>,
    /// Words that start a session anew, besides `/new` and `/reset`; what follows them is the first message.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub reset_triggers: Vec<String>,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            dm_scope: DmScope::default(),
            group_scope: GroupScope::default(),
            scope: SessionScope::default(),
            identity_links: BTreeMap::new(),
            reset: Reset::default(),
            reset_by_type: ResetByType::default(),
            reset_by_channel: BTreeMap::new(),
            reset_triggers: vec!["/new".to_owned(), "/reset".to_owned()],
        }
    }
}

/// Which direct chats share a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DmScope {
    /// All direct chats share the main session.
    #[default]
    Main,
    /// One session per person.
    PerPeer,
    /// One per person and channel; recommended for several users.
    PerChannelPeer,
    /// One per person, channel and account.
    PerAccountChannelPeer,
}

/// Which group chats share a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupScope {
    /// One session per group.
    #[default]
    PerGroup,
    /// All groups share the main session.
    Main,
}

/// Whether sessions exist at all beside one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SessionScope {
    /// By sender or group, as the other scopes say.
    #[default]
    PerSender,
    /// One session for everything.
    Global,
}

/// When a session starts anew by itself; checked when the next message comes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Reset {
    /// The rule; unset means `none`, or `idle` when only `idleMinutes` is given.
    #[schemars(extend("default" = "none", "x-reload" = "live", "x-since" = "0.1.0"))]
    pub mode: Option<ResetMode>,
    /// Hour of the daily reset, local time.
    #[schemars(range(max = 23), extend("default" = 4, "x-reload" = "live", "x-unit" = "hour", "x-since" = "0.1.0"))]
    pub at_hour: Option<u8>,
    /// Silence after which the session starts anew; together with `daily`, whichever comes first. With `idle` and no figure it is 60.
    #[schemars(range(min = 1), extend("x-reload" = "live", "x-unit" = "min", "x-since" = "0.1.0"))]
    pub idle_minutes: Option<u32>,
}

/// The rule of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResetMode {
    /// Never by itself.
    None,
    /// Once a day at `atHour`.
    Daily,
    /// After `idleMinutes` of silence.
    Idle,
}

/// Reset rules by kind of chat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ResetByType {
    /// Direct chats.
    #[serde(alias = "dm")]
    #[schemars(extend("x-aliases" = ["dm"]))]
    pub direct: Option<Reset>,
    /// Groups.
    pub group: Option<Reset>,
    /// Threads and topics.
    pub thread: Option<Reset>,
}
