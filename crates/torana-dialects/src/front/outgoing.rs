//! What waits to be written to one client: a bounded queue of frames, filled by anybody, emptied by the connection.
//!
//! Events are encoded once for all connections ([`Encoded`]); each connection only appends its own `seq` while the
//! frame is copied to the wire (decision 45). The queue counts bytes: above the soft limit texts that may be merged
//! replace older ones, above the hard limit the client is cut off as a slow consumer (decision 44).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use torana_core::limit::{CLIENT_BUFFER_BYTES_MAX, CLIENT_BUFFER_BYTES_SOFT};

/// Answers above this size count as large (control decision 20).
pub(crate) const LARGE_ANSWER_BYTES: usize = 256 * 1024;
/// Large answers a client may leave unread before its further requests wait unread (control decision 20).
pub(crate) const LARGE_ANSWERS_MAX: usize = 2;
/// Bytes of unread answers of any size after which further requests wait (S-055): many small ones weigh as much.
const ANSWER_BYTES_MAX: usize = CLIENT_BUFFER_BYTES_SOFT;
/// Runs whose newest mergeable frame is remembered; a client rarely watches more at once, older ones just are not merged.
const MERGE_KEYS_MAX: usize = 16;
/// Queue slots kept when the queue runs empty; more would be memory held for an idle client.
const IDLE_SLOTS_MAX: usize = 16;
/// Bytes assumed for `,"seq":…}` and the frame header when bytes are counted; the exact figure does not matter.
const TAIL_BYTES: usize = 24;
/// Close code of a client that does not read (OpenClaw 2026.9.6).
const CLOSE_POLICY: u16 = 1008;

/// What may become of an event whose client does not keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is delivered or the client is cut off.
    Keep,
    /// It is left out; its `seq` is used up all the same, so the client sees the gap.
    Drop,
    /// It replaces the older queued event with the same key; the older one's `seq` is used up.
    Merge(u64),
}

/// An event encoded once: the JSON object of the frame without its last brace and without `seq`.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    prefix: Bytes,
    fate: Fate,
}

impl Encoded {
    /// Takes a complete JSON object without `seq`, such as `{"type":"event","event":"tick","payload":{…}}`.
    pub(crate) fn new(object: impl Into<Bytes>, fate: Fate) -> Self {
        let mut prefix: Bytes = object.into();
        debug_assert!(
            prefix.first() == Some(&b'{') && prefix.last() == Some(&b'}') && prefix.len() > 2
        );
        prefix.truncate(prefix.len().saturating_sub(1));
        Self { prefix, fate }
    }
}

/// One frame on its way to the wire.
#[derive(Debug, Clone)]
pub(super) enum Frame {
    /// A whole text message.
    Text(Bytes),
    /// An event and its number on this connection.
    Event { prefix: Bytes, seq: u64 },
    /// A ping of ours.
    Ping,
    /// Merged into a later frame.
    Gone,
}

impl Frame {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + TAIL_BYTES,
            Self::Event { prefix, .. } => prefix.len() + TAIL_BYTES,
            Self::Ping | Self::Gone => 0,
        }
    }

    /// What counts against answers nobody reads.
    fn answer_bytes(&self) -> usize {
        match self {
            Self::Text(_) => self.bytes(),
            Self::Event { .. } | Self::Ping | Self::Gone => 0,
        }
    }
}

/// How the connection is to end, after what is queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    /// WebSocket close code.
    pub(crate) code: u16,
    /// Reason text; cut to the 123 bytes a close frame can carry when written.
    pub(crate) reason: String,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frame>,
    /// Frames taken so far; position of the queue's front counted from the connection's first frame.
    taken: u64,
    bytes: usize,
    /// The part of `bytes` that is answers.
    answer_bytes: usize,
    seq: u64,
    merge: Vec<(u64, u64)>,
    close: Option<Close>,
}

/// Turns a whole frame into the client's own dialect; `None` leaves it out.
pub(crate) type Adapter = fn(&[u8]) -> Option<Vec<u8>>;

/// The queue. Shared by whoever has something to say to the client.
#[derive(Default)]
pub(crate) struct Outgoing {
    state: Mutex<State>,
    adapter: OnceLock<Adapter>,
    large: AtomicUsize,
    waker: AtomicWaker,
}

// === impl Outgoing ===

impl Outgoing {
    /// An empty queue; events are numbered from 1.
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on every frame is said in the client's own dialect. Works once.
    pub(crate) fn adapt(&self, adapter: Adapter) {
        self.adapter.get_or_init(|| adapter);
    }

