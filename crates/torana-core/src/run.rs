//! Run events, their one terminal event, usage and transcript entries.
//!
//! A turn is one input to an agent until it is done answering; a run is one execution of it.
//! A run emits any number of events and exactly one [`RunEvent::Settled`], which `engine/run` guarantees.

use serde::{Deserialize, Serialize};

use crate::ask::{Attached, ToolCall};
use crate::id::RunId;
use crate::media::MediaRef;

/// Tokens and money of one or more model calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens read by the model, cache excluded.
    pub input: u64,
    /// Tokens written by the model.
    pub output: u64,
    /// Tokens read from the provider's cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    #[serde(default)]
    pub cache_write: u64,
    /// Cost in US dollars, when the model has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// All tokens together.
    pub fn total(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }

    /// Adds another call's figures; a known cost plus an unknown one stays known.
    pub fn add(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.cost_usd = match (self.cost_usd, other.cost_usd) {
            (None, None) => None,
            (left, right) => Some(left.unwrap_or(0.0) + right.unwrap_or(0.0)),
        };
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered.
    Ok,
    /// Ended without text.
    Empty,
    /// Cut off by the model's output limit; the text so far is the answer.
    Length,
    /// The model wants tools that the client runs; the calls are in [`Settled::calls`].
    ClientTools,
    /// The model declined.
    Refused,
    /// Stopped by a person, a client or an interrupt.
    Cancelled,
    /// Failed; `error` says why.
    Error,
}

/// What to do about a failed backend or provider, and what people see of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// 429 or overload: the provider asks us to slow down.
    RateLimit,
    /// First byte, idle or whole-turn deadline passed.
    Timeout,
    /// 401 or 403: the credential is wrong.
    Auth,
    /// The account has no credit.
    Billing,
    /// The model does not exist there.
    ModelNotFound,
    /// The input is longer than the model's context.
    ContextLength,
    /// The model refused for policy reasons.
    Refusal,
    /// 5xx, resets, DNS: the other side is broken for now.
    Unavailable,
    /// 400 or an answer we cannot read: repeating will not help.
    Format,
    /// No provider or model is configured for the request.
    NotConfigured,
    /// A bug or crash on our side.
    Internal,
}

/// A failure as it is stored and shown; never contains a secret or an upstream body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// What kind of failure.
    pub kind: FailureKind,
    /// A sentence for people: what happened and what to do.
    pub message: String,
    /// HTTP status of the provider, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// How it ended.
    pub outcome: Outcome,
    /// The reply; for a cancelled run the text so far.
    pub text: String,
    /// Present exactly when `outcome` is `Error` or `Refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// Everything the run used, failed attempts included.
    pub usage: Usage,
    /// Provider that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Calls the client is to make; present exactly when `outcome` is `ClientTools`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
}

impl Settled {
    /// The same run, failed for want of an answer: whoever waits for one is told.
    pub fn unanswered(self) -> Self {
        let message = "the model gave no answer; please try again";
        Self {
            usage: self.usage,
            provider: self.provider,
            model: self.model,
            ..Self::failed(FailureKind::Format, message)
        }
    }

    /// A run that failed before it could answer.
    pub fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Error,
            text: String::new(),
            error: Some(RunError {
                kind,
                message: message.into(),
                status: None,
            }),
            usage: Usage::default(),
            provider: None,
            model: None,
            calls: Vec::new(),
        }
    }
}

/// What a backend reports while it works.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// A model was chosen; again after a failover.
    Model {
        /// Provider id.
        provider: String,
        /// Model id.
        model: String,
    },
    /// Text to append to the answer.
    TextDelta(String),
    /// All text so far is replaced: a retry started over, or the provider corrected itself.
    TextReplace(String),
    /// Reasoning text to append; never delivered unless asked for.
    ThinkingDelta(String),
    /// A tool began. No backend of ours has tools yet; what listens to a run knows them already.
    ToolStarted {
        /// Call id.
        id: String,
        /// Tool name.
        name: String,
        /// Arguments as JSON text.
        arguments: String,
    },
    /// A tool ended.
    ToolFinished {
        /// Call id.
        id: String,
        /// Tool name.
        name: String,
        /// The tool reported an error.
        is_error: bool,
        /// What it returned.
        text: String,
    },
    /// The provider failed and is tried again.
    Retrying {
        /// Attempt that comes next, from 2.
        attempt: u32,
        /// Wait before it, milliseconds.
        delay_ms: u64,
        /// Why.
        reason: FailureKind,
    },
    /// Another model takes over.
    Fallback {
        /// `provider/model` that failed.
        from: String,
        /// `provider/model` that follows.
        to: String,
        /// Why.
        reason: FailureKind,
    },
    /// Bytes arrived that are not text yet; keeps the watchdog quiet.
    Progress,
    /// The end. Exactly one, always last.
    Settled(Settled),
}

/// Who wrote a transcript entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person.
    User,
    /// The agent.
    Assistant,
    /// The gateway: notices and injected context.
    System,
}

/// How a model is to choose its words, as far as a caller insists; what is absent is the model's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Randomness, 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Share of the likeliest words to choose from, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Aversion to words used often, -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Aversion to words used at all, -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Most tokens to write; the model's configured limit still holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Texts before which the answer ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Seed of the choice, where the provider has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
}

impl Sampling {
    /// Nothing is asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Who wrote it.
    pub role: Role,
    /// What it says.
    pub text: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The turn it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Name of the person, for prompts and pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Provider and model of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRef>,
    /// Usage of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How the answer ended, when not with a normal reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why the answer failed, when it did; holds no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaRef>,
    /// What it carries besides text.
    #[serde(default, skip_serializing_if = "Attached::is_empty")]
    pub attached: Attached,
    /// Present when this line is a summary that stands for what came before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Boundary>,
    /// Said to the gateway or by it, such as a chat command and its answer: people see it, agents do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aside: bool,
}

impl Entry {
    /// A line that says something, and nothing else about itself.
    pub fn new(role: Role, text: impl Into<String>, at_ms: i64) -> Self {
        Self {
            role,
            text: text.into(),
            at_ms,
            run_id: None,
            sender: None,
            model: None,
            usage: None,
            outcome: None,
            error: None,
            media: Vec::new(),
            attached: Attached::default(),
            boundary: None,
            aside: false,
        }
    }
}

/// The thinking levels a person can choose; a provider maps those it does not know to the nearest.
pub const THINKING_LEVELS: &[&str] = &[
    "off", "minimal", "low", "medium", "high", "xhigh", "max", "ultra", "adaptive",
];

/// Tokens of a text of this many bytes. English has about four bytes in a token; an estimate is enough between two answers,
/// which report exact figures (decision 40 of control and agents).
pub fn estimated_tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX)
}

/// A compaction: what comes before it is summarised, but for the newest lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundary {
    /// How many lines right before it the agent still sees.
    pub kept: usize,
    /// Tokens of the context before, estimated.
    pub tokens_before: u64,
    /// Tokens of the context after, estimated.
    pub tokens_after: u64,
}

/// A provider and one of its models.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelRef {
    /// Provider id as configured.
    pub provider: String,
    /// Model id as the provider knows it.
    pub model: String,
}

impl ModelRef {
    /// Reads `provider/model`; the model part may itself contain slashes.
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, model) = text.split_once('/')?;
        (!provider.is_empty() && !model.is_empty()).then(|| Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
        })
    }
}

impl std::fmt::Display for ModelRef {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.provider, self.model)
    }
}
