//! Replies: an answer becomes operations on a platform (`text`), and operations become intents (`intents`); while it is
//! being made, people see some of it (`preview`, `follow`), which is remembered (`shown`).

mod follow;
mod intents;
pub(crate) mod preview;
mod shown;
mod text;

pub(crate) use intents::{insert, take_back, withdraw};
pub(crate) use shown::Shown;
pub(crate) use text::{direct_to, operations, prefixed, replacing};
