//! Transcripts: the record of a session, append only; the lines form a tree, of which one branch is in use.

use rusqlite::{Connection, Row, params};
use torana_core::branch::{Fork, Path, Tree};
use torana_core::id::InboxId;
use torana_core::run::{Entry, Role};

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
pub(crate) fn append(
    connection: &Connection,
    session_id: &str,
    sequence: i64,
    inbox: Option<InboxId>,
    entry: &Entry,
) -> Result<(), StoreError> {
    let role = match entry.role {
        // The partial index over summaries goes by this word.
        _ if entry.boundary.is_some() => "compaction",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System => "system",
    };
    connection
        .prepare_cached(
            "INSERT INTO transcript (session_id, sequence, inbox, role, entry_json) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![session_id, sequence, inbox.map(|id| id.0), role, serde_json::to_string(entry)?])?;
    Ok(())
}

/// Says that a line continues an earlier one than the line before it.
pub(crate) fn fork(
    connection: &Connection,
    session_id: &str,
    sequence: i64,
    parent: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO transcript_fork (session_id, sequence, parent) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![session_id, sequence, parent])?;
    Ok(())
}

/// The branches of a transcript.
pub(crate) fn tree(connection: &Connection, session_id: &str) -> Result<Tree, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT sequence, parent FROM transcript_fork WHERE session_id = ?1")?;
    let rows = statement.query_map([session_id], |row| {
        Ok(Fork {
            sequence: row.get(0)?,
            parent: row.get(1)?,
        })
    })?;
    Ok(Tree::new(rows.collect::<Result<Vec<_>, _>>()?))
}

/// Number of the newest line; 0 when there is none.
pub(crate) fn last(connection: &Connection, session_id: &str) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM transcript WHERE session_id = ?1")?
        .query_row([session_id], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> Result<(StoredEntry, usize), StoreError> {
    let text = row
        .get_ref(1)?
        .as_str()
        .map_err(|error| StoreError::Database(error.to_string()))?;
    let stored = StoredEntry {
        sequence: row.get(0)?,
        entry: serde_json::from_str(text)?,
    };
    Ok((stored, text.len()))
}

/// One line.
pub(crate) fn get(
    connection: &Connection,
    session_id: &str,
    sequence: i64,
) -> Result<Option<StoredEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, entry_json FROM transcript WHERE session_id = ?1 AND sequence = ?2",
    )?;
    let mut rows = statement.query(params![session_id, sequence])?;
    Ok(rows.next()?.map(read).transpose()?.map(|(line, _)| line))
}

/// The newest `limit` lines of a branch and at most about `bytes_max` of text, oldest first.
pub(crate) fn newest(
    connection: &Connection,
    session_id: &str,
    path: &Path,
    limit: usize,
    bytes_max: usize,
) -> Result<Vec<StoredEntry>, StoreError> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut statement = connection.prepare_cached(
        "SELECT sequence, entry_json FROM transcript WHERE session_id = ?1 AND sequence BETWEEN ?2 AND ?3
         ORDER BY sequence DESC LIMIT ?4",
    )?;
    'ranges: for (first, last) in path.ranges().iter().rev() {
        let left = i64::try_from(limit.saturating_sub(found.len())).unwrap_or(i64::MAX);
        if left == 0 {
            break;
        }
        let mut rows = statement.query(params![session_id, first, last, left])?;
        while let Some(row) = rows.next()? {
            let (stored, size) = read(row)?;
            bytes += size;
            if bytes > bytes_max && !found.is_empty() {
                break 'ranges;
            }
            found.push(stored);
        }
    }
    found.reverse();
    Ok(found)
}

/// The oldest `limit` lines of a branch and at most about `bytes_max` of text. Also says whether that is all of it.
pub(crate) fn oldest(
    connection: &Connection,
    session_id: &str,
    path: &Path,
    limit: usize,
    bytes_max: usize,
) -> Result<(Vec<StoredEntry>, bool), StoreError> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut statement = connection.prepare_cached(
        "SELECT sequence, entry_json FROM transcript WHERE session_id = ?1 AND sequence BETWEEN ?2 AND ?3
         ORDER BY sequence",
    )?;
    for (first, last) in path.ranges() {
        let mut rows = statement.query(params![session_id, first, last])?;
        while let Some(row) = rows.next()? {
            let (stored, size) = read(row)?;
            bytes += size;
            if found.len() >= limit || (bytes > bytes_max && !found.is_empty()) {
                return Ok((found, false));
            }
            found.push(stored);
        }
    }
    Ok((found, true))
}

/// The newest summary on a branch.
pub(crate) fn boundary(
    connection: &Connection,
    session_id: &str,
    path: &Path,
) -> Result<Option<StoredEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, entry_json FROM transcript INDEXED BY transcript_boundary
         WHERE session_id = ?1 AND role = 'compaction' AND sequence BETWEEN ?2 AND ?3 ORDER BY sequence DESC LIMIT 1",
    )?;
    for (first, last) in path.ranges().iter().rev() {
        let mut rows = statement.query(params![session_id, first, last])?;
        if let Some(row) = rows.next()? {
            return Ok(Some(read(row)?.0));
        }
    }
    Ok(None)
}

/// Copies a branch into another, empty transcript, numbered from 1. Returns how many lines it has.
pub(crate) fn copy(
    connection: &Connection,
    from: &str,
    path: &Path,
    to: &str,
) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO transcript (session_id, sequence, inbox, role, entry_json)
         SELECT ?1, ?2 + sequence - ?4, NULL, role, entry_json FROM transcript
         WHERE session_id = ?3 AND sequence BETWEEN ?4 AND ?5",
    )?;
    let mut next = 1;
    for (first, last) in path.ranges() {
        statement.execute(params![to, next, from, first, last])?;
        next += last - first + 1;
    }
    Ok(next - 1)
}

/// Lines of a transcript that may hold some words, newest first and before a position, at most `limit`. The pattern is
/// only a sieve: who asks looks at the words themselves.
pub(crate) fn sieve(
    connection: &Connection,
    session_id: &str,
    before: i64,
    pattern: &str,
    limit: usize,
) -> Result<Vec<StoredEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, entry_json FROM transcript WHERE session_id = ?1 AND sequence < ?2
           AND entry_json LIKE ?3 ESCAPE '\\' ORDER BY sequence DESC LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![session_id, before, pattern, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?.0);
    }
    Ok(found)
}

/// True when a row's words are already in the transcript: a second run of a turn must not repeat them.
pub(crate) fn has_inbox(
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

/// Position of the first line that belongs to one of these rows.
pub(crate) fn first_of_inbox(
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
