//! What reading a configuration has to say: problems and warnings with their place, and refused parts.

use std::fmt;

use super::path::KeyPath;

/// One thing to tell the person who wrote the file: a problem (nothing starts) or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it is, if it has a place in a file.
    pub place: Option<Place>,
    /// The key it is about, in dot and bracket notation; empty for the whole file.
    pub path: String,
    /// What is wrong; never contains a value that could be secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A position in one of the files a configuration consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named when it was opened.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A part that must not start, because a setting that protects it is not built here yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What must not start.
    pub part: Part,
    /// The setting that says so, in dot and bracket notation.
    pub key: String,
    /// Where it is written.
    pub place: Option<Place>,
    /// Why the part is refused, and what to do.
    pub message: String,
}

/// A part of the gateway that one setting can guard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everything: the gateway does not start.
    Gateway,
    /// Every channel.
    Channels,
    /// One channel, or one account of it.
    Channel {
        /// The channel's id.
        channel: String,
        /// The account, or all accounts.
        account: Option<String>,
    },
    /// One model provider.
    Provider(String),
    /// The tools of one agent, or of all.
    Tools {
        /// The agent's id, or all agents.
        agent: Option<String>,
    },
    /// Webhooks that start turns.
    Hooks,
    /// Any other section, by its root key.
    Section(String),
}

// === impl Finding ===

impl Finding {
    pub(crate) fn new(place: Option<Place>, path: &KeyPath, message: impl Into<String>) -> Self {
        Self {
            place,
            path: path.to_string(),
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        if self.path.is_empty() {
            write!(formatter, "{}", self.message)?;
        } else {
            write!(formatter, "`{}` {}", self.path, self.message)?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "; {hint}")?;
        }
        Ok(())
    }
}

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

// === impl Refusal ===

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        write!(formatter, "`{}` {}", self.key, self.message)
    }
}

// === impl Part ===

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => formatter.write_str("the gateway"),
            Self::Channels => formatter.write_str("every channel"),
            Self::Channel {
                channel,
                account: None,
            } => write!(formatter, "channel {channel}"),
            Self::Channel {
                channel,
                account: Some(account),
            } => {
                write!(formatter, "account {account} of channel {channel}")
            }
            Self::Provider(provider) => write!(formatter, "model provider {provider}"),
            Self::Tools { agent: None } => formatter.write_str("agent tools"),
            Self::Tools { agent: Some(agent) } => write!(formatter, "tools of agent {agent}"),
            Self::Hooks => formatter.write_str("webhooks"),
            Self::Section(section) => write!(formatter, "{section}"),
        }
    }
}
