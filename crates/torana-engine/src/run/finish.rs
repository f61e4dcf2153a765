//! Making an outcome durable: transcript, reply intents, counters and the end of the rows, in one commit.

use std::sync::Arc;

use serde_json::{Value, json};
use torana_core::ask::Attached;
use torana_core::event::RunFacts;
use torana_core::run::{Entry, ModelRef, Outcome, Role, Settled};

use super::drive::Driven;
use super::ending::{Ending, store};
use super::{Adopted, aside, prompt};
use crate::engine::Engine;
use crate::reply;
use crate::service::usage::utc_day;
use crate::session::{TurnPlan, Work};
use crate::store::session::RunEnd;
use crate::turn::{Finished, StopReason};

/// Characters of a failure's words that a session and its transcript keep: a few sentences.
const ERROR_CHARS_MAX: usize = 500;

/// What a repeat of the request gets.
pub(super) fn result_of(settled: &Settled, finished: &Finished, session_id: &str) -> Value {
    let status = match (settled.outcome, finished.stopped) {
        (Outcome::Ok | Outcome::Empty | Outcome::Length | Outcome::ClientTools, _) => "ok",
        (Outcome::Cancelled, Some(StopReason::Timeout)) => "timeout",
        (Outcome::Cancelled, _) => "aborted",
        (Outcome::Refused | Outcome::Error, _) => "error",
    };
    let mut result = json!({
        "status": status,
        "text": settled.text,
        "startedAt": finished.started_at_ms,
        "endedAt": finished.ended_at_ms,
        "usage": settled.usage,
        "sessionId": session_id,
    });
    let object = result.as_object_mut().expect("an object was just made");
    if let Some(silent) = finished.silent {
        object.insert("silent".to_owned(), json!(silent));
    }
    if let Some(error) = &settled.error {
        object.insert("error".to_owned(), json!(error));
    }
    if !settled.calls.is_empty() {
        object.insert("calls".to_owned(), json!(settled.calls));
    }
    if let Some(stopped) = finished.stopped {
        object.insert("stopReason".to_owned(), json!(stopped.as_str()));
    }
    if let (Some(provider), Some(model)) = (&settled.provider, &settled.model) {
        object.insert("provider".to_owned(), json!(provider));
        object.insert("model".to_owned(), json!(model));
    }
    result
}

/// The stored outcome of a message that was stopped before it ran.
pub(super) fn stopped_result(reason: StopReason, at_ms: i64) -> Value {
    json!({"status": "aborted", "text": "", "startedAt": at_ms, "endedAt": at_ms, "stopReason": reason.as_str()})
}

fn row_reason(settled: &Settled, silent: Option<&str>) -> String {
    match settled.outcome {
        Outcome::Ok | Outcome::Length => {
            silent.map_or_else(|| "answered".to_owned(), |why| format!("silent:{why}"))
        }
        Outcome::Empty => "silent:empty".to_owned(),
        Outcome::ClientTools => "answered:client_tools".to_owned(),
        Outcome::Cancelled => "stopped".to_owned(),
        Outcome::Refused => "failed:refused".to_owned(),
        Outcome::Error => settled.error.as_ref().map_or_else(
            || "failed".to_owned(),
            |error| {
                let kind = serde_json::to_value(error.kind)
                    .ok()
                    .and_then(|kind| kind.as_str().map(str::to_owned));
                format!("failed:{}", kind.unwrap_or_default())
            },
        ),
    }
}

fn status_of(settled: &Settled, stopped: Option<StopReason>) -> &'static str {
    match settled.outcome {
        Outcome::Ok | Outcome::Empty | Outcome::Length | Outcome::ClientTools => "done",
        Outcome::Cancelled if stopped == Some(StopReason::Timeout) => "timeout",
        Outcome::Cancelled => "killed",
        Outcome::Refused | Outcome::Error => "failed",
    }
}

/// Whether one person reads the answer: a direct chat, or a client.
pub(super) fn is_direct(plan: &TurnPlan) -> bool {
    plan.lead.target.as_ref().is_none_or(|target| {
        target.conversation.peer.kind == torana_core::message::PeerKind::Direct
    })
}

/// The reply as people and the transcript get it, and why nothing is sent, if so.
fn reply_text(
    plan: &TurnPlan,
    settled: &Settled,
) -> (String, Option<&'static str>, torana_core::render::ReplyTo) {
    use torana_core::render::{ReplyContext, ReplyTo, SilentReason, finalise};
    let direct = is_direct(plan);
    match settled.outcome {
        Outcome::Ok | Outcome::Length | Outcome::Empty => {
            let reply = finalise(&settled.text, &ReplyContext { direct });
            (
                reply.text,
                reply.silent.map(SilentReason::as_str),
                reply.reply_to,
            )
        }
        // The client reads the words beside its calls; a platform has nobody who could run them.
        Outcome::ClientTools => (settled.text.clone(), None, ReplyTo::None),
        Outcome::Cancelled => (String::new(), Some("stopped"), ReplyTo::None),
        Outcome::Refused | Outcome::Error => (
            prompt::error_text(settled, plan.lead.id),
            None,
            ReplyTo::None,
        ),
    }
}

