//! Refusals of the handshake, in the words clients know.

use serde_json::json;
use torana_core::auth::DeviceFault;
use torana_core::problem::Problem;

use crate::openclaw::error::{INVALID_REQUEST, WireError};
use crate::openclaw::quirks::close;

/// A connection that was not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// The answer; `None` closes without a word.
    pub(crate) error: Option<WireError>,
    /// Close code.
    pub(crate) code: u16,
    /// Close reason.
    pub(crate) reason: String,
}

impl Refusal {
    fn policy(error: WireError) -> Self {
        let reason = error.message.clone();
        Self {
            error: Some(error),
            code: close::POLICY,
            reason,
        }
    }

    /// Closes without an answer.
    pub(crate) fn silent(code: u16, reason: &str) -> Self {
        Self {
            error: None,
            code,
            reason: reason.to_owned(),
        }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self::policy(error)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::policy(WireError::from(problem))
    }
}

/// A device proof that is none.
pub(super) fn device_refusal(fault: DeviceFault) -> Refusal {
    let (message, code, reason) = match fault {
        DeviceFault::IdMismatch => (
            "device identity mismatch",
            "DEVICE_AUTH_DEVICE_ID_MISMATCH",
            "device-id-mismatch",
        ),
        DeviceFault::SignatureStale => (
            "device signature expired",
            "DEVICE_AUTH_SIGNATURE_EXPIRED",
            "device-signature-stale",
        ),
        DeviceFault::NonceMissing => (
            "device nonce required",
            "DEVICE_AUTH_NONCE_REQUIRED",
            "device-nonce-missing",
        ),
        DeviceFault::NonceMismatch => (
            "device nonce mismatch",
            "DEVICE_AUTH_NONCE_MISMATCH",
            "device-nonce-mismatch",
        ),
        DeviceFault::Signature => (
            "device signature invalid",
            "DEVICE_AUTH_SIGNATURE_INVALID",
            "device-signature",
        ),
        DeviceFault::PublicKey => (
            "device public key invalid",
            "DEVICE_AUTH_PUBLIC_KEY_INVALID",
            "device-public-key",
        ),
    };
    WireError::new(INVALID_REQUEST, message)
        .details(json!({ "code": code, "reason": reason }))
        .into()
}

/// One way to fail with a credential.
pub(super) struct AuthFault {
    reason: &'static str,
    code: &'static str,
    next: &'static str,
    message: String,
    can_retry_with_device_token: bool,
    retry_after_ms: Option<u64>,
}

impl AuthFault {
    pub(super) fn new(
        reason: &'static str,
        code: &'static str,
        next: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into();
        Self {
            reason,
            code,
            next,
            message,
            can_retry_with_device_token: false,
            retry_after_ms: None,
        }
    }

    /// The device may come again with its own token instead.
    pub(super) fn or_device_token(self, can_retry_with_device_token: bool) -> Self {
        Self {
            can_retry_with_device_token,
            ..self
        }
    }

    pub(super) fn device_token_mismatch() -> Self {
        let message = "device token mismatch (rotate/reissue device token)";
        let (code, next) = ("AUTH_DEVICE_TOKEN_MISMATCH", "update_auth_credentials");
        Self::new("device_token_mismatch", code, next, message)
    }

    pub(super) fn scope_mismatch() -> Self {
        let message = "device token scope mismatch (re-pair or approve scope upgrade)";
        let (code, next) = ("AUTH_SCOPE_MISMATCH", "review_auth_configuration");
        Self::new("scope_mismatch", code, next, message)
    }

    pub(super) fn limited(retry_after_ms: u64) -> Self {
        let message = "too many failed authentication attempts (retry later)";
        let fault = Self::new(
            "rate_limited",
            "AUTH_RATE_LIMITED",
            "wait_then_retry",
            message,
        );
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..fault
        }
    }
}

impl From<AuthFault> for Refusal {
    fn from(fault: AuthFault) -> Self {
        let error = WireError::invalid(format!("unauthorized: {}", fault.message)).details(json!({
            "code": fault.code,
            "authReason": fault.reason,
            "canRetryWithDeviceToken": fault.can_retry_with_device_token,
            "recommendedNextStep": fault.next,
        }));
        Self::policy(match fault.retry_after_ms {
            Some(wait_ms) => error.retry_after(wait_ms),
            None => error,
        })
    }
}
