//! Damaged databases are recognised and saved from, and a clock that cannot be right is told.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use torana_engine::Store;
use torana_engine::store::Options;

use super::clock;
use super::database::{Condition, condition};
use super::finding::Grade;
use super::salvage::salvage;
use super::state;

/// A folder of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("torana-doctor-{}", torana_host::world().uuid()));
        torana_host::files::private_dir(&path).expect("a folder");
        Self(path)
    }

    fn database(&self) -> PathBuf {
        self.0.join("torana.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A database of ours with `rows` settings of about half a page each.
fn filled(path: &Path, rows: u32) {
    drop(
        Store::open(Options {
            inline: true,
            ..Options::new(path)
        })
        .expect("a new store"),
    );
    let connection = Connection::open(path).expect("opened");
    let text = "x".repeat(2_000);
    for number in 0..rows {
        connection
            .execute(
                "INSERT INTO setting (name, value_json) VALUES (?1, ?2)",
                (format!("name-{number:04}"), &text),
            )
            .expect("inserted");
    }
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("checkpointed");
}

fn overwrite(path: &Path, from: usize, bytes: usize) {
    let mut content = std::fs::read(path).expect("read");
    let end = (from + bytes).min(content.len());
    content[from..end].fill(0xA5);
    std::fs::write(path, content).expect("written");
}

#[test]
fn a_sound_database_is_sound() {
    let scratch = Scratch::new();
    assert_eq!(condition(&scratch.database()), Condition::Missing);
    filled(&scratch.database(), 10);
    assert!(matches!(condition(&scratch.database()), Condition::Sound(schema) if schema >= 1));
}

#[test]
fn rows_around_the_damage_are_saved_and_the_damaged_file_is_kept() {
    let scratch = Scratch::new();
    let path = scratch.database();
    filled(&path, 400);
    let size = std::fs::metadata(&path).expect("there").len();
    let middle = usize::try_from(size).expect("small") / 2 / 4_096 * 4_096;
    overwrite(&path, middle, 4_096);
    assert!(matches!(condition(&path), Condition::Damaged(_)));

    let saved = salvage(&scratch.0, &path, 1_795_164_219_086).expect("salvaged");
    assert!(
        saved.aside.ends_with("torana.db.damaged-1795164219"),
        "{}",
        saved.aside.display()
    );
    assert!(matches!(condition(&saved.aside), Condition::Damaged(_)));
    assert!(matches!(condition(&path), Condition::Sound(_)));
    assert!(
        !saved.is_complete() && saved.incomplete().contains(&"setting"),
        "{}",
        saved.summary()
    );
    let rows: u32 = Connection::open(&path)
        .and_then(|connection| {
            connection.query_row("SELECT count(*) FROM setting", [], |row| row.get(0))
        })
        .expect("counted");
    assert!((200..400).contains(&rows), "{rows} of 400 rows");
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let scratch = Scratch::new();
    std::fs::write(scratch.database(), "").expect("a writable folder");
    // The superuser may read every folder, so a file stands where the folder should be.
    let inside = scratch.database().join("torana.db");
    assert!(matches!(condition(&inside), Condition::Unknown(_)));
}

#[test]
fn an_empty_file_is_a_database_that_lost_its_content() {
    let scratch = Scratch::new();
    std::fs::write(scratch.database(), "").expect("written");
    assert_eq!(
        condition(&scratch.database()),
        Condition::Damaged("the file is empty".to_owned())
    );
}

#[test]
fn a_state_directory_that_cannot_be_made_is_told_with_the_folder_in_the_way() {
    let scratch = Scratch::new();
    assert!(state::writable(&scratch.0.join("not").join("yet")).is_ok());
    let file = scratch.0.join("file");
    std::fs::write(&file, "").expect("written");
    let (folder, error) = state::writable(&file.join("state")).expect_err("no folder");
    assert_eq!(folder, file);
    assert_eq!(error.kind(), std::io::ErrorKind::NotADirectory);
}

#[test]
fn a_file_that_is_no_database_leaves_an_empty_one() {
    let scratch = Scratch::new();
    let path = scratch.database();
    std::fs::write(
        &path,
        "not a database at all, but long enough to look like one".repeat(100),
    )
    .expect("written");
    assert!(matches!(condition(&path), Condition::Damaged(_)));
    let saved = salvage(&scratch.0, &path, 5_000).expect("salvaged");
    assert!(!saved.is_complete());
    assert_eq!(saved.summary(), "nothing in it");
    assert_eq!(saved.loss(), "nothing could be read of the damaged file");
    assert!(matches!(condition(&path), Condition::Sound(_)));
}

#[test]
fn clock_is_judged_by_what_is_stored() {
    let now_ms = 1_795_164_219_086;
    assert_eq!(clock::judge(now_ms, None).grade, Grade::Ok);
    assert_eq!(clock::judge(now_ms, Some(now_ms - 5)).grade, Grade::Ok);
    assert_eq!(
        clock::judge(now_ms, Some(now_ms + 3_600_000)).grade,
        Grade::Warn
    );
    assert_eq!(clock::judge(86_400_000, None).grade, Grade::Fail);
}
