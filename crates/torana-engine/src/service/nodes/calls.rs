//! Calls that wait for their answer, and outcomes kept for whoever asks the same again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use torana_core::auth::Digest;
use torana_core::id::{ConnectionId, DeviceId};

/// How long a finished call is remembered for repeats, milliseconds: longer than any client retries.
const REPEAT_MS: u64 = 600_000;
/// Finished calls remembered at once; the oldest go above it.
pub(super) const REPEATS_MAX: usize = 512;
/// Bytes of an answer that is remembered for repeats; a camera picture is not kept for ten minutes.
const REPEAT_BYTES_MAX: usize = 64 * 1024;

/// What to ask of a node.
pub struct CallRequest {
    /// The node's device.
    pub node: DeviceId,
    /// The command.
    pub command: String,
    /// Its parameters.
    pub params: Option<Value>,
    /// How long to wait, milliseconds; zero and nothing mean the default.
    pub timeout_ms: Option<u64>,
    /// A repeat with the same key is the same call.
    pub idempotency_key: String,
    /// Hears of progress, in order.
    pub progress: Option<Progress>,
}

/// Hears pieces of progress. Must not wait.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// A node's good answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallAnswer {
    /// The answer, when it came as a value.
    pub payload: Option<Value>,
    /// The answer, when it came as JSON text.
    pub payload_json: Option<String>,
}

/// Why there is no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFault {
    /// No such node is connected.
    NotConnected,
    /// The node went away before it answered.
    Disconnected,
    /// The node may not be asked for this; the text says which filter refused.
    NotAllowed(&'static str),
    /// The key was used for another call.
    Conflict,
    /// Too many calls wait for this node.
    Busy,
    /// The node did not answer in time.
    TimedOut,
    /// Nobody waited any more.
    Aborted,
    /// The node says that it failed.
    Failed {
        /// Its code.
        code: Option<String>,
        /// Its words.
        message: Option<String>,
    },
}

/// What came of a call.
pub type CallOutcome = Result<CallAnswer, CallFault>;

/// A call that waits.
pub(super) struct Pending {
    pub(super) node: DeviceId,
    pub(super) connection: ConnectionId,
    pub(super) outcome: watch::Sender<Option<CallOutcome>>,
    pub(super) progress: Option<Progress>,
    pub(super) next_seq: u64,
    pub(super) early: BTreeMap<u64, String>,
}

/// A call that may be asked again.
pub(super) struct Repeat {
    pub(super) content: Digest,
    pub(super) outcome: Outcome,
    pub(super) begun_ms: u64,
}

/// Calls that wait, and outcomes for repeats.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) pending: BTreeMap<String, Pending>,
    pub(super) repeats: BTreeMap<(DeviceId, String), Repeat>,
}

impl Calls {
    /// Settles a call. `false` when it was settled before.
    pub(super) fn settle(&mut self, id: &str, outcome: CallOutcome) -> bool {
        match self.pending.remove(id) {
            Some(call) => {
                call.outcome.send_replace(Some(outcome));
                true
            }
            None => false,
        }
    }

    /// The calls of a connection that ended.
    pub(super) fn end_connection(&mut self, connection: ConnectionId) {
        let ids: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, call)| call.connection == connection)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.settle(&id, Err(CallFault::Disconnected));
        }
    }

    /// How many calls to a node wait.
    pub(super) fn of_node(&self, node: &DeviceId) -> usize {
        self.pending
            .values()
            .filter(|call| call.node == *node)
            .count()
    }

    /// Forgets what is too old, too large or too much. A call that waits is never forgotten.
    pub(super) fn prune(&mut self, now_ms: u64) {
        let is_kept = |repeat: &Repeat| match &*repeat.outcome.borrow() {
            None => true,
            // Only the node's own words are an outcome; anything else may be tried again.
            Some(Err(CallFault::Failed { .. })) => repeat.begun_ms + REPEAT_MS > now_ms,
            Some(Err(_)) => false,
            Some(Ok(answer)) => {
                repeat.begun_ms + REPEAT_MS > now_ms && answer.bytes() <= REPEAT_BYTES_MAX
            }
        };
        self.repeats.retain(|_, repeat| is_kept(repeat));
        while self.repeats.len() >= REPEATS_MAX {
            let oldest = self
                .repeats
                .iter()
                .filter(|(_, repeat)| repeat.outcome.borrow().is_some())
                .min_by_key(|(_, repeat)| repeat.begun_ms)
                .map(|(key, _)| key.clone());
            match oldest {
                Some(key) => drop(self.repeats.remove(&key)),
                None => break,
            }
        }
    }
}

