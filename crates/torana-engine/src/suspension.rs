//! Suspension: a lease under which no turn begins, so that a machine can be stopped, copied or replaced in peace.
//!
//! What runs comes to its end, what arrives is accepted and waits on disk, and so do replies that wait for another try.
//! The lease ends when its holder says so, or by itself when the holder is gone; then the waiting turns begin.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use torana_core::event::{Event, SuspensionPhase};
use torana_core::limit::SUSPENSION_MS;
use torana_core::problem::{Code, Problem};

use crate::engine::{Engine, Phase};

pub(crate) mod lease;

use lease::Held;
pub use lease::{Blocking, Lease, Prepared, Resumed, Suspend, SuspensionState};

/// How often a lease is looked at, milliseconds: a drain that is over is told within it, and a wall clock that jumped
/// over the end of the lease, because the machine was stopped, is noticed within it.
const LOOK_MS: u64 = 250;

/// Work that leaves nothing behind, counted while it lives.
pub struct Passing(Arc<AtomicUsize>);

impl Passing {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Engine {
    /// What runs now.
    pub fn blocking(&self) -> Blocking {
        Blocking {
            runs: self.load().0,
            passing: self.shared.passing_runs.load(Ordering::SeqCst),
            replies: self.shared.delivery.sending(),
        }
    }

    /// Begins work that leaves nothing behind; dropping the result ends it.
    ///
    /// # Errors
    /// Under a suspension nothing begins.
    pub fn begin_passing(&self) -> Result<Passing, Problem> {
        // Counted first and looked at second, so that a suspension sees the work or the work sees the suspension.
        let passing = Passing::new(&self.shared.passing_runs);
        if self.suspension_phase() != SuspensionPhase::Accepting {
            return Err(Problem::new(Code::Unavailable, "the gateway is suspended"));
        }
        Ok(passing)
    }

    /// Whether turns begin, as clients are told it.
    pub fn suspension_phase(&self) -> SuspensionPhase {
        let held = self.shared.suspension.lock();
        held.as_ref()
            .map_or(SuspensionPhase::Accepting, |held| held.phase)
    }

    /// Takes or renews the lease.
    pub fn suspend(&self, suspend: Suspend) -> Prepared {
        self.expire_suspension();
        if self.phase() != Phase::Accepting {
            return Prepared::Leaving(self.blocking());
        }
        let world = self.world();
        let held = Held {
            id: world.uuid(),
            expires_at_ms: world.wall_ms().saturating_add_unsigned(SUSPENSION_MS),
            deadline_ms: world.monotonic_ms().saturating_add(SUSPENSION_MS),
            phase: SuspensionPhase::Draining,
            handed_over: false,
            suspend,
        };
        let is_new = {
            let mut slot = self.shared.suspension.lock();
            match slot.as_mut() {
                Some(known) if known.suspend != held.suspend => {
                    return Prepared::Taken(known.expires_at_ms);
                }
                Some(known) => {
                    // Somebody relies on the end of a lease that was handed over.
                    if !known.handed_over {
                        known.expires_at_ms = held.expires_at_ms;
                        known.deadline_ms = held.deadline_ms;
                    }
                    false
                }
                None => {
                    // Under the lock, so that no end of another lease comes in between. Lanes know nothing of leases
                    // and never wait for this lock.
                    self.shared.sessions.rest();
                    let blocking = self.blocking();
                    if blocking.total() > 0 && !held.suspend.drain {
                        // Nobody was told, so nobody notices that it was asked.
                        let plans = self.shared.sessions.wake();
                        drop(slot);
                        for plan in plans {
                            self.start_run(plan, None);
                        }
                        return Prepared::Busy(blocking);
                    }
                    *slot = Some(held.clone());
                    true
                }
            }
        };
        if is_new {
            self.shared.bus.publish(Event::Suspension(held.phase));
            self.shared
                .suspension
                .changes
                .send_modify(|count| *count += 1);
        }
        match self.look_at_suspension() {
            Some(lease) => Prepared::Held(lease),
            // It ended this very moment.
            None => Prepared::Busy(self.blocking()),
        }
    }

    /// Looks a lease up.
    pub fn suspension(&self, id: &str) -> SuspensionState {
        self.expire_suspension();
        match self.look_at_suspension() {
            None => SuspensionState::Running,
            Some(lease) if lease.id == id => SuspensionState::Held(lease),
            Some(lease) => SuspensionState::Other(lease.expires_at_ms),
        }
    }

