//! Reading and writing the store on behalf of somebody, and what a failure of it looks like to a client.

use torana_core::problem::{Code, Problem};

use super::Engine;
use crate::store::{STORE_RETRY_MS, StoreError};

impl Engine {
    /// Reads from the store; a failure is told as a client may see it.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let found = self.store().read(query).await;
        found.map_err(|error| self.problem(&error))
    }

    /// Writes to the store; a failure is told as a client may see it.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let written = self.store().write(change).await;
        written.map_err(|error| self.problem(&error))
    }

    /// Writes again and again while the disk is full. Fails only when the row has moved or the store is closed.
    pub(crate) async fn insist<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&rusqlite::Connection) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        loop {
            let write = write.clone();
            match self
                .store()
                .write(move |connection| write(connection))
                .await
            {
                Err(error @ (StoreError::Full | StoreError::Database(_))) => {
                    tracing::error!(%error, "A record could not be written; trying again.");
                    self.shared.world.sleep_ms(STORE_RETRY_MS).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// What a store failure looks like to a client; the details go to the log.
    pub fn problem(&self, error: &StoreError) -> Problem {
        match error {
            StoreError::Full => {
                self.set_storage_full(true);
                Problem::new(
                    Code::StorageFull,
                    "the disk is full; nothing new is accepted",
                )
                .hint("free some space; the gateway resumes by itself")
                .retry_after_ms(30_000)
            }
            StoreError::Closed | StoreError::Flush => {
                Problem::new(Code::Unavailable, "the store is not available").retry_after_ms(1_000)
            }
            StoreError::Moved => Problem::new(Code::NotFound, "it was changed meanwhile"),
            StoreError::Database(text) => {
                let error_id = self.shared.world.uuid();
                tracing::error!(%error_id, error = %text, "A store operation failed.");
                Problem::new(
                    Code::Internal,
                    format!("internal error, reference {error_id}"),
                )
            }
        }
    }
}
