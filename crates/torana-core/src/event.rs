//! Every event of the gateway, in one list: the only vocabulary of bus, logs and metrics.
//!
//! The engine publishes these; dialects translate those a client may see, and `engine/bus` turns each into
//! its log line and counters. Adding an event is one variant here.

use std::sync::Arc;

use crate::approval::Approval;
use crate::id::{
    AccountId, AgentId, ChannelId, ConnectionId, DeviceId, InboxId, IntentId, RunId, SessionId,
};
use crate::key::SessionKey;
use crate::message::Conversation;
use crate::question::Question;
use crate::run::{Entry, FailureKind, Settled};

/// What stays the same during one run, shared by all its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// Wire id of the turn.
    pub run_id: RunId,
    /// The session.
    pub session: SessionKey,
    /// Its transcript.
    pub session_id: SessionId,
    /// The agent.
    pub agent: AgentId,
    /// Run of the turn, from 1.
    pub attempt: u32,
    /// When it started, Unix milliseconds.
    pub started_at_ms: i64,
    /// The connection that asked for it, when a client did.
    pub origin: Option<ConnectionId>,
}

/// One thing that happened during a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunSignal {
    /// The run began.
    Started,
    /// A model was chosen.
    Model {
        /// Provider id.
        provider: String,
        /// Model id.
        model: String,
    },
    /// Text to append.
    Text(Arc<str>),
    /// All text so far is replaced.
    Replace(Arc<str>),
    /// Reasoning to append.
    Thinking(Arc<str>),
    /// A tool began.
    ToolStarted {
        /// Call id.
        id: String,
        /// Tool name.
        name: String,
        /// Arguments as JSON text.
        arguments: String,
    },
    /// A tool ended.
    ToolFinished {
        /// Call id.
        id: String,
        /// Tool name.
        name: String,
        /// The tool reported an error.
        is_error: bool,
        /// What it returned.
        text: String,
    },
    /// The provider failed and is tried again.
    Retrying {
        /// Attempt that comes next.
        attempt: u32,
        /// Wait before it, milliseconds.
        delay_ms: u64,
        /// Why.
        reason: FailureKind,
    },
    /// Another model takes over.
    Fallback {
        /// `provider/model` that failed.
        from: String,
        /// `provider/model` that follows.
        to: String,
        /// Why.
        reason: FailureKind,
    },
    /// The message never had a run of its own: another turn, which just ended, answered it too.
    Merged,
    /// The run ended and its outcome is durable.
    Settled {
        /// How, with the reply.
        settled: Arc<Settled>,
        /// When, Unix milliseconds.
        ended_at_ms: i64,
        /// Nothing is shown to the person, by rule; the word says which.
        silent: Option<&'static str>,
        /// Why it was stopped, when it was.
        stopped: Option<&'static str>,
    },
}

/// A line that was added to a transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// The session.
    pub session: SessionKey,
    /// Its transcript.
    pub session_id: SessionId,
    /// The agent.
    pub agent: AgentId,
    /// Row id of the entry.
    pub entry_id: String,
    /// Position in the transcript, from 1.
    pub sequence: i64,
    /// The line.
    pub entry: Entry,
}

/// Why a session row changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionChange {
    /// It came into being.
    Created,
    /// A message was accepted for it.
    Sent,
    /// A run began.
    RunStarted,
    /// A run ended.
    RunEnded,
    /// A setting changed.
    Patched,
    /// It got a fresh transcript.
    Reset,
    /// Another branch of its transcript is in use.
    Rewound,
    /// What was said long ago is summarised for the agent.
    Compacted,
    /// It is gone.
    Deleted,
}

/// Whether new turns begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SuspensionPhase {
    /// They do.
    #[default]
    Accepting,
    /// They wait, and some that began are not over.
    Draining,
    /// They wait, and nothing runs: the machine may be stopped or copied now.
    Prepared,
}

impl SuspensionPhase {
    /// The word clients know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepting => "accepting",
            Self::Draining => "draining",
            Self::Prepared => "prepared",
        }
    }
}

/// State of a channel account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountState {
    /// Being connected.
    Starting,
    /// Receiving and sending.
    Running,
    /// Not working now; tried again.
    Failing(String),
    /// Stopped until config or credentials change.
    Stopped(String),
}

