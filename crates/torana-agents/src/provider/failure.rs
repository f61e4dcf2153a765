//! A failed attempt, classified by what to do next. Holds no body, no URL and no secret.

use torana_core::run::FailureKind;

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ProviderFailure {
    /// What to do about it.
    pub kind: FailureKind,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// The server's own wait, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// What happened, in a few words of ours.
    pub detail: String,
    /// The answer could not be read, as opposed to our request being refused; worth one more try (S-061).
    pub unreadable: bool,
    /// An optional field of ours the server does not know.
    pub(crate) rejected: Option<RejectedField>,
}

/// Optional request fields that stricter servers refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectedField {
    /// `stream_options`.
    StreamOptions,
    /// `max_tokens`, where `max_completion_tokens` is wanted.
    MaxTokens,
}

impl ProviderFailure {
    /// A failure without status.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            retry_after_ms: None,
            detail: detail.into(),
            unreadable: false,
            rejected: None,
        }
    }

    /// An answer that is not what the wire format says.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self {
            unreadable: true,
            ..Self::new(FailureKind::Format, detail)
        }
    }

    /// The client asked for something this wire format has no field for.
    pub(crate) fn unsupported(field: &str) -> Self {
        Self {
            // What a server that knows the field and dislikes it would say.
            status: Some(400),
            ..Self::new(
                FailureKind::Format,
                format!("its wire format has no `{field}`"),
            )
        }
    }

    /// The connection ended before the answer did.
    pub(crate) fn cut_off() -> Self {
        Self::new(
            FailureKind::Unavailable,
            "the connection ended before the answer was complete",
        )
    }
}
