//! Telegram's send rates, as far as they are known: 30 a second over all, 1 a second in a chat, 20 a minute in a group.
//!
//! Short bursts pass, as they do on Telegram, so a sender with token buckets of these rates is never refused.

use std::collections::BTreeMap;

/// Messages over all chats: a second's worth may come at once.
const ACCOUNT: Rate = Rate {
    per_second: 30.0,
    burst: 30.0,
};
/// Messages in one chat: a handful may come at once.
const CHAT: Rate = Rate {
    per_second: 1.0,
    burst: 5.0,
};
/// Messages in one group: a minute's worth may come at once.
const GROUP: Rate = Rate {
    per_second: 20.0 / 60.0,
    burst: 20.0,
};
/// Chats remembered; a full bucket is the same as none, so forgetting the oldest errs on the lenient side.
const CHATS_MAX: usize = 100_000;

#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    burst: f64,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at_ms: u64,
}

impl Bucket {
    fn refill(self, rate: Rate, now_ms: u64) -> Self {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        // Milliseconds of a test run are far below 2^52, so the conversion is exact.
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of a test run are exact in f64"
        )]
        let earned = passed_ms as f64 / 1000.0 * rate.per_second;
        Self {
            tokens: (self.tokens + earned).min(rate.burst),
            at_ms: now_ms,
        }
    }

    fn wait_seconds(self, rate: Rate) -> u64 {
        let seconds = ((1.0 - self.tokens) / rate.per_second)
            .ceil()
            .clamp(1.0, 3600.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 1..=3600 above"
        )]
        let whole = seconds as u64;
        whole
    }
}

/// The buckets of one bot.
#[derive(Default)]
pub(super) struct Limits {
    account: Option<Bucket>,
    chats: BTreeMap<i64, Bucket>,
}

impl Limits {
    /// Counts one message, or says how many seconds to wait.
    pub(super) fn take(&mut self, chat: i64, is_group: bool, now_ms: u64) -> Result<(), u64> {
        let chat_rate = if is_group { GROUP } else { CHAT };
        let full = |rate: Rate| Bucket {
            tokens: rate.burst,
            at_ms: now_ms,
        };
        let mut account = self
            .account
            .unwrap_or(full(ACCOUNT))
            .refill(ACCOUNT, now_ms);
        let mut place = self
            .chats
            .get(&chat)
            .copied()
            .unwrap_or(full(chat_rate))
            .refill(chat_rate, now_ms);
        if account.tokens < 1.0 {
            return Err(account.wait_seconds(ACCOUNT));
        }
        if place.tokens < 1.0 {
            return Err(place.wait_seconds(chat_rate));
        }
        account.tokens -= 1.0;
        place.tokens -= 1.0;
        self.account = Some(account);
        if self.chats.len() >= CHATS_MAX && !self.chats.contains_key(&chat) {
            self.chats.pop_first();
        }
        self.chats.insert(chat, place);
        Ok(())
    }
}
