//! Pairing: strangers who asked to be let in, senders who were, and the owner.

use rusqlite::{Connection, OptionalExtension, Row, params};
use torana_core::limit::{PAIRING_PENDING_MAX, PAIRING_TRIES_MAX};

use super::StoreError;
use super::inbox::Payload;

/// A stranger's request.
#[derive(Debug, Clone, PartialEq)]
pub struct PairingRequest {
    /// Channel.
    pub channel: String,
    /// Account.
    pub account: String,
    /// The stranger's immutable id.
    pub sender: String,
    /// The code he was shown.
    pub code: String,
    /// His name, for people.
    pub name: Option<String>,
    /// His latest message, shortened, for "process it now?".
    pub payload: Option<Payload>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
    /// When he last got a reply, Unix milliseconds.
    pub replied_at_ms: i64,
}

const COLUMNS: &str =
    "channel, account, sender, code, name, payload_json, created_at, expires_at, replied_at";

fn read(row: &Row<'_>) -> Result<PairingRequest, StoreError> {
    let payload: Option<String> = row.get(5)?;
    Ok(PairingRequest {
        channel: row.get(0)?,
        account: row.get(1)?,
        sender: row.get(2)?,
        code: row.get(3)?,
        name: row.get(4)?,
        payload: payload
            .map(|text| serde_json::from_str(&text))
            .transpose()?,
        created_at_ms: row.get(6)?,
        expires_at_ms: row.get(7)?,
        replied_at_ms: row.get(8)?,
    })
}

/// The live request of a sender.
pub(crate) fn get(
    connection: &Connection,
    channel: &str,
    account: &str,
    sender: &str,
) -> Result<Option<PairingRequest>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM pairing_request WHERE channel = ?1 AND account = ?2 AND sender = ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([channel, account, sender])?;
    rows.next()?.map(read).transpose()
}

/// Stores or replaces a sender's request and keeps the account within its bound by dropping the oldest.
pub fn put(connection: &Connection, request: &PairingRequest) -> Result<(), StoreError> {
    let payload = request
        .payload
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO pairing_request
               (channel, account, sender, code, name, payload_json, tries, created_at, expires_at, replied_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9)",
        )?
        .execute(params![
            request.channel,
            request.account,
            request.sender,
            request.code,
            request.name,
            payload,
            request.created_at_ms,
            request.expires_at_ms,
            request.replied_at_ms
        ])?;
    let keep = i64::try_from(PAIRING_PENDING_MAX).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM pairing_request WHERE channel = ?1 AND account = ?2 AND sender NOT IN
               (SELECT sender FROM pairing_request WHERE channel = ?1 AND account = ?2 ORDER BY created_at DESC LIMIT ?3)",
        )?
        .execute(params![request.channel, request.account, keep])?;
    Ok(())
}

/// Replies given on an account since a moment.
pub(crate) fn replies_since(
    connection: &Connection,
    channel: &str,
    account: &str,
    since_ms: i64,
) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FROM pairing_request WHERE channel = ?1 AND account = ?2 AND replied_at >= ?3",
        )?
        .query_row(params![channel, account, since_ms], |row| row.get(0))?)
}

/// Live requests, oldest first; of one channel when given.
pub fn list(
    connection: &Connection,
    channel: Option<&str>,
    now_ms: i64,
) -> Result<Vec<PairingRequest>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM pairing_request WHERE (?1 IS NULL OR channel = ?1) AND expires_at > ?2 ORDER BY created_at"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![channel, now_ms])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// What came of trying a code.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The request it belongs to; it stays on the list until somebody removes it.
    Found(Box<PairingRequest>),
    /// No live request has this code; every live request of the channel counted one wrong try.
    Wrong,
}

/// Finds the request with a code. A wrong code counts against every live request of the channel, so
/// that guessing kills codes instead of finding one (S-043).
pub(crate) fn claim(
    connection: &Connection,
    channel: &str,
    account: Option<&str>,
    code: &str,
    now_ms: i64,
) -> Result<Claim, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM pairing_request
         WHERE channel = ?1 AND (?2 IS NULL OR account = ?2) AND code = ?3 AND expires_at > ?4 AND tries < ?5"
    );
    let found = {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows =
            statement.query(params![channel, account, code, now_ms, PAIRING_TRIES_MAX])?;
        rows.next()?.map(read).transpose()?
    };
    let Some(request) = found else {
        connection
            .prepare_cached("UPDATE pairing_request SET tries = tries + 1 WHERE channel = ?1 AND (?2 IS NULL OR account = ?2)")?
            .execute(params![channel, account])?;
        return Ok(Claim::Wrong);
    };
    Ok(Claim::Found(Box::new(request)))
}

/// Removes a request.
pub(crate) fn remove(
    connection: &Connection,
    channel: &str,
    account: &str,
    sender: &str,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "DELETE FROM pairing_request WHERE channel = ?1 AND account = ?2 AND sender = ?3",
        )?
        .execute([channel, account, sender])?
        == 1)
}

/// Lets a sender in.
pub(crate) fn allow(
    connection: &Connection,
    channel: &str,
    account: &str,
    sender: &str,
    name: Option<&str>,
    at_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO pairing_allow (channel, account, sender, name, approved_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![channel, account, sender, name, at_ms])?;
    Ok(())
}

/// Every sender that was let in: channel, account, sender.
pub(crate) fn allowed(
    connection: &Connection,
) -> Result<Vec<(String, String, String)>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT channel, account, sender FROM pairing_allow")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Recorded owners, as `channel:sender`.
pub fn owners(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT sender FROM owner")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Records the first owner; `false` when there already is one.
pub(crate) fn record_first_owner(
    connection: &Connection,
    sender: &str,
    at_ms: i64,
) -> Result<bool, StoreError> {
    let exists: Option<i64> = connection
        .prepare_cached("SELECT 1 FROM owner LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    if exists.is_some() {
        return Ok(false);
    }
    connection
        .prepare_cached("INSERT INTO owner (sender, at) VALUES (?1, ?2)")?
        .execute(params![sender, at_ms])?;
    Ok(true)
}

/// Forgets expired requests.
pub(crate) fn prune(connection: &Connection, now_ms: i64) -> Result<usize, StoreError> {
    Ok(connection
        .prepare_cached("DELETE FROM pairing_request WHERE expires_at <= ?1")?
        .execute([now_ms])?)
}
