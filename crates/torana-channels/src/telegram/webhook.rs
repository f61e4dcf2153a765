//! The way in by webhook: the secret header proves that Telegram is calling, then one update is read.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use torana_core::port::{Webhook, WebhookRequest, WebhookVerdict, World};
use torana_host::json;
use torana_host::secret::Secret;

use super::identity::Identity;
use super::normalise::{Scope, normalise, unreadable};
use super::receive::read_update;

/// The header in which Telegram repeats the secret of `setWebhook`.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// Reads webhook requests for one bot.
pub(super) struct Hook {
    path: String,
    secret_digest: [u8; 32],
    identity: Arc<Identity>,
    scope: Scope,
    world: World,
}

// === impl Hook ===

impl Hook {
    pub(super) fn new(
        path: String,
        secret: &Secret,
        identity: Arc<Identity>,
        scope: Scope,
        world: World,
    ) -> Self {
        Self {
            path,
            secret_digest: digest(secret.expose()),
            identity,
            scope,
            world,
        }
    }

    /// Compares digests, so that neither content nor length shows in the time taken (S-036).
    fn is_genuine(&self, request: &WebhookRequest) -> bool {
        let mut sent = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(SECRET_HEADER));
        match (sent.next(), sent.next()) {
            (Some((_, value)), None) => bool::from(digest(value).ct_eq(&self.secret_digest)),
            // Two headers mean that somebody in between added one.
            _ => false,
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

// === impl Webhook for Hook ===

impl Webhook for Hook {
    fn path(&self) -> &str {
        &self.path
    }

    fn receive(&self, request: &WebhookRequest) -> WebhookVerdict {
        if !self.is_genuine(request) {
            return WebhookVerdict::Forged;
        }
        if json::check_depth(&request.body).is_err() {
            return WebhookVerdict::Malformed;
        }
        let repaired = json::repair_surrogates(&request.body);
        let Ok(text) = std::str::from_utf8(&repaired) else {
            return WebhookVerdict::Malformed;
        };
        let own = self.identity.own();
        let now_ms = self.world.wall_ms();
        let read = read_update(
            text,
            |update| normalise(update, &self.scope, &own, now_ms),
            |id| unreadable(id, &self.scope, now_ms),
        );
        match read {
            Some((_, inbound)) => WebhookVerdict::Accept(vec![inbound]),
            None => WebhookVerdict::Malformed,
        }
    }
}
