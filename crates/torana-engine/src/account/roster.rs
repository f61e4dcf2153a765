//! The accounts there are, and what clients see of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use torana_core::event::AccountState;
use torana_core::id::{AccountId, ChannelId, DEFAULT_ACCOUNT};
use torana_core::port::{AccountIdentity, Connect, Webhook};

/// Names an account.
pub(super) type AccountKey = (ChannelId, AccountId);

/// What clients see of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountStatus {
    /// The channel.
    pub channel: ChannelId,
    /// The account.
    pub account: AccountId,
    /// Starting, running, failing or stopped.
    pub state: AccountState,
    /// Who we are there, once known.
    pub identity: Option<AccountIdentity>,
    /// Last sign of life of the transport, Unix milliseconds.
    pub last_alive_ms: Option<i64>,
    /// Last inbound message, Unix milliseconds.
    pub last_inbound_ms: Option<i64>,
    /// `polling` or `webhook`.
    pub mode: &'static str,
    /// Name for people, from config.
    pub name: Option<String>,
    /// It is the one that is meant when none is named.
    pub is_default: bool,
}

/// An account, and how it is reached and stopped.
pub(super) struct Entry {
    pub(super) status: AccountStatus,
    pub(super) connect: Option<Arc<dyn Connect>>,
    pub(super) webhook: Option<Arc<dyn Webhook>>,
    pub(super) stop: CancellationToken,
}

/// All accounts that run.
#[derive(Default)]
pub(crate) struct Accounts {
    map: Mutex<BTreeMap<AccountKey, Entry>>,
}

impl Accounts {
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountKey, Entry>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Our public handle on an account.
    pub(crate) fn username(&self, channel: &ChannelId, account: &AccountId) -> Option<String> {
        self.lock()
            .get(&(channel.clone(), account.clone()))?
            .status
            .identity
            .as_ref()?
            .username
            .clone()
    }

    /// The account to use when none is named: `default`, else the first.
    pub(crate) fn default_of(&self, channel: &ChannelId) -> AccountId {
        let default = AccountId::new(DEFAULT_ACCOUNT).expect("a constant id");
        let map = self.lock();
        if map.contains_key(&(channel.clone(), default.clone())) {
            return default;
        }
        map.keys()
            .find(|(name, _)| name == channel)
            .map_or(default, |(_, account)| account.clone())
    }

    pub(crate) fn stop_receiving(&self) {
        for entry in self.lock().values() {
            entry.stop.cancel();
        }
    }

    /// Changes what is shown of an account.
    pub(super) fn update(&self, key: &AccountKey, change: impl FnOnce(&mut AccountStatus)) {
        if let Some(entry) = self.lock().get_mut(key) {
            change(&mut entry.status);
        }
    }
}
