//! `chat.*` and `send`: messages into sessions, their transcripts, and texts for chats.

mod deliver;
mod history;
mod metadata;
mod send;
mod upload;

pub(super) use deliver::{action, deliver};
pub(super) use history::{cursor_of, entry_id, history, message, page, startup};
pub(super) use metadata::metadata;
pub(super) use send::{
    Place, Said, abort, inject, key_of, last_place, say, say_with, send, session_of, status_word,
};
pub(super) use upload::accept;
