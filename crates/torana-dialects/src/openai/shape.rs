//! Prints chat completions: whole answers, chunks of a stream, and failures.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use torana_core::ask::ToolCall;
use torana_core::event::SuspensionPhase;
use torana_core::problem::{Code, Problem};
use torana_core::run::{FailureKind, Outcome, RunError, Settled, Usage};

use torana_engine::{Engine, Phase};

use crate::front::answer::{Answer, AnswerBody, json as json_answer, refusal, retry_later};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Advice to come again when the gateway says none.
const RETRY_MS: u64 = 1_000;

/// What stays the same in all frames of one answer.
pub(super) struct Shape {
    id: String,
    created: i64,
    model: String,
    /// A chunk up to its `delta`.
    chunk: String,
}

impl Shape {
    pub(super) fn new(id: String, created: i64, model: String) -> Self {
        let head = json!({ "id": id, "object": "chat.completion.chunk", "created": created, "model": model }).to_string();
        let chunk = format!(
            "data: {},\"choices\":[{{\"index\":0,\"delta\":",
            &head[..head.len() - 1]
        );
        Self {
            id,
            created,
            model,
            chunk,
        }
    }

    /// The answer in one piece.
    pub(super) fn whole(&self, settled: &Settled) -> Answer {
        let mut message = json!({ "role": "assistant", "content": settled.text });
        if settled.outcome == Outcome::ClientTools {
            message["tool_calls"] = settled.calls.iter().map(call).collect();
            if settled.text.is_empty() {
                message["content"] = Value::Null;
            }
        }
        let choice =
            json!({ "index": 0, "message": message, "finish_reason": finish(settled.outcome) });
        let body = json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": usage(&settled.usage),
        });
        json_answer(StatusCode::OK, &body)
    }

    /// The first chunk: who speaks.
    pub(super) fn opening(&self) -> Bytes {
        format!(
            "{}{{\"role\":\"assistant\"}},\"finish_reason\":null}}]}}\n\n",
            self.chunk
        )
        .into()
    }

    /// More text.
    pub(super) fn text(&self, text: &str) -> Bytes {
        format!(
            "{}{{\"content\":{}}},\"finish_reason\":null}}]}}\n\n",
            self.chunk,
            Value::from(text)
        )
        .into()
    }

    /// The end, with usage when the client asked.
    pub(super) fn ending(&self, settled: &Settled, include_usage: bool) -> Bytes {
        let mut frames = String::new();
        for (index, tool_call) in settled.calls.iter().enumerate() {
            let mut piece = call(tool_call);
            piece["index"] = json!(index);
            let delta = json!({ "tool_calls": [piece] });
            frames.push_str(&format!(
                "{}{delta},\"finish_reason\":null}}]}}\n\n",
                self.chunk
            ));
        }
        frames.push_str(&format!(
            "{}{{}},\"finish_reason\":\"{}\"}}]}}\n\n",
            self.chunk,
            finish(settled.outcome)
        ));
        if include_usage {
            let chunk = json!({
                "id": self.id,
                "object": "chat.completion.chunk",
                "created": self.created,
                "model": self.model,
                "choices": [],
                "usage": usage(&settled.usage),
            });
            frames.push_str(&format!("data: {chunk}\n\n"));
        }
        frames.push_str("data: [DONE]\n\n");
        frames.into()
    }
}

fn call(call: &ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments });
    json!({ "id": call.id, "type": "function", "function": function })
}

/// An answer whose pieces are events.
pub(super) fn event_stream(pieces: BoxStream<'static, Bytes>) -> Answer {
    let mut answer = Response::new(AnswerBody::Stream(pieces));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, EVENT_STREAM);
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    answer
}

/// Refuses while the gateway starts, stops or is suspended.
pub(super) fn accepting(engine: &Engine) -> Result<(), Problem> {
    if engine.phase() != Phase::Accepting {
        let message = "the gateway is starting or stopping";
        return Err(Problem::new(Code::Unavailable, message));
    }
    if engine.suspension_phase() != SuspensionPhase::Accepting {
        let message = "the gateway is suspended";
        return Err(Problem::new(Code::Unavailable, message));
    }
    Ok(())
}

/// The end of a stream that failed.
pub(super) fn broken(error: &RunError) -> Bytes {
    let (_, kind) = failure(error);
    let error = json!({ "error": { "message": error.message, "type": kind } });
    format!("data: {error}\n\ndata: [DONE]\n\n").into()
}

/// A failed run as an answer.
pub(super) fn failed(error: &RunError) -> Answer {
    let (status, kind) = failure(error);
    match error.kind {
        FailureKind::RateLimit => retry_later(status, kind, &error.message, RETRY_MS),
        _ => refusal(status, kind, &error.message),
    }
}

/// Status and type of a failure.
pub(super) fn failure(error: &RunError) -> (StatusCode, &'static str) {
    match error.kind {
        // The provider understood and refused what the client asked for.
        FailureKind::Format if matches!(error.status, Some(400 | 422)) => {
            (StatusCode::BAD_REQUEST, "invalid_request_error")
        }
        FailureKind::RateLimit => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        FailureKind::ContextLength | FailureKind::ModelNotFound => {
            (StatusCode::BAD_REQUEST, "invalid_request_error")
        }
        FailureKind::Refusal => (StatusCode::BAD_REQUEST, "content_filter"),
        FailureKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "api_error"),
        FailureKind::NotConfigured => (StatusCode::SERVICE_UNAVAILABLE, "api_error"),
        FailureKind::Auth
        | FailureKind::Billing
        | FailureKind::Unavailable
        | FailureKind::Format => (StatusCode::BAD_GATEWAY, "api_error"),
        FailureKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
    }
}

/// A problem of the gateway as an answer.
pub(super) fn problem(problem: &Problem) -> Answer {
    let (status, kind) = match problem.code {
        Code::InvalidRequest | Code::AgentSelectionRequired => {
            (StatusCode::BAD_REQUEST, "invalid_request_error")
        }
        Code::IdempotencyConflict => (StatusCode::CONFLICT, "invalid_request_error"),
        Code::MissingScope | Code::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
        Code::SessionNotFound | Code::AgentNotFound | Code::NotFound => {
            (StatusCode::NOT_FOUND, "not_found")
        }
        Code::Busy => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        Code::StorageFull | Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Code::DeliveryFailed => (StatusCode::BAD_GATEWAY, "api_error"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
    };
    let is_temporary = matches!(
        problem.code,
        Code::Busy | Code::StorageFull | Code::Unavailable
    );
    match problem.retry_after_ms.or(is_temporary.then_some(RETRY_MS)) {
        Some(after_ms) => retry_later(status, kind, &problem.message, after_ms),
        None => refusal(status, kind, &problem.message),
    }
}

fn finish(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Length => "length",
        Outcome::ClientTools => "tool_calls",
        Outcome::Refused => "content_filter",
        Outcome::Ok | Outcome::Empty | Outcome::Cancelled | Outcome::Error => "stop",
    }
}

fn usage(usage: &Usage) -> Value {
    let prompt = usage.input + usage.cache_read + usage.cache_write;
    json!({ "prompt_tokens": prompt, "completion_tokens": usage.output, "total_tokens": usage.total() })
}
