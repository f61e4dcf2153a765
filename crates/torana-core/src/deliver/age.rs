//! When a reply is late, and when it is too old (decision 13).

use crate::limit::{REPLY_FRESH_MS, REPLY_STALE_MS};

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
