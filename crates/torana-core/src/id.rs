//! Newtypes for every identifier; constructing one validates it.
//!
//! Identifiers arrive from config files, platforms and clients, so each is checked once here and never again.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest text identifier accepted, in bytes; session keys allow 512, platform ids stay far below.
pub const ID_BYTES_MAX: usize = 512;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text was empty.
    #[error("an identifier cannot be empty")]
    Empty,
    /// The text was longer than [`ID_BYTES_MAX`].
    #[error("an identifier can have at most {ID_BYTES_MAX} bytes")]
    TooLong,
    /// The text held a control character, which would let it forge log lines.
    #[error("an identifier cannot contain control characters")]
    Control,
}

fn checked(text: &str) -> Result<Arc<str>, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control);
    }
    Ok(Arc::from(text))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps a text: not empty, at most [`ID_BYTES_MAX`] bytes, no control characters.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                checked(text.as_ref()).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), &self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// A configured agent, such as `main`.
    AgentId
);
text_id!(
    /// A channel kind, such as the name of a messaging platform or `webchat`.
    ChannelId
);
text_id!(
    /// One configured identity on a channel; `default` when only one is configured.
    AccountId
);
text_id!(
    /// The uuid of the current transcript of a session; a reset gives the session key a new one.
    SessionId
);
text_id!(
    /// The wire id of a turn; it equals the client's idempotency key where one was given (decision 5).
    RunId
);
text_id!(
    /// A paired client installation: lower-case hex SHA-256 of its public key.
    DeviceId
);

/// The account used when a channel has exactly one.
pub const DEFAULT_ACCOUNT: &str = "default";
/// The channel of the browser chat and of every client that talks through the control plane.
pub const WEBCHAT: &str = "webchat";

/// How the id of a line begins that was put into a transcript without a run.
pub const INJECTED: &str = "inject-";

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

row_id!(
    /// A row of the inbox; ascending in arrival order.
    InboxId
);
row_id!(
    /// A row of the outbox; ascending in the order replies were decided.
    IntentId
);
row_id!(
    /// A live client connection; unique within one process.
    ConnectionId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_could_forge_a_log_line() {
        assert_eq!(AgentId::new(""), Err(IdError::Empty));
        assert_eq!(AgentId::new("a\nb"), Err(IdError::Control));
        assert_eq!(AgentId::new("x".repeat(513)), Err(IdError::TooLong));
        assert_eq!(
            AgentId::new("main").map(|id| id.to_string()),
            Ok("main".to_owned())
        );
    }
}
