//! Inbound and outbound messages, peers, senders and reply targets.
//!
//! The serialised form of these types is stored in the journals, so fields are only ever added.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ChannelId};

/// What kind of place the other end of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerKind {
    /// One person.
    Direct,
    /// A group whose members write to each other.
    Group,
    /// A broadcast or public channel.
    Channel,
}

impl PeerKind {
    /// The lower-case word used in keys, config and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Channel => "channel",
        }
    }
}

/// The other end of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Peer {
    /// Direct, group or channel.
    pub kind: PeerKind,
    /// The platform's own id of the chat.
    pub id: Arc<str>,
}

/// A place on a platform: account, chat and optional thread. Order of replies is kept per conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conversation {
    /// The channel kind.
    pub channel: ChannelId,
    /// The account of ours that takes part.
    pub account: AccountId,
    /// The chat.
    pub peer: Peer,
    /// Forum topic or thread inside the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Arc<str>>,
}

impl Conversation {
    /// A stable text form, used to order deliveries and in logs; never parsed back.
    pub fn lane_name(&self) -> String {
        match &self.thread {
            Some(thread) => format!(
                "{}/{}/{}/{}",
                self.channel, self.account, self.peer.id, thread
            ),
            None => format!("{}/{}/{}", self.channel, self.account, self.peer.id),
        }
    }
}

/// Who wrote one message. Only `id` ever authorises anything; names are for people (S-031).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The platform's immutable id.
    pub id: Arc<str>,
    /// Public handle without `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The platform says the sender is a bot.
    #[serde(default)]
    pub is_bot: bool,
    /// The sender is our own account.
    #[serde(default)]
    pub is_self: bool,
}

/// Which kind of platform event an inbound is. Each passes the same gate (S-032).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundKind {
    /// A new message.
    Message,
    /// A changed message.
    Edit,
    /// Anything else the platform reported; it is recorded and never starts a turn.
    Other,
}

/// How a message in a group is addressed to us, as the platform itself reports it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressed {
    /// A native mention of our account.
    pub mention: bool,
    /// A reply to, or a quote of, one of our messages.
    pub reply_to_us: bool,
    /// A command that names our account, such as `/status@name`.
    pub command: bool,
    /// A command that names another account; never ours to answer.
    pub other_bot: bool,
}

/// Something attached to a message that is described, not yet fetched (decision 53).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `photo`, `voice`, `document`, … in the platform's words.
    pub kind: String,
    /// File name or short description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size in bytes when the platform says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// The text a message answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Who wrote it.
    pub sender: String,
    /// What it said, shortened by the channel.
    pub text: String,
}

/// One user-visible event on a platform, in our vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// Native event id: redelivery repeats it, a different event never does.
    pub event_id: String,
    /// The account's own id on the platform; dedupe is keyed by it (decision 6).
    pub platform_account: Arc<str>,
    /// Message, edit or other.
    pub kind: InboundKind,
    /// Where it was said.
    pub conversation: Conversation,
    /// Title of the chat, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who said it.
    pub sender: Sender,
    /// Native message id, for replies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The text, or the caption of media.
    pub text: String,
    /// How it is addressed to us.
    #[serde(default)]
    pub addressed: Addressed,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// Media that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Where the message was forwarded from, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_from: Option<String>,
    /// Platform id shared by the parts of one album.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// When the platform says it was written, Unix milliseconds.
    pub sent_at_ms: i64,
}

/// Where a reply goes: data of each turn, never inferred from "who wrote last".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTarget {
    /// The conversation.
    pub conversation: Conversation,
    /// Native id of the message to answer, where the platform shows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
}

/// Text ready for one platform message, with the fallback that is sent when its markup is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedText {
    /// In the platform's markup.
    pub markup: String,
    /// The same words without markup.
    pub plain: String,
}

/// One operation on a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Operation {
    /// Send a new message.
    Text {
        /// Where.
        target: ReplyTarget,
        /// What.
        text: RenderedText,
        /// Send the plain form: the platform refused the markup before.
        #[serde(default)]
        plain: bool,
    },
    /// Replace the text of a message of ours.
    Edit {
        /// Where the message is.
        conversation: Conversation,
        /// Which message.
        message_id: String,
        /// The new text.
        text: RenderedText,
        /// Send the plain form: the platform refused the markup before.
        #[serde(default)]
        plain: bool,
    },
    /// Remove a message of ours.
    Delete {
        /// Where the message is.
        conversation: Conversation,
        /// Which message.
        message_id: String,
    },
    /// Show that an answer is being written.
    Typing {
        /// Where.
        conversation: Conversation,
    },
    /// Show an ephemeral draft bubble, where the platform has one.
    Draft {
        /// Where.
        conversation: Conversation,
        /// Non-zero id that keeps the bubble the same across updates.
        draft_id: u32,
        /// The text so far.
        text: RenderedText,
    },
}

impl Operation {
    /// The conversation the operation happens in.
    pub fn conversation(&self) -> &Conversation {
        match self {
            Self::Text { target, .. } => &target.conversation,
            Self::Edit { conversation, .. }
            | Self::Delete { conversation, .. }
            | Self::Typing { conversation }
            | Self::Draft { conversation, .. } => conversation,
        }
    }

    /// The same operation with its plain text, or `None` when it already is plain or carries no text.
    pub fn without_markup(&self) -> Option<Self> {
        match self {
            Self::Text {
                target,
                text,
                plain: false,
            } => Some(Self::Text {
                target: target.clone(),
                text: text.clone(),
                plain: true,
            }),
            Self::Edit {
                conversation,
                message_id,
                text,
                plain: false,
            } => Some(Self::Edit {
                conversation: conversation.clone(),
                message_id: message_id.clone(),
                text: text.clone(),
                plain: true,
            }),
            _ => None,
        }
    }
}

/// Proof that a platform accepted an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Native ids of the messages that now exist.
    pub message_ids: Vec<String>,
}