/// Somebody waits for an answer in a direct chat, so an empty one is a failure that is said, not silence. To clients of
/// OpenClaw 2026.9.6 it is one too.
fn refuse_emptiness(plan: &TurnPlan, settled: Settled) -> Settled {
    use torana_core::render::{ReplyContext, SilentReason, finalise};
    let answered = matches!(
        settled.outcome,
        Outcome::Ok | Outcome::Length | Outcome::Empty
    );
    let direct = ReplyContext { direct: true };
    let is_empty = || finalise(&settled.text, &direct).silent == Some(SilentReason::Empty);
    if answered && is_direct(plan) && is_empty() {
        settled.unanswered()
    } else {
        settled
    }
}

/// Stores the outcome, then tells everybody.
pub(super) async fn run(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    facts: &Arc<RunFacts>,
    driven: Driven,
) {
    let ended_at_ms = engine.shared.world.wall_ms();
    let mut settled = refuse_emptiness(plan, driven.settled);
    let context_tokens = settled.usage.total();
    settled.usage.add(&driven.discarded);
    let (text, silent, reply_to) = reply_text(plan, &settled);
    let started_at_ms = plan
        .lead
        .handle
        .started_at_ms()
        .unwrap_or(facts.started_at_ms);
    if matches!(
        settled.outcome,
        Outcome::Ok | Outcome::Length | Outcome::Empty
    ) {
        settled.text = text.clone();
    }
    let settled = Arc::new(settled);
    let finished = Finished {
        settled: Arc::clone(&settled),
        started_at_ms,
        ended_at_ms,
        silent,
        stopped: driven.stopped,
    };
    let takes_back = match &plan.lead.target {
        Some(target) => reply::replacing(engine, "", target, &driven.shown),
        None => Vec::new(),
    };
    let operations = match &plan.lead.target {
        Some(target) => {
            let mut target = target.clone();
            reply::direct_to(&mut target, reply_to, plan);
            let manner = &adopted.row.manner;
            let text = if silent.is_some() || manner.keeps_answers() {
                String::new()
            } else {
                let text = reply::prefixed(engine, &plan.lead, &settled, &text);
                let direct = is_direct(plan);
                aside::dressed(manner, &adopted.row, direct, &settled, &driven.aside, text)
            };
            reply::replacing(engine, &text, &target, &driven.shown)
        }
        None => Vec::new(),
    };
    let keeps = plan.lead.target.is_some() && adopted.row.manner.keeps_answers();
    let kept = keeps.then_some("send_off");
    let ending = Arc::new(Ending {
        reason: row_reason(&settled, silent.or(kept)),
        result: result_of(&settled, &finished, &adopted.row.session_id),
        line: line_of(&plan.lead, &settled, ended_at_ms),
        operations,
        takes_back,
        end: RunEnd {
            status: status_of(&settled, driven.stopped),
            usage: settled.usage,
            provider: settled.provider.clone(),
            model: settled.model.clone(),
            error: settled
                .error
                .as_ref()
                .map(|error| shortened(&error.message)),
            at_ms: ended_at_ms,
        },
        context_tokens,
        day: utc_day(ended_at_ms),
        questions: 1 + plan.merged.len(),
        started_at_ms,
    });
    store(engine, plan, adopted, &ending).await;
    // Merged messages and fragments joined the lead's handle when the turn began.
    engine.announce_end(facts, &plan.lead, finished);
}

/// A failure's words, as a session and its transcript keep them.
fn shortened(message: &str) -> String {
    message.chars().take(ERROR_CHARS_MAX).collect()
}

fn line_of(lead: &Work, settled: &Settled, at_ms: i64) -> Option<Entry> {
    let text = match (&settled.error, settled.text.is_empty()) {
        (None, true) if settled.calls.is_empty() => return None,
        (None, true) => String::new(),
        (Some(error), true) => error.message.clone(),
        (_, false) => settled.text.clone(),
    };
    let model = match (&settled.provider, &settled.model) {
        (Some(provider), Some(model)) => Some(ModelRef {
            provider: provider.clone(),
            model: model.clone(),
        }),
        _ => None,
    };
    Some(Entry {
        run_id: Some(lead.run_id.clone()),
        model,
        usage: Some(settled.usage),
        outcome: (settled.outcome != Outcome::Ok).then_some(settled.outcome),
        error: settled
            .error
            .as_ref()
            .map(|error| shortened(&error.message)),
        attached: Attached {
            calls: settled.calls.clone(),
            ..Attached::default()
        },
        ..Entry::new(Role::Assistant, text, at_ms)
    })
}
