//! Who may guess how fast: a pure machine over milliseconds (decision 36, control decisions 16 and 17, S-005).
//!
//! Two things are counted apart. *Pace* belongs to a place: how many guesses of it are evaluated a second, how many
//! are in flight, how long a wrong one waits for its answer. The *lockout* belongs to a bucket: remote addresses, and
//! browser pages by origin and device; programs on this machine only where their operator wants it.

use std::collections::VecDeque;
use std::net::IpAddr;

use tokio_util::sync::CancellationToken;

use super::memory::Memory;

/// Guesses of one place evaluated in [`PACE_WINDOW_MS`] (S-005).
pub(super) const EVALUATIONS_MAX: usize = 10;
/// Window of the pace.
pub(super) const PACE_WINDOW_MS: u64 = 1_000;
/// Guesses of one place waiting for their turn or their answer (S-005).
pub(super) const IN_FLIGHT_MAX: usize = 32;
/// Delay of the answer to the second wrong guess; each further one doubles it (S-005).
pub(super) const DELAY_MS_FIRST: u64 = 250;
/// Longest delay (S-005).
pub(super) const DELAY_MS_MAX: u64 = 5_000;
/// Wrong guesses of one bucket before it is locked, unless said otherwise (OpenClaw 2026.9.6, S-005).
pub(super) const FAILURES_MAX: usize = 10;
/// Window of the lockout unless said otherwise, and the quiet time after which the delay starts anew.
pub(super) const FAILURE_WINDOW_MS: u64 = 60_000;
/// Length of a lockout unless said otherwise (OpenClaw 2026.9.6: 300 000 ms).
pub(super) const LOCKOUT_MS: u64 = 300_000;

/// Most wrong guesses a lockout waits for: each is remembered, of every source.
const FAILURES_CEILING: usize = 1_000;

/// When a bucket is locked, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// Wrong guesses in the window before the bucket is locked, from 1 to 1000.
    pub failures_max: usize,
    /// Window, milliseconds.
    pub window_ms: u64,
    /// Length of a lockout, milliseconds.
    pub lockout_ms: u64,
    /// Programs on this machine are never locked out.
    pub exempt_local: bool,
}

/// Where a guess comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// This machine, directly. All of loopback is one place.
    Local,
    /// A remote address or IPv6 network.
    Remote(IpAddr),
}

/// What guesses are counted under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    /// Where it comes from.
    pub(crate) place: Place,
    /// The browser page, when there is one.
    pub(crate) origin: Option<String>,
    /// The device, when it has signed.
    pub(crate) device: Option<String>,
}

impl Source {
    /// The same source with a device whose signature was verified: a stale tab then does not lock out a fresh one.
    pub(crate) fn with_device(mut self, device: impl Into<String>) -> Self {
        self.device = Some(device.into());
        self
    }
}

/// Kinds of credential, throttled apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// The shared token or password.
    Shared,
    /// A device token behind a verified signature.
    Device,
    /// A single-use sign-in code.
    Login,
}

type PaceKey = (Place, Option<String>, Class);
type LockKey = (Place, Option<String>, Option<String>, Class);

#[derive(Default)]
struct Pace {
    evaluated: VecDeque<u64>,
    failures: u32,
    failed_ms: u64,
    in_flight: Vec<(u64, CancellationToken)>,
}

#[derive(Default)]
struct Lock {
    failed: VecDeque<u64>,
    locked_until_ms: u64,
}

/// The machine.
#[derive(Default)]
pub(super) struct Throttle {
    pub(super) lockout: Lockout,
    paces: Memory<PaceKey, Pace>,
    locks: Memory<LockKey, Lock>,
    next_ticket: u64,
}

/// A guess in flight.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) id: u64,
    /// Cancelled when a newcomer was preferred by lot.
    pub(super) dropped: CancellationToken,
}

fn pace_key(source: &Source, class: Class) -> PaceKey {
    // A remote page can name any origin it likes, so only on this machine does the origin make a place of its own.
    let origin = match source.place {
        Place::Local => source.origin.clone(),
        Place::Remote(_) => None,
    };
    (source.place.clone(), origin, class)
}

// === impl Lockout ===

impl Default for Lockout {
    fn default() -> Self {
        Self {
            failures_max: FAILURES_MAX,
            window_ms: FAILURE_WINDOW_MS,
            lockout_ms: LOCKOUT_MS,
            exempt_local: true,
        }
    }
}

impl Lockout {
    fn failures(&self) -> usize {
        self.failures_max.clamp(1, FAILURES_CEILING)
    }
}

