//! Telegram bots over the Bot API, by long polling or webhook.
//!
//! `section` is the config as written; `config`, `account` and `resolve` make accounts of it, `build` builds one.
//! `connect`, `receive`, `webhook` and `send` are its parts; they share `api` (one call, one classified outcome) and `wire`.
//! `normalise` and `entity` turn updates into inbounds. `fake` is an in-memory Bot API server for tests and benchmarks.

mod account;
mod api;
mod build;
mod config;
mod connect;
mod entity;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod fuzz;
mod normalise;
mod receive;
mod resolve;
mod section;
mod send;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use config::Settings;
pub use fuzz::fuzz_update;

use crate::kind::ChannelKind;

/// The descriptor of this platform.
pub(crate) const KIND: ChannelKind = ChannelKind {
    id: "telegram",
    aliases: &["tg"],
    label: "Telegram",
    credentials: &["botToken", "tokenFile"],
    schema: config::schema,
    accounts: config::accounts,
    build: build::build,
};
