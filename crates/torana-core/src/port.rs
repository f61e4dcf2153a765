//! The seams through which the outside world comes in: clock, randomness, channels and agent backends.
//!
//! Each has a real implementation and a simulated one, so the whole gateway also runs in virtual time from one seed.
//! Adapters make one attempt per call and classify the outcome; who retries, and when, is decided in [`crate::deliver`]
//! and by the engine (decision 12).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;

use crate::ask::{Attached, Wishes};
use crate::blame::Death;
use crate::id::{AccountId, AgentId, ChannelId, InboxId, RunId};
use crate::key::SessionKey;
use crate::media::{MediaKind, MediaRef};
use crate::message::{Inbound, Operation, Receipt};
use crate::render;
use crate::run::{Entry, ModelRef, RunEvent, Sampling};

/// A boxed future; dropping it cancels the work.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// The events of one run; dropping it aborts the run.
pub type RunStream = Pin<Box<dyn Stream<Item = RunEvent> + Send>>;

/// Reads time. Deadlines and back-off use the monotonic side; the wall clock is for people and stored rows.
pub trait Clock: Send + Sync {
    /// Wall time, Unix milliseconds.
    fn wall_ms(&self) -> i64;
    /// Milliseconds since some fixed moment of this process; never goes back.
    fn monotonic_ms(&self) -> u64;
    /// Completes when [`Clock::monotonic_ms`] has reached the given value.
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()>;
}

/// Gives random bytes; in simulation a seeded stream, so that ids in snapshots are stable.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Clock and entropy, handed to everything at construction and never fetched from a global.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// Wall time, Unix milliseconds.
    pub fn wall_ms(&self) -> i64 {
        self.clock.wall_ms()
    }

    /// Monotonic time, milliseconds.
    pub fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }

    /// Waits for a number of milliseconds.
    pub fn sleep_ms(&self, delay_ms: u64) -> BoxFuture<'static, ()> {
        self.clock
            .sleep_until(self.clock.monotonic_ms().saturating_add(delay_ms))
    }

    /// A random (version 4) uuid in its usual lower-case form.
    pub fn uuid(&self) -> String {
        let mut bytes = [0_u8; 16];
        self.entropy.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            for nibble in [byte >> 4, byte & 0x0f] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// A random number below `bound`; 0 for a bound of 0. For jitter, not for secrets.
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0_u8; 8];
        self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
    }
}

// === Crashes ===

/// The place of one running turn's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkSlot(pub u32);

/// Notes which turns run, where the death of the process does not take it away, so that the next start knows which
/// message a crash can be attributed to (see [`crate::blame`]).
///
/// [`CrashMarks::working`] is called around every step of a turn: it must cost about a microsecond and never wait.
pub trait CrashMarks: Send + Sync {
    /// How the process before this one ended; [`Death::Unknown`] when asked again, so that nothing counts twice.
    fn take_death(&self) -> Death;
    /// A turn begins to run.
    fn begin(&self, turn: InboxId) -> MarkSlot;
    /// A thread enters or leaves the code of the turn.
    fn working(&self, slot: MarkSlot, working: bool);
    /// The turn is over.
    fn end(&self, slot: MarkSlot);
    /// The process ends in order from here on; what still runs is interrupted.
    fn end_in_order(&self);
}

// === Channels ===

/// How a platform counts and limits what we send; declared by each channel kind, read by the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelLimits {
    /// How text is cut and converted.
    pub text: render::Limits,
    /// Markup the platform understands.
    pub markup: render::Markup,
    /// Messages of ours can be edited.
    pub edit: bool,
    /// Messages of ours can be deleted.
    pub delete: bool,
    /// A typing indicator exists; it is refreshed at this interval, milliseconds.
    pub typing_ms: Option<u64>,
    /// An ephemeral draft bubble exists in direct chats.
    pub draft: bool,
    /// Shortest time between two edits in a direct chat, milliseconds.
    pub edit_interval_direct_ms: u64,
    /// Shortest time between two edits in a group, milliseconds.
    pub edit_interval_group_ms: u64,
    /// The platform recognises a repeated nonce, so an unknown outcome may be resent without doubt.
    pub idempotent: bool,
    /// Send rates to keep; `None` keeps none of our own and only obeys the platform's waits.
    pub rate: Option<RateRules>,
    /// What can be the id of a chat.
    pub chats: ChatIds,
}

/// What can be the id of a chat on a platform, so that an impossible one is refused before it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChatIds {
    /// Any text.
    #[default]
    Any,
    /// A whole number, or `@` and the public name of a chat.
    NumberOrHandle,
}

// === impl ChatIds ===

impl ChatIds {
    /// Whether a text can be the id of a chat.
    #[must_use]
    pub fn allow(self, id: &str) -> bool {
        match (self, id.strip_prefix('@')) {
            (Self::Any, _) => true,
            (Self::NumberOrHandle, Some(name)) => {
                !name.is_empty()
                    && name
                        .chars()
                        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            }
            (Self::NumberOrHandle, None) => id.parse::<i64>().is_ok_and(|number| number != 0),
        }
    }

