//! How long each step of an answer took, told to the page that sent the message (`chat.send_timing`, OpenClaw 2026.9.6).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use torana_core::event::{RunFacts, RunSignal};
use torana_core::id::ConnectionId;

/// Messages that are timed at once; above it a new one is not. Pages have a handful on the way.
const TIMED_MAX: usize = 256;

/// One message on its way, in monotonic milliseconds.
struct Timing {
    client: ConnectionId,
    received_ms: u64,
    acked_ms: Option<u64>,
    dispatched_ms: Option<u64>,
    answers: bool,
}

/// Messages on their way.
#[derive(Default)]
pub(crate) struct Timings(Mutex<HashMap<String, Timing>>);

// === impl Timings ===

impl Timings {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<String, Timing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message came. `false` when it is not timed anew: it is on its way already, or too many are.
    pub(crate) fn begin(&self, run_id: &str, client: ConnectionId, now_ms: u64) -> bool {
        let mut map = self.map();
        if map.len() >= TIMED_MAX || map.contains_key(run_id) {
            return false;
        }
        let timing = Timing {
            client,
            received_ms: now_ms,
            acked_ms: None,
            dispatched_ms: None,
            answers: false,
        };
        map.insert(run_id.to_owned(), timing);
        true
    }

    /// Its client was told that it is accepted.
    pub(crate) fn acked(&self, run_id: &str, now_ms: u64) {
        if let Some(timing) = self.map().get_mut(run_id) {
            timing.acked_ms = Some(now_ms);
        }
    }

    /// Nothing comes of it.
    pub(crate) fn forget(&self, run_id: &str) {
        self.map().remove(run_id);
    }

    /// What its client is told about a signal of its run.
    pub(super) fn steps(
        &self,
        facts: &RunFacts,
        signal: &RunSignal,
        now_ms: u64,
    ) -> Vec<(ConnectionId, Value)> {
        let mut map = self.map();
        let Some(timing) = map.get_mut(facts.run_id.as_str()) else {
            return Vec::new();
        };
        let payloads = match signal {
            RunSignal::Started => {
                timing.dispatched_ms.get_or_insert(now_ms);
                vec![
                    timing.step(facts, "dispatch-started", now_ms),
                    timing.step(facts, "agent-run-started", now_ms),
                ]
            }
            RunSignal::Model { provider, model } => {
                let mut step = timing.step(facts, "model-selected", now_ms);
                step["provider"] = json!(provider);
                step["model"] = json!(model);
                vec![step]
            }
            RunSignal::Text(_) | RunSignal::Replace(_) if !timing.answers => {
                timing.answers = true;
                vec![timing.step(facts, "first-assistant-event", now_ms)]
            }
            RunSignal::Settled { .. } => {
                let mut last = timing.step(facts, "post-dispatch-completed", now_ms);
                // What comes after a run is stored with its outcome here.
                last["postDispatchMs"] = json!(0);
                vec![timing.step(facts, "dispatch-completed", now_ms), last]
            }
            _ => Vec::new(),
        };
        let client = timing.client;
        if matches!(signal, RunSignal::Settled { .. }) {
            map.remove(facts.run_id.as_str());
        }
        payloads
            .into_iter()
            .map(|payload| (client, payload))
            .collect()
    }
}

// === impl Timing ===

impl Timing {
    fn step(&self, facts: &RunFacts, phase: &str, now_ms: u64) -> Value {
        let mut step = json!({
            "phase": phase, "runId": facts.run_id.as_str(), "sessionKey": facts.session.as_str(),
            "agentId": facts.agent.as_str(),
            // A run may begin before its client has the answer to the message.
            "ackToPhaseMs": self.acked_ms.map_or(0, |acked_ms| now_ms.saturating_sub(acked_ms)),
            "receivedToPhaseMs": now_ms.saturating_sub(self.received_ms),
        });
        if let Some(dispatched_ms) = self.dispatched_ms.filter(|_| phase != "dispatch-started") {
            step["dispatchStartedToPhaseMs"] = json!(now_ms.saturating_sub(dispatched_ms));
        }
        step
    }
}
