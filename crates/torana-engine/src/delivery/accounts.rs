//! The accounts with a way out, and what the rest of the engine may ask of them: to send, to pass something on, to rest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot, watch};
use torana_core::id::{AccountId, ChannelId};
use torana_core::message::{Conversation, Operation};
use torana_core::port::{ChannelLimits, Transmit, World};

use super::lanes::{AccountOut, Queued};
use super::pump::Pump;
use super::shared::{AccountKey, Delivery, Inner, Passed};
use crate::bus::Bus;
use crate::steady::Steady;
use crate::store::outbox::Intent;
use crate::store::{Store, StoreError, outbox};
use crate::supervise::Supervisor;

/// Requests of one account under way at once. Platforms allow about 30 messages a second; more connections only
/// cost memory.
const IN_FLIGHT_MAX: usize = 32;

impl Delivery {
    /// A delivery side without accounts.
    pub fn new(store: Store, bus: Bus, world: World, tasks: Supervisor) -> Self {
        Self {
            inner: Arc::new(Inner {
                steady: Steady::new(&world),
                store,
                bus,
                world,
                tasks,
                accounts: Mutex::default(),
                slots: Mutex::default(),
                resting: watch::Sender::new(false),
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountKey, AccountOut>> {
        self.inner
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slots(&self, key: &AccountKey) -> Arc<Semaphore> {
        let mut slots = self
            .inner
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            slots
                .entry(key.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(IN_FLIGHT_MAX))),
        )
    }

    /// Gives an account its way out and takes up everything that is still open for it.
    pub async fn attach(
        &self,
        channel: &ChannelId,
        account: &AccountId,
        limits: &ChannelLimits,
        transmit: Arc<dyn Transmit>,
    ) -> Result<(), StoreError> {
        let (channel_name, account_name) = (channel.to_string(), account.to_string());
        let key = (channel.clone(), account.clone());
        let now_ms = self.inner.world.monotonic_ms();
        // From here on new intents are kept in memory too, so none can fall between the reading and the attaching.
        self.lock()
            .entry(key.clone())
            .or_insert_with(|| AccountOut::new(limits.clone(), now_ms));
        let open = self
            .inner
            .store
            .read(move |connection| {
                outbox::open_of_account(connection, &channel_name, &account_name)
            })
            .await?;
        let lanes = {
            let mut accounts = self.lock();
            let out = accounts
                .entry(key.clone())
                .or_insert_with(|| AccountOut::new(limits.clone(), now_ms));
            out.attach(limits.clone(), transmit, now_ms);
            for (id, lane, state) in open {
                out.restore(&lane, id, state == "attempting" || state == "unknown");
            }
            out.startable()
        };
        for lane in lanes {
            self.start_pump(key.clone(), lane);
        }
        Ok(())
    }

    /// Takes an account's way out; its intents wait in the store.
    pub(crate) fn detach(&self, channel: &ChannelId, account: &AccountId) {
        if let Some(out) = self.lock().get_mut(&(channel.clone(), account.clone())) {
            out.transmit = None;
        }
    }

    /// The limits of an account, when it is attached.
    pub fn limits(&self, channel: &ChannelId, account: &AccountId) -> Option<ChannelLimits> {
        self.lock()
            .get(&(channel.clone(), account.clone()))
            .map(|out| out.limits.clone())
    }

    /// Takes the conversation's lane when nothing is waiting there and the platform's pace allows a message now.
    /// Then the first intent may be stored as already attempting; follow with [`Delivery::submit`] or
    /// [`Delivery::release`].
    pub fn reserve(&self, conversation: &Conversation) -> bool {
        let now_ms = self.inner.world.monotonic_ms();
        let key = (conversation.channel.clone(), conversation.account.clone());
        let mut accounts = self.lock();
        !self.is_resting()
            && accounts
                .get_mut(&key)
                .is_some_and(|out| out.reserve(conversation, now_ms))
    }

    /// Gives back a lane taken by [`Delivery::reserve`] when nothing came of it.
    pub fn release(&self, conversation: &Conversation) {
        let key = (conversation.channel.clone(), conversation.account.clone());
        let lane = conversation.lane_name();
        let start = self
            .lock()
            .get_mut(&key)
            .is_some_and(|out| out.release(&lane));
        if start {
            self.start_pump(key, lane);
        }
    }

    /// Takes over intents that are on disk. With `reserved`, the first is already attempting.
    pub fn submit(&self, intents: Vec<Intent>, reserved: bool) {
        let mut starts = Vec::new();
        let now_ms = self.inner.world.monotonic_ms();
        {
            let mut accounts = self.lock();
            for (index, mut intent) in intents.into_iter().enumerate() {
                intent.taken_ms = Some(now_ms);
                let conversation = intent.operation.conversation();
                let key = (conversation.channel.clone(), conversation.account.clone());
                let lane = intent.lane.clone();
                let Some(out) = accounts.get_mut(&key) else {
                    continue;
                };
                let begun = reserved && index == 0;
                out.push(
                    &lane,
                    conversation.peer.kind,
                    Queued {
                        id: intent.id,
                        intent: Some(Box::new(intent)),
                        begun,
                        after_crash: false,
                    },
                );
                if begun || out.claim(&lane) {
                    starts.push((key, lane));
                }
            }
        }
        for (key, lane) in starts {
            self.start_pump(key, lane);
        }
    }

    /// Sends something that only matters now: a preview, a typing sign. A newer one of the same kind replaces it.
    /// The receiver learns the outcome, or is dropped when the operation was replaced or pointless.
    pub fn pass(&self, operation: Operation) -> Passed {
        let (sender, receiver) = oneshot::channel();
        let conversation = operation.conversation().clone();
        let key = (conversation.channel.clone(), conversation.account.clone());
        let lane = conversation.lane_name();
        let now_ms = self.inner.world.monotonic_ms();
        let start = {
            let mut accounts = self.lock();
            match accounts.get_mut(&key) {
                Some(out) => {
                    out.pass(&lane, conversation.peer.kind, operation, sender, now_ms);
                    out.claim(&lane)
                }
                None => false,
            }
        };
        if start {
            self.start_pump(key, lane);
        }
        receiver
    }

    /// Intents in memory that wait or are being sent.
    pub fn open(&self) -> usize {
        self.lock().values().map(AccountOut::open).sum()
    }

    /// True when no conversation has anything to send that could be sent.
    pub fn is_quiet(&self) -> bool {
        let accounts = self.lock();
        self.is_resting() || accounts.values().all(AccountOut::is_quiet)
    }

    /// Sends nothing more until [`Delivery::wake`], unless something is on its way. Gives whether it rests.
    pub(crate) fn rest(&self) -> bool {
        let now_ms = self.inner.world.monotonic_ms();
        let accounts = self.lock();
        if !self.is_resting() && accounts.values().all(|out| out.sending(now_ms) == 0) {
            self.inner.resting.send_replace(true);
        }
        self.is_resting()
    }

    /// Sends what waits.
    pub(crate) fn wake(&self) {
        self.inner.resting.send_replace(false);
    }

    pub(crate) fn is_resting(&self) -> bool {
        *self.inner.resting.borrow()
    }

    /// Conversations in which something is on its way now.
    pub(crate) fn sending(&self) -> usize {
        let now_ms = self.inner.world.monotonic_ms();
        let accounts = self.lock();
        if self.is_resting() {
            return 0;
        }
        accounts.values().map(|out| out.sending(now_ms)).sum()
    }

    fn start_pump(&self, key: AccountKey, lane: String) {
        let delivery = self.clone();
        let name = format!("delivery {}/{}", key.0, key.1);
        let pump = Pump {
            delivery,
            key,
            lane,
        };
        self.inner.tasks.spawn(name, pump.run());
    }
}
