//! A database that is only looked at.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Opens a database for reading only; a running gateway does not mind.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // Long enough for a commit of the gateway, short enough for a person who waits.
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    Ok(connection)
}
