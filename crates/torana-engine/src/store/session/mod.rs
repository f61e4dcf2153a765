//! Session rows: settings, counters and status of each session key. All SQL over the table is here.

mod change;
mod life;
mod list;
mod manner;
mod row;
#[cfg(test)]
mod tests;

pub use change::{Change, change};
pub use life::{
    ExpiryCheck, RunEnd, Touch, archived, compacted, copy_branch, delete, expire, move_leaf,
    next_aside, next_sequence, reset, run_ended, run_started, touch,
};
pub(crate) use list::like;
pub use list::{
    Archived, Filter, Order, categories, clear_category, keys, list, rename_category, with_label,
    with_transcript,
};
pub use manner::Manner;
pub use row::{Face, ForkSource, SessionRow, get};
