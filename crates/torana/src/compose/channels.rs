//! Channel accounts: their settings for the engine, and how each is built.

use torana_channels::{AccountConfig, Build, Issue, MenuCommand};
use torana_core::admit::{
    AccountPolicy, BotPolicy, GroupPolicy, GroupRule, MentionPatterns, MentionScope, SenderList,
};
use torana_core::config::{self, Config, tree};
use torana_core::limit::CONTEXT_MESSAGES_DEFAULT;
use torana_core::port::{AccountParts, World};
use torana_engine::{AccountSettings, ReplyToMode, StreamMode};
use torana_host::egress::{Egress, Url};

/// Accounts of every configured channel, and what is wrong with sections that could not be read.
pub(crate) fn accounts(
    config: &Config,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (Vec<AccountConfig>, Vec<(String, Issue)>) {
    let mut accounts = Vec::new();
    let mut issues = Vec::new();
    for (name, section) in &config.channels.sections {
        let Some(kind) = torana_channels::kind(name) else {
            continue;
        };
        // What config itself provides stands behind the environment.
        let known = |name: &str| {
            variable(name).or_else(|| config.env.vars.get(name)?.expose().map(str::to_owned))
        };
        match kind.accounts(section, &known) {
            Ok(found) => {
                accounts.extend(found.into_iter().map(|account| with_menu(config, account)))
            }
            Err(found) => issues.extend(found.into_iter().map(|issue| (name.clone(), issue))),
        }
    }
    (accounts, issues)
}

/// Settles whether the account shows commands in a menu: never when they are not understood, else as the account says,
/// else as config says for all.
fn with_menu(config: &Config, mut account: AccountConfig) -> AccountConfig {
    let general = !matches!(config.commands.native, tree::NativeCommands::Off);
    let wanted = account.policy.native_commands.unwrap_or(general);
    account.policy.native_commands = Some(wanted && config.commands.text);
    account
}

/// The engine's view of an account.
pub(crate) fn account_settings(config: &Config, account: &AccountConfig) -> AccountSettings {
    let policy = &account.policy;
    let channel = account.channel.as_str();
    let inbound = &config.messages.inbound;
    AccountSettings {
        name: account.name.clone(),
        is_default: account.is_default,
        policy: admission(config, account),
        mention_scope: policy
            .mention_scope
            .as_ref()
            .map(mention_scope)
            .unwrap_or_default(),
        dm_turns: policy
            .dm_history_limit
            .and_then(|limit| usize::try_from(limit).ok()),
        dm_turns_by_sender: policy
            .dm_history_limits
            .iter()
            .filter_map(|(sender, limit)| Some((sender.clone(), usize::try_from(*limit).ok()?)))
            .collect(),
        streaming: match policy.streaming.mode {
            torana_channels::StreamingMode::Off => StreamMode::Off,
            torana_channels::StreamingMode::Partial => StreamMode::Partial,
            torana_channels::StreamingMode::Block => StreamMode::Block,
            torana_channels::StreamingMode::Draft => StreamMode::Draft,
            torana_channels::StreamingMode::Progress => StreamMode::Progress,
        },
        reply_to: match policy.reply_to_mode {
            torana_channels::ReplyToMode::Off => ReplyToMode::Off,
            torana_channels::ReplyToMode::First => ReplyToMode::First,
            torana_channels::ReplyToMode::All => ReplyToMode::All,
        },
        response_prefix: policy
            .response_prefix
            .clone()
            .or_else(|| config.messages.response_prefix.clone()),
        tables: policy.tables,
        block_chars_min: policy.streaming.chunk.min_chars,
        block_chars_max: policy.streaming.chunk.max_chars,
        debounce_ms: inbound
            .by_channel
            .get(channel)
            .copied()
            .or(inbound.debounce_ms)
            .map(u64::from),
    }
}

fn admission(config: &Config, account: &AccountConfig) -> AccountPolicy {
    let policy = &account.policy;
    let default_group = match config.channels.defaults.group_policy {
        tree::GroupPolicy::Open => GroupPolicy::Open,
        tree::GroupPolicy::Disabled => GroupPolicy::Disabled,
        tree::GroupPolicy::Allowlist => GroupPolicy::Allowlist,
    };
    AccountPolicy {
        dm: policy.dm_policy,
        allow_from: SenderList::new(policy.allow_from.iter().cloned()),
        group: policy.group_policy.unwrap_or(default_group),
        group_allow_from: SenderList::new(policy.group_allow_from.iter().flatten().cloned()),
        groups: policy
            .groups
            .iter()
            .map(|(id, rule)| (id.clone(), group_rule(rule)))
            .collect(),
        mention_optional: false,
        // The engine knows what was chosen in a conversation.
        mention_chosen: None,
        // Every agent has its own; see the engine's agent rules.
        mention_patterns: MentionPatterns::default(),
        bots: BotPolicy::Ignore,
        context_messages: policy
            .history_limit
            .unwrap_or(config.messages.group_chat.history_limit)
            .try_into()
            .unwrap_or(CONTEXT_MESSAGES_DEFAULT),
    }
}

fn group_rule(rule: &torana_channels::GroupRule) -> GroupRule {
    GroupRule {
        enabled: rule.enabled,
        require_mention: rule.require_mention,
        policy: rule.group_policy,
        allow_from: rule
            .allow_from
            .as_ref()
            .map(|ids| SenderList::new(ids.iter().cloned())),
        topics: rule
            .topics
            .iter()
            .map(|(id, rule)| (id.clone(), group_rule(rule)))
            .collect(),
    }
}

fn mention_scope(scope: &torana_channels::MentionScope) -> MentionScope {
    MentionScope {
        only_listed: matches!(scope.mode, torana_channels::MentionScopeMode::Deny),
        allow_in: scope.allow_in.clone(),
        deny_in: scope.deny_in.clone(),
    }
}

/// Patterns that count as a mention of an agent: its own, else those for all, else its name.
pub(crate) fn mention_patterns(
    config: &Config,
    agent: config::AgentSettings<'_>,
) -> MentionPatterns {
    let own = agent
        .entry
        .and_then(|entry| entry.group_chat.mention_patterns.as_ref());
    let named = || {
        let name = agent.entry.and_then(|entry| entry.identity.name.as_deref());
        name.map(|name| format!(r"\b@?{}\b", escaped(name)))
            .into_iter()
            .collect()
    };
    let written = own.or(config.messages.group_chat.mention_patterns.as_ref());
    let patterns: Vec<String> = written.cloned().unwrap_or_else(named);
    let (patterns, refused) = MentionPatterns::new(patterns.iter().map(String::as_str));
    for pattern in refused {
        tracing::warn!(agent = agent.id, pattern, "A mention pattern is not used.");
    }
    patterns
}

fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|character| {
            let special = r"\.+*?()|[]{}^$#&-~".contains(character);
            special.then_some('\\').into_iter().chain([character])
        })
        .collect()
}

