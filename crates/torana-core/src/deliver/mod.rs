//! The outbox's decisions: what a failed send means, when to try again, and when a reply is too old.
//!
//! Adapters make one attempt and classify it; this is the one place that knows what happens next
//! (decisions 11, 12, 13). Pure: the caller passes the times.

use crate::limit::{REPLY_FRESH_MS, REPLY_STALE_MS, SEND_RETRY_MS_FIRST, SEND_RETRY_MS_MAX};
use crate::port::SendFailure;

#[cfg(test)]
mod tests;

/// What an intent is, as far as retrying is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// A reply, a command answer or an explicit send: duplicate preferred to loss.
    Final,
    /// A preview, a typing sign, a reaction: dropped when in doubt.
    Passing,
}

/// Facts about the attempt that failed.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Final or passing.
    pub importance: Importance,
    /// Failed attempts before this one, rate limits not counted.
    pub failures: u32,
    /// Age of the intent, milliseconds of wall time.
    pub age_ms: i64,
    /// The platform recognises our nonce, so sending again cannot show twice.
    pub idempotent: bool,
    /// The operation edits a message whose id is known.
    pub edits: bool,
    /// An earlier attempt of the same intent already had an unknown outcome and was resent.
    pub resent: bool,
    /// Random number for jitter.
    pub jitter: u64,
}

/// What to do with the intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Try again after this wait.
    Retry {
        /// Milliseconds.
        after_ms: u64,
        /// The wait concerns the whole account.
        whole_account: bool,
        /// Count this as a failed attempt.
        counts: bool,
    },
    /// Try again at once with the plain text.
    Plain,
    /// Try again at once as a new message: the one to edit is gone.
    SendInstead,
    /// Outcome unknown: send again once, at once, flagged.
    ResendFlagged,
    /// The conversation has a new id: change the target and try again at once.
    Move,
    /// Give up; visible and replayable.
    Park(ParkReason),
    /// Forget it: it only mattered at that moment.
    Discard,
    /// Stop the account; the intent waits.
    StopAccount,
}

/// Why an intent is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkReason {
    /// The platform refused it for good.
    Rejected,
    /// It grew too old to be useful.
    Stale,
    /// Nobody can tell whether it arrived, and it was already sent twice.
    Unknown,
    /// The platform cannot do it.
    Unsupported,
    /// The channel account is not configured any more.
    NoAccount,
}

impl ParkReason {
    /// The word stored with the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Unsupported => "unsupported",
            Self::NoAccount => "no_account",
        }
    }
}

/// Decides what follows a failed attempt.
pub fn after_failure(attempt: &Attempt, failure: &SendFailure) -> Next {
    let passing = attempt.importance == Importance::Passing;
    match failure {
        SendFailure::SignedOut { .. } => Next::StopAccount,
        SendFailure::Moved { .. } => Next::Move,
        SendFailure::Markup { .. } => Next::Plain,
        SendFailure::Retry { .. } | SendFailure::Rejected { .. } | SendFailure::Unsupported
            if passing =>
        {
            Next::Discard
        }
        SendFailure::Gone { .. } | SendFailure::Unknown { .. } if passing => Next::Discard,
        SendFailure::Retry {
            after_ms,
            limited,
            whole_account,
            ..
        } => {
            if attempt.age_ms > REPLY_STALE_MS {
                return Next::Park(ParkReason::Stale);
            }
            let platform_ms = after_ms.unwrap_or(0);
            // A rate limit is over when the platform says so; one that names no wait must not become a busy loop.
            let own_ms = if *limited && platform_ms > 0 {
                0
            } else {
                backoff_ms(attempt.failures, attempt.jitter)
            };
            Next::Retry {
                after_ms: platform_ms.max(own_ms),
                whole_account: *whole_account,
                counts: !limited,
            }
        }
        SendFailure::Gone { .. } => Next::SendInstead,
        SendFailure::Rejected { .. } => Next::Park(ParkReason::Rejected),
        SendFailure::Unsupported => Next::Park(ParkReason::Unsupported),
        SendFailure::Unknown { .. } => after_unknown(attempt),
    }
}

/// Decides about an attempt whose outcome is unknown: a lost answer, or a crash between request and receipt.
pub fn after_unknown(attempt: &Attempt) -> Next {
    if attempt.importance == Importance::Passing {
        return Next::Discard;
    }
    if attempt.age_ms > REPLY_STALE_MS {
        return Next::Park(ParkReason::Stale);
    }
    if attempt.idempotent || attempt.edits {
        // Repeating shows nothing twice, so it is an ordinary retry.
        let after_ms = if attempt.failures == 0 {
            1
        } else {
            backoff_ms(attempt.failures, attempt.jitter)
        };
        return Next::Retry {
            after_ms,
            whole_account: false,
            counts: true,
        };
    }
    if attempt.resent {
        Next::Park(ParkReason::Unknown)
    } else {
        Next::ResendFlagged
    }
}

/// 400 ms doubling to 30 s with 10 % jitter (decision 12).
pub fn backoff_ms(failures: u32, jitter: u64) -> u64 {
    let base = SEND_RETRY_MS_FIRST
        .saturating_mul(1_u64 << failures.min(16))
        .min(SEND_RETRY_MS_MAX);
    base + jitter % (base / 10 + 1)
}

/// How old a reply is when it is about to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Goes as it is.
    Fresh,
    /// Goes with a short note that it is late.
    Delayed,
    /// Is parked, and the operator told.
    Stale,
}

/// Classifies the age of a reply (decision 13).
pub fn freshness(age_ms: i64) -> Freshness {
    if age_ms <= REPLY_FRESH_MS {
        Freshness::Fresh
    } else if age_ms <= REPLY_STALE_MS {
        Freshness::Delayed
    } else {
        Freshness::Stale
    }
}

/// Token bucket in whole numbers: tokens are counted in millionths and rates in thousandths per second, so that every
/// millisecond adds a whole number and virtual time gives exact results.
#[derive(Debug, Clone)]
pub struct Bucket {
    capacity_micro: u64,
    per_second_milli: u64,
    level_micro: u64,
    at_ms: u64,
}

/// Millionths in one token.
const TOKEN_MICRO: u64 = 1_000_000;

impl Bucket {
    /// A full bucket.
    pub fn new(per_second: f64, burst: f64, now_ms: u64) -> Self {
        let milli = |value: f64| -> u64 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rates are small positive numbers"
            )]
            let whole = (value.clamp(0.001, 1e9) * 1000.0) as u64;
            whole.max(1)
        };
        let capacity_micro = milli(burst.max(1.0)).saturating_mul(1000);
        Self {
            capacity_micro,
            per_second_milli: milli(per_second),
            level_micro: capacity_micro,
            at_ms: now_ms,
        }
    }

    fn refill(&mut self, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.at_ms);
        let gained = elapsed_ms.saturating_mul(self.per_second_milli);
        self.level_micro = self
            .level_micro
            .saturating_add(gained)
            .min(self.capacity_micro);
        self.at_ms = self.at_ms.max(now_ms);
    }

    /// Milliseconds until one token is there; 0 when it is.
    pub fn wait_ms(&mut self, now_ms: u64) -> u64 {
        self.refill(now_ms);
        TOKEN_MICRO
            .saturating_sub(self.level_micro)
            .div_ceil(self.per_second_milli)
    }

    /// Takes one token; call only after [`Bucket::wait_ms`] said 0.
    pub fn take(&mut self, now_ms: u64) {
        self.refill(now_ms);
        self.level_micro = self.level_micro.saturating_sub(TOKEN_MICRO);
    }
}
