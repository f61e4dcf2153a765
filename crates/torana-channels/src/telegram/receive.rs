//! The way in by long polling: pulled by the engine, confirmed to Telegram only through `acknowledge`.
//!
//! The first poll carries no offset, so Telegram repeats whatever was not confirmed before; dedupe by event id does the rest.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use torana_core::message::Inbound;
use torana_core::port::{Batch, BoxFuture, Receive, ReceiveFailure, World};
use torana_host::json;

use super::api::{Api, CallFailure, UPDATES_BYTES_MAX};
use super::identity::Identity;
use super::normalise::{Scope, normalise, unreadable};
use super::wire::{ALLOWED_UPDATES, BareUpdate, GetUpdates, Nothing, Update};

/// Updates in one answer: Telegram's own maximum.
const UPDATES_MAX: u32 = 100;
/// How long Telegram holds a poll open, seconds. Below the minute at which proxies cut silent connections.
const POLL_SECONDS: u64 = 30;
/// Network and server time on top of the poll, milliseconds.
const POLL_MARGIN_MS: u64 = 10_000;
/// Shortest time between two polls that bring nothing new, milliseconds: some servers ignore the poll's own time.
const POLL_FLOOR_MS: u64 = 300;
/// Silence after which a poll goes without an offset, milliseconds. Telegram may number updates anew, and lower, after a
/// quiet week; everything older was confirmed long ago, so nothing comes twice.
const RENUMBER_MS: u64 = 24 * 3_600_000;

/// What a 404 on a method that always exists means.
pub(super) const NOT_FOUND: &str = "the server knows no such bot: check that `apiRoot` has no /bot<token> at its end, and the token";

/// Polls for one bot.
pub(super) struct Polling {
    pub(super) api: Arc<Api>,
    pub(super) identity: Arc<Identity>,
    pub(super) scope: Scope,
    pub(super) world: World,
    /// First update id not yet confirmed.
    pub(super) offset: Option<i64>,
    /// Position of the last batch, to notice that nothing new came.
    last_position: Option<u64>,
    /// Monotonic moment before which the next poll must not start.
    not_before_ms: u64,
    /// Monotonic moment of the last update.
    last_update_ms: u64,
    webhook_removed: bool,
}

// === impl Polling ===

impl Polling {
    pub(super) fn new(api: Arc<Api>, identity: Arc<Identity>, scope: Scope, world: World) -> Self {
        let last_update_ms = world.monotonic_ms();
        Self {
            api,
            identity,
            scope,
            world,
            offset: None,
            last_position: None,
            not_before_ms: 0,
            last_update_ms,
            webhook_removed: false,
        }
    }

    async fn poll(&mut self) -> Result<Batch, ReceiveFailure> {
        self.world.clock.sleep_until(self.not_before_ms).await;
        let started_ms = self.world.monotonic_ms();
        if started_ms.saturating_sub(self.last_update_ms) > RENUMBER_MS {
            self.offset = None;
        }
        let request = GetUpdates {
            offset: self.offset,
            limit: UPDATES_MAX,
            timeout: POLL_SECONDS,
            allowed_updates: ALLOWED_UPDATES,
        };
        let timeout_ms = POLL_SECONDS * 1000 + POLL_MARGIN_MS;
        let result = match self
            .api
            .call_with("getUpdates", &request, timeout_ms, UPDATES_BYTES_MAX)
            .await
        {
            Ok(result) => result,
            Err(failure) => return self.recover(failure).await,
        };
        let updates = read_updates(&result, &self.scope, &self.identity, self.world.wall_ms())?;
        let position = match updates.last() {
            // Ids are positive; the cast only matters for servers that invent others.
            Some((update_id, _)) => u64::try_from(*update_id).unwrap_or(0),
            None => self.last_position.unwrap_or(0),
        };
        let is_new = !updates.is_empty() && self.last_position != Some(position);
        let finished_ms = self.world.monotonic_ms();
        if is_new {
            self.last_update_ms = finished_ms;
            self.last_position = Some(position);
        }
        self.not_before_ms = if is_new {
            0
        } else {
            started_ms.saturating_add(POLL_FLOOR_MS)
        };
        Ok(Batch {
            updates: updates.into_iter().map(|(_, inbound)| inbound).collect(),
            position,
        })
    }

