//! The three frames of the protocol, as a client reads them.

use serde::Deserialize;
use serde_json::Value;

use crate::cli::failure::{Exit, Failure, Reason};

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
        let detail = |name: &str| {
            self.details
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let fine = detail("code");
        let reason = reason_of(fine, &self.message);
        if reason == Reason::NotOffered {
            let method = self.message.rsplit(' ').next().unwrap_or_default();
            let mut failure = Failure::failed(format!("this gateway does not offer `{method}`"))
                .hint("update the gateway, or look at `torana status` for what it is");
            failure.reason = reason;
            return failure;
        }
        let told = Some(detail("hint").to_owned()).filter(|hint| !hint.is_empty());
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
            reason,
        }
    }
}

fn reason_of(fine: &str, message: &str) -> Reason {
    match fine {
        "PAIRING_REQUIRED" => Reason::PairingRequired,
        "AUTH_DEVICE_TOKEN_MISMATCH" | "AUTH_SCOPE_MISMATCH" => Reason::TokenStale,
        "AUTH_TOKEN_MISSING"
        | "AUTH_TOKEN_MISMATCH"
        | "AUTH_PASSWORD_MISSING"
        | "AUTH_PASSWORD_MISMATCH"
        | "AUTH_REQUIRED"
        | "AUTH_RATE_LIMITED"
        | "AUTH_UNAUTHORIZED"
        | "DEVICE_IDENTITY_REQUIRED"
        | "CONTROL_UI_DEVICE_IDENTITY_REQUIRED" => Reason::Refused,
        _ if message.starts_with("unknown method: ") => Reason::NotOffered,
        _ => Reason::Other,
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
            "check --token, TORANA_GATEWAY_TOKEN, and `gateway.auth` or `gateway.remote`: the gateway has another secret"
        }
        "AUTH_DEVICE_TOKEN_MISMATCH" | "AUTH_SCOPE_MISMATCH" => {
            "give the gateway's secret with --token once; the token this device had is no longer good"
        }
        "AUTH_RATE_LIMITED" => "wait a few minutes and try again",
        "MISSING_SCOPE" => {
            "run this on the machine of the gateway, or let this device do more with `torana devices approve` there"
        }
        "UNKNOWN_AGENT_ID" => "list the agents with `torana agents list`",
        "PAIRING_REQUIRED" => {
            let request = details.get("requestId").and_then(Value::as_str)?;
            return Some(format!(
                "run `torana devices approve {request}` on the machine of the gateway, then repeat this command"
            ));
        }
        _ if details["reason"] == "gateway-suspending" => {
            "the gateway is suspended: it goes on by itself within two minutes, or with `torana gateway resume` and the id that `torana gateway suspend` printed"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
