//! Delivery: carries out intents, in order per conversation, at the pace a platform allows.
//!
//! Every conversation with something to send has one pump task (`pump`), which takes the intents of its queue (`lanes`)
//! one by one to their end (`sending`). What happens after a failure is decided in `torana_core::deliver`; this folder
//! only carries it out.

mod accounts;
mod lanes;
mod pump;
mod sending;
mod shared;
#[cfg(test)]
mod tests;

pub use shared::{Delivery, Passed};
