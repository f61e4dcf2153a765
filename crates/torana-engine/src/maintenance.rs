//! Housekeeping: old rows, client keys, and the census that health and metrics read.

use rusqlite::Connection;
use torana_core::limit::{DEDUPE_FLOOR_MS, DEDUPE_MS, DEDUPE_ROWS_MAX, IDEMPOTENCY_MS};

use crate::engine::Engine;
use crate::steady::Steady;
use crate::store::inbox::Surplus;
use crate::store::{StoreError, client_key, inbox, outbox, pairing};

/// Pause between two rounds, milliseconds. Pruning is never urgent.
const ROUND_MS: u64 = 60_000;
/// Rounds between two counts of what accounts remember: counting reads a whole index, and an hour adds little.
const ROUNDS_PER_COUNT: u64 = 60;
/// Rows removed in one round: a short transaction that no turn notices.
const ROWS_PER_ROUND: usize = 2_000;

impl Engine {
    /// Starts housekeeping.
    pub(crate) fn start_maintenance(&self) {
        let engine = self.clone();
        let steady = Steady::new(&self.shared.world);
        self.shared.tasks.keep("maintenance", move || {
            let engine = engine.clone();
            async move {
                let (mut round, mut surplus) = (0_u64, Vec::new());
                loop {
                    engine.shared.world.sleep_ms(ROUND_MS).await;
                    if round.is_multiple_of(ROUNDS_PER_COUNT) {
                        surplus = engine.surplus().await;
                    }
                    round += 1;
                    engine.prune_early(&mut surplus).await;
                    let now_ms = steady.now_ms(&engine.shared.world);
                    let pruned = engine.prune_old(now_ms).await;
                    match engine.evict_media().await {
                        Ok(0) => {}
                        Ok(files) => tracing::info!(files, "Old files of messages were removed."),
                        Err(error) => {
                            tracing::warn!(%error, "Old files could not be looked for.");
                        }
                    }
                    match pruned {
                        Ok((0, 0, 0)) => {}
                        Ok((rows, intents, requests)) => {
                            tracing::debug!(rows, intents, requests, "Old rows were removed.");
                        }
                        Err(error) => tracing::warn!(%error, "Old rows could not be removed."),
                    }
                }
            }
        });
    }
}

impl Engine {
    /// Removes what is too old to be asked for again. Returns the rows of the inbox, of the outbox and of strangers.
    pub(crate) async fn prune_old(&self, now_ms: i64) -> Result<(usize, usize, usize), StoreError> {
        let prune = move |connection: &Connection| {
            let rows = inbox::prune(connection, now_ms, ROWS_PER_ROUND)?;
            let intents = outbox::prune(connection, now_ms - DEDUPE_MS, ROWS_PER_ROUND)?;
            let requests = pairing::prune(connection, now_ms)?;
            client_key::prune(connection, now_ms - IDEMPOTENCY_MS)?;
            Ok((rows, intents, requests))
        };
        self.shared.store.write(prune).await
    }

    /// Accounts that remember more events than their share (decision 7).
    async fn surplus(&self) -> Vec<Surplus> {
        let counted = self
            .shared
            .store
            .read(|connection| inbox::surplus(connection, DEDUPE_ROWS_MAX));
        counted.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "Old rows could not be counted.");
            Vec::new()
        })
    }

    /// Forgets a little of each surplus.
    async fn prune_early(&self, surplus: &mut Vec<Surplus>) {
        let before_ms = self.shared.world.wall_ms() - DEDUPE_FLOOR_MS;
        for account in surplus.iter_mut() {
            let share = account.clone();
            let pruned = self.shared.store.write(move |connection| {
                inbox::prune_early(connection, &share, before_ms, ROWS_PER_ROUND)
            });
            match pruned.await {
                // What is left is too young to go.
                Ok(0) => account.rows = 0,
                Ok(pruned) => account.rows -= pruned.min(account.rows),
                Err(error) => tracing::warn!(%error, "Old rows could not be removed."),
            }
        }
        surplus.retain(|account| account.rows > 0);
    }
}
