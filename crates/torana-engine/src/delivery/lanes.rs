//! The queues of one account: what waits in each conversation, and how fast it may go.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use torana_core::deliver::Bucket;
use torana_core::id::IntentId;
use torana_core::message::{Conversation, Operation, PeerKind, Receipt};
use torana_core::port::{ChannelLimits, SendFailure, Transmit};

use crate::store::outbox::Intent;

/// Conversations whose pace is remembered although nothing waits there; above it, those that may send at once are
/// forgotten. Bounds memory when a bot talks to very many people.
const QUIET_LANES_MAX: usize = 4_096;

/// An intent that waits.
pub(super) struct Queued {
    pub(super) id: IntentId,
    /// Absent until it is sent, for what was found in the store at start.
    pub(super) intent: Option<Box<Intent>>,
    /// Its attempt is already on disk.
    pub(super) begun: bool,
    /// The process died while it was being sent.
    pub(super) after_crash: bool,
}

pub(super) struct Passing {
    pub(super) operation: Operation,
    pub(super) outcome: oneshot::Sender<Result<Receipt, SendFailure>>,
    /// Monotonic moment it was asked for.
    pub(super) at_ms: u64,
}

/// What waits in one conversation.
#[derive(Default)]
struct OutLane {
    queue: VecDeque<Queued>,
    preview: Option<Passing>,
    typing: Option<Passing>,
    /// A pump runs, or the lane is reserved for one.
    busy: bool,
    /// A request is on its way, or the lane is reserved for one. It comes to its end whatever happens to the account.
    in_flight: bool,
    buckets: Vec<Bucket>,
    /// Monotonic moment before which nothing goes out here.
    not_before_ms: u64,
}

impl OutLane {
    fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.preview.is_none() && self.typing.is_none()
    }
}

/// What a pump does next.
pub(super) enum Step {
    /// Send this intent; its tokens are taken.
    Send(Queued),
    /// Send this passing operation; its tokens are taken.
    Pass(Passing),
    /// Nothing may go out for this many milliseconds.
    Wait(u64),
    /// Nothing may go out until delivery is woken.
    Rest,
    /// Nothing is left, or the account has no way out: the pump ends.
    End,
}

/// One account's way out and its queues.
pub(super) struct AccountOut {
    pub(super) limits: ChannelLimits,
    pub(super) transmit: Option<Arc<dyn Transmit>>,
    bucket: Option<Bucket>,
    paused_until_ms: u64,
    lanes: HashMap<String, OutLane>,
}

impl AccountOut {
    pub(super) fn new(limits: ChannelLimits, now_ms: u64) -> Self {
        let bucket = account_bucket(&limits, now_ms);
        Self {
            limits,
            transmit: None,
            bucket,
            paused_until_ms: 0,
            lanes: HashMap::new(),
        }
    }

    pub(super) fn attach(
        &mut self,
        limits: ChannelLimits,
        transmit: Arc<dyn Transmit>,
        now_ms: u64,
    ) {
        self.bucket = account_bucket(&limits, now_ms);
        self.limits = limits;
        self.transmit = Some(transmit);
        self.paused_until_ms = 0;
    }

    /// Queues what the store says is open, unless it is already here.
    pub(super) fn restore(&mut self, lane: &str, id: IntentId, after_crash: bool) {
        let lane = self.lanes.entry(lane.to_owned()).or_default();
        // An intent that a pump holds right now is not in the queue; a busy lane therefore keeps what it has.
        if lane.busy || lane.queue.iter().any(|queued| queued.id == id) {
            return;
        }
        lane.queue.push_back(Queued {
            id,
            intent: None,
            begun: false,
            after_crash,
        });
    }

    /// Lanes that have work and no pump; marks them busy.
    pub(super) fn startable(&mut self) -> Vec<String> {
        let mut names: Vec<String> = self
            .lanes
            .iter_mut()
            .filter(|(_, lane)| !lane.busy && !lane.is_empty())
            .map(|(name, lane)| {
                lane.busy = true;
                name.clone()
            })
            .collect();
        names.sort_unstable();
        names
    }

    pub(super) fn push(&mut self, lane: &str, kind: PeerKind, queued: Queued) {
        let lane = self.lane(lane, kind, 0);
        if lane.queue.iter().any(|waiting| waiting.id == queued.id) {
            return;
        }
        // Two commits may be reported in another order than they were made; rows decide the order.
        let at = lane
            .queue
            .iter()
            .rposition(|waiting| waiting.id < queued.id)
            .map_or(0, |index| index + 1);
        lane.queue.insert(at, queued);
    }