    /// An active webhook blocks polling; config says polling, so it is removed once, keeping what waits.
    async fn recover(&mut self, failure: CallFailure) -> Result<Batch, ReceiveFailure> {
        let is_webhook = matches!(
            &failure,
            CallFailure::Refused { code: 409, description, .. } if description.to_ascii_lowercase().contains("webhook")
        );
        if is_webhook && !self.webhook_removed {
            self.webhook_removed = true;
            self.api
                .call("deleteWebhook", &Nothing {})
                .await
                .map_err(receive_failure)?;
            return Ok(Batch {
                updates: Vec::new(),
                position: self.last_position.unwrap_or(0),
            });
        }
        Err(receive_failure(failure))
    }
}

// === impl Receive for Polling ===

impl Receive for Polling {
    fn next(&mut self) -> BoxFuture<'_, Result<Batch, ReceiveFailure>> {
        Box::pin(self.poll())
    }

    fn acknowledge(&mut self, position: u64) -> BoxFuture<'_, Result<(), ReceiveFailure>> {
        Box::pin(async move {
            // Position 0 is that of a poll before the first update: there is nothing to confirm.
            if position > 0
                && let Ok(update_id) = i64::try_from(position)
            {
                // Not the highest id ever seen: after a renumbering the new, lower ids are the ones to confirm.
                self.offset = Some(update_id.saturating_add(1));
            }
            Ok(())
        })
    }
}

/// The updates of an answer with their ids. One that cannot be read still takes its place, so that it is confirmed.
fn read_updates(
    result: &[u8],
    scope: &Scope,
    identity: &Identity,
    now_ms: i64,
) -> Result<Vec<(i64, Inbound)>, ReceiveFailure> {
    let repaired = json::repair_surrogates(result);
    let Ok(raw) = serde_json::from_slice::<Vec<&RawValue>>(&repaired) else {
        return Err(ReceiveFailure::Retry {
            after_ms: None,
            reason: "getUpdates: the answer holds no list".to_owned(),
        });
    };
    let own = identity.own();
    let read = |raw: &&RawValue| {
        read_update(
            raw.get(),
            |update| normalise(update, scope, &own, now_ms),
            |id| unreadable(id, scope, now_ms),
        )
    };
    Ok(raw.iter().filter_map(read).collect())
}

/// Reads one update: as it is, else with repeated keys settled (the last one wins, decision 42), else only its id.
pub(super) fn read_update<T>(
    text: &str,
    read: impl FnOnce(Update) -> T,
    unreadable: impl FnOnce(i64) -> T,
) -> Option<(i64, T)> {
    let update = match serde_json::from_str::<Update>(text) {
        Ok(update) => Some(update),
        Err(_) => settle(text).and_then(|settled| serde_json::from_str(&settled).ok()),
    };
    match update {
        Some(update) => {
            let id = update.update_id;
            Some((id, read(update)))
        }
        None => {
            let bare =
                BareUpdate::deserialize(&serde_json::from_str::<serde_json::Value>(text).ok()?)
                    .ok()?;
            Some((bare.update_id, unreadable(bare.update_id)))
        }
    }
}

fn settle(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .map(|value| value.to_string())
}

/// What a failed call means for receiving and connecting.
pub(super) fn receive_failure(failure: CallFailure) -> ReceiveFailure {
    match failure {
        CallFailure::NotSent { reason } | CallFailure::Ambiguous { reason } => {
            ReceiveFailure::Retry { after_ms: None, reason }
        }
        CallFailure::Foreign { status: 404, .. } => ReceiveFailure::Retry {
            after_ms: None,
            reason: "the server at `apiRoot` is no Bot API server, or the address has a /bot<token> too many".to_owned(),
        },
        CallFailure::Foreign { status, retry_after } => ReceiveFailure::Retry {
            after_ms: retry_after.map(|seconds| seconds.saturating_mul(1000)),
            reason: format!("something in front of Telegram answered {status}"),
        },
        CallFailure::Refused { code: 401 | 403, description, .. } => {
            ReceiveFailure::SignedOut { reason: format!("Telegram does not accept the bot token ({description})") }
        }
        CallFailure::Refused { code: 404, .. } => ReceiveFailure::SignedOut { reason: NOT_FOUND.to_owned() },
        CallFailure::Refused { code: 409, description, .. } => {
            ReceiveFailure::Conflict { reason: format!("another program uses this bot token ({description})") }
        }
        CallFailure::Refused { description, parameters, .. } => ReceiveFailure::Retry {
            after_ms: parameters.retry_after.map(|seconds| seconds.saturating_mul(1000)),
            reason: description,
        },
    }
}
