//! `messages.*`: queue, debounce, group context and reply prefix.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to messages on their way to and from an agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Messages {
    /// What happens to messages that arrive while the agent is busy.
    pub queue: Queue,
    /// Waiting for the rest of a message before it is handed on.
    pub inbound: Inbound,
    /// What counts as a mention in groups, and how much context is kept.
    pub group_chat: MessagesGroupChat,
    /// Text put before every reply; `{model}`, `{modelFull}`, `{provider}`, `{thinkingLevel}` and `{identity.name}` are filled in.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub response_prefix: Option<String>,
}

/// What happens to messages that arrive while the agent is busy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Queue {
    /// What a message does that arrives during a run.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub mode: QueueMode,
    /// The same by channel.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub by_channel: BTreeMap<String, QueueMode>,
    /// How many messages may wait in one session.
    #[schemars(range(min = 1, max = 10_000), extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub cap: u32,
    /// What happens beyond the cap.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub drop: QueueDrop,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            mode: QueueMode::default(),
            by_channel: BTreeMap::new(),
            // OpenClaw's documented queue cap; above it the oldest entries are summarised.
            cap: 20,
            drop: QueueDrop::default(),
        }
    }
}

/// What a message does that arrives during a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-value-aliases" = { "queue": "steer" }))]
pub enum QueueMode {
    /// It reaches the running agent before its next step.
    #[default]
    #[serde(alias = "queue")]
    Steer,
    /// It gets a later turn of its own.
    Followup,
    /// It is merged with other waiting messages into one later turn.
    Collect,
    /// It ends the run and is answered instead.
    Interrupt,
}

/// What happens beyond the queue's cap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueDrop {
    /// The oldest leave and a summary of them is kept.
    #[default]
    Summarize,
    /// The oldest leave.
    Old,
    /// The newest is turned away.
    New,
}

/// Waiting for the rest of a message before it is handed on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Inbound {
    /// How long to wait for more text of the same sender. Unset waits only for probable fragments, forwards and albums.
    #[schemars(range(max = 600_000), extend("x-reload" = "live", "x-unit" = "ms", "x-since" = "0.1.0"))]
    pub debounce_ms: Option<u32>,
    /// The same by channel.
    #[schemars(extend("x-reload" = "live", "x-unit" = "ms", "x-since" = "0.1.0"))]
    pub by_channel: BTreeMap<String, u32>,
}

/// What counts as a mention in groups, and how much context is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct MessagesGroupChat {
    /// Patterns that count as a mention, ignoring case. Unset derives them from the agent's name; an empty list turns them off.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub mention_patterns: Option<Vec<String>>,
    /// How many unanswered group messages are shown to the model before the next mention, where neither agent nor channel says it.
    #[schemars(range(max = 1000), extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub history_limit: u32,
}

impl Default for MessagesGroupChat {
    fn default() -> Self {
        Self {
            mention_patterns: None,
            // OpenClaw's documented figure: enough to follow a discussion, small beside a context window.
            history_limit: 50,
        }
    }
}
