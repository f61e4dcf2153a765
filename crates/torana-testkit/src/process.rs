//! One life of the gateway's process, and how it dies.
//!
//! Every call of a port passes through [`Process::pass`]. A dead process gets no answer and has no effect any more,
//! so dropping its runtime a little later makes no difference: this is a crash at an exact await.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::clock::SimClock;
use crate::dice::Dice;

/// One life. Cheap to clone.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
}

struct Inner {
    alive: AtomicBool,
    calls: AtomicU64,
    dies_at_call: Option<u64>,
    died: Notify,
}

impl Process {
    /// A life that ends at the n-th passage through a port, if it does not end before.
    pub fn new(dies_at_call: Option<u64>) -> Self {
        Self {
            inner: Arc::new(Inner {
                alive: AtomicBool::new(true),
                calls: AtomicU64::new(0),
                dies_at_call,
                died: Notify::new(),
            }),
        }
    }

    /// False once the process has died.
    pub fn is_alive(&self) -> bool {
        self.inner.alive.load(Ordering::SeqCst)
    }

    /// Ends this life now.
    pub fn halt(&self) {
        self.inner.alive.store(false, Ordering::SeqCst);
        self.inner.died.notify_one();
    }

    /// Waits for the end of this life.
    pub async fn halted(&self) {
        while self.is_alive() {
            self.inner.died.notified().await;
        }
    }

    /// A passage between the gateway and the world; never completes for a dead process.
    pub async fn pass(&self) {
        let call = self.inner.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if self.is_alive() && self.inner.dies_at_call == Some(call) {
            self.halt();
        }
        if !self.is_alive() {
            std::future::pending::<()>().await;
        }
    }
}

/// What the scripted parts of one life share.
#[derive(Clone)]
pub struct Link {
    /// The life.
    pub process: Process,
    /// Its clock.
    pub clock: Arc<SimClock>,
    dice: Arc<Mutex<Dice>>,
}

impl Link {
    /// Ties parts to a life.
    pub fn new(process: Process, clock: Arc<SimClock>, dice: Dice) -> Self {
        Self {
            process,
            clock,
            dice: Arc::new(Mutex::new(dice)),
        }
    }

    /// Throws the dice of this life.
    pub fn dice<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut self.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_passes_after_death() {
        let process = Process::new(Some(2));
        process.pass().await;
        let passed = tokio::time::timeout(std::time::Duration::from_secs(60), process.pass()).await;
        assert!(passed.is_err() && !process.is_alive());
        process.halted().await;
    }
}
