//! The way in by webhook: the platform brings one update after the other and repeats what was not taken.

use std::sync::Arc;

use bytes::Bytes;
use torana_core::id::AccountId;
use torana_core::port::{Webhook, WebhookRequest, WebhookVerdict};

use super::state::Platform;

/// What the platform proves itself with.
const SECRET: &str = "right";

/// What the platform brings next.
pub enum Push {
    /// This request, now; with its position when it is taken.
    Now(u64, WebhookRequest),
    /// Nothing before this moment, true time.
    Later(i64),
    /// Nothing any more.
    Never,
}

impl Platform {
    /// Path on which an account listens.
    pub fn webhook_path(account: &AccountId) -> String {
        format!("/sim/{account}")
    }

    /// What the platform brings next to an account.
    pub fn next_push(&self, account: &AccountId, now_ms: i64) -> Push {
        let (due, next_ms) = self.pending(account, now_ms);
        match (due.first(), next_ms) {
            (Some((position, _)), _) => Push::Now(*position, request(*position, SECRET)),
            (None, Some(at_ms)) => Push::Later(at_ms),
            (None, None) => Push::Never,
        }
    }

    /// The same request from somebody who does not know the secret.
    pub fn forged(position: u64) -> WebhookRequest {
        request(position, "wrong")
    }
}

fn request(position: u64, secret: &str) -> WebhookRequest {
    WebhookRequest {
        headers: vec![("x-secret".to_owned(), secret.to_owned())],
        body: Bytes::from(position.to_string()),
    }
}

pub(super) struct ScriptedWebhook {
    platform: Arc<Platform>,
    account: AccountId,
    path: String,
}

impl ScriptedWebhook {
    pub(super) fn new(platform: Arc<Platform>, account: AccountId) -> Self {
        Self {
            path: Platform::webhook_path(&account),
            platform,
            account,
        }
    }
}

impl Webhook for ScriptedWebhook {
    fn path(&self) -> &str {
        &self.path
    }

    fn receive(&self, request: &WebhookRequest) -> WebhookVerdict {
        let genuine = request
            .headers
            .iter()
            .any(|(name, value)| name == "x-secret" && value == SECRET);
        if !genuine {
            return WebhookVerdict::Forged;
        }
        let update = std::str::from_utf8(&request.body)
            .ok()
            .and_then(|text| text.parse().ok())
            .and_then(|position| self.platform.update_at(&self.account, position));
        match update {
            Some(update) => WebhookVerdict::Accept(vec![update]),
            None => WebhookVerdict::Malformed,
        }
    }
}
