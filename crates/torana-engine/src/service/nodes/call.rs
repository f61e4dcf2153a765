//! A command on its way to a node and its answer on the way back.
//!
//! Each call settles exactly once: by the node's answer, the deadline, the end of the node's connection, or because
//! nobody waits any more. A repeat with the same key joins the call or gets its outcome again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use torana_core::auth::{Digest, digest};
use torana_core::id::{ConnectionId, DeviceId};
use torana_core::limit::{NODE_CALL_MS_DEFAULT, NODE_CALL_MS_MAX, NODE_CALLS_MAX};

use super::registry::{Nodes, Order};

/// How long a finished call is remembered for repeats, milliseconds: longer than any client retries.
const REPEAT_MS: u64 = 600_000;
/// Finished calls remembered at once; the oldest go above it.
const REPEATS_MAX: usize = 512;
/// Bytes of an answer that is remembered for repeats; a camera picture is not kept for ten minutes.
const REPEAT_BYTES_MAX: usize = 64 * 1024;
/// Pieces of progress that may overtake their predecessors; a node that loses more is not waited for.
const OVERTAKING_MAX: usize = 64;

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

struct Pending {
    node: DeviceId,
    connection: ConnectionId,
    outcome: watch::Sender<Option<CallOutcome>>,
    progress: Option<Progress>,
    next_seq: u64,
    early: BTreeMap<u64, String>,
}

struct Repeat {
    content: Digest,
    outcome: Outcome,
    begun_ms: u64,
}

/// Calls that wait, and outcomes for repeats.
#[derive(Default)]
pub(super) struct Calls {
    pending: BTreeMap<String, Pending>,
    repeats: BTreeMap<(DeviceId, String), Repeat>,
}

impl Calls {
    /// Settles a call. `false` when it was settled before.
    fn settle(&mut self, id: &str, outcome: CallOutcome) -> bool {
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

    fn of_node(&self, node: &DeviceId) -> usize {
        self.pending
            .values()
            .filter(|call| call.node == *node)
            .count()
    }

    /// Forgets what is too old, too large or too much. A call that waits is never forgotten.
    fn prune(&mut self, now_ms: u64) {
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
    fn bytes(&self) -> usize {
        let text = self.payload_json.as_ref().map_or(0, String::len);
        let value = self.payload.as_ref().map_or(0, |value| {
            // An estimate is enough; the exact text is made when it is sent.
            serde_json::to_vec(value).map_or(usize::MAX / 2, |bytes| bytes.len())
        });
        text + value
    }
}

type Outcome = watch::Receiver<Option<CallOutcome>>;

/// A call that was admitted.
enum Begun {
    /// An equal call waits or has its outcome.
    Joined(Outcome),
    /// It is a new one.
    New {
        id: String,
        mouth: super::Mouth,
        outcome: Outcome,
    },
}

/// Ends a call that nobody waits for any more.
struct Abandon<'a> {
    nodes: &'a Nodes,
    id: String,
    mouth: super::Mouth,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        let open = self
            .nodes
            .state()
            .calls
            .settle(&self.id, Err(CallFault::Aborted));
        if open {
            (self.mouth)(Order::Cancel {
                id: self.id.clone(),
            });
        }
    }
}

impl Nodes {
    /// Admits a call: it joins an equal one, or it begins.
    fn begin(&self, request: &CallRequest, params_json: Option<&str>) -> Result<Begun, CallFault> {
        let world = self.engine.world();
        let now_ms = world.monotonic_ms();
        let content = digest(&format!(
            "{}\n{}",
            request.command,
            params_json.unwrap_or_default()
        ));
        let key = (request.node.clone(), request.idempotency_key.clone());
        let rules = self.rules();
        let mut state = self.state();
        state.calls.prune(now_ms);
        // Before a repeat is looked up: what was taken back since is not answered from memory.
        let (connection, mouth) = Self::may_call(&state, &rules, &request.node, &request.command)?;
        if let Some(repeat) = state.calls.repeats.get(&key) {
            if repeat.content != content {
                return Err(CallFault::Conflict);
            }
            return Ok(Begun::Joined(repeat.outcome.clone()));
        }
        if state.calls.of_node(&request.node) >= NODE_CALLS_MAX
            || state.calls.repeats.len() >= REPEATS_MAX
        {
            return Err(CallFault::Busy);
        }
        let (sender, outcome) = watch::channel(None);
        let id = world.uuid();
        state.calls.repeats.insert(
            key,
            Repeat {
                content,
                outcome: outcome.clone(),
                begun_ms: now_ms,
            },
        );
        state.calls.pending.insert(
            id.clone(),
            Pending {
                node: request.node.clone(),
                connection,
                outcome: sender,
                progress: request.progress.clone(),
                next_seq: 0,
                early: BTreeMap::new(),
            },
        );
        Ok(Begun::New { id, mouth, outcome })
    }

