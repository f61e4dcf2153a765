//! What a transcript keeps of a command that a client sent: its words and the answer, so that a page shows them again
//! when it comes back. Agents do not see them.

use rusqlite::Connection;
use torana_core::run::{Entry, Role};

use super::effect::{Change, Effect};
use crate::session::Work;
use crate::store::inbox::{NewRow, Payload};
use crate::store::session::{self, SessionRow};
use crate::store::{StoreError, transcript};

/// The command as a client wrote it. A platform shows its commands itself, and what empties a session leaves it empty.
pub(super) fn said(work: &Work, effect: &Effect) -> Option<String> {
    let Payload::Client(input) = work.payload.as_ref() else {
        return None;
    };
    let keeps = !matches!(effect.change, Change::Stop | Change::Reset { .. });
    keeps.then(|| input.text.clone())
}

/// Puts a command and its answer into the transcript, where only people see them.
pub(super) fn keep(
    connection: &Connection,
    row: &NewRow,
    session: &mut SessionRow,
    words: [String; 2],
) -> Result<Vec<(i64, Entry)>, StoreError> {
    let mut lines = Vec::new();
    for (role, text) in [Role::User, Role::Assistant].into_iter().zip(words) {
        let entry = Entry {
            run_id: row.run_id.clone(),
            aside: true,
            ..Entry::new(role, text, row.at_ms)
        };
        let sequence = session::next_aside(connection, &session.key, row.at_ms)?;
        let (id, inbox) = (&session.session_id, Some(row.id));
        transcript::append(connection, id, sequence, inbox, &entry)?;
        session.entries = sequence;
        lines.push((sequence, entry));
    }
    Ok(lines)
}
