//! What any client may ask of the gateway, in plain Rust types: one file per family, no wire format.
//!
//! A dialect decodes a request, calls one of these, and encodes the answer.

pub mod answers;
pub mod approvals;
pub mod artifacts;
mod asking;
pub mod audit;
pub mod branches;
pub mod cost;
pub mod devices;
pub mod groups;
pub mod health;
pub mod history;
pub mod journal;
pub mod login;
pub mod models;
pub mod nodes;
pub mod pairing;
pub mod presence;
pub mod search;
pub mod sessions;
#[cfg(test)]
mod tests;
pub mod usage;
pub mod voice_wake;
