//! Where a message goes, as people write it: `channel:chat`, `channel:account:chat`, `channel:account:chat:topic:id`.

use std::fmt;
use std::str::FromStr;

/// Longest part of a target; platform ids are far shorter.
const PART_CHARS_MAX: usize = 256;

/// A place to send to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The channel.
    pub(crate) channel: String,
    /// The account; the default one when absent.
    pub(crate) account: Option<String>,
    /// The chat, as the platform names it.
    pub(crate) chat: String,
    /// Topic inside the chat.
    pub(crate) topic: Option<String>,
}

/// A text that is no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetError(String);

// === impl Target ===

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let parts: Vec<&str> = text.split(':').collect();
        for part in &parts {
            if part.is_empty() {
                return Err(TargetError(format!("`{text}` has an empty part")));
            }
            if part.chars().count() > PART_CHARS_MAX
                || part
                    .chars()
                    .any(|character| character.is_control() || character == ' ')
            {
                return Err(TargetError(format!(
                    "`{text}` has a part that cannot be an id"
                )));
            }
        }
        let (channel, rest) = parts
            .split_first()
            .ok_or_else(|| TargetError("the target is empty".to_owned()))?;
        let (rest, topic) = match rest {
            [head @ .., "topic", topic] if !head.is_empty() => (head, Some((*topic).to_owned())),
            rest => (rest, None),
        };
        let (account, chat) = match rest {
            [chat] => (None, *chat),
            [account, chat] => (Some((*account).to_owned()), *chat),
            [] => return Err(TargetError(format!("`{text}` names no chat"))),
            _ => return Err(TargetError(format!("`{text}` has too many parts"))),
        };
        Ok(Self {
            channel: channel.to_ascii_lowercase(),
            account,
            chat: chat.to_owned(),
            topic,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.channel)?;
        if let Some(account) = &self.account {
            write!(formatter, ":{account}")?;
        }
        write!(formatter, ":{}", self.chat)?;
        if let Some(topic) = &self.topic {
            write!(formatter, ":topic:{topic}")?;
        }
        Ok(())
    }
}

// === impl TargetError ===

impl fmt::Display for TargetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}; write `telegram:123`, `telegram:work:123` or `telegram:work:-100123:topic:7`",
            self.0
        )
    }
}

impl std::error::Error for TargetError {}
