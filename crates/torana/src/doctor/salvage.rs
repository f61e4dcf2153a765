//! Saving what can be read of a damaged database into a new one. The damaged file is renamed, never changed.
//!
//! Each table is read from both ends until the damage, so that one bad page costs the rows on it and not the table.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use torana_engine::Store;
use torana_host::files;
use torana_host::lock::StateLock;

use super::reading;
use crate::cli::{Exit, Failure};

/// What became of it.
pub(super) struct Saved {
    /// Where the damaged file is now.
    pub(super) aside: PathBuf,
    tables: Vec<Table>,
}

struct Table {
    name: String,
    rows: usize,
    complete: bool,
}

impl Saved {
    /// Rows per table, in words.
    pub(super) fn summary(&self) -> String {
        let filled: Vec<String> = self
            .tables
            .iter()
            .filter(|table| table.rows > 0)
            .map(|table| format!("{} {} rows", table.rows, table.name))
            .collect();
        if filled.is_empty() {
            "nothing in it".to_owned()
        } else {
            filled.join(", ")
        }
    }

    /// Every row of every table was read.
    pub(super) fn is_complete(&self) -> bool {
        self.tables.iter().all(|table| table.complete)
    }

    /// What could not be read, in words.
    pub(super) fn loss(&self) -> String {
        if self.tables.iter().all(|table| table.rows == 0) {
            "nothing could be read of the damaged file".to_owned()
        } else {
            format!(
                "some rows of {} could not be read",
                self.incomplete().join(", ")
            )
        }
    }

    /// Tables with unreadable rows.
    pub(super) fn incomplete(&self) -> Vec<&str> {
        self.tables
            .iter()
            .filter(|table| !table.complete)
            .map(|table| table.name.as_str())
            .collect()
    }
}

/// Sets the damaged file aside and copies what can be read into a new one, under the lock of the state directory.
pub(super) fn salvage(state: &Path, path: &Path, now_ms: i64) -> Result<Saved, Failure> {
    let lock = StateLock::acquire(state, now_ms)?;
    let aside = set_aside(path, now_ms).map_err(|error| {
        Failure::new(
            Exit::Disk,
            format!("{} cannot be renamed: {error}", path.display()),
        )
    })?;
    let tables = copy(&aside, path).map_err(|error| {
        Failure::new(
            Exit::Disk,
            format!("the new database cannot be written: {error}"),
        )
        .hint(format!(
            "free some space; the damaged file is {}",
            aside.display()
        ))
    });
    drop(lock);
    Ok(Saved {
        aside,
        tables: tables?,
    })
}

/// Renames the database with its log, which SQLite finds by the name of the database.
fn set_aside(path: &Path, now_ms: i64) -> std::io::Result<PathBuf> {
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = named(&format!(".damaged-{}", now_ms / 1_000));
    std::fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        let mut target = aside.as_os_str().to_owned();
        target.push(suffix);
        match std::fs::rename(named(suffix), PathBuf::from(target)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    if let Some(folder) = path.parent() {
        files::sync_dir(folder)?;
    }
    Ok(aside)
}

fn copy(from: &Path, to: &Path) -> Result<Vec<Table>, String> {
    // The store makes the tables; it is closed again before rows are copied into them.
    files::create_private(to, b"").map_err(|error| error.to_string())?;
    drop(
        Store::open(torana_engine::store::Options {
            inline: true,
            ..torana_engine::store::Options::new(to)
        })
        .map_err(|error| error.to_string())?,
    );
    let mut new = Connection::open(to).map_err(|error| error.to_string())?;
    // The store's own closing may still hold the file for a moment.
    new.busy_timeout(std::time::Duration::from_secs(5))
        .map_err(|error| error.to_string())?;
    let names = tables(&new).map_err(|error| error.to_string())?;
    let old = reading::open(from);
    let mut copied = Vec::with_capacity(names.len());
    for name in names {
        let table = match &old {
            Ok(old) => copy_table(old, &mut new, &name).map_err(|error| error.to_string())?,
            Err(_) => Table {
                name,
                rows: 0,
                complete: false,
            },
        };
        copied.push(table);
    }
    Ok(copied)
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Columns of a table with their place in the primary key, 0 for none. Names come from our own schema.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare("SELECT name, pk FROM pragma_table_info(?1)")?;
    let columns = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
    columns.collect()
}

fn copy_table(old: &Connection, new: &mut Connection, name: &str) -> rusqlite::Result<Table> {
    let own = columns(new, name)?;
    // A table whose definition cannot be read any more has no readable rows either.
    let known = columns(old, name).unwrap_or_default();
    let shared: Vec<&(String, i64)> = own
        .iter()
        .filter(|(column, _)| known.iter().any(|(known, _)| known == column))
        .collect();
    let mut table = Table {
        name: name.to_owned(),
        rows: 0,
        complete: false,
    };
    if shared.is_empty() {
        return Ok(table);
    }
    let list = shared
        .iter()
        .map(|(column, _)| format!("\"{column}\""))
        .collect::<Vec<_>>()
        .join(", ");
    let mut keys: Vec<&&(String, i64)> = shared.iter().filter(|(_, place)| *place > 0).collect();
    keys.sort_by_key(|(_, place)| *place);
    let marks = vec!["?"; shared.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO \"{name}\" ({list}) VALUES ({marks})");
    let transaction = new.transaction()?;
    for direction in ["ASC", "DESC"] {
        let order = keys
            .iter()
            .map(|(column, _)| format!("\"{column}\" {direction}"))
            .collect::<Vec<_>>()
            .join(", ");
        let order = if order.is_empty() {
            format!("rowid {direction}")
        } else {
            order
        };
        let select = format!("SELECT {list} FROM \"{name}\" ORDER BY {order}");
        let (rows, complete) = copy_rows(old, &transaction, &select, &insert, shared.len())?;
        table.rows += rows;
        if complete {
            table.complete = true;
            break;
        }
    }
    transaction.commit()?;
    Ok(table)
}

/// Copies rows until the end or the first that cannot be read. Only a failure to write is an error.
fn copy_rows(
    old: &Connection,
    new: &Connection,
    select: &str,
    insert: &str,
    width: usize,
) -> rusqlite::Result<(usize, bool)> {
    let Ok(mut statement) = old.prepare(select) else {
        return Ok((0, false));
    };
    let Ok(mut rows) = statement.query([]) else {
        return Ok((0, false));
    };
    let mut insert = new.prepare_cached(insert)?;
    let mut copied = 0;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok((copied, true)),
            Err(_) => return Ok((copied, false)),
        };
        let values: rusqlite::Result<Vec<Value>> = (0..width).map(|index| row.get(index)).collect();
        let Ok(values) = values else {
            return Ok((copied, false));
        };
        copied += insert.execute(params_from_iter(values))?;
    }
}
