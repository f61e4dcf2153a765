//! What the composition knows about a platform: its names, its config section, and how an account of it is built.
//!
//! Validation is pure and finds all problems at once; building may read a token file but never talks to the platform.

use std::fmt;

use serde_json::Value;
use torana_core::config::ChannelSection;
use torana_core::id::{AccountId, ChannelId};
use torana_core::port::{AccountParts, World};
use torana_host::secret::Secret;

use crate::menu::MenuCommand;
use crate::policy::AccountPolicy;
use crate::telegram;

/// Reads a section: accounts, or every problem of it.
type ReadAccounts = fn(&Value, Environment<'_>) -> Result<Vec<AccountConfig>, Vec<Issue>>;

/// Reads an environment variable; handed in so that nothing here touches the process.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One platform: a descriptor, not a trait, because kinds differ in data and two functions only.
#[derive(Debug)]
pub struct ChannelKind {
    /// The id in config, keys and logs.
    pub id: &'static str,
    /// Other spellings people and other systems use.
    pub aliases: &'static [&'static str],
    /// The name shown to people.
    pub label: &'static str,
    /// Keys of an account whose removal signs it out.
    pub credentials: &'static [&'static str],
    pub(crate) schema: fn() -> Value,
    pub(crate) accounts: ReadAccounts,
    pub(crate) build: fn(AccountConfig, Build) -> Result<AccountParts, BuildFailure>,
}

// === impl ChannelKind ===

impl ChannelKind {
    /// True for the id and the aliases, in any case.
    pub fn is_named(&self, name: &str) -> bool {
        std::iter::once(&self.id)
            .chain(self.aliases)
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// JSON Schema of the section `channels.<id>`, without references, every property documented.
    ///
    /// `x-reload` names what a change restarts, `x-secret` marks values that are never shown.
    pub fn config_schema(&self) -> Value {
        (self.schema)()
    }

    /// The same for the config tree, with the other spellings of the section's key.
    pub fn config_section(&self) -> ChannelSection {
        ChannelSection {
            id: self.id.to_owned(),
            aliases: self.aliases.iter().map(|&alias| alias.to_owned()).collect(),
            schema: self.config_schema(),
        }
    }

    /// Reads the section `channels.<id>` and resolves inheritance: one entry per account, also for disabled ones.
    ///
    /// # Errors
    /// All problems at once. A problem that concerns one account only is not among them: see [`AccountConfig::blocked`].
    pub fn accounts(
        &self,
        section: &Value,
        environment: Environment<'_>,
    ) -> Result<Vec<AccountConfig>, Vec<Issue>> {
        (self.accounts)(section, environment)
    }

    /// Builds an account. Reads a token file where one is configured; opens no connection.
    ///
    /// # Errors
    /// When the account is blocked, or its token file cannot be used.
    pub fn build(&self, config: AccountConfig, build: Build) -> Result<AccountParts, BuildFailure> {
        (self.build)(config, build)
    }
}

/// A semantic problem of a config section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Full path of the key, such as `channels.telegram.accounts.work.dmPolicy`.
    pub path: String,
    /// What is wrong, in the operator's words; never holds a secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Issue {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// A local address on which webhook requests of one account are also accepted (decision 51).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookListener {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// One account as config describes it, inheritance resolved.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// The channel kind.
    pub channel: ChannelId,
    /// The account's configured name.
    pub account: AccountId,
    /// A name for people.
    pub name: Option<String>,
    /// False when the operator switched it off.
    pub enabled: bool,
    /// True for the account that is meant when none is named.
    pub is_default: bool,
    /// Why this account must not start although the config as a whole is usable; the rest of the gateway starts.
    pub blocked: Option<Issue>,
    /// Things worth telling the operator.
    pub warnings: Vec<Issue>,
    /// What admission, replies and previews need to know.
    pub policy: AccountPolicy,
    /// Where requests go: the HTTP client for [`Build`] is made for this base address.
    pub api_root: String,
    /// Proxy of this account; may hold a password.
    pub proxy: Option<Secret>,
    /// Extra local address for webhook requests, in webhook mode.
    pub webhook_listener: Option<WebhookListener>,
    pub(crate) settings: Settings,
}

impl AccountConfig {
    /// Every secret in it that is written out, for whoever keeps secrets out of logs.
    pub fn secrets(&self) -> Vec<&Secret> {
        let Settings::Telegram(settings) = &self.settings;
        settings.secrets().chain(&self.proxy).collect()
    }
}

/// The part of an account's config that only its own folder reads.
#[derive(Debug, Clone)]
pub(crate) enum Settings {
    Telegram(Box<telegram::settings::Settings>),
}

/// What an account is built with.
#[derive(Clone)]
pub struct Build {
    /// HTTP client with the operator's egress policy and this account's proxy.
    pub client: reqwest::Client,
    /// Clock and entropy.
    pub world: World,
    /// Chat commands for the platform's menu.
    pub commands: Vec<MenuCommand>,
}

/// Why an account could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildFailure {
    /// For people; names the key to change.
    pub message: String,
}
