//! The lanes of all sessions with something to do, and the works that wait or run in them.
//!
//! The map holds plain data behind one lock that is never held across an await; the pure machine decides.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use torana_core::id::InboxId;
use torana_core::key::SessionKey;
use torana_core::lane::{Arrival, Lane, NextTurn, QueueMode, QueuePolicy};

use super::debounce::Debounce;
use super::work::{TurnPlan, Work};
use crate::turn::{StopReason, TurnHandle};

/// What a lane made of a message that arrived.
pub(crate) struct Arrived {
    pub(crate) arrival: Arrival,
    /// Waiting messages that lost their turn to it: they end once it is on disk, or come back with
    /// [`Sessions::give_back`] when it is not.
    pub(crate) dropped: Vec<Work>,
    /// The turn that it ends. By the time the message is on disk its own may run, or that of a newer one.
    pub(crate) interrupts: Option<Arc<TurnHandle>>,
}

#[derive(Default)]
struct Slot {
    lane: Lane,
    works: BTreeMap<InboxId, Work>,
    active: Option<Arc<TurnHandle>>,
    /// Where the running turn answers, as [`Work::target_hash`].
    active_target: u64,
}

/// All sessions with something to do.
#[derive(Default)]
pub(crate) struct Sessions {
    slots: Mutex<HashMap<SessionKey, Slot>>,
    /// No turn begins. Read and changed while `slots` is locked, so that no turn slips in between.
    resting: AtomicBool,
    pub(crate) debounce: Debounce,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionKey, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about a message that arrived and takes it into the lane.
    pub(crate) fn arrive(&self, work: &Work, policy: QueuePolicy) -> Arrived {
        let mut slots = self.lock();
        let slot = slots.entry(work.session.clone()).or_default();
        // A turn that answers elsewhere must not swallow this message: its author would hear nothing.
        let answers_there = slot.active_target == work.target_hash();
        let can_steer = answers_there
            && slot
                .active
                .as_ref()
                .is_some_and(|active| active.steer().is_some());
        let arrival = if self.is_resting() {
            // Not into the running turn either: that would keep it from coming to its end.
            slot.lane.wait(work.id, work.target_hash(), policy)
        } else {
            slot.lane
                .arrive(work.id, work.target_hash(), policy, can_steer)
        };
        let dropped: &[InboxId] = match &arrival {
            Arrival::Interrupt(superseded) => superseded,
            Arrival::WaitInsteadOf(oldest) => std::slice::from_ref(oldest),
            Arrival::Run
            | Arrival::Wait
            | Arrival::Steer
            | Arrival::WaitSummarising(_)
            | Arrival::Refuse => &[],
        };
        let dropped = dropped
            .iter()
            .filter_map(|id| slot.works.remove(id))
            .collect();
        let interrupts = if matches!(arrival, Arrival::Interrupt(_)) {
            slot.active.clone()
        } else {
            None
        };
        if matches!(arrival, Arrival::Run) {
            slot.active = Some(Arc::clone(&work.handle));
            slot.active_target = work.target_hash();
        }
        if !matches!(arrival, Arrival::Refuse) {
            slot.works.insert(work.id, work.clone());
        }
        Arrived {
            arrival,
            dropped,
            interrupts,
        }
    }

    /// Takes messages back that lost their turn to one that never came to be. Returns what may run now.
    pub(crate) fn give_back(&self, dropped: Vec<Work>, collect: bool) -> Option<TurnPlan> {
        let session = dropped.first()?.session.clone();
        let mut slots = self.lock();
        let slot = slots.entry(session).or_default();
        for work in dropped {
            slot.lane.restore(work.id, work.target_hash(), collect);
            slot.works.insert(work.id, work);
        }
        self.next(slot)
    }

    /// Queues a message that the running turn did not take.
    pub(crate) fn wait(&self, work: &Work, policy: QueuePolicy) -> Option<TurnPlan> {
        let mut slots = self.lock();
        let slot = slots.entry(work.session.clone()).or_default();
        // It was accepted already, so no cap applies any more.
        slot.lane.restore(
            work.id,
            work.target_hash(),
            policy.mode == QueueMode::Collect,
        );
        slot.works.insert(work.id, work.clone());
        self.next(slot)
    }

    /// Queues a message found in the inbox at start.
    pub(crate) fn restore(&self, work: &Work, collect: bool) {
        let mut slots = self.lock();
        let slot = slots.entry(work.session.clone()).or_default();
        slot.lane.restore(work.id, work.target_hash(), collect);
        slot.works.insert(work.id, work.clone());
    }

    /// Takes back a message whose row could not be written or was already there. Returns what may run instead.
    ///
    /// `ran`: it found its lane idle. One that waited and was started meanwhile is left alone: its turn finds no row.
    pub(crate) fn retract(&self, session: &SessionKey, id: InboxId, ran: bool) -> Option<TurnPlan> {
        let mut slots = self.lock();
        let slot = slots.get_mut(session)?;
        slot.works.remove(&id);
        let plan = if ran && slot.lane.unstart(id) {
            slot.active = None;
            self.next(slot)
        } else {
            slot.lane.withdraw(id);
            None
        };
        if plan.is_none() && slot.lane.is_idle() {
            slots.remove(session);
        }
        plan
    }

