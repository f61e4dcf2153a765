//! Runs: start a backend turn, watch it, make its outcome durable, then start what comes next in the lane.
//!
//! Whatever the backend does, a turn ends with exactly one outcome, and the outcome is on disk before anybody hears of
//! it. Read `turn`, which drives a lane, then in the order of a turn: `adopt`, `context`, `history`, `prompt`, `drive`,
//! `watch`, `finish`, `ending` and `announce`. Turns that never run are in `withdraw`, runs without a row in `ephemeral`,
//! what the death of the process is blamed on in `mark`, and summaries in `compact`, made of an `excerpt`.

mod adopt;
mod adopted;
mod announce;
mod aside;
mod compact;
mod context;
mod drive;
mod ending;
mod ephemeral;
mod excerpt;
mod finish;
pub(crate) mod history;
mod mark;
mod pauses;
pub(crate) mod prompt;
mod turn;
mod watch;
mod withdraw;

pub(crate) use adopted::Adopted;
pub(crate) use aside::tokens as usage_words;
pub use compact::{CompactRequest, Compaction, Uncompacted};
pub use ephemeral::EphemeralTurn;
pub(crate) use ephemeral::check_wishes;
pub(crate) use pauses::Pauses;
pub(crate) use withdraw::end_waiting;
