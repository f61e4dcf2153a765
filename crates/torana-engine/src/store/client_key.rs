//! Keys that clients gave to what they asked for, so that the same request is done once.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;

/// The kind of keys that name answers; their digest is the id of the session the answer belongs to.
pub(crate) const ANSWER: &str = "answer";

/// A client key that was used before, with its digest and result.
pub(crate) fn known(
    connection: &Connection,
    method: &str,
    key: &str,
) -> Result<Option<(String, Option<serde_json::Value>)>, StoreError> {
    let found: Option<(String, Option<String>)> = connection
        .prepare_cached(
            "SELECT digest, result_json FROM client_key WHERE method = ?1 AND key = ?2",
        )?
        .query_row([method, key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((digest, result)) = found else {
        return Ok(None);
    };
    Ok(Some((
        digest,
        result.map(|text| serde_json::from_str(&text)).transpose()?,
    )))
}

/// Remembers a client key for 24 hours.
pub(crate) fn remember(
    connection: &Connection,
    method: &str,
    key: &str,
    digest: &str,
    result: &serde_json::Value,
    at_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO client_key (method, key, digest, result_json, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![method, key, digest, serde_json::to_string(result)?, at_ms])?;
    Ok(())
}

/// Forgets the keys of one kind that were remembered under a digest.
pub(crate) fn forget(
    connection: &Connection,
    method: &str,
    digest: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM client_key WHERE method = ?1 AND digest = ?2")?
        .execute([method, digest])?;
    Ok(())
}

/// Forgets keys that are older than a moment.
pub(crate) fn prune(connection: &Connection, before_ms: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM client_key WHERE at < ?1")?
        .execute([before_ms])?;
    Ok(())
}