    /// What an id is, for people whose was none.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Any => "give the id of a chat",
            Self::NumberOrHandle => "give a number, or `@` and the public name of a chat",
        }
    }
}

/// Token buckets of a platform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRules {
    /// Messages per second over the whole account.
    pub account_per_second: f64,
    /// Messages per second in one conversation.
    pub conversation_per_second: f64,
    /// Messages that may go out at once in one conversation before its rate binds.
    pub conversation_burst: f64,
    /// Messages per minute in one group.
    pub group_per_minute: f64,
}

/// Who an account is on its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountIdentity {
    /// The platform's id of the account.
    pub id: Arc<str>,
    /// Its public handle, without `@`.
    pub username: Option<String>,
    /// Remarks worth showing in status and doctor, such as a privacy mode that hides group messages.
    pub notices: Vec<String>,
}

/// Why receiving stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveFailure {
    /// Try again; not before the given wait, milliseconds.
    #[error("{reason}")]
    Retry {
        /// The platform's own wait.
        after_ms: Option<u64>,
        /// For people; no secret in it.
        reason: String,
    },
    /// Another program uses the same identity; back off and tell the operator, never fight.
    #[error("{reason}")]
    Conflict {
        /// For people.
        reason: String,
    },
    /// The credential is wrong or revoked; the account stops until config changes.
    #[error("{reason}")]
    SignedOut {
        /// For people.
        reason: String,
    },
}

/// One delivery of updates from a platform, in platform order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The updates; empty when the platform had nothing, which still proves the transport lives.
    pub updates: Vec<Inbound>,
    /// Opaque position, handed back to [`Receive::acknowledge`] once all updates are durable.
    pub position: u64,
}

/// The way in of an account: pulled by the engine, so nothing is ever acknowledged behind its back.
pub trait Receive: Send {
    /// Waits for the next batch. Dropping the future stops the transport cleanly.
    fn next(&mut self) -> BoxFuture<'_, Result<Batch, ReceiveFailure>>;
    /// Tells the platform (now, or with the next request) that everything up to `position` is durable.
    fn acknowledge(&mut self, position: u64) -> BoxFuture<'_, Result<(), ReceiveFailure>>;
}

/// What a failed send means for what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// Definitely not sent; try again, not before the given wait.
    #[error("{reason}")]
    Retry {
        /// The platform's own wait, milliseconds.
        after_ms: Option<u64>,
        /// A rate limit: does not count as a failed attempt (decision 12).
        limited: bool,
        /// The wait concerns the whole account, not only this conversation.
        whole_account: bool,
        /// For people.
        reason: String,
    },
    /// Definitely refused, for good.
    #[error("{reason}")]
    Rejected {
        /// For people.
        reason: String,
    },
    /// The platform could not read the markup; the plain text may go.
    #[error("{reason}")]
    Markup {
        /// For people.
        reason: String,
    },
    /// The message to edit or delete is not there any more.
    #[error("{reason}")]
    Gone {
        /// For people.
        reason: String,
    },
    /// The chat has a new id; send there and remember it.
    #[error("the chat moved to {peer_id}")]
    Moved {
        /// The platform's new id of the chat.
        peer_id: Arc<str>,
    },
    /// Perhaps sent: the request was written and no definite answer came back.
    #[error("{reason}")]
    Unknown {
        /// For people.
        reason: String,
    },
    /// The credential is wrong; the account stops.
    #[error("{reason}")]
    SignedOut {
        /// For people.
        reason: String,
    },
    /// The platform has no such operation.
    #[error("the platform does not support this operation")]
    Unsupported,
}

/// The way out of an account: one attempt per call.
pub trait Transmit: Send + Sync {
    /// Carries out one operation. `nonce` is the same for every attempt of one intent.
    fn transmit<'a>(
        &'a self,
        operation: &'a Operation,
        nonce: &'a str,
    ) -> BoxFuture<'a, Result<Receipt, SendFailure>>;
}

/// A raw HTTP request to an account's webhook.
#[derive(Debug, Clone)]
pub struct WebhookRequest {
    /// Header names in lower case with their values, in order.
    pub headers: Vec<(String, String)>,
    /// The body, within the webhook limit of [`crate::limit`].
    pub body: Bytes,
}

/// What to do with a webhook request.
#[derive(Debug, Clone, PartialEq)]
pub enum WebhookVerdict {
    /// Genuine: store these updates, then answer 200.
    Accept(Vec<Inbound>),
    /// Not genuine: answer 401 and store nothing.
    Forged,
    /// Genuine but unreadable: answer 400.
    Malformed,
}

/// Verifies and reads webhook requests. Pure: the engine stores and answers.
pub trait Webhook: Send + Sync {
    /// Path on the gateway's port, starting with `/`.
    fn path(&self) -> &str;
    /// Checks the platform's secret or signature in constant time, then parses.
    fn receive(&self, request: &WebhookRequest) -> WebhookVerdict;
}

/// Starts an account: looks up who we are, registers webhook and command menu. Called before receiving, repeated after failures.
pub trait Connect: Send + Sync {
    /// One attempt.
    fn connect(&self) -> BoxFuture<'_, Result<AccountIdentity, ReceiveFailure>>;

