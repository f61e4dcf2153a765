//! What the engine is told: narrow values made from config by the binary. The engine never sees the config tree.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;
use torana_core::admit::{AccountPolicy, MentionPatterns, MentionScope, SenderList};
use torana_core::id::{AccountId, AgentId, ChannelId};
use torana_core::lane::QueuePolicy;
use torana_core::limit;
use torana_core::message::{Conversation, PeerKind};
use torana_core::port::AgentBackend;
use torana_core::render::{Limits, TableMode};
use torana_core::route::{ResetKind, ResetRule, ResetRules, Routing};
use torana_core::run::{ModelRef, THINKING_LEVELS};

/// How a growing answer is shown on a platform (behaviour 5.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StreamMode {
    /// One final message.
    Off,
    /// One message, edited with the newest text.
    Partial,
    /// Messages that grow in blocks and are followed by the next one.
    Block,
    /// The platform's ephemeral draft bubble, else like `Progress`.
    Draft,
    /// A status line while a run takes long, removed at the end.
    #[default]
    Progress,
}

/// Which of our messages answer a message visibly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReplyToMode {
    /// None.
    #[default]
    Off,
    /// The first message of a reply.
    First,
    /// All messages of a reply.
    All,
}

/// When the typing sign appears (behaviour 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What an agent may and how it behaves, where its settings say more than the defaults.
#[derive(Debug, Clone, Default)]
pub struct AgentRules {
    /// When the typing sign appears; absent follows the kind of message.
    pub typing: Option<TypingMode>,
    /// Models people may choose: `provider/model` or `provider/*`; empty allows all.
    pub models_allowed: Vec<String>,
    /// Patterns that count as a mention of this agent, instead of the account's.
    pub mention_patterns: Option<MentionPatterns>,
    /// Unanswered group messages kept as context, instead of the account's figure.
    pub context_messages: Option<usize>,
}

/// Settings of one channel account that the engine needs.
#[derive(Debug, Clone, Default)]
pub struct AccountSettings {
    /// Name for people.
    pub name: Option<String>,
    /// The account that is meant when none is named.
    pub is_default: bool,
    /// Who may do what.
    pub policy: AccountPolicy,
    /// Where mention patterns count.
    pub mention_scope: MentionScope,
    /// Turns of a direct chat the model sees; absent means what fits.
    pub dm_turns: Option<usize>,
    /// The same by sender.
    pub dm_turns_by_sender: BTreeMap<String, usize>,
    /// How answers grow.
    pub streaming: StreamMode,
    /// Which messages show what they answer.
    pub reply_to: ReplyToMode,
    /// Put before every reply, with `{model}` and the like.
    pub response_prefix: Option<String>,
    /// What becomes of tables.
    pub tables: TableMode,
    /// Shortest growth before a block preview is edited, characters.
    pub block_chars_min: usize,
    /// Longest block message, characters.
    pub block_chars_max: usize,
    /// Inbound debounce, milliseconds; `None` waits only for probable fragments (decision 30).
    pub debounce_ms: Option<u64>,
}

impl AccountSettings {
    /// How long one message of a reply in blocks may be; less than 200 characters would be a line, not a block.
    pub(crate) fn block_limits(&self, limits: Limits) -> Limits {
        limits.with_soft(self.block_chars_max.clamp(200, limits.soft.max(200)))
    }
}

/// A file of an agent's workspace, as far as the model is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSize {
    /// Its name.
    pub name: String,
    /// Bytes of the file.
    pub bytes: usize,
    /// Bytes of it that are part of the instructions.
    pub told: usize,
    /// The rest is left out, because it is too long.
    pub is_cut: bool,
}

/// One agent.
#[derive(Clone)]
pub struct AgentSettings {
    /// Name for people; empty when nobody gave it one.
    pub name: String,
    /// Emoji, when it has one.
    pub emoji: Option<String>,
    /// Picture as it is written in the configuration: a path, an address or a short text.
    pub avatar: Option<String>,
    /// The persona's instructions.
    pub system: String,
    /// The files of its workspace that are part of the instructions.
    pub notes: Vec<NoteSize>,
    /// The model it uses when nothing else is chosen.
    pub model: Option<ModelRef>,
    /// Thinking level it uses when nothing else is chosen.
    pub thinking: Option<String>,
    /// Tokens its model can read; bounds the history that is sent.
    pub context_tokens: usize,
    /// What it may and how it behaves.
    pub rules: AgentRules,
    /// What runs its turns.
    pub backend: Arc<dyn AgentBackend>,
}

