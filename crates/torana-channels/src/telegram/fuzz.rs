//! The fuzz target of this folder: everything Telegram, or somebody who knows the webhook secret, can send.

use std::sync::Arc;

use torana_core::id::{AccountId, ChannelId, DEFAULT_ACCOUNT};
use torana_core::message::Inbound;

use super::entity::Own;
use super::normalise::{Scope, normalise, unreadable};
use super::receive::read_update;

/// Reads any bytes as one update: never panics, and what has an id becomes an inbound.
pub fn fuzz_update(bytes: &[u8]) {
    if torana_host::json::check_depth(bytes).is_err() {
        return;
    }
    let repaired = torana_host::json::repair_surrogates(bytes);
    if let Ok(text) = std::str::from_utf8(&repaired) {
        drop(read_for_test(text));
    }
}

/// Reads one update as bot 4242, `@torana_bot`.
pub(super) fn read_for_test(text: &str) -> Option<Inbound> {
    let scope = Scope {
        channel: ChannelId::new("telegram").ok()?,
        account: AccountId::new(DEFAULT_ACCOUNT).ok()?,
        platform_account: Arc::from("4242"),
    };
    let own = Own {
        token_id: 4242,
        id: Some(4242),
        username: Some("torana_bot".to_owned()),
    };
    read_update(
        text,
        |update| normalise(update, &scope, &own, 1),
        |id| unreadable(id, &scope, 1),
    )
    .map(|(_, inbound)| inbound)
}
