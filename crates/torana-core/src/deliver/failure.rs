//! What a failed send means, and when to try again (decisions 11, 12).

use crate::limit::{REPLY_STALE_MS, SEND_RETRY_MS_FIRST, SEND_RETRY_MS_MAX};
use crate::port::SendFailure;

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