    /// Queues a whole frame that carries no `seq`: an answer, or the challenge. `false` when the connection is ending.
    pub(crate) fn text(&self, frame: impl Into<Bytes>) -> bool {
        let mut frame: Bytes = frame.into();
        if let Some(adapter) = self.adapter.get() {
            match adapter(&frame) {
                Some(adapted) => frame = adapted.into(),
                None => return true,
            }
        }
        let is_large = frame.len() > LARGE_ANSWER_BYTES;
        let queued = self.push(&mut self.state(), Frame::Text(frame));
        if queued && is_large {
            self.large.fetch_add(1, Ordering::Relaxed);
        }
        queued
    }

    /// Queues an event under the next `seq`. `false` when the connection is ending.
    pub(crate) fn event(&self, event: &Encoded) -> bool {
        if let Some(adapter) = self.adapter.get() {
            // Nothing is merged: such a dialect need not repeat what an earlier frame said.
            let mut whole = event.prefix.to_vec();
            whole.push(b'}');
            return match adapter(&whole) {
                Some(adapted) => self.push(&mut self.state(), Frame::Text(adapted.into())),
                None => true,
            };
        }
        let mut state = self.state();
        if state.close.is_some() {
            return false;
        }
        state.seq += 1;
        let frame = Frame::Event {
            prefix: event.prefix.clone(),
            seq: state.seq,
        };
        let is_behind = state.bytes + frame.bytes() > CLIENT_BUFFER_BYTES_SOFT;
        match event.fate {
            Fate::Drop if is_behind => true,
            Fate::Merge(key) => {
                state.merge(key, is_behind);
                self.push(&mut state, frame)
            }
            Fate::Keep | Fate::Drop => self.push(&mut state, frame),
        }
    }

    /// Queues a WebSocket ping.
    pub(crate) fn ping(&self) -> bool {
        self.push(&mut self.state(), Frame::Ping)
    }

    /// Ends the connection once everything queued so far is written. The first reason wins.
    pub(crate) fn close(&self, code: u16, reason: impl Into<String>) {
        self.state().close.get_or_insert_with(|| Close {
            code,
            reason: reason.into(),
        });
        self.waker.wake();
    }

    /// The last `seq` given to an event; 0 before the first.
    #[cfg(test)]
    pub(crate) fn last_seq(&self) -> u64 {
        self.state().seq
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.state().bytes
    }

    fn push(&self, state: &mut State, frame: Frame) -> bool {
        if state.close.is_some() {
            return false;
        }
        let bytes = frame.bytes();
        if state.bytes + bytes > CLIENT_BUFFER_BYTES_MAX {
            // Quirk: OpenClaw 2026.9.6 names it so, and clients show the text.
            state.close = Some(Close {
                code: CLOSE_POLICY,
                reason: "slow consumer".to_owned(),
            });
            state.frames = VecDeque::new();
            (state.bytes, state.answer_bytes) = (0, 0);
            self.waker.wake();
            return false;
        }
        let was_empty = state.frames.is_empty();
        state.bytes += bytes;
        state.answer_bytes += frame.answer_bytes();
        state.frames.push_back(frame);
        if was_empty {
            self.waker.wake();
        }
        true
    }

    // === For the socket ===

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Moves frames of about `room` bytes into `batch`, at least one when there is one.
    pub(super) fn take(&self, batch: &mut Vec<Frame>, room: usize) {
        let mut state = self.state();
        let mut taken = 0;
        while taken < room {
            let Some(frame) = state.frames.pop_front() else {
                break;
            };
            taken += frame.bytes();
            state.answer_bytes = state.answer_bytes.saturating_sub(frame.answer_bytes());
            state.taken += 1;
            batch.push(frame);
        }
        state.bytes = state.bytes.saturating_sub(taken);
        if state.frames.is_empty() && state.frames.capacity() > IDLE_SLOTS_MAX {
            state.frames = VecDeque::new();
        }
    }

    /// Returns frames that did not fit after all, to the front.
    pub(super) fn put_back(&self, frames: impl DoubleEndedIterator<Item = Frame>) {
        let mut state = self.state();
        for frame in frames.rev() {
            state.bytes += frame.bytes();
            state.answer_bytes += frame.answer_bytes();
            state.taken -= 1;
            state.frames.push_front(frame);
        }
    }

    /// How to end, when asked to.
    pub(super) fn closing(&self) -> Option<Close> {
        self.state().close.clone()
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.state().frames.is_empty()
    }

    /// Too much of what was asked for is unread: further requests of this client wait.
    pub(super) fn is_choked(&self) -> bool {
        self.large.load(Ordering::Relaxed) >= LARGE_ANSWERS_MAX
            || self.state().answer_bytes > ANSWER_BYTES_MAX
    }

