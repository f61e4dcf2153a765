//! Telegram bots over the Bot API, by long polling or webhook.
//!
//! `kind` describes the platform. `section` is the config as written; `config`, `account` and `resolve` make accounts of it,
//! with `settings` for this folder alone; `build` builds one.
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
mod identity;
pub(crate) mod kind;
mod normalise;
mod receive;
mod resolve;
mod section;
mod send;
pub(crate) mod settings;
mod webhook;
mod wire;

#[cfg(test)]
mod tests;

pub use fuzz::fuzz_update;
