//! Shapes that several answers and events share: session rows, messages, usage.

use serde_json::{Value, json};
use torana_core::run::{Entry, FailureKind, ModelRef, Outcome, Role, Settled, Usage};
use torana_engine::Engine;
use torana_engine::service::sessions::SessionView;

/// The three ways clients distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `final`.
    Answered,
    /// `aborted`.
    Stopped,
    /// `error`.
    Failed,
}

impl Ending {
    /// How an outcome looks to clients.
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok | Outcome::Empty | Outcome::Length => Self::Answered,
            Outcome::Cancelled => Self::Stopped,
            Outcome::Refused | Outcome::Error => Self::Failed,
        }
    }
}

/// The word for why a run ended.
pub(crate) fn stop_word(settled: &Settled) -> &'static str {
    match settled.outcome {
        Outcome::Ok | Outcome::Empty => "stop",
        Outcome::Length => "length",
        Outcome::Refused => "refusal",
        Outcome::Cancelled => "rpc",
        Outcome::Error => "error",
    }
}

/// The word for a failure.
pub(crate) fn failure_word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::RateLimit => "rate_limit",
        FailureKind::Timeout => "timeout",
        FailureKind::Auth => "auth",
        FailureKind::Billing => "billing",
        FailureKind::ModelNotFound => "model_not_found",
        FailureKind::ContextLength => "context_length",
        FailureKind::Refusal => "refusal",
        FailureKind::Unavailable => "server_error",
        FailureKind::Format => "format",
        FailureKind::NotConfigured => "not_configured",
        FailureKind::Internal => "internal",
    }
}

/// Token counts.
pub(crate) fn usage(usage: &Usage) -> Value {
    let mut value = json!({
        "input": usage.input, "output": usage.output, "cacheRead": usage.cache_read, "cacheWrite": usage.cache_write,
        "totalTokens": usage.total(),
    });
    if let Some(cost) = usage.cost_usd {
        value["cost"] = json!({ "total": cost });
    }
    value
}

/// An answer as a message.
pub(crate) fn answer_message(text: &str, at_ms: i64) -> Value {
    json!({ "role": "assistant", "content": [{ "type": "text", "text": text }], "timestamp": at_ms })
}

/// A transcript line as a message.
pub(crate) fn entry(entry: &Entry, id: &str, sequence: i64) -> Value {
    let mut meta = json!({ "id": id, "seq": sequence, "recordTimestampMs": entry.at_ms });
    let mut message = match entry.role {
        Role::User => json!({ "role": "user", "content": entry.text, "timestamp": entry.at_ms }),
        Role::Assistant => answer_message(&entry.text, entry.at_ms),
        // Clients know no system lines; a notice of the gateway is shown like an answer.
        Role::System => answer_message(&entry.text, entry.at_ms),
    };
    if let Some(run_id) = &entry.run_id {
        match entry.role {
            Role::User => message["idempotencyKey"] = json!(run_id.as_str()),
            Role::Assistant | Role::System => {}
        }
        meta["runId"] = json!(run_id.as_str());
    }
    if let Some(model) = &entry.model {
        message["provider"] = json!(model.provider);
        message["model"] = json!(model.model);
    }
    if let Some(counts) = &entry.usage {
        message["usage"] = usage(counts);
    }
    if entry.role == Role::Assistant {
        let stop = match entry.outcome {
            Some(Outcome::Cancelled) => "aborted",
            Some(Outcome::Error | Outcome::Refused) => "error",
            Some(Outcome::Length) => "length",
            Some(Outcome::Ok | Outcome::Empty) | None => "stop",
        };
        message["stopReason"] = json!(stop);
    }
    if let Some(sender) = &entry.sender {
        meta["senderLabel"] = json!(sender);
    }
    message["__openclaw"] = meta;
    message
}

/// Characters of a derived title.
const TITLE_CHARS_MAX: usize = 60;

/// A session as a row of a list.
pub(crate) fn session_row(engine: &Engine, view: &SessionView) -> Value {
    let row = &view.row;
    let settings = engine.settings();
    let agent = settings
        .agents
        .iter()
        .find(|(id, _)| id.as_str() == row.agent)
        .map(|(_, agent)| agent);
    let chosen = row.model.as_deref().and_then(ModelRef::parse);
    let model = chosen
        .clone()
        .or_else(|| agent.and_then(|agent| agent.model.clone()));
    let key = engine.parse_key(&row.key).ok();
    let is_main = key.as_ref().is_some_and(|key| key.is_main());
    let kind = match row.chat_type.as_deref() {
        Some("group") => "group",
        Some("channel") => "channel",
        _ => "direct",
    };
    let mut value = json!({
        "key": row.key,
        "kind": kind,
        "sessionId": row.session_id,
        "agentId": row.agent,
        "classification": if is_main { "main" } else { kind },
        "isMain": is_main,
        "chatType": kind,
        "updatedAt": row.updated_at_ms,
        "createdAt": row.created_at_ms,
        "lastInteractionAt": row.last_interaction_at_ms,
        "archived": row.archived,
        "pinned": row.pinned,
        "unread": row.unread,
        "hasActiveRun": view.active.is_some(),
        "activeRunIds": view.active.iter().map(|turn| turn.run_id.as_str()).collect::<Vec<_>>(),
        "inputTokens": row.usage.input,
        "outputTokens": row.usage.output,
        "totalTokens": row.context_tokens,
        "totalTokensFresh": row.context_tokens > 0,
        "contextTokens": agent.map_or(0, |agent| agent.context_tokens),
        "modelOverrideSource": if chosen.is_some() { json!("user") } else { Value::Null },
        "effectiveQueueMode": row.queue_mode.as_deref().unwrap_or("steer"),
        "visibility": "shared",
        "snapshotAt": engine.world().wall_ms(),
    });
    let status = if view.active.is_some() {
        Some("running")
    } else {
        row.status.as_deref().filter(|word| *word != "running")
    };
    let mut set = |name: &str, text: Option<Value>| {
        if let Some(text) = text {
            value[name] = text;
        }
    };
    set("status", status.map(Into::into));
    set("label", row.label.clone().map(Into::into));
    set(
        "displayName",
        row.label
            .clone()
            .or_else(|| row.title.clone())
            .map(Into::into),
    );
    set(
        "derivedTitle",
        row.first_text.as_deref().map(|text| {
            text.chars()
                .take(TITLE_CHARS_MAX)
                .collect::<String>()
                .into()
        }),
    );
    set("lastMessagePreview", row.last_text.clone().map(Into::into));
    set("thinkingLevel", row.thinking.clone().map(Into::into));
    set("channel", row.channel.clone().map(Into::into));
    set("startedAt", row.run_started_at_ms.map(Into::into));
    set(
        "endedAt",
        row.run_ended_at_ms
            .filter(|_| view.active.is_none())
            .map(Into::into),
    );
    set(
        "modelProvider",
        model.as_ref().map(|model| model.provider.clone().into()),
    );
    set(
        "model",
        model.as_ref().map(|model| model.model.clone().into()),
    );
    set("estimatedCostUsd", row.usage.cost_usd.map(Into::into));
    value
}