    /// Asks a node and waits for its answer. Dropping the future cancels the call.
    pub async fn call(&self, request: CallRequest) -> CallOutcome {
        let params_json = request.params.as_ref().map(Value::to_string);
        let (id, mouth, receiver) = match self.begin(&request, params_json.as_deref())? {
            Begun::Joined(outcome) => return outcome_of(outcome).await,
            Begun::New { id, mouth, outcome } => (id, mouth, outcome),
        };
        let timeout_ms = request
            .timeout_ms
            .filter(|wait_ms| *wait_ms > 0)
            .unwrap_or(NODE_CALL_MS_DEFAULT)
            .min(NODE_CALL_MS_MAX);
        let abandon = Abandon {
            nodes: self,
            id: id.clone(),
            mouth: Arc::clone(&mouth),
        };
        let said = mouth(Order::Call {
            id: id.clone(),
            command: request.command,
            params_json,
            timeout_ms,
            idempotency_key: request.idempotency_key,
        });
        if !said {
            self.state().calls.settle(&id, Err(CallFault::Disconnected));
        }
        tokio::select! {
            biased;
            settled = outcome_of(receiver.clone()) => {
                drop(abandon);
                settled
            }
            () = self.engine.world().sleep_ms(timeout_ms) => {
                let late = self.state().calls.settle(&id, Err(CallFault::TimedOut));
                if late {
                    mouth(Order::Cancel { id });
                }
                drop(abandon);
                outcome_of(receiver).await
            }
        }
    }

    /// A node's answer. `false` when nobody waits for it, or it comes from another connection than was asked.
    pub fn answered(
        &self,
        device: &DeviceId,
        connection: ConnectionId,
        id: &str,
        outcome: CallOutcome,
    ) -> bool {
        let mut state = self.state();
        let is_asked = state
            .calls
            .pending
            .get(id)
            .is_some_and(|call| call.node == *device && call.connection == connection);
        is_asked && state.calls.settle(id, outcome)
    }

    /// A piece of progress; pieces are handed on in the order of their numbers, from 0. `false` when nobody waits, it
    /// was handed on before, or too many came early.
    pub fn progressed(
        &self,
        device: &DeviceId,
        connection: ConnectionId,
        id: &str,
        seq: u64,
        chunk: String,
    ) -> bool {
        let mut state = self.state();
        let Some(call) = state
            .calls
            .pending
            .get_mut(id)
            .filter(|call| call.node == *device && call.connection == connection)
        else {
            return false;
        };
        if seq < call.next_seq || (call.early.len() >= OVERTAKING_MAX && seq != call.next_seq) {
            return false;
        }
        call.early.insert(seq, chunk);
        let mut ready = Vec::new();
        while let Some(chunk) = call.early.remove(&call.next_seq) {
            call.next_seq += 1;
            ready.push(chunk);
        }
        // Under the lock, so that pieces of two frames cannot overtake each other; the listener must not wait.
        if let Some(progress) = &call.progress {
            for chunk in ready {
                progress(&chunk);
            }
        }
        true
    }
}

async fn outcome_of(mut outcome: Outcome) -> CallOutcome {
    match outcome.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Err(CallFault::Aborted)),
        Err(_) => Err(CallFault::Aborted),
    }
}

#[cfg(test)]
mod tests {
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
