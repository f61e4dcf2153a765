//! The one writer: closures from a bounded queue, many per flush.
//!
//! The batch is whatever queued up while the previous flush ran; there is no timer, so a lone write is
//! flushed at once and a busy store flushes rarely (decision 4). Each closure runs inside a savepoint:
//! one that fails undoes only its own rows.

use std::sync::Arc;

use rusqlite::{Connection, Transaction};
use tokio::sync::mpsc;
use torana_core::limit::COMMIT_ROWS_MAX;

use super::StoreError;

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

/// Commits one batch. `false` means the world has stopped.
pub(super) fn commit(
    connection: &Connection,
    jobs: Vec<Job>,
    number: u64,
    hook: Option<&CommitHook>,
) -> bool {
    let fault = hook.map_or(CommitFault::None, |hook| hook(number));
    // The one writer owns its connection, so this cannot nest.
    let mut transaction =
        match Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            Err(error) => {
                refuse(connection, jobs, &StoreError::from(error));
                return true;
            }
        };
    // The closures themselves take savepoints; dropping the transaction undoes everything.
    transaction.set_drop_behavior(rusqlite::DropBehavior::Rollback);
    let completions: Vec<Completion> = jobs.into_iter().map(|job| job(&transaction)).collect();
    let outcome = match fault {
        CommitFault::CrashBefore => return false,
        CommitFault::Full => transaction
            .rollback()
            .map_err(StoreError::from)
            .and(Err(StoreError::Full)),
        CommitFault::None | CommitFault::CrashAfter => {
            transaction.commit().map_err(StoreError::from)
        }
    };
    if fault == CommitFault::CrashAfter {
        return false;
    }
    for completion in completions {
        completion(outcome.clone());
    }
    true
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
    let failed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    while let Some(first) = queue.blocking_recv() {
        let mut jobs = vec![first];
        while jobs.len() < COMMIT_ROWS_MAX {
            match queue.try_recv() {
                Ok(job) => jobs.push(job),
                Err(_) => break,
            }
        }
        number += 1;
        let seen = Arc::clone(&failed);
        jobs.push(Box::new(move |_: &Transaction<'_>| {
            Box::new(move |outcome: Result<(), StoreError>| {
                if outcome == Err(StoreError::Flush) {
                    seen.store(true, std::sync::atomic::Ordering::SeqCst);
                }
            })
        }));
        commit(&connection, jobs, number, None);
        if failed.load(std::sync::atomic::Ordering::SeqCst) {
            on_flush_failure();
            return;
        }
    }
}
