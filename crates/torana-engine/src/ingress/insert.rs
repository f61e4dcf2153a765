//! The one commit that makes a message ours.

use rusqlite::Connection;
use torana_core::id::InboxId;
use torana_core::run::Entry;

use crate::store::inbox::{self, NewRow, State};
use crate::store::session::{ExpiryCheck, SessionRow, Touch};
use crate::store::{StoreError, session, transcript};

/// How an insert went.
pub(crate) enum Inserted {
    New {
        row: Option<Box<SessionRow>>,
        created: bool,
        sequence: i64,
        expired: bool,
    },
    Repeated,
}

/// What is stored when a message arrives.
pub(super) struct Insert {
    pub(super) row: NewRow,
    pub(super) touch: Touch,
    /// Messages that this one pushes out of the queue, and why they end.
    pub(super) superseded: Vec<InboxId>,
    pub(super) reason: &'static str,
    /// Whether the session begins afresh first.
    pub(super) check: Option<ExpiryCheck>,
    /// Lines that come before it, and its own; only of a message that runs at once.
    pub(super) prelude: Vec<Entry>,
    pub(super) entry: Option<Entry>,
}

// === impl Insert ===

impl Insert {
    /// Puts all of it into one transaction.
    pub(super) fn carry_out(self, connection: &Connection) -> Result<Inserted, StoreError> {
        let row = &self.row;
        if !inbox::insert(connection, row)? {
            return Ok(Inserted::Repeated);
        }
        for id in &self.superseded {
            // It may have ended by itself meanwhile; then there is nothing to supersede.
            match inbox::finish(connection, *id, self.reason, None, row.at_ms) {
                Ok(()) | Err(StoreError::Moved) => {}
                Err(error) => return Err(error),
            }
        }
        if row.state == State::Done {
            return Ok(Inserted::New {
                row: None,
                created: false,
                sequence: 0,
                expired: false,
            });
        }
        let expired = match self.check {
            Some(check) => session::expire(connection, &self.touch, check)?.is_some(),
            None => false,
        };
        let (mut found, created) = session::touch(connection, &self.touch)?;
        for line in &self.prelude {
            let at = session::next_sequence(connection, &found.key, &line.text, row.at_ms)?;
            transcript::append(connection, &found.session_id, at, None, line)?;
        }
        let mut sequence = 0;
        if let Some(entry) = &self.entry {
            sequence = session::next_sequence(connection, &found.key, &entry.text, row.at_ms)?;
            found.entries = sequence;
            let id = Some(row.id);
            transcript::append(connection, &found.session_id, sequence, id, entry)?;
            session::run_started(connection, &found.key, row.run_id.as_ref(), row.at_ms)?;
        }
        Ok(Inserted::New {
            row: Some(Box::new(found)),
            created,
            sequence,
            expired,
        })
    }
}
