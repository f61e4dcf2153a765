//! The values of an account's section that others act on: admission, reply rendering and previews.
//!
//! Everything here is normalised: ids carry no platform prefix, legacy spellings are resolved, absent means default.

use std::collections::BTreeMap;

use torana_core::admit::{DmPolicy, GroupPolicy};
use torana_core::render::{ChunkMode, TableMode};

/// What one account wants from admission, replies and previews.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountPolicy {
    /// Who may write directly.
    pub dm_policy: DmPolicy,
    /// Senders of direct messages: platform ids, `*` for everybody, or `accessGroup:<name>`.
    pub allow_from: Vec<String>,
    /// In which groups we answer; absent follows `channels.defaults`.
    pub group_policy: Option<GroupPolicy>,
    /// Senders in groups; absent falls back to `allow_from`.
    pub group_allow_from: Option<Vec<String>>,
    /// Rules per group id; `*` is every group. The keys are the group allowlist.
    pub groups: BTreeMap<String, GroupRule>,
    /// Most recent turns a direct chat shows to the model, per sender id.
    pub dm_history_limits: BTreeMap<String, u32>,
    /// Most recent turns a direct chat shows to the model.
    pub dm_history_limit: Option<u32>,
    /// Unmentioned group messages kept as context; absent means the gateway's own figure.
    pub history_limit: Option<u32>,
    /// Where configured mention patterns count.
    pub mention_scope: Option<MentionScope>,
    /// Longest message of ours in the platform's unit, already within what the platform takes.
    pub text_chunk_limit: usize,
    /// Where long replies are cut.
    pub chunk_mode: ChunkMode,
    /// How a growing answer is shown.
    pub streaming: Streaming,
    /// Which of our messages are shown as replies.
    pub reply_to_mode: ReplyToMode,
    /// Text before each reply; empty switches a global prefix off, absent follows it.
    pub response_prefix: Option<String>,
    /// How tables are shown.
    pub tables: TableMode,
    /// Chat commands are offered in the platform's menu; absent follows `commands.native`.
    pub native_commands: Option<bool>,
}

/// What the operator says about one group or topic. Absent fields follow the level above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRule {
    /// `false` silences the place.
    pub enabled: Option<bool>,
    /// Whether we must be mentioned.
    pub require_mention: Option<bool>,
    /// Overrides the account's group policy.
    pub group_policy: Option<GroupPolicy>,
    /// Overrides who may write.
    pub allow_from: Option<Vec<String>>,
    /// Rules per topic id.
    pub topics: BTreeMap<String, GroupRule>,
}

/// Whether listed conversations are the ones where mention patterns count, or the ones where they do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MentionScopeMode {
    /// Patterns count everywhere but in `deny_in`.
    Allow,
    /// Patterns count only in `allow_in`.
    Deny,
}

/// Where mention patterns count on this account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MentionScope {
    /// The rule for conversations that are not listed.
    pub mode: MentionScopeMode,
    /// Conversations where they count although the mode says no.
    pub allow_in: Vec<String>,
    /// Conversations where they do not count although the mode says yes.
    pub deny_in: Vec<String>,
}

/// How a growing answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamingMode {
    /// Only the final text.
    Off,
    /// One message that grows by edits.
    Partial,
    /// A preview that advances in blocks.
    Block,
    /// The platform's ephemeral draft bubble, else as `Progress`.
    Draft,
    /// A status line while work goes on, then the answer.
    Progress,
}

/// The size of preview steps in `block` mode, characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewChunk {
    /// Smallest step.
    pub min_chars: usize,
    /// Longest preview message.
    pub max_chars: usize,
}

/// How a growing answer is shown, with its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streaming {
    /// The mode.
    pub mode: StreamingMode,
    /// Steps of `block` previews.
    pub chunk: PreviewChunk,
}

/// Which of our messages are shown as replies to the message they answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplyToMode {
    /// None.
    #[default]
    Off,
    /// The first of an answer.
    First,
    /// All of an answer.
    All,
}