/// What came of a node's offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeDecision {
    /// It may be asked for what it offered.
    Approved,
    /// It may not.
    Rejected,
    /// The node is not known any more.
    Removed,
}

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Something happened during a run.
    Run(Arc<RunFacts>, RunSignal),
    /// A transcript grew.
    Transcript(Arc<Appended>),
    /// A session row changed.
    Session {
        /// The session.
        session: SessionKey,
        /// The agent.
        agent: AgentId,
        /// Why.
        change: SessionChange,
    },
    /// An inbound message was stored and admitted.
    InboundAdmitted {
        /// Its row.
        inbox: InboxId,
        /// Its session.
        session: SessionKey,
        /// Where it came from.
        channel: ChannelId,
        /// Our account there.
        account: AccountId,
    },
    /// An inbound message caused nothing.
    InboundDropped {
        /// Where it came from.
        channel: ChannelId,
        /// Our account there.
        account: AccountId,
        /// Why, as stored.
        reason: &'static str,
    },
    /// The platform delivered something we already have.
    InboundRepeated {
        /// Where it came from.
        channel: ChannelId,
        /// Our account there.
        account: AccountId,
    },
    /// An accepted message was set aside.
    InboundParked {
        /// Its row.
        inbox: InboxId,
        /// Why, as stored.
        reason: String,
    },
    /// A platform accepted an intent.
    IntentAccepted {
        /// Its row.
        intent: IntentId,
        /// Where it went.
        conversation: Conversation,
        /// From intent to receipt, milliseconds.
        latency_ms: i64,
    },
    /// An intent will be tried again.
    IntentRetried {
        /// Its row.
        intent: IntentId,
        /// Where it goes.
        conversation: Conversation,
        /// Wait, milliseconds.
        after_ms: u64,
        /// Why, for people.
        reason: String,
        /// It was a rate limit.
        limited: bool,
    },
    /// An intent with unknown outcome is sent again.
    IntentResent {
        /// Its row.
        intent: IntentId,
        /// Where it goes.
        conversation: Conversation,
    },
    /// An intent was given up for now.
    IntentParked {
        /// Its row.
        intent: IntentId,
        /// Where it was to go.
        conversation: Conversation,
        /// Why, as stored.
        reason: String,
    },
    /// A channel account changed state.
    Account {
        /// The channel.
        channel: ChannelId,
        /// The account.
        account: AccountId,
        /// Its new state.
        state: AccountState,
    },
    /// A stranger asked to be let in.
    PairingRequested {
        /// The channel.
        channel: ChannelId,
        /// The account.
        account: AccountId,
        /// The stranger's id.
        sender: String,
    },
    /// A stranger was let in or sent away.
    PairingResolved {
        /// The channel.
        channel: ChannelId,
        /// The account.
        account: AccountId,
        /// The stranger's id.
        sender: String,
        /// Let in.
        approved: bool,
    },
    /// A device asked to be paired.
    DevicePairRequested {
        /// The request.
        request_id: String,
        /// The device.
        device: DeviceId,
    },
    /// A device was paired or refused.
    DevicePairResolved {
        /// The request.
        request_id: String,
        /// The device.
        device: DeviceId,
        /// Paired.
        approved: bool,
    },
    /// Something waits for a person's decision, or was decided; its status says which.
    Approval(Arc<Approval>),
    /// An agent asks a person, or was answered; its status says which.
    Question(Arc<Question>),
    /// Paired devices changed in some other way: renamed, removed, another token.
    DevicesChanged,
    /// A device that was set up with a code came for the first time.
    DeviceSetUp {
        /// Id of the code.
        setup_id: String,
        /// The device.
        device: DeviceId,
    },
    /// A node offers commands that nobody has approved.
    NodePairRequested {
        /// The request.
        request_id: String,
        /// The node's device.
        node: DeviceId,
    },
    /// What a node offers was approved or refused, or the node was removed.
    NodePairResolved {
        /// The request; empty when the node was removed.
        request_id: String,
        /// The node's device.
        node: DeviceId,
        /// What came of it.
        decision: NodeDecision,
    },
    /// A node reported when somebody last used its device.
    NodeActivity {
        /// The node's device.
        node: DeviceId,
        /// When that was, Unix milliseconds; `None` when the node takes the report back.
        active_at_ms: Option<i64>,
    },
    /// Who is connected changed.
    Presence,
    /// Disk space, store or channels changed for better or worse.
    Health,
    /// The effective configuration changed.
    ConfigChanged,
    /// New turns wait for an operator's word, or begin again.
    Suspension(SuspensionPhase),
    /// The gateway is about to stop.
    ShuttingDown {
        /// Why, for people.
        reason: String,
        /// When it is expected back, milliseconds.
        restart_expected_ms: Option<u64>,
    },
    /// A task of the gateway panicked; its scope failed, the process goes on.
    TaskPanicked {
        /// The task's name.
        task: String,
    },
    /// A task that should go on ended by its own fault and is started again.
    TaskRestarting {
        /// The task's name.
        task: String,
        /// The wait before it starts, milliseconds.
        after_ms: u64,
    },
    /// A task failed too often in a row and stays down until the gateway is restarted.
    TaskGivenUp {
        /// The task's name.
        task: String,
    },
}
