//! The method table: one row per method with scope, parameters, documentation and handler. Everything else about
//! methods (discovery, scope checks, limits, the reference page) comes from it.

mod absent;
mod agent_entries;
mod agent_files;
mod agents;
mod approvals;
mod artifacts;
mod audit;
mod call;
mod canvas;
mod channels;
mod chat;
mod config;
mod devices;
mod dispatch;
mod lifecycle;
mod machine;
mod method;
mod models;
mod nodes;
mod own;
mod own_device;
mod pairing;
mod reference;
mod secrets;
mod sessions;
mod setup;
mod surface;
mod system;
mod table;
mod usage;
mod voice;

pub(crate) use call::{Answer, Call, Running};
pub(crate) use dispatch::admit;
#[cfg(test)]
pub(crate) use dispatch::permit;
pub(crate) use lifecycle::{door_after, door_before};
pub(crate) use method::{Method, Needs};
pub(crate) use models::{asked_agent, catalog};
pub(crate) use reference::listed;
pub use reference::reference_markdown;
pub(crate) use table::{find, rows};
pub(crate) use voice::tell_node as tell_wake_words;
