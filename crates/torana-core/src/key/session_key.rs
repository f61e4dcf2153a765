//! The validated session key, and the builders that routing uses.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::escape::escape_segment;
use super::grammar::{KeyError, KeyParts, Shape, is_channel_word, is_reserved, print, read_shape};
use super::scope::{DmScope, GroupScope};
use crate::message::PeerKind;

/// The most characters of a key: the longest platform ids fit several times (decision 50).
pub const KEY_CHARS_MAX: usize = 512;

/// The most characters of an agent id.
const AGENT_CHARS_MAX: usize = 64;

/// Ids that are longer when escaped are replaced by their digest in keys, so that every key stays
/// below [`KEY_CHARS_MAX`] even with account, peer and thread of this length.
const ID_BYTES_MAX: usize = 128;

/// The most bytes of a channel's name; ours have at most 11.
const CHANNEL_BYTES_MAX: usize = 32;

const GLOBAL: &str = "global";

/// What short spellings refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyContext<'a> {
    /// The agent of keys that name none.
    pub default_agent: &'a str,
    /// Another word for `main` that an old config may define.
    pub main_key: &'a str,
}

impl Default for KeyContext<'_> {
    fn default() -> Self {
        Self {
            default_agent: "main",
            main_key: "main",
        }
    }
}

/// A conversation, as far as session keys depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The channel kind.
    pub channel: &'a str,
    /// The account of ours.
    pub account: &'a str,
    /// Direct, group or channel.
    pub kind: PeerKind,
    /// The chat's id, or the linked identity of its person.
    pub peer: &'a str,
    /// Topic or thread, if it is to have a session of its own.
    pub thread: Option<&'a str>,
}

/// The canonical name of a session: it decides context and concurrency.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionKey(Arc<str>);

/// Kinds of sessions that lists tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// An agent's main session.
    Main,
    /// A conversation of people or clients.
    Chat,
    /// Work that an agent gave to another.
    Subagent,
    /// A scheduled job.
    Cron,
    /// The gateway's own.
    System,
    /// The one session that all share.
    Global,
}

impl Family {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Chat => "chat",
            Self::Subagent => "subagent",
            Self::Cron => "cron",
            Self::System => "system",
            Self::Global => "global",
        }
    }
}

// === impl SessionKey ===

impl SessionKey {
    /// Reads a key in any spelling.
    ///
    /// ```
    /// use torana_core::key::{KeyContext, SessionKey};
    /// let context = KeyContext { default_agent: "home", main_key: "main" };
    /// let key = |text| SessionKey::parse(text, &context).map(|key| key.to_string());
    /// assert_eq!(key("main").as_deref(), Ok("agent:home:main"));
    /// assert_eq!(
    ///     key("agent:A:Telegram:topic:-100:7").as_deref(),
    ///     Ok("agent:a:telegram:group:-100:topic:7")
    /// );
    /// ```
    pub fn parse(text: &str, context: &KeyContext<'_>) -> Result<Self, KeyError> {
        let text = text.trim();
        check_text(text, KEY_CHARS_MAX)?;
        if text.eq_ignore_ascii_case(GLOBAL) {
            return Ok(Self::global());
        }
        let (agent, rest) = match text.split_once(':') {
            Some((word, rest)) if word.eq_ignore_ascii_case("agent") => {
                rest.split_once(':').ok_or(KeyError::EmptyPart)?
            }
            _ => (context.default_agent, text),
        };
        let agent = canonical_agent(agent)?;
        let shape = read_shape(rest, context.main_key)?;
        let key = print(Some(&agent), &shape);
        // Short spellings grow when they are completed.
        check_text(&key, KEY_CHARS_MAX)?;
        Ok(Self(key.into()))
    }

    /// The agent's main session.
    pub fn main(agent: &str) -> Self {
        Self::build(agent, &Shape::Main)
    }

    /// The one session that all agents and senders share.
    pub fn global() -> Self {
        Self(GLOBAL.into())
    }

    /// A session of a namespace, such as `cron` with a job id.
    pub fn namespaced(agent: &str, namespace: &str, rest: &str) -> Self {
        Self::build(
            agent,
            &Shape::Namespaced {
                namespace: namespace.to_ascii_lowercase(),
                rest: bounded(rest),
            },
        )
    }

    /// The session of a conversation.
    ///
    /// ```
    /// use torana_core::key::{DmScope, GroupScope, Place, SessionKey};
    /// use torana_core::message::PeerKind;
    /// let place = Place {
    ///     channel: "slack", account: "work", kind: PeerKind::Channel, peer: "C1", thread: Some("17.4"),
    /// };
    /// let key = SessionKey::for_conversation("main", &place, DmScope::Main, GroupScope::PerGroup);
    /// assert_eq!(key.as_str(), "agent:main:slack:channel:C1:thread:17.4");
    /// ```
    pub fn for_conversation(
        agent: &str,
        place: &Place<'_>,
        dm_scope: DmScope,
        group_scope: GroupScope,
    ) -> Self {
        let channel = channel_word(place.channel);
        let peer = bounded(place.peer);
        let thread = place
            .thread
            .filter(|thread| !thread.is_empty())
            .map(bounded);
        let shape = match (place.kind, dm_scope, group_scope) {
            (PeerKind::Direct, DmScope::Main, _)
            | (PeerKind::Group | PeerKind::Channel, _, GroupScope::Main) => Shape::Main,
            (PeerKind::Direct, DmScope::PerPeer, _) => Shape::Direct {
                channel: None,
                account: None,
                peer,
                thread: None,
            },
            (PeerKind::Direct, DmScope::PerChannelPeer, _) => Shape::Direct {
                channel: Some(channel),
                account: None,
                peer,
                thread,
            },
            (PeerKind::Direct, DmScope::PerAccountChannelPeer, _) => Shape::Direct {
                channel: Some(channel),
                account: Some(bounded(place.account)),
                peer,
                thread,
            },
            (PeerKind::Group, _, GroupScope::PerGroup) => Shape::Group {
                channel,
                id: peer,
                thread,
            },
            (PeerKind::Channel, _, GroupScope::PerGroup) => Shape::Channel {
                channel,
                id: peer,
                thread,
            },
        };
        Self::build(agent, &shape)
    }

