//! How long rows of the inbox are kept, and how many.

use rusqlite::{Connection, params};
use torana_core::limit::{DEDUPE_MS, IDEMPOTENCY_MS, REFUSED_KEEP_MS, REFUSED_ROWS_MAX};

use crate::store::StoreError;

/// Forgets rows whose time has come, at most `limit` of each sort at once. Returns how many went.
///
/// Each sort has an index of its own, so a round costs what it removes and not what it keeps.
pub(crate) fn prune(
    connection: &Connection,
    now_ms: i64,
    limit: usize,
) -> Result<usize, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut pruned = 0;
    for (sql, before_ms) in [
        (
            "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE received_at < ?1 AND state = 'done'
               ORDER BY received_at LIMIT ?2)",
            now_ms - DEDUPE_MS,
        ),
        (
            "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE channel = 'webchat' AND received_at < ?1
               AND state = 'done' ORDER BY received_at LIMIT ?2)",
            now_ms - IDEMPOTENCY_MS,
        ),
        (
            "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE refused = 1 AND received_at < ?1
               ORDER BY received_at LIMIT ?2)",
            now_ms - REFUSED_KEEP_MS,
        ),
    ] {
        pruned += connection.prepare_cached(sql)?.execute(params![before_ms, limit])?;
    }
    let keep = i64::try_from(REFUSED_ROWS_MAX).unwrap_or(i64::MAX);
    pruned += connection
        .prepare_cached(
            "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE refused = 1
               ORDER BY received_at DESC LIMIT ?1 OFFSET ?2)",
        )?
        .execute(params![limit, keep])?;
    Ok(pruned)
}

/// What an account keeps beyond its share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surplus {
    /// Channel.
    pub channel: String,
    /// The platform's own id of the account.
    pub platform_account: String,
    /// Rows too many.
    pub rows: usize,
}

/// Accounts with more rows than `keep`. Walks over a whole index, so ask seldom and from a reader.
pub(crate) fn surplus(connection: &Connection, keep: usize) -> Result<Vec<Surplus>, StoreError> {
    let keep_rows = i64::try_from(keep).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT channel, platform_account, count(*) FROM inbox GROUP BY channel, platform_account HAVING count(*) > ?1",
    )?;
    let rows = statement.query_map([keep_rows], |row| {
        Ok(Surplus {
            channel: row.get(0)?,
            platform_account: row.get(1)?,
            rows: usize::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
        })
    })?;
    let mut found: Vec<Surplus> = rows.collect::<Result<_, _>>()?;
    for surplus in &mut found {
        surplus.rows -= keep;
    }
    Ok(found)
}

/// Forgets the oldest ended rows of an account, none younger than `before_ms`, at most `limit`. Returns how many went.
pub(crate) fn prune_early(
    connection: &Connection,
    surplus: &Surplus,
    before_ms: i64,
    limit: usize,
) -> Result<usize, StoreError> {
    let limit = i64::try_from(limit.min(surplus.rows)).unwrap_or(i64::MAX);
    // Oldest first, by the index on age: an account that is over its share has most of the rows there.
    let mut statement = connection.prepare_cached(
        "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox INDEXED BY inbox_age
           WHERE received_at < ?3 AND channel = ?1 AND platform_account = ?2 AND state = 'done'
           ORDER BY received_at LIMIT ?4)",
    )?;
    Ok(statement.execute(params![
        surplus.channel,
        surplus.platform_account,
        before_ms,
        limit
    ])?)
}
