//! The last things that happened, for `diagnostics.stability`: names and figures, never words of people.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use torana_core::event::{Event, RunSignal};
use torana_engine::Engine;
use torana_host::moment::rfc3339_ms;

/// Events kept: what the original command line asks for at most.
pub(crate) const CAPACITY: usize = 1_000;

/// The ring.
pub(crate) struct Stability(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    events: VecDeque<(u64, Value)>,
    seen: u64,
}

/// What a question gets.
pub(crate) struct Page {
    events: Vec<Value>,
    by_type: BTreeMap<String, u64>,
    first: Option<u64>,
    last: Option<u64>,
    count: usize,
    dropped: u64,
}

impl Stability {
    /// Begins to listen.
    pub(crate) fn start(engine: &Engine) -> Arc<Self> {
        let ring = Arc::new(Self(Mutex::default()));
        let (listener, world) = (Arc::clone(&ring), engine.world().clone());
        engine.bus().attach(Arc::new(move |_, event| {
            if let Some(value) = describe(event) {
                listener.keep(value, world.wall_ms());
            }
        }));
        ring
    }

    fn keep(&self, mut value: Value, at_ms: i64) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.seen += 1;
        let sequence = ring.seen;
        value["seq"] = json!(sequence);
        value["ts"] = json!(at_ms);
        if ring.events.len() == CAPACITY {
            ring.events.pop_front();
        }
        ring.events.push_back((sequence, value));
    }

    /// The newest events, of one type when given, in order.
    pub(crate) fn page(&self, limit: usize, kind: Option<&str>, since: Option<u64>) -> Page {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_type = BTreeMap::new();
        let mut events: Vec<Value> = Vec::new();
        for (sequence, event) in ring.events.iter().rev() {
            let name = event["type"].as_str().unwrap_or_default();
            let is_wanted =
                kind.is_none_or(|kind| kind == name) && since.is_none_or(|since| *sequence > since);
            if is_wanted && events.len() < limit {
                *by_type.entry(name.to_owned()).or_default() += 1;
                events.push(event.clone());
            }
        }
        events.reverse();
        let edge = |event: Option<&Value>| event.and_then(|event| event["seq"].as_u64());
        Page {
            first: edge(events.first()),
            last: edge(events.last()),
            by_type,
            count: ring.events.len(),
            dropped: ring.seen - u64::try_from(ring.events.len()).unwrap_or(u64::MAX),
            events,
        }
    }
}

impl Page {
    /// As it is answered and kept.
    pub(crate) fn told(self, now_ms: i64) -> Value {
        let mut value = json!({
            "generatedAt": rfc3339_ms(now_ms),
            "capacity": CAPACITY,
            "count": self.count,
            "dropped": self.dropped,
            "events": self.events,
            "summary": { "byType": self.by_type },
        });
        if let (Some(first), Some(last)) = (self.first, self.last) {
            value["firstSeq"] = json!(first);
            value["lastSeq"] = json!(last);
        }
        value
    }
}

/// Events worth keeping, under the names the original uses where it has one.
fn describe(event: &Event) -> Option<Value> {
    let value = match event {
        Event::InboundAdmitted { channel, .. } => {
            json!({ "type": "message.received", "channel": channel.as_str() })
        }
        Event::InboundParked { .. } => json!({ "type": "message.parked" }),
        Event::IntentParked { conversation, .. } => {
            json!({ "type": "message.delivery.error", "channel": conversation.channel.as_str() })
        }
        Event::IntentRetried { conversation, .. } => {
            json!({ "type": "message.delivery.retry", "channel": conversation.channel.as_str() })
        }
        Event::TaskPanicked { task } => json!({ "type": "task.panicked", "source": task }),
        Event::Account { channel, state, .. } => {
            use torana_core::event::AccountState;
            let outcome = match state {
                AccountState::Starting => "starting",
                AccountState::Running => "running",
                AccountState::Failing(_) => "failing",
                AccountState::Stopped(_) => "stopped",
            };
            json!({ "type": "channel.state", "channel": channel.as_str(), "outcome": outcome })
        }
        Event::Run(_, RunSignal::Started) => json!({ "type": "message.dispatch.started" }),
        Event::Run(_, RunSignal::Model { provider, model }) => {
            json!({ "type": "model.call.started", "provider": provider, "model": model })
        }
        Event::Run(_, RunSignal::Retrying { attempt, .. }) => {
            json!({ "type": "model.call.retry", "active": attempt })
        }
        Event::Run(
            facts,
            RunSignal::Settled {
                settled,
                ended_at_ms,
                ..
            },
        ) => json!({
            "type": "message.dispatch.completed",
            "outcome": if settled.error.is_some() { "error" } else { "completed" },
            "durationMs": ended_at_ms.saturating_sub(facts.started_at_ms).max(0),
        }),
        _ => return None,
    };
    Some(value)
}
