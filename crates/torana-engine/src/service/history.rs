//! The transcript of a session, page by page or from a cursor on, with everything that is not in it yet: the running
//! answer and messages that wait.

use std::sync::Arc;

use rusqlite::Connection;
use torana_core::branch::Path;
use torana_core::id::InboxId;
use torana_core::key::SessionKey;
use torana_core::media::MediaRef;
use torana_core::problem::Problem;

use crate::engine::Engine;
use crate::store::StoreError;
use crate::store::inbox::{self, State};
use crate::store::session::{self, SessionRow};
use crate::store::transcript::{self, StoredEntry};
use crate::turn::TurnHandle;

/// Which page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryPage {
    /// Lines at most.
    pub limit: usize,
    /// Newest lines to skip.
    pub offset: usize,
    /// Bytes of text at most.
    pub bytes_max: usize,
    /// An older transcript of the same key, instead of the current one.
    pub session_id: Option<String>,
    /// The page on which this line is, instead of one by offset.
    pub around: Option<i64>,
}

/// A place in a transcript: everything up to this line is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The transcript.
    pub session_id: String,
    /// The last known line; 0 is none.
    pub sequence: i64,
}

/// A message that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingInput {
    /// Its row in the inbox.
    pub inbox: InboxId,
    /// Wire id of its turn.
    pub run_id: String,
    /// What it says.
    pub text: String,
    /// Files that came with it.
    pub media: Vec<MediaRef>,
    /// When it was accepted, Unix milliseconds.
    pub accepted_at_ms: i64,
}

/// A page of a transcript.
pub struct History {
    /// The session; `None` when it was never used.
    pub row: Option<SessionRow>,
    /// The transcript the lines are from; empty when there is none.
    pub session_id: String,
    /// Lines, oldest first.
    pub entries: Vec<StoredEntry>,
    /// Older lines exist.
    pub has_more: bool,
    /// Newest lines that the page skips.
    pub offset: usize,
    /// Lines of the branch in all.
    pub total: usize,
    /// The end of the branch, as a cursor; `None` when there is no transcript.
    pub cursor: Option<Cursor>,
    /// The running turn.
    pub active: Option<Arc<TurnHandle>>,
    /// Messages not in the transcript yet, oldest first.
    pub pending: Vec<PendingInput>,
}

/// Where the lines of a page are.
struct Place {
    row: Option<SessionRow>,
    session_id: String,
    path: Path,
}

fn place(
    connection: &Connection,
    key: &str,
    session_id: Option<&str>,
) -> Result<Place, StoreError> {
    let row = session::get(connection, key)?;
    let current = row.as_ref().map(|row| row.session_id.clone());
    if let Some(wanted) = session_id.filter(|wanted| current.as_deref() != Some(*wanted)) {
        let path = match session::archived(connection, key, wanted)? {
            Some((_, leaf)) => transcript::tree(connection, wanted)?.path(leaf),
            None => Path::default(),
        };
        return Ok(Place {
            row,
            session_id: wanted.to_owned(),
            path,
        });
    }
    let path = match &row {
        Some(row) => transcript::tree(connection, &row.session_id)?.path(row.branch_leaf()),
        None => Path::default(),
    };
    Ok(Place {
        row,
        session_id: current.unwrap_or_default(),
        path,
    })
}

/// Messages of these rows that are in no transcript yet.
fn pending(
    connection: &Connection,
    session_id: &str,
    open: Vec<InboxId>,
) -> Result<Vec<PendingInput>, StoreError> {
    let mut pending = Vec::new();
    for id in open {
        if !session_id.is_empty() && transcript::has_inbox(connection, session_id, id)? {
            continue;
        }
        let Some(stored) = inbox::get(connection, id)? else {
            continue;
        };
        if let (Some(run_id), Some(payload)) = (stored.run_id, &stored.payload) {
            pending.push(PendingInput {
                inbox: id,
                run_id,
                text: payload.text().to_owned(),
                media: payload.media().to_vec(),
                accepted_at_ms: stored.received_at_ms,
            });
        }
    }
    Ok(pending)
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
    engine
        .read(move |connection| {
            let place = place(connection, &name, page.session_id.as_deref())?;
            let is_current = place
                .row
                .as_ref()
                .is_some_and(|row| row.session_id == place.session_id);
            let offset = match page.around {
                None => page.offset,
                // The line is in the middle of its page.
                Some(line) if place.path.contains(line) => {
                    place.path.after(line).len().saturating_sub(page.limit / 2)
                }
                Some(_) => 0,
            };
            let rest = place.path.skip_newest(offset);
            let (id, limit) = (&place.session_id, page.limit);
            let entries = transcript::newest(connection, id, &rest, limit, page.bytes_max)?;
            let cursor = (!place.path.is_empty() || is_current).then(|| Cursor {
                session_id: place.session_id.clone(),
                sequence: place.path.leaf(),
            });
            let pending = if is_current || place.row.is_none() {
                pending(connection, &place.session_id, open)?
            } else {
                Vec::new()
            };
            Ok(History {
                has_more: entries.len() < rest.len(),
                total: place.path.len(),
                offset,
                row: place.row,
                session_id: place.session_id,
                entries,
                cursor,
                active,
                pending,
            })
        })
        .await
}

