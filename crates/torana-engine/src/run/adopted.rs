//! What a turn holds once it has taken its rows.

use torana_core::id::InboxId;

use crate::session::Work;
use crate::store::session::SessionRow;

/// What the adoption of a turn found in the store.
#[derive(Clone)]
pub(crate) struct Adopted {
    pub(crate) row: SessionRow,
    pub(crate) attempt: u32,
    /// Position of the first line this turn added; history is what comes before it.
    pub(crate) first_sequence: i64,
    /// Messages that joined an earlier run of this turn: steered into it, or merged by a process that died.
    pub(crate) joined: Vec<Work>,
    /// Messages of the plan that ended otherwise before the turn began.
    pub(crate) gone: Vec<InboxId>,
}

/// A message with the fragments that came before it, oldest first.
pub(super) fn parts_of(work: &Work) -> impl Iterator<Item = Work> {
    work.fragments.iter().chain([work]).cloned()
}