    pub(super) fn pass(
        &mut self,
        lane: &str,
        kind: PeerKind,
        operation: Operation,
        outcome: oneshot::Sender<Result<Receipt, SendFailure>>,
        now_ms: u64,
    ) {
        let lane = self.lane(lane, kind, now_ms);
        let slot = if matches!(operation, Operation::Typing { .. }) {
            &mut lane.typing
        } else {
            &mut lane.preview
        };
        *slot = Some(Passing {
            operation,
            outcome,
            at_ms: now_ms,
        });
    }

    /// Marks a lane busy when it has work, a way out, and no pump. True when a pump must be started.
    pub(super) fn claim(&mut self, lane: &str) -> bool {
        if self.transmit.is_none() {
            return false;
        }
        match self.lanes.get_mut(lane) {
            Some(lane) if !lane.busy && !lane.is_empty() => {
                lane.busy = true;
                true
            }
            Some(_) | None => false,
        }
    }

    pub(super) fn reserve(&mut self, conversation: &Conversation, now_ms: u64) -> bool {
        if self.transmit.is_none() || self.paused_until_ms > now_ms {
            return false;
        }
        let name = conversation.lane_name();
        let lane = self.lane(&name, conversation.peer.kind, now_ms);
        if lane.busy || !lane.is_empty() || lane.not_before_ms > now_ms {
            return false;
        }
        if self.tokens_wait_ms(&name, now_ms) > 0 {
            return false;
        }
        self.take_tokens(&name, now_ms);
        if let Some(lane) = self.lanes.get_mut(&name) {
            lane.busy = true;
            lane.in_flight = true;
        }
        true
    }

    /// Frees a reserved lane. True when something arrived meanwhile and a pump must be started (the lane stays busy).
    pub(super) fn release(&mut self, lane: &str) -> bool {
        match self.lanes.get_mut(lane) {
            Some(lane) => {
                lane.in_flight = false;
                lane.busy = !lane.is_empty() && self.transmit.is_some();
                lane.busy
            }
            None => false,
        }
    }

