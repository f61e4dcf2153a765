//! OpenClaw's WebSocket control plane, wire protocol 4, as release 2026.9.6 speaks it.
//!
//! Start with [`OpenClaw`], follow `connection` (one future per client) into `handshake`, then `methods` (the table)
//! and `events`. Copied oddities are in `quirks`.

mod asks;
mod attached;
mod capability;
mod catalog;
mod client;
mod connect;
mod connection;
mod desk;
mod error;
mod events;
mod frame;
mod fuzz;
mod gateway;
mod handshake;
mod health;
mod hello;
pub mod journal;
mod legacy;
mod methods;
mod newcomer;
mod notices;
mod params;
mod presence;
mod quirks;
mod rate;
mod shape;
mod stability;
mod surface;
#[cfg(test)]
mod tests;
mod thinking;
mod ui_config;

pub use error::problems_markdown;
pub use fuzz::{fuzz_connect, fuzz_device, fuzz_frame, fuzz_legacy};
pub use gateway::OpenClaw;
pub use methods::reference_markdown;
pub(crate) use ui_config::ui_config;
