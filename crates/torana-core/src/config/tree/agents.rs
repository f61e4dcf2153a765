//! `agents.*`: defaults for all agents and the agents themselves.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Agents: who answers, with which model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Agents {
    /// Settings of every agent that does not override them.
    pub defaults: AgentsDefaults,
    /// Agents by id; without any there is one agent called `main`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub entries: BTreeMap<String, AgentEntry>,
    /// The older spelling of `entries`: a list whose items carry their `id`.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub list: Vec<AgentEntry>,
}

/// Settings of every agent that does not override them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AgentsDefaults {
    /// The model that answers, as `<provider>/<model>` or alias, alone or with fallbacks tried in order. Unset means the built-in demo agent.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub model: Option<ModelChoice>,
    /// Models by reference, with the short name people may use for them.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub models: BTreeMap<String, ModelAlias>,
    /// Which models may be chosen for a session.
    pub model_policy: ModelPolicy,
    /// Folder of the default agent's notes (`AGENTS.md`, `SOUL.md` and so on), which are told to the model; `~` is the home folder. Unset means `workspace` in the state directory. Other agents have a folder of their own.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub workspace: Option<String>,
    /// Longest time one turn may take; 0 means no limit. The default is 48 hours, because a turn may wait for a person.
    #[schemars(extend("x-reload" = "live", "x-unit" = "s", "x-since" = "0.1.0"))]
    pub timeout_seconds: u64,
    /// How many turns may run at once over all sessions. The default is 256, because a turn that waits for its model costs little.
    #[schemars(range(min = 1), extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub max_concurrent: u32,
    /// How much the model thinks before it answers, where it can. Unset leaves it to the model.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub thinking_default: Option<Thinking>,
    /// When the typing indicator appears. Unset means at once in direct chats and when the bot is spoken to, else with the first visible text.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub typing_mode: Option<TypingMode>,
}

impl Default for AgentsDefaults {
    fn default() -> Self {
        Self {
            model: None,
            models: BTreeMap::new(),
            model_policy: ModelPolicy::default(),
            workspace: None,
            // 48 hours: a turn may wait for a person's approval over a weekend day.
            timeout_seconds: 172_800,
            // A turn that waits for its model costs kilobytes, so the width is no scarce resource.
            max_concurrent: 256,
            thinking_default: None,
            typing_mode: None,
        }
    }
}

/// One agent; what is unset comes from `agents.defaults`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AgentEntry {
    /// The agent's id; required in `agents.list`, elsewhere the key says it.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub id: Option<String>,
    /// Answers where no binding chooses an agent.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub default: bool,
    /// Name shown in lists.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub name: Option<String>,
    /// What the agent is for, shown in lists.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub description: Option<String>,
    /// Folder of this agent's notes (`AGENTS.md`, `SOUL.md` and so on), which are told to the model; `~` is the home folder. Unset means `workspace-<id>` in the state directory.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub workspace: Option<String>,
    /// The model that answers, as in `agents.defaults.model`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub model: Option<ModelChoice>,
    /// Which models may be chosen for a session of this agent; replaces the default policy.
    pub model_policy: Option<ModelPolicy>,
    /// How the agent presents itself.
    pub identity: Identity,
    /// How the agent behaves in groups.
    pub group_chat: GroupChat,
    /// How much the model thinks before it answers.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub thinking_default: Option<Thinking>,
    /// When the typing indicator appears, instead of `agents.defaults.typingMode`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub typing_mode: Option<TypingMode>,
}

/// How an agent presents itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Identity {
    /// Display name; people in groups may call the agent by it.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub name: Option<String>,
    /// Emoji shown beside the name.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub emoji: Option<String>,
    /// Picture: a path below the workspace (`.png`, `.jpg`, `.gif`, `.webp`, `.svg`; at most 2 MiB), an `https:` address, a `data:image/` address, or a short text.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub avatar: Option<String>,
    /// A few words on the agent's manner, told to the model.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub theme: Option<String>,
}

/// How one agent behaves in groups.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct GroupChat {
    /// Patterns that count as a mention of this agent, instead of the global list; an empty list turns pattern mentions off.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub mention_patterns: Option<Vec<String>>,
    /// How many unanswered group messages are shown to the model before the next mention. Unset follows the channel, then `messages.groupChat.historyLimit`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub history_limit: Option<u32>,
}

/// One model, or a model with fallbacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ModelChoice {
    /// One model.
    One(String),
    /// A model and what to try when it fails.
    Chain(ModelChain),
}

/// A model and what to try when it fails.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelChain {
    /// The model that answers.
    pub primary: Option<String>,
    /// Models tried in order when it cannot.
    pub fallbacks: Vec<String>,
}

/// Settings of one model reference.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelAlias {
    /// Short name people may use, for example with `/model`.
    pub alias: Option<String>,
}

/// Which models may be chosen for a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelPolicy {
    /// Exact references or `<provider>/*`; an empty list allows every configured model. It limits what people choose (`/model`, a session's setting, a request), never the agent's own `model`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub allow: Vec<String>,
}

/// How much a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Thinking {
    Off,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Adaptive,
    Max,
    Ultra,
}

/// When the typing indicator appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TypingMode {
    /// Never.
    Never,
    /// As soon as the turn begins.
    Instant,
    /// With the first sign of the model: a thought, a tool or a word.
    Thinking,
    /// With the first visible text.
    Message,
}

// === impl ModelChoice ===

impl ModelChoice {
    /// The primary model's reference, if one is written.
    #[must_use]
    pub fn primary(&self) -> Option<&str> {
        match self {
            Self::One(reference) => Some(reference),
            Self::Chain(chain) => chain.primary.as_deref(),
        }
    }

    /// The fallbacks in the order they are tried.
    #[must_use]
    pub fn fallbacks(&self) -> &[String] {
        match self {
            Self::One(_) => &[],
            Self::Chain(chain) => &chain.fallbacks,
        }
    }
}
