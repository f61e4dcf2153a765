//! The gate: checks presented secrets, and slows down whoever guesses.
//!
//! [`check`] holds the asynchronous front door, [`throttle`] and [`hooks`] the rules as pure machines over virtual
//! time, [`memory`] the bounded map they keep their sources in.

mod check;
mod hooks;
mod memory;
mod throttle;

pub use check::Gate;
pub(crate) use check::{Attempt, GateOutcome, digest};
pub use throttle::Lockout;
pub(crate) use throttle::{Class, Place, Source};

#[cfg(test)]
mod tests;