/// What came after a cursor. `None` when the cursor is of another transcript or branch, or too far back: then everything
/// must be read anew.
pub async fn since(
    engine: &Engine,
    key: &SessionKey,
    cursor: Cursor,
    page: HistoryPage,
) -> Result<Option<History>, Problem> {
    let active = engine.active(key);
    let open: Vec<_> = engine.turns_of(key).iter().map(|turn| turn.inbox).collect();
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let place = place(connection, &name, None)?;
            let known = cursor.sequence == 0 || place.path.contains(cursor.sequence);
            if place.row.is_none() || place.session_id != cursor.session_id || !known {
                return Ok(None);
            }
            let rest = place.path.after(cursor.sequence);
            if rest.len() > page.limit {
                return Ok(None);
            }
            let (entries, complete) = transcript::oldest(
                connection,
                &place.session_id,
                &rest,
                page.limit,
                page.bytes_max,
            )?;
            if !complete {
                return Ok(None);
            }
            let pending = pending(connection, &place.session_id, open)?;
            Ok(Some(History {
                has_more: false,
                total: place.path.len(),
                offset: 0,
                cursor: Some(Cursor {
                    session_id: place.session_id.clone(),
                    sequence: place.path.leaf(),
                }),
                row: place.row,
                session_id: place.session_id,
                entries,
                active,
                pending,
            }))
        })
        .await
}

/// What became of a message that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// It waits.
    Pending,
    /// It is this line of the transcript.
    Consumed(Cursor),
}

/// What became of messages, by the wire ids of their turns; unknown ones are left out.
pub async fn receipts(
    engine: &Engine,
    key: &SessionKey,
    run_ids: Vec<String>,
) -> Result<Vec<(String, Receipt)>, Problem> {
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let session_id = session::get(connection, &name)?
                .map(|row| row.session_id)
                .unwrap_or_default();
            let mut found = Vec::new();
            for run_id in run_ids {
                let Some(row) = inbox::by_run(connection, &run_id)? else {
                    continue;
                };
                if row.session.as_deref() != Some(name.as_str()) {
                    continue;
                }
                let line = transcript::first_of_inbox(connection, &session_id, &[row.id])?;
                let receipt = match (line, row.state) {
                    (Some(sequence), _) => Receipt::Consumed(Cursor {
                        session_id: session_id.clone(),
                        sequence,
                    }),
                    (None, State::Queued | State::Adopted | State::Held | State::Merged) => {
                        Receipt::Pending
                    }
                    (None, State::Parked | State::Done) => continue,
                };
                found.push((run_id, receipt));
            }
            Ok(found)
        })
        .await
}

/// Whether a line is on the branch in use.
pub async fn is_on_branch(
    engine: &Engine,
    key: &SessionKey,
    line: Cursor,
) -> Result<bool, Problem> {
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let place = place(connection, &name, None)?;
            Ok(place.session_id == line.session_id && place.path.contains(line.sequence))
        })
        .await
}

/// Lines in which the last question is looked for: a turn rarely has more.
const QUESTION_LINES: usize = 50;

/// The last line that a person wrote on the branch in use.
pub async fn last_question(engine: &Engine, key: &SessionKey) -> Result<Option<Cursor>, Problem> {
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let place = place(connection, &name, None)?;
            let lines = transcript::newest(
                connection,
                &place.session_id,
                &place.path,
                QUESTION_LINES,
                usize::MAX,
            )?;
            let last = lines
                .iter()
                .rev()
                .find(|line| line.entry.role == torana_core::run::Role::User && !line.entry.aside);
            Ok(last.map(|line| Cursor {
                session_id: place.session_id.clone(),
                sequence: line.sequence,
            }))
        })
        .await
}

/// One line of the current or an archived transcript of a session.
pub async fn line(
    engine: &Engine,
    key: &SessionKey,
    cursor: Cursor,
) -> Result<Option<StoredEntry>, Problem> {
    let name = key.as_str().to_owned();
    engine
        .read(move |connection| {
            let current = session::get(connection, &name)?
                .is_some_and(|row| row.session_id == cursor.session_id);
            if !current && session::archived(connection, &name, &cursor.session_id)?.is_none() {
                return Ok(None);
            }
            transcript::get(connection, &cursor.session_id, cursor.sequence)
        })
        .await
}
