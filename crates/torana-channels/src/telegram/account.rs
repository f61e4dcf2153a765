//! One account of the section: its token, addresses, rates and menu, each checked as far as that needs no network.

use torana_core::admit::{DmPolicy, GroupPolicy};
use torana_core::id::{AccountId, ChannelId, DEFAULT_ACCOUNT};
use torana_core::port::RateRules;
use torana_host::egress;
use torana_host::secret::Secret;

use super::resolve;
use super::section::{AccountSection, IdEntry, RateLimitText, RateLimitValue};
use super::settings::{Settings, TokenSource, WebhookSettings};
use crate::kind::{AccountConfig, Environment, Issue, Settings as AnySettings, WebhookListener};
use crate::menu::MenuCommand;

/// Telegram's own server.
const API_ROOT: &str = "https://api.telegram.org";
/// The variable that holds the token of the default account.
const TOKEN_VARIABLE: &str = "TELEGRAM_BOT_TOKEN";
/// The variable that overrides the server, for tests and self-hosted servers.
const API_ROOT_VARIABLE: &str = "TELEGRAM_API_ROOT";
/// Shortest webhook secret (S-012): 16 characters of the allowed alphabet are 96 bits.
const WEBHOOK_SECRET_CHARS_MIN: usize = 16;
/// Longest webhook secret Telegram takes.
const WEBHOOK_SECRET_CHARS_MAX: usize = 256;
/// OpenClaw's default path, so that an existing proxy keeps working.
const WEBHOOK_PATH: &str = "/telegram-webhook";
/// OpenClaw's default listener, for the same reason.
const WEBHOOK_HOST: &str = "127.0.0.1";
const WEBHOOK_PORT: u16 = 8787;
/// Seconds until a request is given up: sends answer within a second or so, and longer silence blocks a conversation.
const TIMEOUT_SECONDS: u64 = 30;
/// Entries of a command menu (Telegram's own limit).
pub(super) const COMMANDS_MAX: usize = 100;
/// Telegram's published rates: 30 messages a second, 1 a second in a chat with short bursts, 20 a minute in a group.
const PLATFORM_RATE: RateRules = RateRules {
    account_per_second: 30.0,
    conversation_per_second: 1.0,
    conversation_burst: 3.0,
    group_per_minute: 20.0,
};

/// One account on its way to being resolved.
pub(super) struct Context<'a> {
    pub(super) name: &'a str,
    pub(super) path: String,
    pub(super) is_default: bool,
    pub(super) environment: Environment<'a>,
}

impl Context<'_> {
    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

/// Resolves one account; problems of the section go to `issues`.
pub(super) fn account(
    context: &Context<'_>,
    section: &AccountSection,
    issues: &mut Vec<Issue>,
) -> Option<AccountConfig> {
    let mut warnings = Vec::new();
    let mut blocked = None;
    let token = token(context, section, &mut blocked);
    let api_root = api_root(context, section, issues);
    let webhook = webhook(context, section, issues, &mut blocked);
    let policy = resolve::policy(section, &context.path, &mut warnings);
    check_policy(
        context,
        section,
        &policy.allow_from,
        &policy.group_allow_from,
        issues,
    );
    let native_commands = policy.native_commands != Some(false);
    let wants_all_group_messages = policy.group_policy != Some(GroupPolicy::Disabled)
        && policy.groups.values().any(|rule| {
            rule.require_mention == Some(false)
                || rule
                    .topics
                    .values()
                    .any(|topic| topic.require_mention == Some(false))
        });
    let settings = Settings {
        token,
        api_root: api_root.clone(),
        timeout_ms: section
            .timeout_seconds
            .unwrap_or(TIMEOUT_SECONDS)
            .clamp(1, 600)
            * 1000,
        link_preview: section.link_preview.unwrap_or(true),
        rate: rate(context, section, issues),
        native_commands,
        custom_commands: custom_commands(context, section, issues),
        wants_all_group_messages,
        webhook: webhook.as_ref().map(|(settings, _)| settings.clone()),
    };
    Some(AccountConfig {
        channel: ChannelId::new("telegram").ok()?,
        account: AccountId::new(context.name).ok()?,
        name: section.name.clone(),
        enabled: section.enabled.unwrap_or(true),
        is_default: context.is_default,
        blocked,
        warnings,
        policy,
        api_root,
        proxy: proxy(context, section, issues),
        webhook_listener: webhook.map(|(_, listener)| listener),
        settings: AnySettings::Telegram(Box::new(settings)),
    })
}

