//! The store: typed tables over one embedded database, one writer with group commit, a few readers.
//!
//! [`Store`] is the only door. Writes are closures that see one transaction; many closures share one flush.
//! A write that returned `Ok` is on disk. Tables live in one file each and hold all SQL.

mod database;
pub mod device;
pub mod inbox;
pub mod migrate;
pub mod outbox;
pub mod pairing;
pub mod session;
pub mod transcript;
mod writer;

pub use database::{OpenError, Options, Store};
pub use writer::{CommitFault, CommitHook};

/// Why a write or read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no space; nothing was written and the transaction is undone (decision 16).
    #[error("the disk is full")]
    Full,
    /// A flush failed; what is on disk is uncertain, so the process must end.
    #[error("the store could not be flushed")]
    Flush,
    /// The store is closed, or the world was stopped by a test.
    #[error("the store is closed")]
    Closed,
    /// A row is not in the state the caller expected; somebody else moved it.
    #[error("the row is not in the expected state")]
    Moved,
    /// Anything else the database reported; the text is for the log only.
    #[error("store failure: {0}")]
    Database(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi::ErrorCode;
        if let rusqlite::Error::SqliteFailure(failure, _) = &error {
            // SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC: extended codes of a failed flush (sqlite.org/rescode.html).
            const IOERR_FSYNC: i32 = 1034;
            const IOERR_DIR_FSYNC: i32 = 1290;
            if failure.code == ErrorCode::DiskFull {
                return Self::Full;
            }
            if matches!(failure.extended_code, IOERR_FSYNC | IOERR_DIR_FSYNC) {
                return Self::Flush;
            }
        }
        Self::Database(error.to_string())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Database(format!("stored value is unreadable: {error}"))
    }
}
