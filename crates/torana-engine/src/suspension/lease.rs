//! A lease on quiet: what is asked, what is answered, and where the one there is stands.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use torana_core::event::SuspensionPhase;

/// A request for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspend {
    /// Names the request; the same one again renews the lease.
    pub request: String,
    /// Take the lease although something runs, and let that come to its end.
    pub drain: bool,
    /// The holder means to end terminals too. There are none; it only tells requests apart.
    pub ends_terminals: bool,
}

/// What keeps a suspended gateway from being quiet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Blocking {
    /// Turns that run.
    pub runs: usize,
    /// Runs, summaries and vectors that leave no row behind.
    pub passing: usize,
    /// Conversations in which a reply is on its way.
    pub replies: usize,
}

impl Blocking {
    /// All together.
    pub fn total(self) -> usize {
        self.runs + self.passing + self.replies
    }
}

/// A lease as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its id, which only its holder knows.
    pub id: String,
    /// When it ends by itself, Unix milliseconds.
    pub expires_at_ms: i64,
    /// The gateway is quiet, and stays so until the lease ends.
    pub is_ready: bool,
    /// What still runs; nothing when the gateway is quiet.
    pub blocking: Blocking,
}

/// What a request for a lease came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// Held, new or renewed.
    Held(Lease),
    /// Something runs and the request does not wait for it.
    Busy(Blocking),
    /// The gateway starts or stops.
    Leaving(Blocking),
    /// Another request holds the lease until this moment, Unix milliseconds.
    Taken(i64),
}

/// The lease behind an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuspensionState {
    /// There is none: turns begin.
    Running,
    /// It holds.
    Held(Lease),
    /// Another lease holds until this moment, Unix milliseconds.
    Other(i64),
}

/// What the end of a lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// Turns begin again.
    Ended,
    /// There was none.
    WasRunning,
    /// Another lease holds.
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) suspend: Suspend,
    pub(super) id: String,
    pub(super) expires_at_ms: i64,
    pub(super) deadline_ms: u64,
    pub(super) phase: SuspensionPhase,
    /// The stop that comes is a change of guard: the holder starts the gateway again.
    pub(super) handed_over: bool,
}

/// The lease, if there is one.
pub(crate) struct Suspension {
    pub(super) held: Mutex<Option<Held>>,
    /// Moves whenever a lease comes or goes.
    pub(super) changes: watch::Sender<u64>,
}

impl Default for Suspension {
    fn default() -> Self {
        Self {
            held: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl Suspension {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
