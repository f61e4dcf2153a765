//! A command on its way to a node and its answer on the way back.
//!
//! Each call settles exactly once: by the node's answer, the deadline, the end of the node's connection, or because
//! nobody waits any more. A repeat with the same key joins the call or gets its outcome again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use torana_core::auth::digest;
use torana_core::id::{ConnectionId, DeviceId};
use torana_core::limit::{NODE_CALL_MS_DEFAULT, NODE_CALL_MS_MAX, NODE_CALLS_MAX};

use super::calls::{CallFault, CallOutcome, CallRequest, Outcome, Pending, REPEATS_MAX, Repeat};
use super::registry::{Nodes, Order};

/// Pieces of progress that may overtake their predecessors; a node that loses more is not waited for.
const OVERTAKING_MAX: usize = 64;

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
