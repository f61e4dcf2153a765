//! What the adapter itself needs of an account's config.

use torana_core::port::RateRules;
use torana_host::secret::Secret;

use crate::menu::MenuCommand;

/// What the adapter itself needs of an account's config.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(super) token: TokenSource,
    pub(super) api_root: String,
    pub(super) timeout_ms: u64,
    pub(super) link_preview: bool,
    pub(super) webhook: Option<WebhookSettings>,
    pub(super) rate: Option<RateRules>,
    pub(super) native_commands: bool,
    pub(super) custom_commands: Vec<MenuCommand>,
    /// Some group wants messages without a mention, which a bot in privacy mode does not get.
    pub(super) wants_all_group_messages: bool,
}

impl Settings {
    /// The secrets it holds; a token in a file is read when the account starts.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let token = match &self.token {
            TokenSource::Text(token) => Some(token),
            TokenSource::File(_) | TokenSource::Missing => None,
        };
        token
            .into_iter()
            .chain(self.webhook.as_ref().map(|webhook| &webhook.secret))
    }
}

/// Where the token comes from.
#[derive(Debug, Clone)]
pub(super) enum TokenSource {
    Text(Secret),
    File(String),
    Missing,
}

/// Receiving by webhook.
#[derive(Debug, Clone)]
pub(super) struct WebhookSettings {
    pub(super) url: String,
    pub(super) secret: Secret,
    pub(super) path: String,
}
