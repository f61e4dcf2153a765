//! The three frames of the protocol, as a client reads them.

use serde::Deserialize;
use serde_json::Value;

use crate::cli::failure::{Exit, Failure};

/// What the gateway sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Frame {
    /// An answer.
    Res(Response),
    /// Something happened.
    Event(Happening),
    /// Anything newer than us.
    #[serde(other)]
    Unknown,
}

/// An answer.
#[derive(Debug, Deserialize)]
pub(super) struct Response {
    pub(super) id: String,
    pub(super) ok: bool,
    #[serde(default)]
    pub(super) payload: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<WireError>,
}

/// Something happened.
#[derive(Debug, Deserialize)]
pub(super) struct Happening {
    pub(super) event: String,
    #[serde(default)]
    pub(super) payload: Value,
}

/// A refusal.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireError {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) details: Value,
}

impl WireError {
    /// The refusal in our words; the finer code decides what to do about it.
    pub(super) fn into_failure(self) -> Failure {
        let fine = self
            .details
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let told = self
            .details
            .get("hint")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let hint = told.or_else(|| hint_for(fine, &self.details));
        let exit = if fine == "STORAGE_FULL" {
            Exit::Disk
        } else {
            Exit::Failed
        };
        let message = if self.message.is_empty() {
            self.code
        } else {
            self.message
        };
        Failure {
            exit,
            message,
            hint,
        }
    }
}

fn hint_for(fine: &str, details: &Value) -> Option<String> {
    let hint = match fine {
        "AUTH_TOKEN_MISSING"
        | "AUTH_REQUIRED"
        | "DEVICE_IDENTITY_REQUIRED"
        | "AUTH_PASSWORD_MISSING" => {
            "give the gateway's secret with --token, or run this as the user who runs the gateway"
        }
        "AUTH_TOKEN_MISMATCH" | "AUTH_PASSWORD_MISMATCH" => {
            "check TORANA_GATEWAY_TOKEN and `gateway.auth`; the gateway was started with another secret"
        }
        "AUTH_RATE_LIMITED" => "wait a few minutes and try again",
        "MISSING_SCOPE" => {
            "run this on the machine of the gateway, or through a tunnel that ends there (`ssh -L`)"
        }
        "UNKNOWN_AGENT_ID" => "list the agents with `torana status`",
        "PAIRING_REQUIRED" => {
            let request = details.get("requestId").and_then(Value::as_str)?;
            return Some(format!(
                "approve this device on the gateway: `torana devices approve {request}`"
            ));
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
