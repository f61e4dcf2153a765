//! Questions an agent asks a person, with answers to choose from.

use serde_json::Value;

use crate::id::AgentId;
use crate::key::SessionKey;

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionStatus {
    /// Nobody has answered.
    Pending,
    /// Answered.
    Answered,
    /// Taken back.
    Cancelled,
    /// Nobody answered in time.
    Expired,
}

impl QuestionStatus {
    /// The word on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Answered => "answered",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The value of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Answered,
            Self::Cancelled,
            Self::Expired,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// One to three questions that are answered together.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its id: random, or chosen by what asks.
    pub id: String,
    /// The questions as they were put, already checked.
    pub questions: Value,
    /// The agent that asks.
    pub agent: Option<AgentId>,
    /// The session it belongs to.
    pub session: Option<SessionKey>,
    /// The run that waits.
    pub run_id: Option<String>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
    /// Where it stands.
    pub status: QuestionStatus,
    /// The answers by question.
    pub answers: Option<Value>,
    /// Who answered, as he called himself.
    pub resolved_by: Option<String>,
    /// Names one answer, so that what waits can tell a repeat from another answer.
    pub resolution_id: Option<String>,
}
