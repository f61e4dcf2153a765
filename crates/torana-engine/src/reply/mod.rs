//! Replies: an answer becomes operations on a platform (`text`), and operations become intents (`intents`); while it is
//! being made, people see some of it (`preview`).

mod intents;
pub(crate) mod preview;
mod text;

pub(crate) use intents::{insert, take_back, withdraw};
pub(crate) use text::{Style, direct_to, operations, prefixed, replacing, style_of};