    /// Asks who we are and changes nothing at the platform. Connecting does where asking is all it takes.
    fn probe(&self) -> BoxFuture<'_, Result<AccountIdentity, ReceiveFailure>> {
        self.connect()
    }
}

/// One configured account of a channel, ready to be run by the engine. An absent part means unsupported.
pub struct AccountParts {
    /// The channel kind.
    pub channel: ChannelId,
    /// The account's configured name.
    pub account: AccountId,
    /// The platform's id of the account, as far as it is known without asking.
    pub platform_account: Arc<str>,
    /// How the platform counts and limits.
    pub limits: ChannelLimits,
    /// Looks up who we are.
    pub connect: Arc<dyn Connect>,
    /// The way in by polling or socket.
    pub receive: Option<Box<dyn Receive>>,
    /// The way out.
    pub transmit: Option<Arc<dyn Transmit>>,
    /// The way in by HTTP.
    pub webhook: Option<Arc<dyn Webhook>>,
    /// Text naming the secret that only one gateway may use at a time; hashed before it is shown or stored.
    pub exclusive: Option<String>,
}

// === Agent backends ===

/// What a backend needs to know to open a conversation.
#[derive(Debug, Clone)]
pub struct OpenRequest {
    /// The session.
    pub session: SessionKey,
    /// The agent.
    pub agent: AgentId,
}

/// One turn to answer.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// Wire id of the turn.
    pub run_id: RunId,
    /// 1 for the first run of the turn.
    pub attempt: u32,
    /// The persona's instructions.
    pub system: String,
    /// What was said before, oldest first, already cut to the model's context.
    pub history: Vec<Entry>,
    /// What is said now.
    pub input: String,
    /// Files that came with what is said, in `history` or now, as far as they fit; the newest are the last.
    pub media: Vec<Media>,
    /// What comes with it: images, and results of a client's tools.
    pub attached: Attached,
    /// What else is asked of the answer.
    pub wishes: Wishes,
    /// Model chosen for this turn or session; the agent's own when absent. An explicit choice never falls back.
    pub model: Option<ModelRef>,
    /// Thinking level, when chosen.
    pub thinking: Option<String>,
    /// How the model is to choose its words. Backends that have no say in it leave this alone.
    pub sampling: Sampling,
    /// Monotonic moment at which the turn is over, milliseconds.
    pub deadline_ms: u64,
}

/// A file for an agent, with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What it is.
    pub reference: MediaRef,
    /// It came with what is said now, not with something said before.
    pub is_new: bool,
    /// The bytes.
    pub bytes: Bytes,
}

/// A conversation with an agent, for one session.
pub trait AgentConversation: Send {
    /// Starts a turn. One at a time; the stream ends with [`RunEvent::Settled`].
    fn turn(&mut self, request: TurnRequest) -> RunStream;
    /// The handle that takes text while a turn runs, when the backend can.
    fn steer(&self) -> Option<Arc<dyn Steer>>;
}

/// Takes text into a running turn.
pub trait Steer: Send + Sync {
    /// True when the running turn will see the text; false when it must wait for its own turn.
    fn steer(&self, text: &str) -> bool;
}

/// Runs an agent's turns.
pub trait AgentBackend: Send + Sync {
    /// Opens a conversation; cheap for the built-in loop, a process for others.
    fn open(
        &self,
        request: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>>;

    /// Whether the agent can be shown a kind of file. What it cannot be shown is refused when it is sent, not ignored.
    fn takes(&self, kind: MediaKind) -> bool {
        let _ = kind;
        false
    }

    /// Whether its turns honour [`Wishes`] and what is [`Attached`]; a request with either is refused otherwise.
    fn takes_wishes(&self) -> bool {
        false
    }
}

// === Files ===

/// Keeps the bytes of files that came with messages, named by their digest.
pub trait MediaStore: Send + Sync {
    /// Keeps bytes; when this returns they survive a crash. Keeping them again changes nothing.
    fn put(&self, digest: String, bytes: Bytes) -> BoxFuture<'_, Result<(), MediaFailure>>;
    /// Reads bytes; `None` when they are not there.
    fn get(&self, digest: String) -> BoxFuture<'_, Result<Option<Bytes>, MediaFailure>>;
    /// Removes bytes; those that are not there are removed already.
    fn remove(&self, digest: String) -> BoxFuture<'_, Result<(), MediaFailure>>;
}

/// Why bytes could not be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaFailure {
    /// There is no space.
    #[error("the disk is full")]
    Full,
    /// Anything else; the text is for the log.
    #[error("{0}")]
    Other(String),
}

/// Why a conversation could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BackendFailure {
    /// For people.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_chat_is_told_from_a_possible_one() {
        let ids = ChatIds::NumberOrHandle;
        for id in ["7", "-1001234567890", "@news_2"] {
            assert!(ids.allow(id), "{id}");
        }
        for id in ["abc", "", "@", "@a b", "0", "1.5", "99999999999999999999"] {
            assert!(!ids.allow(id), "{id}");
            assert!(ChatIds::Any.allow(id), "{id}");
        }
    }
}
