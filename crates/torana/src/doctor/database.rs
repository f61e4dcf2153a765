//! The database opens and is whole. `--fix` sets a damaged one aside and saves what can be read (decision 17).

use std::path::Path;

use rusqlite::ErrorCode;

use super::finding::{Finding, Patient, Report};
use super::reading;
use super::salvage;
use crate::cli::{Exit, bytes};

const CHECK: &str = "database";

/// What a look at the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// There is none.
    Missing,
    /// Sound, with this schema.
    Sound(i64),
    /// Damaged, in the database's words.
    Damaged(String),
    /// It could not be looked at.
    Unknown(String),
}

/// Looks at a database file.
pub(super) fn condition(path: &Path) -> Condition {
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return Condition::Missing,
        // A folder that cannot be read hides the file, which may well be there.
        Err(error) => return Condition::Unknown(error.to_string()),
    }
    // We give a database its name when it is whole, so an empty one lost its content.
    if torana_host::files::is_empty(path) {
        return Condition::Damaged("the file is empty".to_owned());
    }
    let looked = reading::open(path).and_then(|connection| {
        let verdict: String =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        let schema: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((verdict, schema))
    });
    match looked {
        Ok((verdict, schema)) if verdict == "ok" => Condition::Sound(schema),
        Ok((verdict, _)) => {
            Condition::Damaged(verdict.lines().last().unwrap_or_default().to_owned())
        }
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Condition::Damaged(error.to_string())
            }
            _ => Condition::Unknown(error.to_string()),
        },
    }
}

pub(super) fn check(patient: &Patient<'_>, report: &mut Report) {
    let path = patient.invocation.paths.database();
    match condition(&path) {
        Condition::Missing => report.add(Finding::ok(CHECK, "there is no database yet; the first start makes it")),
        Condition::Sound(schema) => {
            let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            report.add(Finding::ok(CHECK, format!("torana.db is sound (schema {schema}, {})", bytes(size))));
        }
        Condition::Unknown(error) => {
            report.add(Finding::fail(CHECK, format!("torana.db cannot be read: {error}"), "check its owner and the disk").exit(Exit::Disk));
        }
        Condition::Damaged(error) if patient.fix => mend(patient, &path, &error, report),
        Condition::Damaged(error) => report.add(
            Finding::fail(
                CHECK,
                format!("torana.db is damaged: {error}"),
                "stop the gateway and run `torana doctor --fix`: it keeps the damaged file and saves what can be read",
            )
            .exit(Exit::Damaged),
        ),
    }
}

fn mend(patient: &Patient<'_>, path: &Path, error: &str, report: &mut Report) {
    let world = &patient.invocation.world;
    match salvage::salvage(&patient.invocation.paths.state, path, world.wall_ms()) {
        Ok(saved) => {
            report.changed(format!(
                "torana.db: damaged ({error}), set aside as {}",
                saved.aside.display()
            ));
            report.changed(format!("torana.db: new, with {}", saved.summary()));
            report.add(Finding::ok(CHECK, "torana.db is sound again"));
            if !saved.is_complete() {
                report.add(Finding::warn(
                    CHECK,
                    saved.loss(),
                    format!(
                        "keep {} in case something important is missing",
                        saved.aside.display()
                    ),
                ));
            }
        }
        Err(failure) => {
            let hint = failure
                .hint
                .unwrap_or_else(|| "nothing was lost: the damaged file is kept".to_owned());
            report.add(Finding::fail(CHECK, failure.message, hint).exit(failure.exit));
        }
    }
}