impl CallAnswer {
    pub(super) fn bytes(&self) -> usize {
        let text = self.payload_json.as_ref().map_or(0, String::len);
        let value = self.payload.as_ref().map_or(0, |value| {
            // An estimate is enough; the exact text is made when it is sent.
            serde_json::to_vec(value).map_or(usize::MAX / 2, |bytes| bytes.len())
        });
        text + value
    }
}

/// Where a call will say what came of it.
pub(super) type Outcome = watch::Receiver<Option<CallOutcome>>;

#[cfg(test)]
mod tests {
    use torana_core::auth::digest;

    use super::*;

    #[derive(Clone, Copy)]
    enum Step {
        Answer(&'static str),
        Late(&'static str),
        Gone(i64),
    }

    const STEPS: [Step; 6] = [
        Step::Answer("a"),
        Step::Answer("b"),
        Step::Late("a"),
        Step::Late("b"),
        Step::Gone(1),
        Step::Gone(2),
    ];

    fn device() -> DeviceId {
        DeviceId::new("d").expect("a constant id")
    }

    fn begin(calls: &mut Calls, id: &str, connection: i64, begun_ms: u64) -> Outcome {
        let (sender, outcome) = watch::channel(None);
        calls.repeats.insert(
            (device(), id.to_owned()),
            Repeat {
                content: digest(id),
                outcome: outcome.clone(),
                begun_ms,
            },
        );
        calls.pending.insert(
            id.to_owned(),
            Pending {
                node: device(),
                connection: ConnectionId(connection),
                outcome: sender,
                progress: None,
                next_seq: 0,
                early: BTreeMap::new(),
            },
        );
        outcome
    }

    /// Every sequence of four ends of two calls: the first end that concerns a call is its outcome, and the only one.
    #[test]
    fn a_call_settles_exactly_once_whatever_ends_it() {
        for number in 0..STEPS.len().pow(4) {
            let mut calls = Calls::default();
            let outcomes = [
                ("a", 1, begin(&mut calls, "a", 1, 0)),
                ("b", 2, begin(&mut calls, "b", 2, 0)),
            ];
            let mut expected: BTreeMap<&str, CallOutcome> = BTreeMap::new();
            for place in 0..4 {
                let step = STEPS[number / STEPS.len().pow(place) % STEPS.len()];
                for (id, connection, _) in &outcomes {
                    let outcome = match step {
                        Step::Answer(call) if call == *id => Ok(CallAnswer::default()),
                        Step::Late(call) if call == *id => Err(CallFault::TimedOut),
                        Step::Gone(gone) if gone == *connection => Err(CallFault::Disconnected),
                        Step::Answer(_) | Step::Late(_) | Step::Gone(_) => continue,
                    };
                    expected.entry(id).or_insert(outcome);
                }
                match step {
                    Step::Answer(id) => {
                        calls.settle(id, Ok(CallAnswer::default()));
                    }
                    Step::Late(id) => {
                        calls.settle(id, Err(CallFault::TimedOut));
                    }
                    Step::Gone(connection) => calls.end_connection(ConnectionId(connection)),
                }
            }
            for (id, _, outcome) in &outcomes {
                assert_eq!(outcome.borrow().as_ref(), expected.get(id), "{number}");
            }
        }
    }

    #[test]
    fn only_what_a_node_said_is_remembered_and_only_for_a_while() {
        let mut calls = Calls::default();
        for id in ["good", "failed", "late", "large", "waits"] {
            begin(&mut calls, id, 1, 0);
        }
        let failed = CallFault::Failed {
            code: None,
            message: None,
        };
        let large = CallAnswer {
            payload: None,
            payload_json: Some("x".repeat(REPEAT_BYTES_MAX + 1)),
        };
        calls.settle("good", Ok(CallAnswer::default()));
        calls.settle("failed", Err(failed));
        calls.settle("late", Err(CallFault::TimedOut));
        calls.settle("large", Ok(large));
        let kept = |calls: &Calls| -> Vec<String> {
            calls.repeats.keys().map(|(_, key)| key.clone()).collect()
        };
        calls.prune(1);
        assert_eq!(kept(&calls), ["failed", "good", "waits"]);
        calls.prune(REPEAT_MS);
        assert_eq!(
            kept(&calls),
            ["waits"],
            "a call that waits is never forgotten"
        );
    }

    #[test]
    fn many_finished_calls_push_out_the_oldest() {
        let mut calls = Calls::default();
        for number in 0..REPEATS_MAX + 10 {
            let id = format!("{number:04}");
            begin(&mut calls, &id, 1, number as u64);
            calls.settle(&id, Ok(CallAnswer::default()));
        }
        calls.prune(1_000);
        assert_eq!(calls.repeats.len(), REPEATS_MAX - 1);
        assert!(!calls.repeats.contains_key(&(device(), "0000".to_owned())));
    }
}