fn token(
    context: &Context<'_>,
    section: &AccountSection,
    blocked: &mut Option<Issue>,
) -> TokenSource {
    if let Some(file) = section
        .token_file
        .as_deref()
        .map(str::trim)
        .filter(|file| !file.is_empty())
    {
        return TokenSource::File(file.to_owned());
    }
    let path = context.at("botToken");
    let written = match &section.bot_token {
        Some(secret) => match secret.expose() {
            Some(text) => text.trim().to_owned(),
            None => {
                let source = secret.unresolved().unwrap_or("a reference");
                *blocked = Some(Issue::new(
                    path,
                    format!("the token comes from {source}, which is not set"),
                ));
                return TokenSource::Missing;
            }
        },
        None => String::new(),
    };
    let from_environment = || {
        // The variable belongs to the account of that name, not to whatever account is the default one.
        let value = (context.name == DEFAULT_ACCOUNT)
            .then(|| (context.environment)(TOKEN_VARIABLE))
            .flatten()?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let text = if written.is_empty() {
        from_environment()
    } else {
        Some(written)
    };
    match text {
        Some(text) if bot_id(&text).is_some() => TokenSource::Text(Secret::new(text)),
        Some(_) => {
            *blocked = Some(
                Issue::new(path, "is not a bot token: it must look like 123456789:text")
                    .with_hint("ask @BotFather for the token"),
            );
            TokenSource::Missing
        }
        None => {
            let hint = if context.name == DEFAULT_ACCOUNT {
                format!("set `botToken` or `tokenFile`, or the variable {TOKEN_VARIABLE}")
            } else {
                "set `botToken` or `tokenFile`".to_owned()
            };
            *blocked = Some(Issue::new(path, "there is no bot token").with_hint(hint));
            TokenSource::Missing
        }
    }
}

/// The bot's id: the number before the colon of its token (decision 6).
pub(super) fn bot_id(token: &str) -> Option<&str> {
    let (id, rest) = token.split_once(':')?;
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let digits = !id.is_empty() && id.len() <= 19 && id.bytes().all(|byte| byte.is_ascii_digit());
    // The rest goes into a URL path, so nothing that could change the path may be in it.
    (digits && !rest.is_empty() && rest.len() <= 256 && plain(rest)).then_some(id)
}

fn api_root(context: &Context<'_>, section: &AccountSection, issues: &mut Vec<Issue>) -> String {
    let path = context.at("apiRoot");
    let from_environment =
        || (context.environment)(API_ROOT_VARIABLE).filter(|value| !value.trim().is_empty());
    let Some(written) = section.api_root.clone().or_else(from_environment) else {
        return API_ROOT.to_owned();
    };
    let root = written.trim().trim_end_matches('/').to_owned();
    let Ok(url) = url::Url::parse(&root) else {
        issues.push(
            Issue::new(path, "is not a URL")
                .with_hint("write something like https://api.telegram.org"),
        );
        return root;
    };
    if !matches!(url.scheme(), "http" | "https") {
        issues.push(Issue::new(
            &path,
            format!("must be an http or https URL, not {}", url.scheme()),
        ));
    }
    if url
        .path_segments()
        .into_iter()
        .flatten()
        .any(|segment| segment.starts_with("bot") && segment.contains(':'))
    {
        issues.push(
            Issue::new(&path, "must not end in /bot<token>")
                .with_hint("keep only the part before /bot; the token is `botToken`"),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        issues.push(Issue::new(&path, "cannot have a query or fragment"));
    }
    if url.scheme() == "http" && is_public(&url) {
        issues.push(
            Issue::new(
                &path,
                "would send the bot token unencrypted over the internet",
            )
            .with_hint("use https"),
        );
    }
    root
}

/// True for address literals of the public internet and Telegram itself. What other names resolve to is checked when connecting.
fn is_public(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => egress::is_public(ip.into()),
        Some(url::Host::Ipv6(ip)) => egress::is_public(ip.into()),
        Some(url::Host::Domain(name)) => name == "telegram.org" || name.ends_with(".telegram.org"),
        None => false,
    }
}

fn proxy(
    context: &Context<'_>,
    section: &AccountSection,
    issues: &mut Vec<Issue>,
) -> Option<Secret> {
    let text = section.proxy.as_ref()?.expose()?.trim();
    if text.is_empty() {
        return None;
    }
    let known = |url: &url::Url| matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
    if !url::Url::parse(text).is_ok_and(|url| known(&url)) {
        issues.push(Issue::new(
            context.at("proxy"),
            "must be an http, https or socks5 URL",
        ));
    }
    Some(Secret::new(text))
}

fn webhook(
    context: &Context<'_>,
    section: &AccountSection,
    issues: &mut Vec<Issue>,
    blocked: &mut Option<Issue>,
) -> Option<(WebhookSettings, WebhookListener)> {
    let url = section
        .webhook_url
        .as_deref()
        .map(str::trim)
        .filter(|url| !url.is_empty())?;
    if !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        issues.push(Issue::new(context.at("webhookUrl"), "is not an https URL"));
    }
    let path = section
        .webhook_path
        .as_deref()
        .map(str::trim)
        .filter(|path| !path.is_empty());
    let path = match path {
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(path) => format!("/{path}"),
        None if context.name == DEFAULT_ACCOUNT => WEBHOOK_PATH.to_owned(),
        None => format!("{WEBHOOK_PATH}/{}", context.name),
    };
    let secret = section
        .webhook_secret
        .as_ref()
        .and_then(|secret| secret.expose())
        .unwrap_or_default();
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let problem = if secret.is_empty() {
        Some("a webhook needs a secret".to_owned())
    } else if secret.len() < WEBHOOK_SECRET_CHARS_MIN {
        Some(format!(
            "must have at least {WEBHOOK_SECRET_CHARS_MIN} characters"
        ))
    } else if secret.len() > WEBHOOK_SECRET_CHARS_MAX {
        Some(format!(
            "can have at most {WEBHOOK_SECRET_CHARS_MAX} characters"
        ))
    } else if !secret.bytes().all(alphabet) {
        Some("can only have the characters A-Z a-z 0-9 _ -".to_owned())
    } else {
        None
    };
    if let Some(problem) = problem {
        // The account stays down, the gateway does not (decision 51).
        blocked.get_or_insert_with(|| {
            Issue::new(context.at("webhookSecret"), problem)
                .with_hint("use 32 random letters and digits")
        });
    }
    let listener = WebhookListener {
        host: section
            .webhook_host
            .clone()
            .unwrap_or_else(|| WEBHOOK_HOST.to_owned()),
        port: section.webhook_port.unwrap_or(WEBHOOK_PORT),
    };
    Some((
        WebhookSettings {
            url: url.to_owned(),
            secret: Secret::new(secret),
            path,
        },
        listener,
    ))
}

