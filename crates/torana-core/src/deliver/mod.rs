//! The outbox's decisions: what a failed send means and when to try again (`failure`), when a reply is too old (`age`),
//! and how fast messages go out (`bucket`).
//!
//! Adapters make one attempt and classify it; this is the one place that knows what happens next
//! (decisions 11, 12, 13). Pure: the caller passes the times.

mod age;
mod bucket;
mod failure;
#[cfg(test)]
mod tests;

pub use age::{Freshness, freshness};
pub use bucket::Bucket;
pub use failure::{
    Attempt, Importance, Next, ParkReason, after_failure, after_unknown, backoff_ms,
};
