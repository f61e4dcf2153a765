//! Whose fault a crash was: what the marks of a dead process say about the turns it was running (decision 9).
//!
//! A crash is blamed on a turn only when nothing else can have been its cause as far as the marks tell. A wrong answer
//! costs a person a message, so doubt blames nobody.

use crate::id::InboxId;

/// A turn that an unfinished process was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The message that leads the turn; [`NOBODY`] for work that leaves no row behind.
    pub turn: InboxId,
    /// A thread was inside its code at that moment, not waiting for somebody.
    pub working: bool,
}

/// How the process before this one ended, as far as its marks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// By its own fault, and one turn is the only possible cause.
    Blamed(InboxId),
    /// In order: what was still running was interrupted and is to blame for nothing.
    Orderly,
    /// Nobody knows: killed from outside, a power failure, or a fault with several possible causes.
    Unknown,
}

/// Stands for a run without a row: it can cause a crash, and nothing can be set aside for it.
pub const NOBODY: InboxId = InboxId(0);

/// The turn a crash is attributed to: the only one that was being worked on, else the only one that was running.
///
/// ```
/// use torana_core::blame::{Mark, blame};
/// use torana_core::id::InboxId;
///
/// let waits = Mark { turn: InboxId(1), working: false };
/// let works = Mark { turn: InboxId(2), working: true };
/// assert_eq!(blame(&[waits, works]), Some(InboxId(2)));
/// assert_eq!(blame(&[waits]), Some(InboxId(1)));
/// assert_eq!(blame(&[waits, waits, works, works]), None);
/// ```
pub fn blame(marks: &[Mark]) -> Option<InboxId> {
    let working: Vec<&Mark> = marks.iter().filter(|mark| mark.working).collect();
    let suspect = match (working.as_slice(), marks) {
        ([mark], _) => mark.turn,
        ([], [mark]) => mark.turn,
        _ => return None,
    };
    (suspect != NOBODY).then_some(suspect)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(marks: &[(i64, bool)], expected: Option<i64>) {
        let marks: Vec<Mark> = marks
            .iter()
            .map(|(turn, working)| Mark {
                turn: InboxId(*turn),
                working: *working,
            })
            .collect();
        assert_eq!(blame(&marks), expected.map(InboxId), "{marks:?}");
    }

    #[test]
    fn the_turn_that_was_worked_on_is_blamed_among_many_that_wait() {
        check(&[(4, false), (5, true), (6, false)], Some(5));
    }

    #[test]
    fn a_lone_turn_that_waits_is_blamed() {
        check(&[(4, false)], Some(4));
    }

    #[test]
    fn doubt_blames_nobody() {
        check(&[], None);
        check(&[(4, false), (5, false)], None);
        check(&[(4, true), (5, true)], None);
    }

    #[test]
    fn a_run_without_a_row_is_a_suspect_and_never_blamed() {
        check(&[(0, true), (5, false)], None);
        check(&[(0, false), (5, false)], None);
        check(&[(0, false), (5, true)], Some(5));
    }
}