    /// Ends a lease: what waited begins.
    pub fn resume(&self, id: &str) -> Resumed {
        self.expire_suspension();
        let other = match self.shared.suspension.lock().as_ref() {
            None => return Resumed::WasRunning,
            Some(held) => held.id != id,
        };
        if other {
            return Resumed::Other;
        }
        if self.end_suspension(id) {
            Resumed::Ended
        } else {
            Resumed::WasRunning
        }
    }

    /// Says that the next stop is a change of guard. `None` when the lease is not this one.
    pub fn hand_over(&self, id: &str) -> Option<i64> {
        self.expire_suspension();
        let mut slot = self.shared.suspension.lock();
        let held = slot.as_mut().filter(|held| held.id == id)?;
        held.handed_over = true;
        Some(held.expires_at_ms)
    }

    /// True once when a lease that holds was handed over.
    pub fn take_handover(&self) -> bool {
        self.expire_suspension();
        let mut slot = self.shared.suspension.lock();
        slot.as_mut()
            .is_some_and(|held| std::mem::take(&mut held.handed_over))
    }

    /// Waits until no lease holds.
    pub async fn unsuspended(&self) {
        let mut changes = self.shared.suspension.changes.subscribe();
        while self.suspension_phase() != SuspensionPhase::Accepting {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// The gateway stops: the lease is over, and what waited begins in the next process. Replies rest on: whoever holds
    /// a copy of the state may send them by now.
    pub(crate) fn give_up_suspension(&self) {
        let held = self.shared.suspension.lock().take();
        if held.is_some() {
            self.shared
                .suspension
                .changes
                .send_modify(|count| *count += 1);
        }
    }

    /// Keeps an eye on leases: tells when a drain is over, and ends what nobody renewed.
    pub(crate) fn watch_suspension(&self) {
        let engine = self.clone();
        self.shared.tasks.keep("suspension", move || {
            let engine = engine.clone();
            async move {
                let mut changes = engine.shared.suspension.changes.subscribe();
                loop {
                    changes.mark_unchanged();
                    engine.expire_suspension();
                    if engine.look_at_suspension().is_some() {
                        engine.shared.world.sleep_ms(LOOK_MS).await;
                    } else if changes.changed().await.is_err() {
                        return;
                    }
                }
            }
        });
    }

    /// The lease now; tells everybody when what ran is over.
    fn look_at_suspension(&self) -> Option<Lease> {
        let (lease, now, changed) = {
            let mut slot = self.shared.suspension.lock();
            let held = slot.as_mut()?;
            // Counted under the lock: what is decided from it holds until the lease ends.
            let blocking = self.blocking();
            // From here on replies that wait for another try wait for the end of the lease as well. Only that end takes
            // it back: who was told that the gateway is quiet relies on it.
            let delivery = &self.shared.delivery;
            let is_ready = delivery.is_resting() || (blocking.total() == 0 && delivery.rest());
            let now = if is_ready {
                SuspensionPhase::Prepared
            } else {
                SuspensionPhase::Draining
            };
            let changed = std::mem::replace(&mut held.phase, now) != now;
            let lease = Lease {
                id: held.id.clone(),
                expires_at_ms: held.expires_at_ms,
                is_ready,
                // What asks to begin counts until it is refused.
                blocking: if is_ready {
                    Blocking::default()
                } else {
                    blocking
                },
            };
            (lease, now, changed)
        };
        if changed {
            self.shared.bus.publish(Event::Suspension(now));
        }
        Some(lease)
    }

    fn expire_suspension(&self) {
        let (wall_ms, monotonic_ms) = (self.world().wall_ms(), self.world().monotonic_ms());
        let over = self.shared.suspension.lock().as_ref().and_then(|held| {
            // Either clock: the monotonic one may stand still while the machine does.
            let over = wall_ms >= held.expires_at_ms || monotonic_ms >= held.deadline_ms;
            over.then(|| held.id.clone())
        });
        if let Some(id) = over
            && self.end_suspension(&id)
        {
            tracing::warn!("A suspension ended by itself: nobody renewed it.");
        }
    }

    /// Ends this lease if it is the one that holds.
    fn end_suspension(&self, id: &str) -> bool {
        let plans = {
            let mut slot = self.shared.suspension.lock();
            if slot.take_if(|held| held.id == id).is_none() {
                return false;
            }
            self.shared.delivery.wake();
            // A stop wants nothing to begin.
            if self.phase() == Phase::Accepting {
                self.shared.sessions.wake()
            } else {
                Vec::new()
            }
        };
        for plan in plans {
            self.start_run(plan, None);
        }
        self.shared
            .bus
            .publish(Event::Suspension(SuspensionPhase::Accepting));
        self.shared
            .suspension
            .changes
            .send_modify(|count| *count += 1);
        true
    }
}
