//! A message on its way through a lane, and the turn that becomes of one or several.

use std::sync::Arc;

use torana_core::id::{
    AccountId, AgentId, ChannelId, ConnectionId, DEFAULT_ACCOUNT, InboxId, RunId, WEBCHAT,
};
use torana_core::key::SessionKey;
use torana_core::message::ReplyTarget;

use crate::store::inbox::Payload;
use crate::turn::TurnHandle;

/// One accepted message, on its way through a lane.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) id: InboxId,
    pub(crate) run_id: RunId,
    pub(crate) session: SessionKey,
    pub(crate) agent: AgentId,
    pub(crate) payload: Arc<Payload>,
    pub(crate) target: Option<ReplyTarget>,
    pub(crate) origin: Option<ConnectionId>,
    /// Fragments of the same message that arrived before it.
    pub(crate) fragments: Vec<Work>,
    pub(crate) handle: Arc<TurnHandle>,
}

impl Work {
    /// Its row, and those of its fragments.
    pub(crate) fn rows(&self) -> impl Iterator<Item = InboxId> {
        self.fragments
            .iter()
            .map(|fragment| fragment.id)
            .chain([self.id])
    }

    /// Messages with the same value may share a turn.
    pub(crate) fn target_hash(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.target
            .as_ref()
            .map(|target| &target.conversation)
            .hash(&mut hasher);
        hasher.finish()
    }

    /// Channel and account it came from.
    pub(crate) fn place(&self) -> (ChannelId, AccountId) {
        match self.payload.as_ref() {
            Payload::Channel(inbound) => (
                inbound.conversation.channel.clone(),
                inbound.conversation.account.clone(),
            ),
            Payload::Client(_) => (
                ChannelId::new(WEBCHAT).expect("a constant id"),
                AccountId::new(DEFAULT_ACCOUNT).expect("a constant id"),
            ),
        }
    }
}

/// The next turn of a lane, with everything it consists of.
pub(crate) struct TurnPlan {
    pub(crate) lead: Work,
    /// Merged messages, oldest first.
    pub(crate) merged: Vec<Work>,
    /// Messages that appear as summary lines only.
    pub(crate) summarised: Vec<Work>,
}