fn rate(
    context: &Context<'_>,
    section: &AccountSection,
    issues: &mut Vec<Issue>,
) -> Option<RateRules> {
    match &section.rate_limit {
        None | Some(RateLimitValue::Word(RateLimitText::Platform)) => Some(PLATFORM_RATE),
        Some(RateLimitValue::Word(RateLimitText::Off)) => None,
        Some(RateLimitValue::Figures(figures)) => {
            let mut figure = |key: &str, written: Option<f64>, usual: f64, least: f64| {
                let value = written.unwrap_or(usual);
                if !value.is_finite() || value < least {
                    issues.push(Issue::new(
                        context.at(&format!("rateLimit.{key}")),
                        format!("must be at least {least}"),
                    ));
                }
                value
            };
            // Below these rates a reply would take hours; `dmPolicy` and `groupPolicy` are the way to silence a bot.
            Some(RateRules {
                account_per_second: figure(
                    "accountPerSecond",
                    figures.account_per_second,
                    PLATFORM_RATE.account_per_second,
                    0.01,
                ),
                conversation_per_second: figure(
                    "conversationPerSecond",
                    figures.conversation_per_second,
                    PLATFORM_RATE.conversation_per_second,
                    0.01,
                ),
                conversation_burst: figure(
                    "conversationBurst",
                    figures.conversation_burst,
                    PLATFORM_RATE.conversation_burst,
                    1.0,
                ),
                group_per_minute: figure(
                    "groupPerMinute",
                    figures.group_per_minute,
                    PLATFORM_RATE.group_per_minute,
                    0.1,
                ),
            })
        }
    }
}

