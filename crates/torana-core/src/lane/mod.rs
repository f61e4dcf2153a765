//! The state machine of one session's queue: run now, wait, steer, merge, interrupt or refuse.
//!
//! One run at a time per session key. The machine is plain data; `engine/session` owns one per active session
//! and carries out what it decides. Everything in it is also in the inbox, so losing it loses nothing.

mod machine;
mod policy;
#[cfg(test)]
mod tests;

pub use machine::{Arrival, Lane, NextTurn};
pub use policy::{DropPolicy, QueueMode, QueuePolicy};