fn lock_key(source: &Source, class: Class, exempt_local: bool) -> Option<LockKey> {
    match (&source.place, &source.origin) {
        (Place::Local, None) if exempt_local => None,
        (Place::Local, None) => Some((Place::Local, None, None, class)),
        (Place::Local, Some(origin)) => Some((
            Place::Local,
            Some(origin.clone()),
            source.device.clone(),
            class,
        )),
        (place @ Place::Remote(_), _) => Some((place.clone(), None, None, class)),
    }
}

// === impl Throttle ===

impl Throttle {
    /// How long the source is still locked out.
    pub(super) fn locked_ms(&mut self, source: &Source, class: Class, now_ms: u64) -> Option<u64> {
        let lock = self
            .locks
            .get_mut(&lock_key(source, class, self.lockout.exempt_local)?)?;
        lock.locked_until_ms
            .checked_sub(now_ms)
            .filter(|wait_ms| *wait_ms > 0)
    }

    /// Lets a guess wait for its turn. When the place is full, the lot decides between the newcomer and one that
    /// waits: nobody can keep the owner out by filling the queue. `lot` is a random number below [`IN_FLIGHT_MAX`] + 1.
    pub(super) fn enter(&mut self, source: &Source, class: Class, lot: usize) -> Option<Ticket> {
        let pace = self.paces.entry(&pace_key(source, class));
        if pace.in_flight.len() >= IN_FLIGHT_MAX {
            if lot >= pace.in_flight.len() {
                return None;
            }
            pace.in_flight.swap_remove(lot).1.cancel();
        }
        self.next_ticket += 1;
        let ticket = Ticket {
            id: self.next_ticket,
            dropped: CancellationToken::new(),
        };
        pace.in_flight.push((ticket.id, ticket.dropped.clone()));
        Some(ticket)
    }

    /// The guess is over.
    pub(super) fn leave(&mut self, source: &Source, class: Class, ticket: u64) {
        if let Some(pace) = self.paces.get_mut(&pace_key(source, class)) {
            pace.in_flight.retain(|(id, _)| *id != ticket);
        }
    }

    /// Takes a turn to evaluate a guess; otherwise says how long to wait before asking again.
    pub(super) fn evaluate(
        &mut self,
        source: &Source,
        class: Class,
        now_ms: u64,
    ) -> Result<(), u64> {
        let pace = self.paces.entry(&pace_key(source, class));
        while pace
            .evaluated
            .front()
            .is_some_and(|at_ms| now_ms.saturating_sub(*at_ms) >= PACE_WINDOW_MS)
        {
            pace.evaluated.pop_front();
        }
        match pace.evaluated.front() {
            Some(oldest_ms) if pace.evaluated.len() >= EVALUATIONS_MAX => {
                Err((oldest_ms + PACE_WINDOW_MS).saturating_sub(now_ms).max(1))
            }
            _ => {
                pace.evaluated.push_back(now_ms);
                Ok(())
            }
        }
    }

    /// Counts a wrong guess and returns how long its answer waits.
    pub(super) fn failed(&mut self, source: &Source, class: Class, now_ms: u64) -> u64 {
        if let Some(key) = lock_key(source, class, self.lockout.exempt_local) {
            let lock = self.locks.entry(&key);
            lock.failed.push_back(now_ms);
            while lock
                .failed
                .front()
                .is_some_and(|at_ms| now_ms.saturating_sub(*at_ms) >= self.lockout.window_ms)
            {
                lock.failed.pop_front();
            }
            if lock.failed.len() >= self.lockout.failures() {
                lock.failed.clear();
                lock.locked_until_ms = now_ms.saturating_add(self.lockout.lockout_ms);
            }
        }
        let pace = self.paces.entry(&pace_key(source, class));
        if now_ms.saturating_sub(pace.failed_ms) >= FAILURE_WINDOW_MS {
            pace.failures = 0;
        }
        pace.failed_ms = now_ms;
        pace.failures = pace.failures.saturating_add(1);
        match pace.failures {
            1 => 0,
            more => DELAY_MS_FIRST
                .saturating_mul(1 << (more - 2).min(16))
                .min(DELAY_MS_MAX),
        }
    }

    /// A right secret clears what was counted against its bucket, not the pace: other programs share that.
    pub(super) fn succeeded(&mut self, source: &Source, class: Class) {
        if let Some(key) = lock_key(source, class, self.lockout.exempt_local) {
            self.locks.remove(&key);
        }
        if let Some(pace) = self.paces.get_mut(&pace_key(source, class)) {
            pace.failures = 0;
        }
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.paces.len().max(self.locks.len())
    }
}
