//! What was said in a group without being addressed to an agent, kept for the next turn of its session.

use rusqlite::{Connection, params};
use torana_core::id::InboxId;

use super::StoreError;

/// Keeps a group message as context for the next turn of its session, and only the newest `keep`.
pub(crate) fn add(
    connection: &Connection,
    session: &str,
    inbox: InboxId,
    sender: &str,
    text: &str,
    at_ms: i64,
    keep: usize,
) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO context (session, inbox, sender, text, at) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    statement.execute(params![session, inbox.0, sender, text, at_ms])?;
    let keep = i64::try_from(keep).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "DELETE FROM context WHERE session = ?1 AND inbox NOT IN
           (SELECT inbox FROM context WHERE session = ?1 ORDER BY inbox DESC LIMIT ?2)",
    )?;
    statement.execute(params![session, keep])?;
    Ok(())
}

/// Context of a session that came before a row: sender and text, oldest first.
pub(crate) fn before(
    connection: &Connection,
    session: &str,
    row: InboxId,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sender, text FROM context WHERE session = ?1 AND inbox < ?2 ORDER BY inbox",
    )?;
    let rows = statement.query_map(params![session, row.0], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets context a turn has seen.
pub(crate) fn clear(
    connection: &Connection,
    session: &str,
    before: InboxId,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM context WHERE session = ?1 AND inbox < ?2")?
        .execute(params![session, before.0])?;
    Ok(())
}
