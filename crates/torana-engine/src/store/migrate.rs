//! Numbered, forward-only schema migrations, each in one transaction.
//!
//! A newer schema is refused rather than guessed at. The number lives in SQLite's `user_version`.

use rusqlite::Connection;

use super::error::{OpenError, classify};

/// Every migration, oldest first; its position plus one is the schema number.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002-approvals.sql"),
    include_str!("schema/0003-sessions.sql"),
    include_str!("schema/0004-audit.sql"),
    include_str!("schema/0005-nodes.sql"),
    include_str!("schema/0006-manner.sql"),
];

/// What all migrations together make of an empty database; a new installation gets it at once, because changing tables
/// one after the other takes five times as long. Written by the test below.
const WHOLE: &str = include_str!("schema/whole.sql");

/// Brings the database up to the newest schema.
pub(crate) fn run(connection: &mut Connection) -> Result<(), OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(classify)?;
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    if found == 0 {
        return step(connection, WHOLE, known);
    }
    for (number, sql) in (1..).zip(MIGRATIONS) {
        if number > found {
            step(connection, sql, number)?;
        }
    }
    Ok(())
}

fn step(connection: &mut Connection, sql: &str, number: i64) -> Result<(), OpenError> {
    let transaction = connection.transaction().map_err(classify)?;
    transaction.execute_batch(sql).map_err(classify)?;
    transaction
        .pragma_update(None, "user_version", number)
        .map_err(classify)?;
    transaction.commit().map_err(classify)
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    /// The statements that make this schema, in the order they were given.
    fn schema(connection: &Connection) -> String {
        let mut statement = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
            .expect("a table");
        let rows = statement.query_map([], |row| row.get::<_, String>(0));
        rows.expect("rows")
            .map(|sql| sql.expect("text") + ";\n")
            .collect()
    }

    /// After a new migration: `UPDATE_EXPECT=1 cargo test -p torana-engine migrate`.
    #[test]
    fn a_new_installation_has_the_schema_an_old_one_gets() {
        let mut old = Connection::open_in_memory().expect("a database");
        for (number, sql) in (1..).zip(MIGRATIONS) {
            step(&mut old, sql, number).expect("a migration");
        }
        expect_file!["schema/whole.sql"].assert_eq(&schema(&old));
        let changed: i64 = old
            .query_row("SELECT total_changes()", [], |row| row.get(0))
            .expect("a number");
        assert_eq!(
            changed, 0,
            "a migration that brings rows needs them here too"
        );
        let mut new = Connection::open_in_memory().expect("a database");
        run(&mut new).expect("a schema");
        assert_eq!(schema(&new), schema(&old));
        let version = |connection: &Connection| -> i64 {
            connection
                .query_row("PRAGMA user_version", [], |row| row.get(0))
                .expect("a number")
        };
        assert_eq!(version(&new), version(&old));
    }
}
