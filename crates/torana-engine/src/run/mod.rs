//! Runs: start a backend turn, watch it, make its outcome durable, then start what comes next in the lane.
//!
//! Whatever the backend does, a turn ends with exactly one outcome, and the outcome is on disk before anybody hears of
//! it. Read `turn`, which drives a lane, then in the order of a turn: `adopt`, `context`, `prompt`, `drive`, `finish`
//! and `announce`. Turns that never run are in `withdraw`, runs without a row in `ephemeral`, what the death of the
//! process is blamed on in `mark`, and summaries in `compact`.

mod adopt;
mod announce;
mod aside;
mod compact;
mod context;
mod drive;
mod ephemeral;
mod finish;
mod mark;
pub(crate) mod prompt;
mod turn;
mod withdraw;

pub(crate) use adopt::Adopted;
pub(crate) use aside::tokens as usage_words;
pub(crate) use compact::Pauses;
pub use compact::{CompactRequest, Compaction, Uncompacted};
pub(crate) use drive::known_previews;
pub use ephemeral::EphemeralTurn;
pub(crate) use ephemeral::check_wishes;
pub(crate) use withdraw::end_waiting;
