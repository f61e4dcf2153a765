//! From a resolved account to its parts, and what the platform can do.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use torana_core::port::{AccountParts, ChannelLimits, ChatIds, Receive, Webhook};
use torana_core::render::{Counts, LengthUnit, Limits, Markup};
use torana_host::files;
use torana_host::secret::Secret;

use super::account::bot_id;
use super::api::Api;
use super::connect::Connector;
use super::identity::Identity;
use super::normalise::Scope;
use super::receive::Polling;
use super::resolve::TEXT_UNITS_MAX;
use super::send::Sender;
use super::settings::{Settings, TokenSource};
use super::webhook::Hook;
use crate::kind::{AccountConfig, Build, BuildFailure, Settings as AnySettings};
use crate::policy::AccountPolicy;

/// A token is some 50 bytes; a file beyond this is something else.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;
/// Telegram shows "typing" for 5 seconds.
const TYPING_MS: u64 = 4000;
/// Edits count like messages: one a second in a direct chat, one in three seconds in a group are within the limits.
const EDIT_INTERVAL_DIRECT_MS: u64 = 1000;
const EDIT_INTERVAL_GROUP_MS: u64 = 3000;

/// Builds the parts of an account.
pub(super) fn build(config: AccountConfig, build: Build) -> Result<AccountParts, BuildFailure> {
    if let Some(issue) = &config.blocked {
        return Err(BuildFailure {
            message: issue.to_string(),
        });
    }
    let AnySettings::Telegram(settings) = config.settings;
    let settings = *settings;
    let token = read_token(&settings)?;
    let own_id = bot_id(token.expose()).ok_or_else(|| BuildFailure {
        message: "the token file holds no bot token (123456789:text)".to_owned(),
    })?;
    let api = Arc::new(Api::new(
        build.client,
        &settings.api_root,
        &token,
        settings.timeout_ms,
    ));
    let identity = Arc::new(Identity::from_token(own_id));
    let scope = Scope {
        channel: config.channel.clone(),
        account: config.account.clone(),
        platform_account: Arc::from(own_id),
    };
    let webhook = settings.webhook.as_ref().map(|webhook| {
        let hook = Hook::new(
            webhook.path.clone(),
            &webhook.secret,
            Arc::clone(&identity),
            scope.clone(),
            build.world.clone(),
        );
        Arc::new(hook) as Arc<dyn Webhook>
    });
    let receive = match webhook {
        Some(_) => None,
        None => {
            let polling = Polling::new(
                Arc::clone(&api),
                Arc::clone(&identity),
                scope.clone(),
                build.world,
            );
            Some(Box::new(polling) as Box<dyn Receive>)
        }
    };
    Ok(AccountParts {
        limits: limits(&config.policy, &settings),
        transmit: Some(Arc::new(Sender {
            api: Arc::clone(&api),
            link_preview: settings.link_preview,
        })),
        connect: Arc::new(Connector {
            api,
            identity,
            settings,
            commands: build.commands,
            menu_done: AtomicBool::new(false),
        }),
        receive,
        webhook,
        exclusive: Some(format!("telegram:{}", token.expose())),
        channel: config.channel,
        account: config.account,
        platform_account: scope.platform_account,
    })
}

fn read_token(settings: &Settings) -> Result<Secret, BuildFailure> {
    match &settings.token {
        TokenSource::Text(token) => Ok(token.clone()),
        TokenSource::File(path) => {
            let bytes =
                files::read_capped(Path::new(path), TOKEN_FILE_BYTES_MAX).map_err(|error| {
                    BuildFailure {
                        message: format!("the token file {path} cannot be read: {error}"),
                    }
                })?;
            String::from_utf8(bytes)
                .map(Secret::new)
                .map_err(|_| BuildFailure {
                    message: format!("the token file {path} is not text"),
                })
        }
        TokenSource::Missing => Err(BuildFailure {
            message: "there is no bot token".to_owned(),
        }),
    }
}

/// What Telegram can do and how it counts.
fn limits(policy: &AccountPolicy, settings: &Settings) -> ChannelLimits {
    ChannelLimits {
        text: Limits::new(TEXT_UNITS_MAX, LengthUnit::Utf16)
            .with_soft(policy.text_chunk_limit)
            .with_mode(policy.chunk_mode)
            // Entities are parsed before the length is checked.
            .counting(Counts::Visible),
        markup: Markup::HtmlSubset,
        edit: true,
        delete: true,
        typing_ms: Some(TYPING_MS),
        draft: true,
        edit_interval_direct_ms: EDIT_INTERVAL_DIRECT_MS,
        edit_interval_group_ms: EDIT_INTERVAL_GROUP_MS,
        idempotent: false,
        rate: settings.rate,
        // A chat is a number or `@` and a public name (Bot API 9, sendMessage).
        chats: ChatIds::NumberOrHandle,
    }
}