/// Builds an account's parts. The client is chosen for the operator's own address (decision 32).
pub(crate) fn build(
    config: AccountConfig,
    egress: &Egress,
    world: &World,
) -> Result<AccountParts, String> {
    let kind = torana_channels::kind(config.channel.as_str())
        .ok_or("the channel is not part of this build")?;
    let url: Url = config
        .api_root
        .parse()
        .map_err(|error| format!("`apiRoot` is not an address: {error}"))?;
    let client = match &config.proxy {
        Some(proxy) => {
            let options = torana_host::egress::EgressOptions {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                proxy: Some(proxy.expose().to_owned()),
                ..Default::default()
            };
            Egress::new(options).operator(&url, true)
        }
        None => egress.operator(&url, true),
    }
    .map_err(|error| {
        format!(
            "no connection to {}: {error}",
            url.host_str().unwrap_or("the platform")
        )
    })?;
    let commands = if config.policy.native_commands == Some(true) {
        torana_core::command::menu()
            .into_iter()
            .map(|entry| MenuCommand {
                name: entry.name.to_owned(),
                description: entry.summary.to_owned(),
            })
            .collect()
    } else {
        Vec::new()
    };
    kind.build(
        config,
        Build {
            client,
            world: world.clone(),
            commands,
        },
    )
    .map_err(|failure| failure.message)
}
