//! One connected client, as events and methods see it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::auth::{Audience, Role, Scope, ScopeSet};
use torana_core::id::{ConnectionId, DeviceId};
use torana_core::key::SessionKey;

use crate::front::outgoing::Outgoing;

/// Sessions one client may listen to at once; pages listen to a handful.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 1_024;

/// A connected client.
pub(crate) struct Client {
    /// Its connection.
    pub(crate) id: ConnectionId,
    /// What waits to be written to it.
    pub(crate) outgoing: Arc<Outgoing>,
    /// Operator or node.
    pub(crate) role: Role,
    /// What it may do.
    pub(crate) scopes: ScopeSet,
    /// The device behind it.
    pub(crate) device: Option<DeviceId>,
    /// Where it comes from, for limits.
    pub(crate) address: String,
    /// It came with the shared secret straight from this machine and without a device, so it could
    /// have asked for any scope.
    pub(crate) local_tool: bool,
    /// The `Host` it used, for links to give to other devices.
    pub(crate) host: String,
    /// The address under which it reaches us.
    pub(crate) base_url: Option<String>,
    /// The newest protocol it speaks.
    pub(crate) protocol: i64,
    /// Its program is newer than the release we match.
    pub(crate) newer: bool,
    /// It gets the fuller event envelope of the reference instead of the published schema's.
    pub(crate) observed: bool,
    /// It has to hear a text of a run, if an empty one, before anything else of it ([`super::quirks::TERMINAL_CLIENT`]).
    pub(crate) text_first: bool,
    /// It speaks the bare dialect of an older guide.
    pub(crate) guide: bool,
    /// Announced `tool-events`.
    pub(crate) tool_events: bool,
    /// Announced `session-scoped-events`: only sessions it listens to.
    pub(crate) session_scoped: bool,
    /// What it listens to; nothing at first.
    pub(crate) subscriptions: Mutex<Subscriptions>,
}

/// What a client listens to.
#[derive(Default)]
pub(crate) struct Subscriptions {
    lists: bool,
    all: bool,
    /// Looked up for every event of every session; nobody sees their order.
    sessions: HashSet<SessionKey>,
}

impl Client {
    fn subscriptions(&self) -> std::sync::MutexGuard<'_, Subscriptions> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// It may look at sessions, agents and channels.
    pub(crate) fn reads(&self) -> bool {
        self.role == Role::Operator && self.scopes.allows(Scope::Read)
    }

    /// It belongs to an audience.
    pub(crate) fn hears(&self, audience: Audience) -> bool {
        match audience {
            Audience::Everyone => true,
            Audience::Holding(scope) => self.role == Role::Operator && self.scopes.allows(scope),
            Audience::Nobody => false,
        }
    }

    /// From now on it hears of changed session rows.
    pub(crate) fn listen_to_lists(&self) {
        self.subscriptions().lists = true;
    }

    /// From now on it hears of every session: the older guides know no subscriptions.
    pub(crate) fn listen_to_everything(&self) {
        let mut subscriptions = self.subscriptions();
        subscriptions.lists = true;
        subscriptions.all = true;
    }

    /// It hears of changed session rows.
    pub(crate) fn listens_to_lists(&self) -> bool {
        self.subscriptions().lists
    }

    /// From now on it hears of a session's messages. `false` when it listens to too many.
    pub(crate) fn listen_to(&self, key: SessionKey) -> bool {
        let mut subscriptions = self.subscriptions();
        if subscriptions.sessions.len() >= SUBSCRIPTIONS_MAX
            && !subscriptions.sessions.contains(&key)
        {
            return false;
        }
        subscriptions.sessions.insert(key);
        true
    }

    /// No more.
    pub(crate) fn stop_listening_to(&self, key: &SessionKey) {
        self.subscriptions().sessions.remove(key);
    }

    /// It hears of a session's messages.
    pub(crate) fn listens_to(&self, key: &SessionKey) -> bool {
        let subscriptions = self.subscriptions();
        subscriptions.all || subscriptions.sessions.contains(key)
    }

    /// It hears of what is said in a session and of its row.
    pub(crate) fn hears_of(&self, key: &SessionKey) -> bool {
        self.reads() && (self.listens_to_lists() || self.listens_to(key))
    }

    /// Run events of a session are for it.
    pub(crate) fn follows(&self, key: &SessionKey) -> bool {
        self.reads() && (!self.session_scoped || self.listens_to(key))
    }
}
