//! OpenClaw's WebSocket control plane, wire protocol 4, as release 2026.9.6 speaks it.
//!
//! Start with [`OpenClaw`], follow `connection` (one future per client) into `handshake`, then `methods` (the table)
//! and `events`. Copied oddities are in `quirks`.

mod client;
mod connect;
mod connection;
mod error;
mod events;
mod frame;
mod fuzz;
mod gateway;
mod handshake;
mod health;
mod hello;
mod methods;
mod params;
mod quirks;
mod rate;
mod shape;
#[cfg(test)]
mod tests;

pub use fuzz::{fuzz_connect, fuzz_frame};
pub use gateway::OpenClaw;
pub use methods::reference_markdown;
