//! Housekeeping: old rows, client keys, and the census that health and metrics read.

use rusqlite::{Connection, OptionalExtension, params};
use torana_core::limit::{DEDUPE_MS, IDEMPOTENCY_MS};

use crate::engine::Engine;
use crate::store::{StoreError, inbox, outbox, pairing};

/// Pause between two rounds, milliseconds. Pruning is never urgent.
const ROUND_MS: u64 = 60_000;
/// Rows removed in one round: a short transaction that no turn notices.
const ROWS_PER_ROUND: usize = 2_000;

impl Engine {
    /// Starts housekeeping.
    pub(crate) fn start_maintenance(&self) {
        let engine = self.clone();
        self.shared
            .tasks
            .spawn_until_stop("maintenance", async move {
                loop {
                    engine.shared.world.sleep_ms(ROUND_MS).await;
                    let now_ms = engine.shared.world.wall_ms();
                    let pruned = engine
                        .shared
                        .store
                        .write(move |connection| {
                            let rows = inbox::prune(connection, now_ms, ROWS_PER_ROUND)?;
                            let intents =
                                outbox::prune(connection, now_ms - DEDUPE_MS, ROWS_PER_ROUND)?;
                            let requests = pairing::prune(connection, now_ms)?;
                            connection
                                .prepare_cached("DELETE FROM client_key WHERE at < ?1")?
                                .execute([now_ms - IDEMPOTENCY_MS])?;
                            Ok((rows, intents, requests))
                        })
                        .await;
                    match pruned {
                        Ok((0, 0, 0)) => {}
                        Ok((rows, intents, requests)) => {
                            tracing::debug!(rows, intents, requests, "Old rows were removed.");
                        }
                        Err(error) => tracing::warn!(%error, "Old rows could not be removed."),
                    }
                }
            });
    }
}

/// A client key that was used before, with its digest and result.
pub(crate) fn known_key(
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
pub(crate) fn remember_key(
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
