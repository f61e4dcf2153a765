//! The front: one port for everything. It owns the listeners, decides what may come in, and hands sockets to dialects.
//!
//! A connection passes `server` (accept, drain), `guard` (request heads), `request` (the order of checks), and ends in
//! a route: static UI, probes, an API, a webhook, or as a `socket` in a dialect.
//! What dialects use from here: [`socket`], [`outgoing`], [`peer`], [`seats`], [`gate`] and [`json`].

pub(crate) mod answer;
mod asset;
pub(crate) mod avatar;
mod body;
mod coding;
mod connection;
mod content;
mod frames;
pub(crate) mod gate;
mod guard;
pub(crate) mod host;
pub(crate) mod json;
pub(crate) mod outgoing;
pub(crate) mod path;
mod patience;
pub(crate) mod peer;
mod request;
pub(crate) mod seats;
mod server;
pub(crate) mod site;
pub(crate) mod socket;
pub(crate) mod stage;
mod static_ui;
mod stream;
pub(crate) mod surface;
mod upgrade;
mod webhook;
mod wire;

pub use gate::{Gate, Lockout};
pub use host::fuzz_host;
pub use json::fuzz_json;
pub use server::{BindError, Listeners, Place, bind, bind_or_adopt, serve};
pub use site::{UiFolder, UiFolderFault};

#[cfg(test)]
pub(crate) mod tests;
