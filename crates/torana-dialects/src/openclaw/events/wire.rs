//! Shapes of `agent` and `chat` events.

use serde::Serialize;
use serde_json::{Value, json};
use torana_core::event::{Event, NodeDecision, RunFacts};
use torana_core::run::{FailureKind, RunError, Settled};

use super::super::shape;

/// An `agent` event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agent<'a, T: Serialize> {
    pub(super) run_id: &'a str,
    pub(super) seq: u64,
    pub(super) stream: &'a str,
    pub(super) ts: i64,
    pub(super) data: &'a T,
    /// Quirk: the reference (2026.9.6) sends these three although its published schema closes the object without them;
    /// its own pages read them, other clients validate. So pages get them and the rest does not.
    #[serde(flatten)]
    pub(super) observed: Option<Observed<'a>>,
}

/// What only pages get.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Observed<'a> {
    pub(super) session_key: &'a str,
    pub(super) session_id: &'a str,
    pub(super) agent_id: &'a str,
}

impl<'a> Observed<'a> {
    pub(super) fn of(facts: &'a RunFacts) -> Self {
        Self {
            session_key: facts.session.as_str(),
            session_id: facts.session_id.as_str(),
            agent_id: facts.agent.as_str(),
        }
    }
}

/// `assistant` data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assistant<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    pub(super) delta: &'a str,
    pub(super) item_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replace: Option<bool>,
}

/// A `chat` event; the state's own fields follow the common ones.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chat<'a, T: Serialize> {
    pub(super) run_id: &'a str,
    pub(super) session_key: &'a str,
    pub(super) agent_id: &'a str,
    pub(super) seq: u64,
    #[serde(flatten)]
    pub(super) state: T,
}

/// `delta`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delta<'a> {
    pub(super) state: &'static str,
    pub(super) delta_text: &'a str,
    pub(super) message: Message<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replace: Option<bool>,
}

/// A snapshot of an answer.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: [Part<'a>; 1],
    timestamp: i64,
}

#[derive(Serialize)]
struct Part<'a> {
    r#type: &'static str,
    text: &'a str,
}

impl<'a> Message<'a> {
    pub(super) fn of(text: &'a str, timestamp: i64) -> Self {
        Self {
            role: "assistant",
            content: [Part {
                r#type: "text",
                text,
            }],
            timestamp,
        }
    }
}

/// The word clients show for a failure.
fn error_kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refusal => "refusal",
        FailureKind::Timeout => "timeout",
        FailureKind::RateLimit => "rate_limit",
        FailureKind::ContextLength => "context_length",
        FailureKind::Auth
        | FailureKind::Billing
        | FailureKind::ModelNotFound
        | FailureKind::Unavailable
        | FailureKind::Format
        | FailureKind::NotConfigured
        | FailureKind::Internal => "unknown",
    }
}

/// The last word of a run in `chat`: its state and fields.
pub(super) fn last_word(
    settled: &Settled,
    ending: shape::Ending,
    stop: &str,
    silent: bool,
    ended_at_ms: i64,
) -> Value {
    let message = || shape::answer_message(&settled.text, ended_at_ms);
    // What was said before a stop is shown: it is in the transcript too.
    let visible = (!silent || ending == shape::Ending::Stopped) && !settled.text.is_empty();
    let mut word = match ending {
        shape::Ending::Answered => {
            json!({ "state": "final", "stopReason": stop, "usage": shape::usage(&settled.usage) })
        }
        shape::Ending::Stopped => json!({ "state": "aborted", "stopReason": stop }),
        shape::Ending::Failed => {
            let error = settled.error.as_ref();
            let mut word = json!({
                "state": "error",
                "errorMessage": error.map_or("the run failed", |error| error.message.as_str()),
                "errorKind": error.map_or("unknown", |error| error_kind(error.kind)),
            });
            if let Some(detail) = error.and_then(|error| detail(settled, error)) {
                word["errorDetail"] = detail;
            }
            word
        }
    };
    if visible {
        word["message"] = message();
    }
    word
}

fn detail(settled: &Settled, error: &RunError) -> Option<Value> {
    let mut detail = serde_json::Map::new();
    if let Some(provider) = &settled.provider {
        detail.insert("provider".to_owned(), short(provider));
    }
    if let Some(model) = &settled.model {
        detail.insert("model".to_owned(), short(model));
    }
    if let Some(status) = error.status.filter(|status| (100..=599).contains(status)) {
        detail.insert("httpStatus".to_owned(), status.into());
    }
    (!detail.is_empty()).then_some(Value::Object(detail))
}

/// The schema allows 300 characters here.
fn short(text: &str) -> Value {
    text.chars().take(300).collect::<String>().into()
}

/// Changes of devices and nodes: the event's name and payload.
pub(super) fn pairing(event: &Event, at_ms: i64) -> Option<(&'static str, Value)> {
    match event {
        Event::DevicesChanged => Some(("device.pair.changed", json!({}))),
        Event::NodePairResolved {
            request_id,
            node,
            decision,
        } => {
            let decision = match decision {
                NodeDecision::Approved => "approved",
                NodeDecision::Rejected => "rejected",
                NodeDecision::Removed => "removed",
            };
            let payload = json!({
                "requestId": request_id, "nodeId": node.as_str(), "decision": decision, "ts": at_ms,
            });
            Some(("node.pair.resolved", payload))
        }
        Event::NodeActivity { node, active_at_ms } => {
            let updated_at_ms = active_at_ms.map(|_| at_ms);
            let payload = json!({
                "nodeId": node.as_str(), "lastActiveAtMs": active_at_ms, "presenceUpdatedAtMs": updated_at_ms,
            });
            Some(("node.presence", payload))
        }
        _ => None,
    }
}
