//! How a session's answers are made, shown and sent, where somebody chose so; what is absent is as configured.

use serde::{Deserialize, Serialize};
use torana_core::command::Setting;

/// What was chosen for a session besides its model, thinking and queue, each a word of its [`Setting`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manner {
    /// Answers say how they came to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verbose: Option<String>,
    /// The model's thoughts are shown before its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Answers say what they used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// Answers reach the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// A group has to mention us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<String>,
}

impl Manner {
    fn slot(&mut self, setting: Setting) -> Option<&mut Option<String>> {
        match setting {
            // Has a column of its own, because it is as old as sessions are.
            Setting::Think => None,
            Setting::Verbose => Some(&mut self.verbose),
            Setting::Reasoning => Some(&mut self.reasoning),
            Setting::Usage => Some(&mut self.usage),
            Setting::Send => Some(&mut self.send),
            Setting::Activation => Some(&mut self.activation),
        }
    }

    /// Chooses a word, or goes back to what is configured.
    pub fn choose(&mut self, setting: Setting, word: Option<&str>) {
        if let Some(slot) = self.slot(setting) {
            *slot = word.map(str::to_owned);
        }
    }

    /// What was chosen.
    pub fn chosen(&self, setting: Setting) -> Option<&str> {
        match setting {
            Setting::Think => None,
            Setting::Verbose => self.verbose.as_deref(),
            Setting::Reasoning => self.reasoning.as_deref(),
            Setting::Usage => self.usage.as_deref(),
            Setting::Send => self.send.as_deref(),
            Setting::Activation => self.activation.as_deref(),
        }
    }

    /// Answers stay in the transcript.
    pub(crate) fn keeps_answers(&self) -> bool {
        self.send.as_deref() == Some("deny")
    }

    /// The model's thoughts go before its answer.
    pub(crate) fn shows_thoughts(&self) -> bool {
        self.reasoning.as_deref() == Some("on")
    }

    /// Answers say how they came to be.
    pub(crate) fn is_verbose(&self) -> bool {
        matches!(self.verbose.as_deref(), Some("on" | "full"))
    }

    /// Whether a group has to mention us, where that was chosen.
    pub(crate) fn needs_mention(&self) -> Option<bool> {
        self.activation.as_deref().map(|word| word == "mention")
    }
}
