//! The config section `channels.telegram` as people write it, in OpenClaw's key names.
//!
//! The doc comments are the user documentation. Inheritance, normalisation and checks are in `config`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use torana_core::config::Secret;

/// Telegram bots.
// Only its schema is used: `config` reads root and accounts separately, so that every problem gets its own path.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the type exists for its schema")]
pub(super) struct TelegramSection {
    #[serde(flatten)]
    base: AccountSection,
    /// Further bots by name. Each inherits the settings above and may override any of them; `groups` is replaced as a whole.
    accounts: Option<BTreeMap<String, AccountSection>>,
    /// The account that is meant when none is named.
    default_account: Option<String>,
}

/// Settings of one bot.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AccountSection {
    /// Whether this bot is used.
    #[schemars(extend("default" = true))]
    pub(super) enabled: Option<bool>,
    /// The token that @BotFather gave you. `TELEGRAM_BOT_TOKEN` is used for the default account when neither this nor `tokenFile` is set.
    pub(super) bot_token: Option<Secret>,
    /// A file that holds the token, for secret managers. It wins over `botToken`.
    pub(super) token_file: Option<String>,
    /// A name for people, shown in lists.
    pub(super) name: Option<String>,
    /// Who may write directly. `pairing`: strangers get a code that you approve. `open` also needs `"*"` in `allowFrom`.
    #[schemars(extend("default" = "pairing"))]
    pub(super) dm_policy: Option<DmPolicyText>,
    /// Telegram user ids that may write directly, or `"*"`. Names never authorise anybody.
    pub(super) allow_from: Option<Vec<IdEntry>>,
    /// In which groups the bot answers. With `allowlist`, the keys of `groups` are the allowed groups.
    #[schemars(extend("default" = "allowlist"))]
    pub(super) group_policy: Option<GroupPolicyText>,
    /// Telegram user ids that may write in groups; `allowFrom` when absent.
    pub(super) group_allow_from: Option<Vec<IdEntry>>,
    /// Rules per group id; `"*"` is every group.
    pub(super) groups: Option<BTreeMap<String, GroupSection>>,
    /// Settings per direct chat, by user id.
    pub(super) dms: Option<BTreeMap<String, DmSection>>,
    /// Turns of a direct chat that the model sees.
    pub(super) dm_history_limit: Option<u32>,
    /// Unmentioned group messages that the model sees before the next mention; 0 keeps none.
    pub(super) history_limit: Option<u32>,
    /// Where the configured mention patterns count.
    pub(super) mention_patterns: Option<MentionPatternsSection>,
    /// Longest message the bot sends, in UTF-16 units; longer replies are cut. Telegram takes 4096.
    #[schemars(range(min = 32, max = 4096), extend("default" = 4000))]
    pub(super) text_chunk_limit: Option<usize>,
    /// `newline` cuts long replies at paragraphs first.
    #[schemars(extend("default" = "length"))]
    pub(super) chunk_mode: Option<ChunkModeText>,
    /// How a growing answer is shown: a mode, an object with details, or `true` (`partial`) and `false` (`off`).
    #[schemars(extend("default" = "progress"))]
    pub(super) streaming: Option<StreamingValue>,
    /// Older spelling of `streaming.mode`.
    #[schemars(extend("deprecated" = true))]
    pub(super) stream_mode: Option<StreamingModeText>,
    /// Older spelling of `streaming.mode`.
    #[schemars(extend("deprecated" = true))]
    pub(super) streaming_mode: Option<StreamingModeText>,
    /// Show the bot's messages as replies to the message they answer.
    #[schemars(extend("default" = "off"))]
    pub(super) reply_to_mode: Option<ReplyToModeText>,
    /// Show previews of links in the bot's messages.
    #[schemars(extend("default" = true))]
    pub(super) link_preview: Option<bool>,
    /// Text before each reply; `""` switches a global prefix off.
    pub(super) response_prefix: Option<String>,
    /// How Markdown is shown.
    pub(super) markdown: Option<MarkdownSection>,
    /// Which chat commands are in the bot's menu.
    pub(super) commands: Option<CommandsSection>,
    /// Further entries of the bot's menu.
    pub(super) custom_commands: Option<Vec<CustomCommandSection>>,
    /// Address of the Bot API server, without `/bot<token>`. May be a server of your own.
    #[schemars(extend("default" = "https://api.telegram.org"))]
    pub(super) api_root: Option<String>,
    /// Proxy for requests to Telegram: `http`, `https` or `socks5` URL.
    pub(super) proxy: Option<Secret>,
    /// Seconds until a request is given up.
    #[schemars(range(min = 1, max = 600), extend("x-unit" = "seconds", "x-advanced" = true, "default" = 30))]
    pub(super) timeout_seconds: Option<u64>,
    /// Public address at which Telegram delivers updates. Setting it switches from polling to webhook.
    pub(super) webhook_url: Option<String>,
    /// Secret that Telegram sends with each update; required with `webhookUrl`, 16 to 256 characters of `A-Z a-z 0-9 _ -`.
    pub(super) webhook_secret: Option<Secret>,
    /// Path at which the gateway takes updates.
    #[schemars(extend("default" = "/telegram-webhook", "x-reload" = "listener"))]
    pub(super) webhook_path: Option<String>,
    /// Address of an additional local listener for updates, in webhook mode.
    #[schemars(extend("default" = "127.0.0.1", "x-reload" = "listener", "x-advanced" = true))]
    pub(super) webhook_host: Option<String>,
    /// Port of the additional local listener.
    #[schemars(extend("default" = 8787, "x-reload" = "listener", "x-advanced" = true))]
    pub(super) webhook_port: Option<u16>,
    /// Send rates to keep: Telegram's (`platform`), none of our own (`off`, for your own server), or figures.
    #[schemars(extend("default" = "platform", "x-advanced" = true))]
    pub(super) rate_limit: Option<RateLimitValue>,
}