    /// Takes the lead's own work when its lane was idle and its row is on disk.
    pub(crate) fn take(&self, session: &SessionKey, id: InboxId) -> Option<Work> {
        self.lock().get_mut(session)?.works.remove(&id)
    }

    /// Forgets a message that the running turn took.
    pub(crate) fn steered(&self, session: &SessionKey, id: InboxId) {
        if let Some(slot) = self.lock().get_mut(session) {
            slot.works.remove(&id);
        }
    }

    /// The turn of a lane ended. Returns the next one; forgets an idle lane.
    pub(crate) fn settle(&self, session: &SessionKey) -> Option<TurnPlan> {
        let mut slots = self.lock();
        let slot = slots.get_mut(session)?;
        slot.active = None;
        slot.lane.rest();
        let plan = self.next(slot);
        if plan.is_none() && slot.lane.is_idle() {
            slots.remove(session);
        }
        plan
    }

    /// Starts every lane that has work and no run; at start, after recovery.
    pub(crate) fn start_waiting(&self) -> Vec<TurnPlan> {
        let mut slots = self.lock();
        let mut plans: Vec<TurnPlan> = slots
            .values_mut()
            .filter_map(|slot| self.next(slot))
            .collect();
        plans.sort_by_key(|plan| plan.lead.id);
        plans
    }

    fn is_resting(&self) -> bool {
        self.resting.load(Ordering::SeqCst)
    }

    /// From now on no turn begins; those that run go on.
    pub(crate) fn rest(&self) {
        let _slots = self.lock();
        self.resting.store(true, Ordering::SeqCst);
    }

    /// Turns begin again; returns those that waited.
    pub(crate) fn wake(&self) -> Vec<TurnPlan> {
        {
            let _slots = self.lock();
            self.resting.store(false, Ordering::SeqCst);
        }
        self.start_waiting()
    }

    fn next(&self, slot: &mut Slot) -> Option<TurnPlan> {
        if self.is_resting() {
            return None;
        }
        let next = slot.lane.start_next()?;
        Self::plan(slot, &next)
    }

    fn plan(slot: &mut Slot, next: &NextTurn) -> Option<TurnPlan> {
        let Some(lead) = slot.works.remove(&next.lead) else {
            // The lane and its works are changed together under one lock, so this cannot happen; if it does, the
            // row is still in the inbox and the lane must not hang.
            debug_assert!(false, "a lane held a message without work");
            slot.lane.unstart(next.lead);
            return None;
        };
        let mut take = |ids: &[InboxId]| {
            ids.iter()
                .filter_map(|id| slot.works.remove(id))
                .collect::<Vec<_>>()
        };
        let merged = take(&next.merged);
        let summarised = take(&next.summarised);
        slot.active = Some(Arc::clone(&lead.handle));
        slot.active_target = lead.target_hash();
        Some(TurnPlan {
            lead,
            merged,
            summarised,
        })
    }

    /// The running turn of a session.
    pub(crate) fn active(&self, session: &SessionKey) -> Option<Arc<TurnHandle>> {
        self.lock().get(session)?.active.clone()
    }

    /// Keys of all sessions with a running turn.
    pub(crate) fn active_keys(&self) -> Vec<String> {
        let slots = self.lock();
        let mut keys: Vec<String> = slots
            .iter()
            .filter(|(_, slot)| slot.active.is_some())
            .map(|(key, _)| key.as_str().to_owned())
            .collect();
        keys.sort_unstable();
        keys
    }

    /// Messages waiting in a session.
    pub(crate) fn waiting(&self, session: &SessionKey) -> usize {
        self.lock()
            .get(session)
            .map_or(0, |slot| slot.lane.waiting())
    }

    /// Removes one waiting message. True when it waited here.
    pub(crate) fn withdraw(&self, session: &SessionKey, id: InboxId) -> Option<Work> {
        let mut slots = self.lock();
        let slot = slots.get_mut(session)?;
        if !slot.lane.withdraw(id) {
            return None;
        }
        slot.works.remove(&id)
    }

    /// Empties the queue and asks the run to end, as far as both are older than `before`. Returns what waited and
    /// what ran.
    pub(crate) fn clear(
        &self,
        session: &SessionKey,
        before: Option<InboxId>,
        reason: StopReason,
    ) -> (Vec<Work>, Option<Arc<TurnHandle>>) {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(session) else {
            return (Vec::new(), None);
        };
        let ids = match before {
            Some(before) => slot.lane.clear_before(before),
            None => slot.lane.clear(),
        };
        let waiting = ids.iter().filter_map(|id| slot.works.remove(id)).collect();
        let active = slot
            .active
            .clone()
            .filter(|active| before.is_none_or(|before| active.inbox < before));
        if let Some(active) = &active {
            active.stop(reason);
        }
        (waiting, active)
    }

    /// Sessions that have something to do, and messages that wait in all of them.
    pub(crate) fn load(&self) -> (usize, usize) {
        let slots = self.lock();
        (
            slots.values().filter(|slot| slot.active.is_some()).count(),
            slots.values().map(|slot| slot.lane.waiting()).sum(),
        )
    }
}
