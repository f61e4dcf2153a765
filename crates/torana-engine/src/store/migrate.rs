//! Numbered, forward-only schema migrations, each in one transaction.
//!
//! A newer schema is refused rather than guessed at. The number lives in SQLite's `user_version`.

use rusqlite::Connection;

use super::OpenError;
use super::database::classify;

/// Every migration, oldest first; its position plus one is the schema number.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002-approvals.sql"),
    include_str!("schema/0003-sessions.sql"),
    include_str!("schema/0004-audit.sql"),
    include_str!("schema/0005-nodes.sql"),
];

/// Brings the database up to the newest schema.
pub(crate) fn run(connection: &mut Connection) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(classify)?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for (index, sql) in MIGRATIONS.iter().enumerate() {
        let number = i64::try_from(index).expect("a handful of migrations") + 1;
        if number <= found {
            continue;
        }
        let transaction = connection.transaction().map_err(classify)?;
        transaction.execute_batch(sql).map_err(classify)?;
        transaction
            .pragma_update(None, "user_version", number)
            .map_err(classify)?;
        transaction.commit().map_err(classify)?;
    }
    Ok(())
}