    fn build(agent: &str, shape: &Shape) -> Self {
        let agent = canonical_agent(agent).unwrap_or_else(|_| bounded_agent(agent));
        Self(print(Some(&agent), shape).into())
    }

    /// The canonical spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The agent; none for the global session.
    pub fn agent(&self) -> Option<&str> {
        Some(self.0.strip_prefix("agent:")?.split_once(':')?.0)
    }

    /// What follows the agent; all of it for the global session.
    pub fn rest(&self) -> &str {
        let rest = self
            .0
            .strip_prefix("agent:")
            .and_then(|rest| rest.split_once(':'));
        rest.map_or(&self.0, |(_, rest)| rest)
    }

    /// The key taken apart.
    pub fn parts(&self) -> KeyParts {
        let agent = self.agent().map(str::to_owned);
        let shape = match agent {
            None => Shape::Global,
            Some(_) => read_shape(self.rest(), "main").unwrap_or_else(|_| Shape::Named {
                name: self.rest().to_owned(),
            }),
        };
        KeyParts { agent, shape }
    }

    /// Whether this is an agent's main session.
    pub fn is_main(&self) -> bool {
        self.agent().is_some() && self.rest() == "main"
    }

    /// What kind of session this is, for lists that leave some kinds out.
    pub fn family(&self) -> Family {
        if self.agent().is_none() {
            return Family::Global;
        }
        match self.parts().shape {
            Shape::Main => Family::Main,
            Shape::Global => Family::Global,
            Shape::Namespaced { namespace, .. } => match namespace.as_str() {
                "subagent" | "acp" => Family::Subagent,
                "cron" => Family::Cron,
                "heartbeat" | "node" => Family::System,
                _ => Family::Chat,
            },
            Shape::Direct { .. }
            | Shape::Group { .. }
            | Shape::Channel { .. }
            | Shape::Named { .. } => Family::Chat,
        }
    }

    /// Whether the key has characters without a shape, which make two keys look like one or turn round what is shown
    /// after them. Joiners do not count: Persian and emoji are written with them.
    ///
    /// ```
    /// use torana_core::key::{KeyContext, SessionKey};
    /// let is_unseen = |text| SessionKey::parse(text, &KeyContext::default()).map(|key| key.has_unseen());
    /// assert_eq!(is_unseen("no\u{202e}tes"), Ok(true));
    /// assert_eq!(is_unseen("notes 👩\u{200d}🚀"), Ok(false));
    /// ```
    pub fn has_unseen(&self) -> bool {
        self.0.chars().any(|ch| {
            matches!(ch, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}')
        })
    }

    /// Whether only the gateway itself may choose this key (threat S-041).
    pub fn is_reserved_namespace(&self) -> bool {
        matches!(self.parts().shape, Shape::Namespaced { namespace, .. } if is_reserved(&namespace))
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SessionKey({})", self.0)
    }
}

impl AsRef<str> for SessionKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SessionKey {
    type Error = KeyError;

    /// Reads a stored key, which always names its agent.
    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::parse(&text, &KeyContext::default())
    }
}

impl From<SessionKey> for String {
    fn from(key: SessionKey) -> Self {
        key.0.as_ref().to_owned()
    }
}

// === Checks ===

pub(super) fn check_text(text: &str, max: usize) -> Result<(), KeyError> {
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    if text.chars().take(max + 1).count() > max {
        return Err(KeyError::TooLong { max });
    }
    let forges_lines = |ch: char| ch.is_control() || matches!(ch, '\u{2028}' | '\u{2029}');
    if text.chars().any(forges_lines) {
        return Err(KeyError::Control);
    }
    Ok(())
}

fn canonical_agent(agent: &str) -> Result<String, KeyError> {
    if agent.is_empty() {
        return Err(KeyError::EmptyPart);
    }
    let starts_well = agent.starts_with(|ch: char| ch.is_ascii_alphanumeric());
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if starts_well && agent.len() <= AGENT_CHARS_MAX && agent.bytes().all(is_id) {
        Ok(agent.to_ascii_lowercase())
    } else {
        Err(KeyError::BadAgent)
    }
}

/// A stand-in for an agent name that is no id; config refuses such names, so this only keeps
/// builders total and sessions of different names apart.
fn bounded_agent(agent: &str) -> String {
    format!("x{}", &digest(agent)[..32])
}

fn channel_word(channel: &str) -> String {
    let word = channel.to_ascii_lowercase();
    let is_plain = word.len() <= CHANNEL_BYTES_MAX && check_text(&word, CHANNEL_BYTES_MAX).is_ok();
    if is_plain && is_channel_word(&word) && word.trim() == word {
        word
    } else {
        format!("x{}", &digest(channel)[..32])
    }
}

/// An id that fits in a key: itself, or its digest when it is overlong or has characters that keys
/// cannot carry.
fn bounded(id: &str) -> String {
    let fits = escape_segment(id).len() <= ID_BYTES_MAX;
    let is_plain = fits && check_text(id, ID_BYTES_MAX).is_ok() && id.trim() == id;
    if is_plain {
        id.to_owned()
    } else {
        format!("sha256-{}", digest(id))
    }
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