    /// A large answer has left the process.
    pub(super) fn large_written(&self) {
        self.large.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl State ===

impl State {
    /// Remembers where the newest frame of a key will stand, and when the client is behind, voids the older one.
    fn merge(&mut self, key: u64, is_behind: bool) {
        let next = self.taken + self.frames.len() as u64;
        match self.merge.iter_mut().find(|(known, _)| *known == key) {
            Some(entry) => {
                let older = std::mem::replace(&mut entry.1, next);
                if is_behind {
                    self.void(older);
                }
            }
            None => {
                if self.merge.len() >= MERGE_KEYS_MAX {
                    self.merge.remove(0);
                }
                self.merge.push((key, next));
            }
        }
    }

    fn void(&mut self, position: u64) {
        let index = position
            .checked_sub(self.taken)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(frame) = index.and_then(|index| self.frames.get_mut(index)) {
            let bytes = std::mem::replace(frame, Frame::Gone).bytes();
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize, fate: Fate) -> Encoded {
        Encoded::new(format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)), fate)
    }

    fn seqs(queue: &Outgoing) -> Vec<u64> {
        let mut batch = Vec::new();
        while !queue.is_empty() {
            queue.take(&mut batch, usize::MAX);
        }
        let seq = |frame: &Frame| match frame {
            Frame::Event { seq, .. } => Some(*seq),
            Frame::Text(_) | Frame::Ping => Some(0),
            Frame::Gone => None,
        };
        batch.iter().filter_map(seq).collect()
    }

    #[test]
    fn events_are_numbered_from_one_and_answers_are_not() {
        let queue = Outgoing::new();
        queue.text("{}");
        for _ in 0..3 {
            queue.event(&event(1, Fate::Keep));
        }
        assert_eq!(seqs(&queue), [0, 1, 2, 3]);
        assert_eq!(queue.last_seq(), 3);
    }

    #[test]
    fn above_the_soft_limit_droppable_events_leave_a_gap() {
        let queue = Outgoing::new();
        queue.event(&event(CLIENT_BUFFER_BYTES_SOFT, Fate::Keep));
        queue.event(&event(1, Fate::Drop));
        queue.event(&event(1, Fate::Keep));
        assert_eq!(seqs(&queue), [1, 3]);
    }

    #[test]
    fn above_the_soft_limit_only_the_newest_of_a_key_stays() {
        let queue = Outgoing::new();
        queue.event(&event(10, Fate::Merge(7)));
        queue.event(&event(CLIENT_BUFFER_BYTES_SOFT, Fate::Keep));
        queue.event(&event(10, Fate::Merge(7)));
        queue.event(&event(10, Fate::Merge(8)));
        queue.event(&event(10, Fate::Merge(7)));
        assert_eq!(seqs(&queue), [2, 4, 5]);
    }

    #[test]
    fn below_the_soft_limit_nothing_is_merged() {
        let queue = Outgoing::new();
        for _ in 0..3 {
            queue.event(&event(10, Fate::Merge(7)));
        }
        assert_eq!(seqs(&queue), [1, 2, 3]);
    }

    #[test]
    fn a_client_that_never_reads_is_cut_off_and_its_queue_is_freed() {
        let queue = Outgoing::new();
        let big = event(1024 * 1024, Fate::Keep);
        let accepted = (0..100).take_while(|_| queue.event(&big)).count();
        assert_eq!(
            accepted, 49,
            "49 MiB fit below the hard limit with their tails"
        );
        assert_eq!(
            queue.closing().map(|close| (close.code, close.reason)),
            Some((1008, "slow consumer".to_owned()))
        );
        assert_eq!(queue.bytes(), 0);
        assert!(!queue.text("{}"));
    }

    #[test]
    fn a_merge_after_the_older_one_was_written_touches_nothing_else() {
        let queue = Outgoing::new();
        queue.event(&event(10, Fate::Merge(7)));
        assert_eq!(seqs(&queue), [1]);
        queue.event(&event(CLIENT_BUFFER_BYTES_SOFT, Fate::Keep));
        queue.event(&event(10, Fate::Merge(7)));
        assert_eq!(seqs(&queue), [2, 3]);
    }

    #[test]
    fn what_did_not_fit_goes_back_in_its_order_and_the_first_close_counts() {
        let queue = Outgoing::new();
        for _ in 0..4 {
            queue.event(&event(1, Fate::Keep));
        }
        let mut batch = Vec::new();
        queue.take(&mut batch, usize::MAX);
        queue.put_back(batch.into_iter());
        queue.close(4001, "credential gone");
        queue.close(1000, "later");
        assert_eq!(seqs(&queue), [1, 2, 3, 4]);
        assert_eq!(queue.closing().map(|close| close.code), Some(4001));
    }

    /// S-055: whoever leaves two large answers unread is not read from until one of them is gone.
    #[test]
    fn s_055_large_answers_that_wait_choke_their_client() {
        let queue = Outgoing::new();
        queue.text(vec![b' '; LARGE_ANSWER_BYTES + 1]);
        assert!(!queue.is_choked());
        queue.text(vec![b' '; LARGE_ANSWER_BYTES + 1]);
        assert!(queue.is_choked());
        queue.large_written();
        assert!(!queue.is_choked());
    }
}
