//! What must be on disk before anything is promised: the store, and the credentials of this installation.
//!
//! The first start makes them. Each file gets its name only when all of it is on disk, so that a start that was cut
//! short leaves nothing a later one would trip over.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use torana_core::port::World;
use torana_engine::Store;
use torana_engine::store::{self, Blank, OpenError};
use torana_host::files;

use super::failure::{EXIT_DAMAGED, EXIT_IO, Failure};
use crate::compose::{self, front::Credentials};
use crate::paths::Paths;

/// Begins to make the database of a new installation, in memory and beside the reading of the configuration, because
/// each takes a third of a first start. Nothing is on disk before [`open`].
pub(super) fn prepare(paths: &Paths) -> Option<Blank> {
    if paths.database().exists() {
        return None;
    }
    Blank::begin()
}

/// Opens what must be on disk before anything is promised. At the first start both halves wait for the disk, so they
/// wait side by side.
pub(super) fn open(
    paths: &Paths,
    world: &World,
    flush_failed: &CancellationToken,
    blank: Option<Blank>,
) -> Result<(Store, Credentials), Failure> {
    let failed = |message: String| Failure::new(EXIT_IO, message);
    let cannot_write = |path: &Path, error: std::io::Error| {
        Failure::disk(format!("cannot write {}", path.display()), &error)
    };
    let folder = paths.credentials();
    files::private_dir(&folder).map_err(|error| cannot_write(&folder, error))?;
    let credentials = compose::front::credentials(paths, world).map_err(failed)?;
    if credentials.missing.is_empty() {
        return Ok((open_store(paths, flush_failed, blank)?, credentials));
    }
    let (written, store) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| files::create_private_together(&credentials.missing));
        let store = open_store(paths, flush_failed, blank);
        (writing.join(), store)
    });
    written
        .unwrap_or_else(|_| Err(std::io::Error::other("the writer ended early")))
        .map_err(|error| cannot_write(&folder, error))?;
    Ok((store?, credentials))
}

/// Writes the database of a new installation: whole and on disk before it gets its name.
fn create_database(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let fail =
        |error: &std::io::Error| Failure::disk(format!("cannot write {}", path.display()), error);
    let mut is_alone = true;
    // A log without its database: SQLite would read it into the new one.
    for suffix in ["-wal", "-shm"] {
        is_alone &= !files::remove_if_there(&beside(suffix)).map_err(|error| fail(&error))?;
    }
    if !is_alone {
        let folder = path.parent().unwrap_or(path);
        files::sync_dir(folder).map_err(|error| fail(&error))?;
    }
    // Left by a start that did not get this far.
    for suffix in [".new", ".new-wal", ".new-shm"] {
        files::remove_if_there(&beside(suffix)).map_err(|error| fail(&error))?;
    }
    let new = beside(".new");
    files::create_private_unflushed(&new, bytes).map_err(|error| fail(&error))?;
    files::publish(&new, path).map_err(|error| fail(&error))
}

fn open_store(
    paths: &Paths,
    flush_failed: &CancellationToken,
    blank: Option<Blank>,
) -> Result<Store, Failure> {
    let failed = flush_failed.clone();
    let options = store::Options {
        on_flush_failure: Some(Arc::new(move || failed.cancel())),
        ..store::Options::new(paths.database())
    };
    if files::is_empty(&paths.database()) {
        return Err(damaged(paths, &"the store is damaged: the file is empty"));
    }
    if !paths.database().exists() {
        let made = blank.map_or_else(store::blank, Blank::finish);
        let bytes = made.map_err(|error| Failure::new(EXIT_IO, error.to_string()))?;
        create_database(&paths.database(), &bytes)?;
    }
    Store::open(options).map_err(|error| match error {
        OpenError::Damaged(_) => damaged(paths, &error),
        OpenError::Newer { .. } => {
            Failure::new(EXIT_IO, error.to_string()).hint("run the newer version again")
        }
        OpenError::Other(_) => Failure::new(EXIT_IO, error.to_string()),
    })
}

fn damaged(paths: &Paths, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        EXIT_DAMAGED,
        format!("{}: {error}", paths.database().display()),
    )
    .hint("nothing was changed; `torana doctor --fix` sets the file aside and salvages what it can")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_first_start_is_whole_private_and_unmoved_by_what_an_earlier_one_left() {
        let folder =
            std::env::temp_dir().join(format!("torana-first-start-{}", std::process::id()));
        files::private_dir(&folder).expect("a folder");
        let path = folder.join("torana.db");
        for left in ["torana.db-wal", "torana.db.new", "torana.db.new-wal"] {
            std::fs::write(folder.join(left), b"half a page").expect("written");
        }
        let bytes = store::blank().expect("made");
        create_database(&path, &bytes)
            .map_err(|failure| failure.message)
            .expect("created");
        let names: Vec<_> = std::fs::read_dir(&folder)
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, ["torana.db"]);
        let mode = std::fs::metadata(&path)
            .expect("exists")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(std::fs::remove_dir_all(&folder));
    }
}
