//! Session rows: settings, counters and status of each session key. All SQL over the table is here.

mod change;
mod life;
mod list;
mod manner;
mod row;
#[cfg(test)]
mod tests;

pub use change::Change;
pub(crate) use change::change;
pub(crate) use life::{
    ExpiryCheck, archived, compacted, copy_branch, delete, expire, move_leaf, next_aside,
    next_sequence, reset, run_ended, run_started, touch,
};
pub use life::{RunEnd, Touch};
pub use list::{Archived, Filter, Order};
pub(crate) use list::{
    categories, clear_category, keys, like, list, rename_category, with_label, with_transcript,
};
pub use manner::Manner;
pub(crate) use row::get;
pub use row::{Face, ForkSource, SessionRow};
