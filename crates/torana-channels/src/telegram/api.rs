//! One attempt at one Bot API method, and what its failure proves.
//!
//! The only thing decided here is whether the request can have reached Telegram; what follows from a failure is decided by
//! the callers. The token is part of every URL, so no error text of the HTTP client is passed on with its URL.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde::Serialize;
use torana_host::egress::read_capped;
use torana_host::json;
use torana_host::secret::Secret;

use super::wire::{Answer, ResponseParameters};

/// Bytes of an answer to anything but `getUpdates`; Telegram sends a few KiB.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one batch of updates: a hundred of the longest messages with their replies stay below 4 MiB.
pub(super) const UPDATES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Characters of a description that are passed on to people.
const DESCRIPTION_CHARS_MAX: usize = 300;

/// The Bot API of one bot.
pub(super) struct Api {
    client: Client,
    /// `{apiRoot}/bot{token}/`
    base: Secret,
    token: Secret,
    timeout_ms: u64,
}

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallFailure {
    /// The request never left: no connection, no name, no TLS.
    NotSent { reason: String },
    /// The request was written, and what became of it is unknown.
    Ambiguous { reason: String },
    /// Telegram said no.
    Refused {
        code: u16,
        description: String,
        parameters: ResponseParameters,
    },
    /// Something answered that is not a Bot API server, with an error status below 500.
    Foreign {
        status: u16,
        retry_after: Option<u64>,
    },
}

// === impl Api ===

impl Api {
    pub(super) fn new(client: Client, api_root: &str, token: &Secret, timeout_ms: u64) -> Self {
        let base = Secret::new(format!(
            "{}/bot{}/",
            api_root.trim_end_matches('/'),
            token.expose()
        ));
        Self {
            client,
            base,
            token: token.clone(),
            timeout_ms,
        }
    }

    /// Calls a method and returns the raw `result`.
    pub(super) async fn call<B: Serialize>(
        &self,
        method: &str,
        body: &B,
    ) -> Result<Bytes, CallFailure> {
        self.call_with(method, body, self.timeout_ms, ANSWER_BYTES_MAX)
            .await
    }

    /// The same with its own time and size.
    pub(super) async fn call_with<B: Serialize>(
        &self,
        method: &str,
        body: &B,
        timeout_ms: u64,
        bytes_max: usize,
    ) -> Result<Bytes, CallFailure> {
        let body = serde_json::to_vec(body).map_err(|error| CallFailure::NotSent {
            reason: format!("the request cannot be written: {error}"),
        })?;
        let sent = self
            .client
            .post(format!("{}{method}", self.base.expose()))
            .header(CONTENT_TYPE, "application/json")
            .timeout(Duration::from_millis(timeout_ms))
            .body(body)
            .send()
            .await;
        let response = sent.map_err(|error| self.transport_failure(method, error))?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok());
        let answer = match read_capped(response, bytes_max).await {
            Ok(answer) => answer,
            Err(error) => {
                return Err(broken_answer(
                    method,
                    status,
                    retry_after,
                    &error.to_string(),
                ));
            }
        };
        self.read_answer(method, status, retry_after, answer)
    }

    fn read_answer(
        &self,
        method: &str,
        status: StatusCode,
        retry_after: Option<u64>,
        answer: Bytes,
    ) -> Result<Bytes, CallFailure> {
        let not_telegram = || {
            broken_answer(
                method,
                status,
                retry_after,
                "the answer is not one of the Bot API",
            )
        };
        if json::check_depth(&answer).is_err() {
            return Err(not_telegram());
        }
        let Ok(parsed) = serde_json::from_slice::<Answer<'_>>(&answer) else {
            return Err(not_telegram());
        };
        if parsed.ok {
            // Some servers answer an edit with no result at all.
            return Ok(match parsed.result {
                Some(result) => answer.slice_ref(result.get().as_bytes()),
                None => Bytes::from_static(b"null"),
            });
        }
        let code = parsed.error_code.unwrap_or(status.as_u16());
        let mut parameters = parsed.parameters.unwrap_or_default();
        parameters.retry_after = parameters.retry_after.or(retry_after);
        if code >= 500 {
            // The server failed in the middle; it may have done its work before.
            return Err(CallFailure::Ambiguous {
                reason: format!("{method}: the server failed with {code}"),
            });
        }
        let description = self.scrub(parsed.description.as_deref().unwrap_or("no description"));
        Err(CallFailure::Refused {
            code,
            description,
            parameters,
        })
    }

    fn transport_failure(&self, method: &str, error: reqwest::Error) -> CallFailure {
        let never_sent = error.is_connect() || error.is_builder();
        let timed_out = error.is_timeout();
        let error = error.without_url();
        let mut reason = format!("{method}: ");
        if timed_out && !never_sent {
            reason.push_str("no answer in time");
        } else {
            // The innermost cause says most: "connection refused", "connection reset by peer".
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            reason.push_str(&self.scrub(&cause.to_string()));
        }
        if never_sent {
            CallFailure::NotSent { reason }
        } else {
            CallFailure::Ambiguous { reason }
        }
    }

    /// Bounds a foreign text and takes the token out, should a server or proxy repeat the URL.
    fn scrub(&self, text: &str) -> String {
        let text = text.replace(self.token.expose(), "[token]");
        let clean = text.chars().map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        });
        clean.take(DESCRIPTION_CHARS_MAX).collect()
    }
}

/// What an unreadable answer means: below 500 and not a success, something refused before Telegram saw it.
fn broken_answer(
    method: &str,
    status: StatusCode,
    retry_after: Option<u64>,
    reason: &str,
) -> CallFailure {
    if status.is_client_error() {
        CallFailure::Foreign {
            status: status.as_u16(),
            retry_after,
        }
    } else {
        CallFailure::Ambiguous {
            reason: format!("{method}: {reason} (status {})", status.as_u16()),
        }
    }
}
