//! Starting a bot: who we are, how updates come in, and the command menu.
//!
//! Only knowing who we are is essential; a server without menu or webhook methods costs a notice, not the account.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use torana_core::port::{AccountIdentity, BoxFuture, Connect, ReceiveFailure};

use super::account::{COMMANDS_MAX, is_command_name};
use super::api::{Api, CallFailure};
use super::identity::Identity;
use super::receive::receive_failure;
use super::settings::Settings;
use super::wire::{ALLOWED_UPDATES, BotCommand, Me, Nothing, SetMyCommands, SetWebhook};
use crate::menu::MenuCommand;

/// Characters of a menu entry's description (Telegram's own limit).
const DESCRIPTION_CHARS_MAX: usize = 256;

/// Connects one bot.
pub(super) struct Connector {
    pub(super) api: Arc<Api>,
    pub(super) identity: Arc<Identity>,
    pub(super) settings: Settings,
    pub(super) commands: Vec<MenuCommand>,
    /// The menu outlives us, so one success per start is enough.
    pub(super) menu_done: AtomicBool,
}

// === impl Connect for Connector ===

impl Connect for Connector {
    fn connect(&self) -> BoxFuture<'_, Result<AccountIdentity, ReceiveFailure>> {
        Box::pin(self.connect_once())
    }

    fn probe(&self) -> BoxFuture<'_, Result<AccountIdentity, ReceiveFailure>> {
        Box::pin(async {
            let me = self.me().await?;
            Ok(identity_of(&me, self.group_notices(&me)))
        })
    }
}

fn identity_of(me: &Me, notices: Vec<String>) -> AccountIdentity {
    AccountIdentity {
        id: Arc::from(me.id.to_string()),
        username: me.username.clone(),
        notices,
    }
}

// === impl Connector ===

impl Connector {
    async fn connect_once(&self) -> Result<AccountIdentity, ReceiveFailure> {
        let me = self.me().await?;
        self.identity.learn(&me);
        let mut notices = Vec::new();
        self.choose_way_in(&mut notices).await?;
        self.fill_menu(&mut notices).await?;
        notices.extend(self.group_notices(&me));
        Ok(identity_of(&me, notices))
    }

    async fn me(&self) -> Result<Me, ReceiveFailure> {
        let result = self
            .api
            .call("getMe", &Nothing {})
            .await
            .map_err(receive_failure)?;
        serde_json::from_slice(&result).map_err(|_| ReceiveFailure::Retry {
            after_ms: None,
            reason: "getMe: the answer names no bot".to_owned(),
        })
    }

    fn group_notices(&self, me: &Me) -> Vec<String> {
        let is_private =
            self.settings.wants_all_group_messages && me.can_read_all_group_messages == Some(false);
        is_private
            .then(|| {
                "privacy mode is on, so the bot gets only commands, mentions and replies in groups; \
                 turn it off with /setprivacy at @BotFather and add the bot to the group again"
                    .to_owned()
            })
            .into_iter()
            .collect()
    }

    async fn choose_way_in(&self, notices: &mut Vec<String>) -> Result<(), ReceiveFailure> {
        match &self.settings.webhook {
            Some(webhook) => {
                let request = SetWebhook {
                    url: &webhook.url,
                    secret_token: webhook.secret.expose(),
                    allowed_updates: ALLOWED_UPDATES,
                    // One connection keeps updates in order (decision 14).
                    max_connections: 1,
                };
                match self.api.call("setWebhook", &request).await {
                    Ok(_) => Ok(()),
                    Err(CallFailure::Refused {
                        code: 400,
                        description,
                        ..
                    }) => Err(ReceiveFailure::Retry {
                        after_ms: None,
                        reason: format!("Telegram does not take the webhook: {description}"),
                    }),
                    Err(failure) => Err(receive_failure(failure)),
                }
            }
            // What waits at the server is kept: `drop_pending_updates` is never sent.
            None => self
                .optional("deleteWebhook", &Nothing {}, notices)
                .await
                .map(|_| ()),
        }
    }

    async fn fill_menu(&self, notices: &mut Vec<String>) -> Result<(), ReceiveFailure> {
        if self.menu_done.load(Ordering::Relaxed) {
            return Ok(());
        }
        let entries = self.menu(notices);
        let commands = entries
            .iter()
            .map(|entry| BotCommand {
                command: &entry.name,
                description: &entry.description,
            })
            .collect();
        if self
            .optional("setMyCommands", &SetMyCommands { commands }, notices)
            .await?
        {
            self.menu_done.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The gateway's commands and the operator's, each name once, as many as Telegram takes.
    fn menu(&self, notices: &mut Vec<String>) -> Vec<MenuCommand> {
        let native = self
            .commands
            .iter()
            .filter(|_| self.settings.native_commands);
        let mut entries: Vec<MenuCommand> = Vec::new();
        for command in self.settings.custom_commands.iter().chain(native) {
            let name = command.name.to_ascii_lowercase().replace('-', "_");
            let is_new = entries.iter().all(|entry| entry.name != name);
            if is_new && is_command_name(&name) && !command.description.is_empty() {
                let description = command
                    .description
                    .chars()
                    .take(DESCRIPTION_CHARS_MAX)
                    .collect();
                entries.push(MenuCommand { name, description });
            }
        }
        if entries.len() > COMMANDS_MAX {
            notices.push(format!(
                "the menu shows {COMMANDS_MAX} of {} commands; the others work when typed",
                entries.len()
            ));
            entries.truncate(COMMANDS_MAX);
        }
        entries
    }

    /// Calls a method the account can do without; true when it worked. A refused credential is never optional.
    async fn optional<B: serde::Serialize>(
        &self,
        method: &str,
        body: &B,
        notices: &mut Vec<String>,
    ) -> Result<bool, ReceiveFailure> {
        match self.api.call(method, body).await {
            Ok(_) => Ok(true),
            Err(failure @ CallFailure::Refused { code: 401, .. }) => Err(receive_failure(failure)),
            Err(CallFailure::Refused { description, .. }) => {
                notices.push(format!("{method} was refused: {description}"));
                Ok(false)
            }
            Err(CallFailure::Foreign { status, .. }) => {
                notices.push(format!(
                    "the server does not offer {method} (status {status})"
                ));
                Ok(false)
            }
            Err(CallFailure::NotSent { reason } | CallFailure::Ambiguous { reason }) => {
                notices.push(format!("{method} did not work: {reason}"));
                Ok(false)
            }
        }
    }
}
