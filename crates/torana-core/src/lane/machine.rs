//! The machine: what runs, what waits, and what becomes of a message that arrives.

use std::collections::{BTreeSet, VecDeque};

use super::policy::{DropPolicy, QueueMode, QueuePolicy};
use crate::id::InboxId;

/// What to do with a message that just arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The lane was idle: start a run with it.
    Run,
    /// It waits for its turn.
    Wait,
    /// Offer it to the running turn; on refusal call [`Lane::wait`].
    Steer,
    /// End the running turn; it and only it comes next, the listed ones are dropped as superseded.
    Interrupt(Vec<InboxId>),
    /// It waits; the listed older message no longer gets a turn of its own.
    WaitInsteadOf(InboxId),
    /// It waits; the listed older message joins the next turn as a summary line.
    WaitSummarising(InboxId),
    /// Refused: the queue is full.
    Refuse,
}

/// The next turn of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextTurn {
    /// The message the turn is named after: the newest of those merged.
    pub lead: InboxId,
    /// Messages merged into it, oldest first; the lead is not among them.
    pub merged: Vec<InboxId>,
    /// Messages that appear only as summary lines.
    pub summarised: Vec<InboxId>,
}

/// One session's queue.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    running: Option<InboxId>,
    waiting: VecDeque<Waiting>,
}

/// One waiting message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    id: InboxId,
    /// Messages of one reply target may be merged; those of different targets never are.
    target: u64,
    /// May become part of a collected turn.
    collect: bool,
    /// Joins the next turn only as a summary line.
    summary: bool,
}

impl Lane {
    /// The message whose turn runs.
    pub fn running(&self) -> Option<InboxId> {
        self.running
    }

    /// Messages that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// True when nothing runs and nothing waits; the owner may forget the lane.
    pub fn is_idle(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    /// Decides about a new message. `can_steer` tells whether the running backend takes text during a turn.
    pub fn arrive(
        &mut self,
        id: InboxId,
        target: u64,
        policy: QueuePolicy,
        can_steer: bool,
    ) -> Arrival {
        if self.running.is_none() && self.waiting.is_empty() {
            self.running = Some(id);
            return Arrival::Run;
        }
        match policy.mode {
            QueueMode::Steer if can_steer && self.running.is_some() => Arrival::Steer,
            QueueMode::Interrupt if self.running.is_some() => {
                let superseded = self.waiting.drain(..).map(|waiting| waiting.id).collect();
                self.push(id, target, false);
                Arrival::Interrupt(superseded)
            }
            mode => self.enqueue(id, target, policy, mode == QueueMode::Collect),
        }
    }

    /// Queues a message the running turn would not take.
    pub fn wait(&mut self, id: InboxId, target: u64, policy: QueuePolicy) -> Arrival {
        self.enqueue(id, target, policy, policy.mode == QueueMode::Collect)
    }

    /// Queues a message at its place in the order of arrival: one found in the inbox at start, or one that came back.
    /// It was accepted, so no cap applies.
    pub fn restore(&mut self, id: InboxId, target: u64, collect: bool) {
        self.insert_in_order(id, target, collect);
    }

    fn push(&mut self, id: InboxId, target: u64, collect: bool) {
        self.waiting.push_back(Waiting {
            id,
            target,
            collect,
            summary: false,
        });
    }

    fn insert_in_order(&mut self, id: InboxId, target: u64, collect: bool) {
        let at = self
            .waiting
            .iter()
            .rposition(|waiting| waiting.id < id)
            .map_or(0, |index| index + 1);
        self.waiting.insert(
            at,
            Waiting {
                id,
                target,
                collect,
                summary: false,
            },
        );
    }

    fn enqueue(&mut self, id: InboxId, target: u64, policy: QueuePolicy, collect: bool) -> Arrival {
        let full = self
            .waiting
            .iter()
            .filter(|waiting| !waiting.summary)
            .count()
            >= policy.cap.max(1);
        if !full {
            self.push(id, target, collect);
            return Arrival::Wait;
        }
        match policy.drop {
            DropPolicy::New => Arrival::Refuse,
            DropPolicy::Old => {
                let oldest = self
                    .waiting
                    .iter()
                    .position(|waiting| !waiting.summary)
                    .expect("a full queue has an entry");
                let dropped = self
                    .waiting
                    .remove(oldest)
                    .expect("the position was just found");
                self.push(id, target, collect);
                Arrival::WaitInsteadOf(dropped.id)
            }
            DropPolicy::Summarize => {
                let oldest = self
                    .waiting
                    .iter_mut()
                    .find(|waiting| !waiting.summary)
                    .expect("a full queue has an entry");
                oldest.summary = true;
                let summarised = oldest.id;
                self.push(id, target, collect);
                Arrival::WaitSummarising(summarised)
            }
        }
    }

    /// The run ended, and for now nothing follows it.
    pub fn rest(&mut self) {
        self.running = None;
    }

    /// Starts the next waiting turn when nothing runs.
    pub fn start_next(&mut self) -> Option<NextTurn> {
        if self.running.is_some() {
            return None;
        }
        let first = self.take_first()?;
        // Summary lines join the next turn that answers at the same place; elsewhere their author would hear nothing.
        let summarised =
            self.take_where(|waiting| waiting.summary && waiting.target == first.target);
        let mut ids = vec![first.id];
        if first.collect {
            ids.extend(
                self.take_where(|waiting| waiting.collect && waiting.target == first.target),
            );
        }
        let lead = ids.pop().expect("the first message is always there");
        self.running = Some(lead);
        Some(NextTurn {
            lead,
            merged: ids,
            summarised,
        })
    }

    /// The oldest message that leads a turn: one that is not a summary, or the newest summary of a target for which
    /// nothing else waits.
    fn take_first(&mut self) -> Option<Waiting> {
        let led: BTreeSet<u64> = self
            .waiting
            .iter()
            .filter(|waiting| !waiting.summary)
            .map(|waiting| waiting.target)
            .collect();
        let leads = |waiting: &Waiting| !waiting.summary || !led.contains(&waiting.target);
        let mut at = self.waiting.iter().position(leads)?;
        let (is_summary, target) = (self.waiting[at].summary, self.waiting[at].target);
        if is_summary {
            at = self
                .waiting
                .iter()
                .rposition(|waiting| waiting.target == target)?;
        }
        self.waiting.remove(at)
    }

    fn take_where(&mut self, belongs: impl Fn(&Waiting) -> bool) -> Vec<InboxId> {
        let (taken, rest): (VecDeque<_>, VecDeque<_>) = self.waiting.drain(..).partition(belongs);
        self.waiting = rest;
        taken.into_iter().map(|waiting| waiting.id).collect()
    }

    /// Forgets a waiting message: it was withdrawn, or its row turned out to be a duplicate. True when it was there.
    pub fn withdraw(&mut self, id: InboxId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.id != id);
        before != self.waiting.len()
    }

    /// Takes back a run that never started. True when it was this one.
    pub fn unstart(&mut self, id: InboxId) -> bool {
        let was = self.running == Some(id);
        if was {
            self.running = None;
        }
        was
    }

    /// Empties the queue: `/stop` ends the run and everything that waits. Returns what waited.
    pub fn clear(&mut self) -> Vec<InboxId> {
        self.waiting.drain(..).map(|waiting| waiting.id).collect()
    }

    /// Removes what arrived before a message: a command ends what came before it, never what came after it.
    pub fn clear_before(&mut self, id: InboxId) -> Vec<InboxId> {
        let (older, newer): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|waiting| waiting.id < id);
        self.waiting = newer;
        older.into_iter().map(|waiting| waiting.id).collect()
    }
}
