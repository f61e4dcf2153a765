//! The one writer: closures from a bounded queue, many per flush.
//!
//! The batch is whatever queued up while the previous flush ran; there is no timer, so a lone write is
//! flushed at once and a busy store flushes rarely (decision 4). Each closure runs inside a savepoint:
//! one that fails undoes only its own rows.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction};
use tokio::sync::mpsc;
use torana_core::limit::COMMIT_ROWS_MAX;

use super::error::{StoreError, is_flush_failure};

/// What a test makes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// Let it pass.
    None,
    /// The disk is full: the transaction is undone and the callers are told.
    Full,
    /// The world stops before the commit: nothing of it is on disk and nobody is told.
    CrashBefore,
    /// The world stops after the commit: all of it is on disk and nobody is told.
    CrashAfter,
}

/// Asked before every commit, with its number from 1. Absent outside tests and simulation.
pub type CommitHook = Arc<dyn Fn(u64) -> CommitFault + Send + Sync>;

/// Runs in the transaction and returns what is to be called with the outcome of the commit.
pub(super) type Job = Box<dyn FnOnce(&Transaction<'_>) -> Completion + Send>;
type Completion = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What is known after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Committed {
    /// It is on disk, or nothing of it counts.
    Known,
    /// A flush failed: nobody knows what is on disk.
    Unknown,
    /// The world has stopped.
    Stopped,
}

/// Pages of log before it is carried over into the database: 12 MiB. The batch that fills the log takes ten times as long
/// as the others. A turn writes about 20 pages, so this is one turn in 150, and a page that many turns change is carried
/// over once for all of them.
pub(super) const CHECKPOINT_PAGES: c_int = 3_000;

thread_local! {
    /// Pages of the log after the last commit on this thread. The hook that tells them is a plain function.
    static LOG_PAGES: Cell<c_int> = const { Cell::new(0) };
}

/// Called by the database within every commit.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the database wants to hear an outcome"
)]
pub(super) fn note_log(_: &Wal, pages: c_int) -> rusqlite::Result<()> {
    LOG_PAGES.set(pages);
    Ok(())
}

/// After a failed flush the disk must not be asked again: closing would carry the log over into the database.
fn leave_as_it_is(connection: &Connection) {
    let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    if let Err(error) = kept {
        tracing::error!(%error, "The store could not be left as it is.");
    }
}

/// Carries a long log over into the database. Callers have their answers already and do not wait for it.
fn checkpoint(connection: &Connection) -> Committed {
    if LOG_PAGES.take() < CHECKPOINT_PAGES {
        return Committed::Known;
    }
    let carried = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    match carried {
        Ok(()) => Committed::Known,
        Err(error) if is_flush_failure(&error) => Committed::Unknown,
        Err(error) => {
            // Everything is in the log; the next commit tries again.
            tracing::warn!(%error, "The log of the store could not be carried over into the database yet.");
            Committed::Known
        }
    }
}

/// Commits one batch, and tells every caller.
pub(super) fn commit(
    connection: &Connection,
    jobs: Vec<Job>,
    number: u64,
    hook: Option<&CommitHook>,
) -> Committed {
    let fault = hook.map_or(CommitFault::None, |hook| hook(number));
    // The one writer owns its connection, so this cannot nest.
    let mut transaction =
        match Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            Err(error) => {
                refuse(connection, jobs, &StoreError::from(error));
                return Committed::Known;
            }
        };
    // The closures themselves take savepoints; dropping the transaction undoes everything.
    transaction.set_drop_behavior(rusqlite::DropBehavior::Rollback);
    let completions: Vec<Completion> = jobs.into_iter().map(|job| job(&transaction)).collect();
    let outcome = match fault {
        CommitFault::CrashBefore => return Committed::Stopped,
        CommitFault::Full => transaction
            .rollback()
            .map_err(StoreError::from)
            .and(Err(StoreError::Full)),
        CommitFault::None | CommitFault::CrashAfter => {
            transaction.commit().map_err(StoreError::from)
        }
    };
    if fault == CommitFault::CrashAfter {
        return Committed::Stopped;
    }
    for completion in completions {
        completion(outcome.clone());
    }
    match outcome {
        Ok(()) => checkpoint(connection),
        Err(StoreError::Flush) => Committed::Unknown,
        Err(_) => Committed::Known,
    }
}

/// Tells every job that no transaction could be opened. Each runs in a throw-away one so that it can answer its caller.
fn refuse(connection: &Connection, jobs: Vec<Job>, error: &StoreError) {
    for job in jobs {
        match connection.unchecked_transaction() {
            Ok(transaction) => {
                let completion = job(&transaction);
                drop(transaction);
                completion(Err(error.clone()));
            }
            Err(_) => drop(job),
        }
    }
}

/// The loop of the writer thread.
pub(super) fn run(
    connection: Connection,
    mut queue: mpsc::Receiver<Job>,
    on_flush_failure: &(dyn Fn() + Send),
) {
    let mut number = 0;
    while let Some(first) = queue.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < COMMIT_ROWS_MAX {
            match queue.try_recv() {
                Ok(job) => jobs.push(job),
                Err(_) => break,
            }
        }
        number += 1;
        if commit(&connection, jobs, number, None) == Committed::Unknown {
            leave_as_it_is(&connection);
            on_flush_failure();
            return;
        }
    }
}