fn custom_commands(
    context: &Context<'_>,
    section: &AccountSection,
    issues: &mut Vec<Issue>,
) -> Vec<MenuCommand> {
    let mut commands = Vec::new();
    for (index, written) in section.custom_commands.iter().flatten().enumerate() {
        let name = written
            .command
            .trim()
            .trim_start_matches('/')
            .to_ascii_lowercase();
        let path = context.at(&format!("customCommands[{index}]"));
        if !is_command_name(&name) {
            issues.push(Issue::new(
                format!("{path}.command"),
                "must have 1 to 32 lower-case letters, digits or underscores",
            ));
        } else if written.description.trim().is_empty() || written.description.chars().count() > 256
        {
            issues.push(Issue::new(
                format!("{path}.description"),
                "must have 1 to 256 characters",
            ));
        } else {
            commands.push(MenuCommand {
                name,
                description: written.description.trim().to_owned(),
            });
        }
    }
    if commands.len() > COMMANDS_MAX {
        issues.push(Issue::new(
            context.at("customCommands"),
            format!("can have at most {COMMANDS_MAX} entries"),
        ));
    }
    commands
}

/// Telegram's grammar of command names.
pub(super) fn is_command_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn check_policy(
    context: &Context<'_>,
    section: &AccountSection,
    allow_from: &[String],
    group_allow_from: &Option<Vec<String>>,
    issues: &mut Vec<Issue>,
) {
    let dm = resolve::dm_policy(section.dm_policy);
    if dm == DmPolicy::Allowlist && allow_from.is_empty() {
        issues.push(
            Issue::new(
                context.at("allowFrom"),
                "is empty, so `dmPolicy: \"allowlist\"` would admit nobody",
            )
            .with_hint("list Telegram user ids, or set `dmPolicy` to `pairing` or `disabled`"),
        );
    }
    if dm == DmPolicy::Open && !allow_from.iter().any(|entry| entry == "*") {
        issues.push(
            Issue::new(
                context.at("allowFrom"),
                "must contain \"*\" for `dmPolicy: \"open\"`",
            )
            .with_hint("add \"*\" to let everybody write, or use `pairing` or `allowlist`"),
        );
    }
    let written = |entries: &Option<Vec<IdEntry>>| {
        entries.as_ref().is_some_and(|entries| !entries.is_empty())
    };
    if written(&section.group_allow_from) && group_allow_from.as_ref().is_some_and(Vec::is_empty) {
        issues.push(
            Issue::new(context.at("groupAllowFrom"), "has no usable entry")
                .with_hint("write numeric Telegram user ids, such as 123456789"),
        );
    }
}