impl AgentSettings {
    /// Whether people may choose this model for the agent.
    pub fn allows_model(&self, model: &ModelRef) -> bool {
        let fits = |entry: &String| match entry.strip_suffix("/*") {
            Some(provider) => provider == model.provider,
            None => *entry == model.to_string(),
        };
        self.rules.models_allowed.is_empty() || self.rules.models_allowed.iter().any(fits)
    }
}

/// A model people can choose.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Provider and model id.
    pub reference: ModelRef,
    /// Name for people.
    pub name: String,
    /// Short name, when configured.
    pub alias: Option<String>,
    /// Tokens it can read.
    pub context_tokens: Option<u64>,
    /// It can think before it answers.
    pub reasoning: bool,
    /// A credential for it exists.
    pub available: bool,
    /// It runs on this machine or network.
    pub local: bool,
    /// What it costs, when configured.
    pub price: Option<ModelPrice>,
}

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelPrice {
    /// Sent.
    pub input: f64,
    /// Received.
    pub output: f64,
    /// Read from the provider's cache.
    pub cache_read: f64,
    /// Written to it.
    pub cache_write: f64,
}

/// Everything the engine is told. Replaced as a whole when config changes.
#[derive(Clone)]
pub struct Settings {
    /// Agents, bindings and session scopes.
    pub routing: Routing,
    /// The agents.
    pub agents: BTreeMap<AgentId, AgentSettings>,
    /// Channel accounts.
    pub accounts: BTreeMap<(ChannelId, AccountId), AccountSettings>,
    /// Queue behaviour.
    pub queue: QueuePolicy,
    /// Queue behaviour of single channels.
    pub queue_by_channel: BTreeMap<String, QueuePolicy>,
    /// Owners as `channel:sender`, or a plain id for every channel.
    pub owners: Vec<String>,
    /// Commands in messages are understood.
    pub text_commands: bool,
    /// Who may use commands, by channel; `*` is every other channel. Without a list, whoever is admitted.
    pub command_senders: BTreeMap<String, SenderList>,
    /// When sessions start anew by themselves.
    pub resets: ResetRules,
    /// The time zone in which days begin.
    pub time_zone: LocalZone,
    /// Words that reset a session, besides the commands.
    pub reset_triggers: Vec<String>,
    /// Models people can choose.
    pub models: Vec<ModelInfo>,
    /// A real model is configured; otherwise the demo agent answers.
    pub model_configured: bool,
    /// Runs at once.
    pub runs_max: usize,
    /// Longest turn, milliseconds.
    pub turn_timeout_ms: u64,
    /// Silence of a run before it is ended, milliseconds.
    pub run_idle_ms: u64,
    /// Orderly stop, milliseconds.
    pub drain_ms: u64,
}

impl Settings {
    /// One agent, no channels: the setup without a config file.
    pub fn single(agent: AgentId, settings: AgentSettings) -> Self {
        Self {
            routing: Routing {
                agents: vec![agent.clone()],
                default_agent: Some(agent.clone()),
                bindings: Vec::new(),
                dm_scope: torana_core::key::DmScope::default(),
                group_scope: torana_core::key::GroupScope::default(),
                global: false,
                main_key: "main".to_owned(),
                identity_links: BTreeMap::new(),
            },
            agents: BTreeMap::from([(agent, settings)]),
            accounts: BTreeMap::new(),
            queue: QueuePolicy::default(),
            queue_by_channel: BTreeMap::new(),
            owners: Vec::new(),
            text_commands: true,
            command_senders: BTreeMap::new(),
            resets: ResetRules::default(),
            time_zone: LocalZone::utc(),
            reset_triggers: vec!["/new".to_owned(), "/reset".to_owned()],
            models: Vec::new(),
            model_configured: false,
            runs_max: limit::RUNS_MAX_DEFAULT,
            turn_timeout_ms: limit::TURN_TIMEOUT_MS_DEFAULT,
            run_idle_ms: limit::RUN_IDLE_MS_DEFAULT,
            drain_ms: limit::DRAIN_MS,
        }
    }

    /// Settings of an account; the defaults when it is not configured.
    pub fn account(&self, channel: &ChannelId, account: &AccountId) -> AccountSettings {
        self.accounts
            .get(&(channel.clone(), account.clone()))
            .cloned()
            .unwrap_or_default()
    }

