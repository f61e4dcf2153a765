//! Why a write or read of the store failed.

/// Wait before a store write is repeated while the disk is full, milliseconds: space that returns is noticed soon, and a
/// full disk is not asked in vain more than once a second.
pub(crate) const STORE_RETRY_MS: u64 = 1_000;

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
        if is_flush_failure(&error) {
            return Self::Flush;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Database(format!("stored value is unreadable: {error}"))
    }
}

/// Whether the disk failed to flush, after which nobody knows what it holds.
pub(super) fn is_flush_failure(error: &rusqlite::Error) -> bool {
    // SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC: extended codes of a failed flush (sqlite.org/rescode.html).
    const IOERR_FSYNC: i32 = 1034;
    const IOERR_DIR_FSYNC: i32 = 1290;
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if matches!(failure.extended_code, IOERR_FSYNC | IOERR_DIR_FSYNC))
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is damaged. It is kept as it is; `torana doctor --fix` sets it aside and salvages what it can.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The file was written by a newer version.
    #[error(
        "the store has schema {found}, this version knows {known}; it was written by a newer Torana"
    )]
    Newer {
        /// Schema of the file.
        found: i64,
        /// Newest schema we know.
        known: i64,
    },
    /// Anything else: permissions, disk, locks.
    #[error("the store cannot be opened: {0}")]
    Other(String),
}

pub(super) fn classify(error: rusqlite::Error) -> OpenError {
    use rusqlite::ffi::ErrorCode;
    match &error {
        rusqlite::Error::SqliteFailure(failure, _)
            if matches!(
                failure.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
            ) =>
        {
            OpenError::Damaged(error.to_string())
        }
        _ => OpenError::Other(error.to_string()),
    }
}
