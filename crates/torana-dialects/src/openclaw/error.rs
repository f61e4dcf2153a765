//! Errors on the wire: five codes, everything finer in `details.code` (decision 43).

use serde::Serialize;
use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::problem::{Code, Problem};

/// The request does not make sense.
pub(crate) const INVALID_REQUEST: &str = "INVALID_REQUEST";
/// The client may not do this.
pub(crate) const FORBIDDEN: &str = "FORBIDDEN";
/// The device must be approved first.
pub(crate) const NOT_PAIRED: &str = "NOT_PAIRED";
/// Not now.
pub(crate) const UNAVAILABLE: &str = "UNAVAILABLE";

/// The `error` of a response.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireError {
    /// One of the codes above.
    pub(crate) code: &'static str,
    /// For people; clients match some of the texts.
    pub(crate) message: String,
    /// For programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) details: Option<Box<Value>>,
    /// The same request may work later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retryable: Option<bool>,
    /// When, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<u64>,
    /// Quirk: a failed run answers with `payload` beside `error` (OpenClaw 2026.9.6, section 8.1 of our notes).
    #[serde(skip)]
    pub(crate) payload: Option<Box<Value>>,
}

impl WireError {
    /// An error with a code and a text.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: None,
            retryable: None,
            retry_after_ms: None,
            payload: None,
        }
    }

    /// A request that does not make sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(INVALID_REQUEST, message)
    }

    /// Adds facts for programs.
    pub(crate) fn details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// Says that it may work later.
    pub(crate) fn retry_after(mut self, wait_ms: u64) -> Self {
        self.retryable = Some(true);
        self.retry_after_ms = Some(wait_ms);
        self
    }

    /// A missing scope, exactly as clients parse it.
    pub(crate) fn missing_scope(scope: Scope) -> Self {
        Self::new(FORBIDDEN, format!("missing scope: {scope}")).details(json!({
            "code": "MISSING_SCOPE",
            "missingScope": scope.as_str(),
            "requiredScopes": [scope.as_str()],
        }))
    }
}

/// The wire code of a problem and the finer code beside it. Total: a new code does not compile until it is placed.
fn codes(code: Code) -> (&'static str, Option<&'static str>) {
    match code {
        Code::InvalidRequest | Code::SessionNotFound | Code::NotFound => (INVALID_REQUEST, None),
        Code::IdempotencyConflict => (INVALID_REQUEST, Some("IDEMPOTENCY_CONFLICT")),
        Code::AgentNotFound => (INVALID_REQUEST, Some("UNKNOWN_AGENT_ID")),
        Code::AgentSelectionRequired => (INVALID_REQUEST, Some("AGENT_SELECTION_REQUIRED")),
        Code::MissingScope => (FORBIDDEN, Some("MISSING_SCOPE")),
        Code::Forbidden => (FORBIDDEN, None),
        Code::Busy => (UNAVAILABLE, Some("BUSY")),
        Code::StorageFull => (UNAVAILABLE, Some("STORAGE_FULL")),
        Code::DeliveryFailed => (UNAVAILABLE, Some("DELIVERY_FAILED")),
        Code::Unavailable | Code::Internal => (UNAVAILABLE, None),
    }
}

/// The catalogue of problems as this protocol tells them, for the reference pages.
pub fn problems_markdown() -> String {
    let mut page = String::from(
        "# Problems\n\nWhat a request can be refused with: the code on the wire, and the finer one in `details.code`.\nA hint for people is in `details.hint`, and `retryAfterMs` says when to try again.\n\n| Problem | Code | Details | Meaning |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let (wire, fine) = codes(code);
        let fine = fine.map_or_else(String::new, |fine| format!("`{fine}`"));
        page.push_str(&format!(
            "| {code:?} | `{wire}` | {fine} | {} |\n",
            code.meaning()
        ));
    }
    page
}

impl From<Problem> for WireError {
    fn from(problem: Problem) -> Self {
        let (code, fine) = codes(problem.code);
        let mut details = match problem.details {
            Some(Value::Object(map)) => map,
            Some(other) => serde_json::Map::from_iter([("value".to_owned(), other)]),
            None => serde_json::Map::new(),
        };
        if let Some(fine) = fine {
            details.entry("code").or_insert_with(|| fine.into());
        }
        if let Some(hint) = problem.hint {
            details.entry("hint").or_insert_with(|| hint.into());
        }
        Self {
            code,
            message: problem.message,
            details: (!details.is_empty()).then(|| Box::new(Value::Object(details))),
            retryable: problem.retry_after_ms.map(|_| true),
            retry_after_ms: problem.retry_after_ms,
            payload: None,
        }
    }
}
