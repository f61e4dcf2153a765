//! Transcripts: the ordered record of a session, append only.

use rusqlite::{Connection, params};
use torana_core::id::InboxId;
use torana_core::run::Entry;

use super::StoreError;

/// A stored line.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// Position, from 1.
    pub sequence: i64,
    /// The line.
    pub entry: Entry,
}

/// Adds a line at the given position.
pub fn append(
    connection: &Connection,
    session_id: &str,
    sequence: i64,
    inbox: Option<InboxId>,
    entry: &Entry,
) -> Result<(), StoreError> {
    let role = match entry.role {
        torana_core::run::Role::User => "user",
        torana_core::run::Role::Assistant => "assistant",
        torana_core::run::Role::System => "system",
    };
    connection
        .prepare_cached(
            "INSERT INTO transcript (session_id, sequence, inbox, role, entry_json) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![session_id, sequence, inbox.map(|id| id.0), role, serde_json::to_string(entry)?])?;
    Ok(())
}

/// Lines before a position, newest `limit` of them and at most about `bytes_max` of text, oldest first.
pub fn before(
    connection: &Connection,
    session_id: &str,
    before: i64,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<StoredEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, entry_json FROM transcript WHERE session_id = ?1 AND sequence < ?2
         ORDER BY sequence DESC LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![session_id, before, limit])?;
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let text = row
            .get_ref(1)?
            .as_str()
            .map_err(|error| StoreError::Database(error.to_string()))?;
        bytes += text.len();
        if bytes > bytes_max && !found.is_empty() {
            break;
        }
        found.push(StoredEntry {
            sequence: row.get(0)?,
            entry: serde_json::from_str(text)?,
        });
    }
    found.reverse();
    Ok(found)
}

/// Lines after a position, oldest first, at most `limit`.
pub fn after(
    connection: &Connection,
    session_id: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<StoredEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, entry_json FROM transcript WHERE session_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![session_id, after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row
            .get_ref(1)?
            .as_str()
            .map_err(|error| StoreError::Database(error.to_string()))?;
        found.push(StoredEntry {
            sequence: row.get(0)?,
            entry: serde_json::from_str(text)?,
        });
    }
    Ok(found)
}

/// True when a row's words are already in the transcript: a second run of a turn must not repeat them.
pub fn has_inbox(
    connection: &Connection,
    session_id: &str,
    inbox: InboxId,
) -> Result<bool, StoreError> {
    // The words of an open turn are among the newest lines, so a short look back is enough and stays cheap.
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM (SELECT inbox FROM transcript WHERE session_id = ?1 ORDER BY sequence DESC LIMIT 200)
           WHERE inbox = ?2)",
    )?;
    Ok(statement.query_row(params![session_id, inbox.0], |row| row.get(0))?)
}

/// Removes a transcript for good.
pub fn delete(connection: &Connection, session_id: &str) -> Result<usize, StoreError> {
    Ok(connection
        .prepare_cached("DELETE FROM transcript WHERE session_id = ?1")?
        .execute([session_id])?)
}

/// Position of the first line that belongs to one of these rows.
pub fn first_of_inbox(
    connection: &Connection,
    session_id: &str,
    rows: &[InboxId],
) -> Result<Option<i64>, StoreError> {
    let mut first = None;
    for row in rows {
        let mut statement = connection.prepare_cached(
            "SELECT min(sequence) FROM (SELECT sequence, inbox FROM transcript WHERE session_id = ?1
               ORDER BY sequence DESC LIMIT 200) WHERE inbox = ?2",
        )?;
        let found: Option<i64> =
            statement.query_row(params![session_id, row.0], |row| row.get(0))?;
        first = match (first, found) {
            (Some(left), Some(right)) => Some(std::cmp::min::<i64>(left, right)),
            (left, right) => left.or(right),
        };
    }
    Ok(first)
}
