//! One approval, from the question to its ending.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::AgentId;
use crate::key::SessionKey;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word on the wire and in the store.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The value of a word.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// What asks.
    Kind {
        /// A command.
        Exec => "exec",
        /// A plugin, or a tool of one.
        Plugin => "plugin",
        /// The agent that manages the gateway.
        SystemAgent => "system-agent",
    }
}

words! {
    /// What a person can say.
    Decision {
        /// Yes, this time.
        AllowOnce => "allow-once",
        /// Yes, and do not ask again for exactly this.
        AllowAlways => "allow-always",
        /// No.
        Deny => "deny",
    }
}

words! {
    /// Where an approval stands.
    Status {
        /// Nobody has answered.
        Pending => "pending",
        /// Yes.
        Allowed => "allowed",
        /// No.
        Denied => "denied",
        /// Nobody answered in time.
        Expired => "expired",
        /// What asked is gone.
        Cancelled => "cancelled",
    }
}

words! {
    /// Why an approval ended (OpenClaw 2026.9.6, `ApprovalTerminalReason`).
    Ending {
        /// A person decided.
        User => "user",
        /// Its time ran out.
        Timeout => "timeout",
        /// Nobody could be asked.
        NoRoute => "no-route",
        /// The run that asked was stopped.
        RunAborted => "run-aborted",
        /// The gateway restarted and what asked did not survive it.
        GatewayRestart => "gateway-restart",
    }
}

impl Decision {
    /// The status it leads to.
    pub fn status(self) -> Status {
        match self {
            Self::AllowOnce | Self::AllowAlways => Status::Allowed,
            Self::Deny => Status::Denied,
        }
    }
}

impl Ending {
    /// The status it leads to, without a decision.
    pub fn status(self) -> Status {
        match self {
            Self::User | Self::NoRoute => Status::Denied,
            Self::Timeout => Status::Expired,
            Self::RunAborted | Self::GatewayRestart => Status::Cancelled,
        }
    }
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolver {
    /// `device`, `channel`, `runtime` or `system`.
    pub kind: String,
    /// Device id, sender id or client name.
    pub id: Option<String>,
}

/// One approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Its id: random, or chosen by what asks.
    pub id: String,
    /// What asks.
    pub kind: Kind,
    /// The question as its requester put it, already bounded; each dialect shows the parts it knows.
    pub request: Value,
    /// Which answers are offered.
    pub allowed: Vec<Decision>,
    /// The agent on whose behalf it is asked.
    pub agent: Option<AgentId>,
    /// The session it belongs to.
    pub session: Option<SessionKey>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
    /// Where it stands.
    pub status: Status,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Why it ended.
    pub ending: Option<Ending>,
    /// When it ended, Unix milliseconds.
    pub resolved_at_ms: Option<i64>,
    /// Who decided.
    pub resolver: Option<Resolver>,
}

impl Approval {
    /// Whether it can still be answered.
    pub fn is_pending(&self) -> bool {
        self.status == Status::Pending
    }
}
