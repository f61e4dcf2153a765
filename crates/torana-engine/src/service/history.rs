//! The transcript of a session, page by page, with everything that is not in it yet: the running answer and
//! messages that wait.

use std::sync::Arc;

use torana_core::key::SessionKey;
use torana_core::problem::Problem;

use crate::engine::Engine;
use crate::store::inbox;
use crate::store::session::{self, SessionRow};
use crate::store::transcript::{self, StoredEntry};
use crate::turn::TurnHandle;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// Lines at most.
    pub limit: usize,
    /// Newest lines to skip.
    pub offset: usize,
    /// Bytes of text at most.
    pub bytes_max: usize,
}

/// A message that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingInput {
    /// Wire id of its turn.
    pub run_id: String,
    /// What it says.
    pub text: String,
    /// When it was accepted, Unix milliseconds.
    pub accepted_at_ms: i64,
}

/// A page of a transcript.
pub struct History {
    /// The session; `None` when it was never used.
    pub row: Option<SessionRow>,
    /// Lines, oldest first.
    pub entries: Vec<StoredEntry>,
    /// Older lines exist.
    pub has_more: bool,
    /// The running turn.
    pub active: Option<Arc<TurnHandle>>,
    /// Messages not in the transcript yet, oldest first.
    pub pending: Vec<PendingInput>,
}

/// Reads a page. The running turn is looked up before the transcript, so that an answer that ends in between is in
/// one of the two, never in neither.
pub async fn read(
    engine: &Engine,
    key: &SessionKey,
    page: HistoryPage,
) -> Result<History, Problem> {
    let active = engine.active(key);
    let open: Vec<_> = engine.turns_of(key).iter().map(|turn| turn.inbox).collect();
    let name = key.as_str().to_owned();
    let (row, entries, has_more, pending) = engine
        .store()
        .read(move |connection| {
            let row = session::get(connection, &name)?;
            let (mut entries, mut has_more) = (Vec::new(), false);
            let mut session_id = String::new();
            if let Some(row) = &row {
                session_id.clone_from(&row.session_id);
                let skip = i64::try_from(page.offset).unwrap_or(i64::MAX);
                let before = row.entries.saturating_sub(skip).saturating_add(1);
                entries = transcript::before(
                    connection,
                    &session_id,
                    before,
                    page.limit,
                    page.bytes_max,
                )?;
                has_more = entries.first().is_some_and(|first| first.sequence > 1);
            }
            let mut pending = Vec::new();
            for id in open {
                if session_id.is_empty() || !transcript::has_inbox(connection, &session_id, id)? {
                    let Some(stored) = inbox::get(connection, id)? else {
                        continue;
                    };
                    if let (Some(run_id), Some(payload)) = (stored.run_id, &stored.payload) {
                        pending.push(PendingInput {
                            run_id,
                            text: payload.text().to_owned(),
                            accepted_at_ms: stored.received_at_ms,
                        });
                    }
                }
            }
            Ok((row, entries, has_more, pending))
        })
        .await
        .map_err(|error| engine.problem(&error))?;
    Ok(History {
        row,
        entries,
        has_more,
        active,
        pending,
    })
}
