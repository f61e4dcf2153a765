//! The error catalogue of everything a client can ask: code, message for people, hint, retry advice.
//!
//! Services return [`Problem`]; each dialect maps [`Code`] to its own error shape in one total function.
//! Internal text (paths, SQL, upstream bodies) never enters a problem; it goes to the log.

use serde_json::Value;

/// What went wrong, for programs. A dialect maps every variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request does not make sense; repeating it will not help.
    InvalidRequest,
    /// The same idempotency key came with another body.
    IdempotencyConflict,
    /// The principal lacks a scope.
    MissingScope,
    /// The principal may not do this at all.
    Forbidden,
    /// No such session.
    SessionNotFound,
    /// No such agent.
    AgentNotFound,
    /// Several agents and no binding: one must be named.
    AgentSelectionRequired,
    /// No such row, device, request, channel or account.
    NotFound,
    /// A bounded queue is full; retry later.
    Busy,
    /// The disk is full; nothing new is accepted.
    StorageFull,
    /// The gateway is starting, draining or has lost its store.
    Unavailable,
    /// The platform refused or could not be reached.
    DeliveryFailed,
    /// A bug on our side; the log has the details under the error id.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 13] = [
        Self::InvalidRequest,
        Self::IdempotencyConflict,
        Self::MissingScope,
        Self::Forbidden,
        Self::SessionNotFound,
        Self::AgentNotFound,
        Self::AgentSelectionRequired,
        Self::NotFound,
        Self::Busy,
        Self::StorageFull,
        Self::Unavailable,
        Self::DeliveryFailed,
        Self::Internal,
    ];

    /// What it means, for the reference.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::InvalidRequest => "the request does not make sense; repeating it will not help",
            Self::IdempotencyConflict => "the same key came with another session or text",
            Self::MissingScope => "the client lacks a scope",
            Self::Forbidden => "the client may not do this at all",
            Self::SessionNotFound => "there is no such session",
            Self::AgentNotFound => "there is no such agent",
            Self::AgentSelectionRequired => "there are several agents and none is the default",
            Self::NotFound => "there is no such row, device, request, channel or account",
            Self::Busy => "a queue is full; try again",
            Self::StorageFull => "the disk is full; nothing new is accepted until there is space",
            Self::Unavailable => "the gateway starts, stops or lost its store",
            Self::DeliveryFailed => "the platform refused or could not be reached",
            Self::Internal => "a bug of ours; the log has the details under the reference",
        }
    }
}

/// A failed request, as the client may see it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// For programs.
    pub code: Code,
    /// What happened, to which thing; lower-case start, no full stop.
    pub message: String,
    /// What to do next; starts with a verb.
    pub hint: Option<String>,
    /// When repeating the same request may help: after this many milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Structured facts for programs.
    pub details: Option<Value>,
}

impl Problem {
    /// A problem with a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            retry_after_ms: None,
            details: None,
        }
    }

    /// A request that cannot be understood or is not allowed to look like this.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that the same request may be repeated after a wait.
    #[must_use]
    pub fn retry_after_ms(mut self, wait_ms: u64) -> Self {
        self.retry_after_ms = Some(wait_ms);
        self
    }

    /// Adds structured facts.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }
}