    /// Decides what the pump of a lane does next; its request before is over.
    pub(super) fn step(&mut self, name: &str, now_ms: u64) -> Step {
        let step = self.decide(name, now_ms);
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.in_flight = matches!(step, Step::Send(_) | Step::Pass(_));
        }
        step
    }

    fn decide(&mut self, name: &str, now_ms: u64) -> Step {
        let tokens_ms = self.tokens_wait_ms(name, now_ms);
        let paused_ms = self.paused_until_ms.saturating_sub(now_ms);
        let has_way_out = self.transmit.is_some();
        let Some(lane) = self.lanes.get_mut(name) else {
            return Step::End;
        };
        if !has_way_out || lane.is_empty() {
            lane.busy = false;
            lane.preview = None;
            lane.typing = None;
            self.forget_quiet(name, now_ms);
            return Step::End;
        }
        if lane.queue.front().is_some_and(|queued| queued.begun) {
            // Its attempt is on disk and its tokens are taken: it goes now.
            return lane.queue.pop_front().map_or(Step::End, Step::Send);
        }
        let hold_ms = paused_ms.max(lane.not_before_ms.saturating_sub(now_ms));
        if hold_ms == 0
            && let Some(typing) = lane.typing.take()
        {
            // Typing signs are free on every platform we know and stop mattering at once.
            return Step::Pass(typing);
        }
        let wait_ms = hold_ms.max(tokens_ms);
        if wait_ms > 0 {
            return Step::Wait(wait_ms);
        }
        let step = match lane.queue.pop_front() {
            Some(queued) => {
                // A preview that is overtaken by a real message has nothing to show any more.
                lane.preview = None;
                Step::Send(queued)
            }
            None => match lane.preview.take() {
                Some(passing) => Step::Pass(passing),
                None => return Step::Wait(0),
            },
        };
        self.take_tokens(name, now_ms);
        step
    }

    /// Takes the next intent of a lane when it may go out right now, so that its attempt can join the current commit.
    pub(super) fn next_now(&mut self, name: &str, now_ms: u64) -> Option<Queued> {
        if self.transmit.is_none()
            || self.paused_until_ms > now_ms
            || self.tokens_wait_ms(name, now_ms) > 0
        {
            return None;
        }
        let lane = self.lanes.get_mut(name)?;
        if lane.not_before_ms > now_ms || lane.queue.front()?.after_crash {
            return None;
        }
        let queued = lane.queue.pop_front()?;
        self.take_tokens(name, now_ms);
        Some(queued)
    }

    /// Puts an intent back at the front of its lane.
    pub(super) fn put_back(&mut self, name: &str, queued: Queued) {
        self.lanes
            .entry(name.to_owned())
            .or_default()
            .queue
            .push_front(queued);
    }

    /// Holds a lane, or the whole account, until a monotonic moment.
    pub(super) fn hold(&mut self, name: &str, until_ms: u64, whole_account: bool) {
        if whole_account {
            self.paused_until_ms = self.paused_until_ms.max(until_ms);
        } else if let Some(lane) = self.lanes.get_mut(name) {
            lane.not_before_ms = lane.not_before_ms.max(until_ms);
        }
    }

    pub(super) fn open(&self) -> usize {
        self.lanes
            .values()
            .map(|lane| lane.queue.len() + usize::from(lane.busy))
            .sum()
    }

    pub(super) fn is_quiet(&self) -> bool {
        let has_way_out = self.transmit.is_some();
        let sends = |lane: &OutLane| has_way_out && (lane.busy || !lane.is_empty());
        self.lanes
            .values()
            .all(|lane| !lane.in_flight && !sends(lane))
    }

    /// Conversations in which something is on its way. What waits for a later try is not: it is in the store.
    pub(super) fn sending(&self, now_ms: u64) -> usize {
        let goes_out = self.transmit.is_some() && self.paused_until_ms <= now_ms;
        let sends = |lane: &&OutLane| {
            lane.in_flight || (goes_out && lane.busy && lane.not_before_ms <= now_ms)
        };
        self.lanes.values().filter(sends).count()
    }

    fn lane(&mut self, name: &str, kind: PeerKind, now_ms: u64) -> &mut OutLane {
        let rate = self.limits.rate;
        let lane = self.lanes.entry(name.to_owned()).or_default();
        if lane.buckets.is_empty()
            && let Some(rate) = rate
        {
            lane.buckets.push(Bucket::new(
                rate.conversation_per_second,
                rate.conversation_burst,
                now_ms,
            ));
            if kind != PeerKind::Direct {
                let burst = rate.group_per_minute.max(1.0);
                lane.buckets
                    .push(Bucket::new(rate.group_per_minute / 60.0, burst, now_ms));
            }
        }
        lane
    }

    fn tokens_wait_ms(&mut self, name: &str, now_ms: u64) -> u64 {
        let account_ms = self
            .bucket
            .as_mut()
            .map_or(0, |bucket| bucket.wait_ms(now_ms));
        let lane_ms = self.lanes.get_mut(name).map_or(0, |lane| {
            lane.buckets
                .iter_mut()
                .map(|bucket| bucket.wait_ms(now_ms))
                .max()
                .unwrap_or(0)
        });
        account_ms.max(lane_ms)
    }

    fn take_tokens(&mut self, name: &str, now_ms: u64) {
        if let Some(bucket) = &mut self.bucket {
            bucket.take(now_ms);
        }
        if let Some(lane) = self.lanes.get_mut(name) {
            for bucket in &mut lane.buckets {
                bucket.take(now_ms);
            }
        }
    }

    fn forget_quiet(&mut self, name: &str, now_ms: u64) {
        let remembers = |lane: &OutLane| !lane.buckets.is_empty() || lane.not_before_ms > now_ms;
        if self
            .lanes
            .get(name)
            .is_some_and(|lane| lane.is_empty() && !lane.busy && !remembers(lane))
        {
            self.lanes.remove(name);
        }
        if self.lanes.len() > QUIET_LANES_MAX {
            self.lanes.retain(|_, lane| {
                lane.busy
                    || !lane.is_empty()
                    || lane.not_before_ms > now_ms
                    || lane
                        .buckets
                        .iter_mut()
                        .any(|bucket| bucket.wait_ms(now_ms) > 0)
            });
        }
    }
}

fn account_bucket(limits: &ChannelLimits, now_ms: u64) -> Option<Bucket> {
    limits.rate.map(|rate| {
        Bucket::new(
            rate.account_per_second,
            rate.account_per_second.max(1.0),
            now_ms,
        )
    })
}
