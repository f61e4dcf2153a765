//! How a lane treats messages that arrive during a run.

use serde::{Deserialize, Serialize};

use crate::limit::LANE_CAP_DEFAULT;

/// What happens to a message that arrives during a run (behaviour 2.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueMode {
    /// Hand it to the running turn; if the backend cannot, it is the next turn.
    #[default]
    Steer,
    /// One later turn per message.
    Followup,
    /// Waiting messages become one later turn, separately per reply target.
    Collect,
    /// End the run and answer the newest.
    Interrupt,
}

impl QueueMode {
    /// Reads a mode in every spelling of the systems we replace.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "steer" | "queue" | "steer-backlog" | "steer+backlog" => Some(Self::Steer),
            "followup" | "follow-up" => Some(Self::Followup),
            "collect" => Some(Self::Collect),
            "interrupt" => Some(Self::Interrupt),
            _ => None,
        }
    }

    /// The word used in config and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Steer => "steer",
            Self::Followup => "followup",
            Self::Collect => "collect",
            Self::Interrupt => "interrupt",
        }
    }
}

/// What to do when the queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropPolicy {
    /// The oldest waiting message joins the next turn as a short line.
    #[default]
    Summarize,
    /// The oldest waiting message is dropped, with the reason stored.
    Old,
    /// The new message is refused, with the reason stored and told.
    New,
}

/// How a lane treats messages that arrive during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Steer, followup, collect or interrupt.
    pub mode: QueueMode,
    /// Messages that may wait.
    pub cap: usize,
    /// What happens above the cap.
    pub drop: DropPolicy,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            mode: QueueMode::default(),
            cap: LANE_CAP_DEFAULT,
            drop: DropPolicy::default(),
        }
    }
}