/// A Telegram id, written as number or text; `telegram:` and `tg:` in front are fine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum IdEntry {
    Number(i64),
    Text(String),
}

/// Rules of one group.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct GroupSection {
    /// `false` silences the bot here.
    pub(super) enabled: Option<bool>,
    /// Whether the bot must be mentioned.
    #[schemars(extend("default" = true))]
    pub(super) require_mention: Option<bool>,
    /// Overrides the account's `groupPolicy` here.
    pub(super) group_policy: Option<GroupPolicyText>,
    /// Telegram user ids that may write here.
    pub(super) allow_from: Option<Vec<IdEntry>>,
    /// Rules per topic id.
    pub(super) topics: Option<BTreeMap<String, TopicSection>>,
}

/// Rules of one topic.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TopicSection {
    /// `false` silences the bot here.
    pub(super) enabled: Option<bool>,
    /// Whether the bot must be mentioned.
    pub(super) require_mention: Option<bool>,
    /// Overrides the group's policy here.
    pub(super) group_policy: Option<GroupPolicyText>,
    /// Telegram user ids that may write here.
    pub(super) allow_from: Option<Vec<IdEntry>>,
}

/// Settings of one direct chat.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DmSection {
    /// Turns of this chat that the model sees.
    pub(super) history_limit: Option<u32>,
}

/// Where the configured mention patterns count.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MentionPatternsSection {
    /// The rule for chats that are in neither list.
    pub(super) mode: Option<AllowDenyText>,
    /// Chat ids where patterns count.
    pub(super) allow_in: Option<Vec<IdEntry>>,
    /// Chat ids where patterns do not count.
    pub(super) deny_in: Option<Vec<IdEntry>>,
}

/// How a growing answer is shown.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum StreamingValue {
    Switch(bool),
    Mode(StreamingModeText),
    Details(Box<StreamingSection>),
}

/// Details of how a growing answer is shown.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct StreamingSection {
    /// `off`, `partial` (one message that grows), `block`, `draft` (Telegram's draft bubble) or `progress` (a status line, then the answer).
    pub(super) mode: Option<StreamingModeText>,
    /// Same as `chunkMode` outside.
    pub(super) chunk_mode: Option<ChunkModeText>,
    /// Previews of `block`.
    pub(super) preview: Option<PreviewSection>,
}

/// Previews of `block`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PreviewSection {
    /// Steps of `block`.
    pub(super) chunk: Option<ChunkSection>,
}

/// Steps of a preview.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ChunkSection {
    /// Smallest step, characters.
    #[schemars(extend("default" = 200))]
    pub(super) min_chars: Option<usize>,
    /// Longest preview, characters.
    #[schemars(extend("default" = 800))]
    pub(super) max_chars: Option<usize>,
}

/// How Markdown is shown.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct MarkdownSection {
    /// How tables are shown.
    #[schemars(extend("default" = "code"))]
    pub(super) tables: Option<TablesText>,
}

/// Which chat commands are in the bot's menu.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CommandsSection {
    /// `false` leaves the gateway's commands out of the menu; they still work when typed.
    #[schemars(extend("default" = "auto"))]
    pub(super) native: Option<NativeValue>,
}

/// One entry of the bot's menu.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomCommandSection {
    /// Name of 1 to 32 lower-case letters, digits or underscores.
    pub(super) command: String,
    /// One line of at most 256 characters.
    pub(super) description: String,
}

/// `true`, `false` or `auto`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum NativeValue {
    Switch(bool),
    Auto(AutoText),
}

/// Send rates to keep.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum RateLimitValue {
    Word(RateLimitText),
    Figures(RateLimitSection),
}

/// Send rates in figures; what is left out keeps Telegram's.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RateLimitSection {
    /// Messages per second over all chats.
    #[schemars(extend("default" = 30.0))]
    pub(super) account_per_second: Option<f64>,
    /// Messages per second in one chat.
    #[schemars(extend("default" = 1.0))]
    pub(super) conversation_per_second: Option<f64>,
    /// Messages that may go out at once in one chat.
    #[schemars(extend("default" = 3.0))]
    pub(super) conversation_burst: Option<f64>,
    /// Messages per minute in one group.
    #[schemars(extend("default" = 20.0))]
    pub(super) group_per_minute: Option<f64>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub(super) enum $name { $($(#[$variant_doc])* $variant),+ }
    };
}

words!(
    /// Who may write directly.
    DmPolicyText { Pairing, Allowlist, Open, Disabled }
);
words!(
    /// In which groups the bot answers.
    GroupPolicyText { Open, Allowlist, Disabled }
);
words!(
    /// Where long replies are cut.
    ChunkModeText { Length, Newline }
);
words!(
    /// How a growing answer is shown.
    StreamingModeText { Off, Partial, Block, Draft, Progress }
);
words!(
    /// Which of the bot's messages are shown as replies.
    ReplyToModeText { Off, First, All }
);
words!(
    /// How tables are shown.
    TablesText { Code, Block, Bullets, Off }
);
words!(
    /// The rule for chats that are not listed.
    AllowDenyText { Allow, Deny }
);
words!(
    /// The platform's usual behaviour.
    AutoText { Auto }
);
words!(
    /// Whose send rates to keep.
    RateLimitText { Platform, Off }
);