    /// The levels a model can think at. One that nobody described may think.
    pub fn thinking_levels(&self, model: Option<&ModelRef>) -> &'static [&'static str] {
        let known = |known: &&ModelInfo| Some(&known.reference) == model;
        match self.models.iter().find(known) {
            Some(known) if !known.reasoning => &["off"],
            _ => THINKING_LEVELS,
        }
    }

    /// How long an agent thinks with a model when nothing is chosen.
    pub fn thinking_default<'a>(
        &self,
        agent: Option<&'a AgentSettings>,
        model: Option<&ModelRef>,
    ) -> &'a str {
        let levels = self.thinking_levels(model);
        agent
            .and_then(|agent| agent.thinking.as_deref())
            .filter(|level| levels.contains(level))
            .unwrap_or("off")
    }

    /// The configured default account of a channel.
    pub fn default_account(&self, channel: &ChannelId) -> Option<AccountId> {
        self.accounts
            .iter()
            .find(|((name, _), account)| name == channel && account.is_default)
            .map(|((_, id), _)| id.clone())
    }

    /// True when this sender is an owner of the gateway by config.
    pub(crate) fn is_owner(&self, channel: &str, sender: &str) -> bool {
        let spelling = format!("{channel}:{sender}");
        self.owners
            .iter()
            .any(|owner| *owner == spelling || owner == sender)
    }

    /// True when this sender, once admitted, may use commands.
    pub(crate) fn may_command(&self, channel: &str, sender: &str, owner: bool) -> bool {
        let list = self
            .command_senders
            .get(channel)
            .or_else(|| self.command_senders.get("*"));
        owner || list.is_none_or(|list| list.allows(sender))
    }

    /// The reset rule for a message, and when the latest day of that rule began.
    pub(crate) fn reset_rule(
        &self,
        channel: &str,
        conversation: Option<&Conversation>,
        now_ms: i64,
    ) -> (ResetRule, i64) {
        let kind = match conversation {
            Some(conversation) if conversation.thread.is_some() => ResetKind::Thread,
            Some(conversation) if conversation.peer.kind != PeerKind::Direct => ResetKind::Group,
            Some(_) | None => ResetKind::Direct,
        };
        let rule = self.resets.rule(channel, kind);
        let day_start_ms = rule.daily_at_hour.map_or(i64::MIN, |hour| {
            day_start_ms(&self.time_zone.0, hour, now_ms)
        });
        (rule, day_start_ms)
    }

    /// Queue behaviour on a channel.
    pub(crate) fn queue_of(&self, channel: &str) -> QueuePolicy {
        self.queue_by_channel
            .get(channel)
            .copied()
            .unwrap_or(self.queue)
    }

    /// The agent to use when none is named.
    pub fn default_agent(&self) -> Option<&AgentId> {
        self.routing
            .default_agent
            .as_ref()
            .or_else(|| self.routing.agents.first())
    }
}

/// A time zone that is looked up when it is first needed: finding out the machine's own walks through the whole
/// time zone database, and most installations never start a session anew at an hour of the day.
#[derive(Clone)]
pub struct LocalZone(Arc<LazyLock<TimeZone>>);

impl LocalZone {
    /// The time zone of this machine; UTC when it does not say.
    pub fn system() -> Self {
        Self(Arc::new(LazyLock::new(TimeZone::system)))
    }

    /// The zone itself; looked up at the first call.
    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::clone(&self.0)
    }

    fn utc() -> Self {
        Self(Arc::new(LazyLock::new(|| TimeZone::UTC)))
    }
}

/// The latest moment at or before `now_ms` at which a clock on the wall showed this full hour. An hour that a change to
/// summer time leaves out strikes when the clock jumps over it.
fn day_start_ms(zone: &TimeZone, hour: u8, now_ms: i64) -> i64 {
    let Ok(now) = jiff::Timestamp::from_millisecond(now_ms) else {
        return i64::MIN;
    };
    let today = now.to_zoned(zone.clone()).date();
    let strike = |date: jiff::civil::Date| {
        let hour = i8::try_from(hour.min(23)).unwrap_or(0);
        date.at(hour, 0, 0, 0)
            .to_zoned(zone.clone())
            .map(|moment| moment.timestamp())
    };
    let latest = [Ok(today), today.yesterday()]
        .into_iter()
        .filter_map(|date| date.and_then(strike).ok())
        .find(|moment| *moment <= now);
    latest.map_or(i64::MIN, jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>()
            .expect("a moment")
            .as_millisecond()
    }

    #[test]
    fn a_day_begins_at_its_hour_on_the_local_clock() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let start = |now: &str| day_start_ms(&zone, 4, at(now));
        assert_eq!(start("2026-11-20T02:00:00Z"), at("2026-11-20T02:00:00Z"));
        assert_eq!(start("2026-11-20T01:59:59Z"), at("2026-11-19T02:00:00Z"));
        // Local midnight is past, the hour has not struck yet.
        assert_eq!(start("2026-11-19T23:30:00Z"), at("2026-11-19T02:00:00Z"));
    }

    #[test]
    fn an_hour_that_summer_time_leaves_out_still_begins_a_day() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
        let start = day_start_ms(&zone, 2, at("2026-03-29T12:00:00Z"));
        assert_eq!(start, at("2026-03-29T01:00:00Z"));
    }
}
