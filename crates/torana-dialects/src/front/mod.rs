//! The front: one port for everything. It owns the listeners, decides what may come in, and hands sockets to dialects.
//!
//! A connection passes `accept` (limits), `connection` (TLS, HTTP), `guard` (request heads), `request` (the order of
//! checks), and ends in `routes` and `pages`, in a `webhook`, or as a `socket` in a dialect.
//! What dialects use from here: [`socket`], [`outgoing`], [`peer`], [`seats`], [`gate`] and [`json`].

mod accept;
pub(crate) mod answer;
mod asset;
mod authority;
pub(crate) mod avatar;
mod body;
mod coding;
mod connection;
mod content;
mod door;
mod dress;
mod frames;
pub(crate) mod gate;
mod guard;
mod head;
pub(crate) mod host;
pub(crate) mod json;
mod listen;
pub(crate) mod outgoing;
mod pages;
pub(crate) mod path;
mod patience;
pub(crate) mod peer;
mod pipeline;
mod request;
mod routes;
pub(crate) mod seats;
mod server;
pub(crate) mod socket;
pub(crate) mod stage;
mod stage_door;
mod static_ui;
mod stream;
pub(crate) mod surface;
mod ui_folder;
mod upgrade;
mod webhook;
mod wire;

pub use gate::{Gate, Lockout};
pub use host::fuzz_host;
pub use json::fuzz_json;
pub use listen::{BindError, Place, bind, bind_or_adopt};
pub use server::{Listeners, serve};
pub use ui_folder::{UiFolder, UiFolderFault};

#[cfg(test)]
pub(crate) mod tests;
