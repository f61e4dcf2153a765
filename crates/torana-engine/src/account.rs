//! The life of channel accounts: connect, receive, reconnect, stop. One supervised task each.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use torana_core::event::{AccountState, Event};
use torana_core::id::{AccountId, ChannelId};
use torana_core::limit::{RECEIVE_DEAD_MS, RECONNECT_MS_FIRST, RECONNECT_MS_MAX};
use torana_core::port::{
    AccountIdentity, AccountParts, Connect, Receive, ReceiveFailure, WebhookRequest, WebhookVerdict,
};

use crate::engine::{Engine, Phase};
use crate::store::StoreError;
use crate::supervise::Kept;

pub(crate) mod roster;

pub use roster::AccountStatus;
use roster::{AccountKey, Entry};

/// Pause of a poller while too much is waiting or the disk is full, milliseconds.
const CONGESTED_MS: u64 = 500;
/// A connection that lasted this long was healthy: back-off starts anew (channels 0.7).
const HEALTHY_MS: u64 = 60_000;

/// How an account gets its messages.
struct WayIn {
    connect: Arc<dyn Connect>,
    receive: tokio::sync::Mutex<Option<Box<dyn Receive>>>,
}

/// What a platform said when it was asked who we are.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Who we are, or why nobody knows.
    pub outcome: Result<AccountIdentity, String>,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// How long it took, milliseconds.
    pub elapsed_ms: u64,
}

/// What became of a webhook request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// Stored: answer 200.
    Accepted,
    /// Not genuine: answer 401.
    Forged,
    /// Genuine but unreadable: answer 400.
    Malformed,
    /// No account listens there: answer 404.
    NotFound,
    /// Nothing is accepted now: answer 503, the platform tries again.
    Unavailable,
}

impl Engine {
    /// Every account, in order.
    pub fn accounts(&self) -> Vec<AccountStatus> {
        let settings = self.settings();
        let mut accounts: Vec<AccountStatus> = self
            .shared
            .accounts
            .lock()
            .values()
            .map(|entry| entry.status.clone())
            .collect();
        for status in &mut accounts {
            if let Some(account) = settings
                .accounts
                .get(&(status.channel.clone(), status.account.clone()))
            {
                status.name.clone_from(&account.name);
                status.is_default = account.is_default;
            }
        }
        accounts
    }

    /// Runs an account: takes up its open intents, then connects and receives until it is removed.
    pub async fn attach_account(&self, parts: AccountParts) -> Result<(), StoreError> {
        let key = (parts.channel.clone(), parts.account.clone());
        let stop = self.shared.tasks.stopping().child_token();
        let status = AccountStatus {
            channel: parts.channel.clone(),
            account: parts.account.clone(),
            state: AccountState::Starting,
            identity: None,
            last_alive_ms: None,
            last_inbound_ms: None,
            mode: if parts.webhook.is_some() {
                "webhook"
            } else {
                "polling"
            },
            name: None,
            is_default: false,
        };
        let entry = Entry {
            status,
            connect: Some(Arc::clone(&parts.connect)),
            webhook: parts.webhook,
            stop: stop.clone(),
        };
        if let Some(old) = self.shared.accounts.lock().insert(key.clone(), entry) {
            old.stop.cancel();
        }
        if let Some(transmit) = parts.transmit {
            self.shared
                .delivery
                .attach(&key.0, &key.1, &parts.limits, transmit)
                .await?;
        }
        let engine = self.clone();
        let name = format!("account {}/{}", key.0, key.1);
        // The way in outlives a panic of the task that uses it.
        let way_in = Arc::new(WayIn {
            connect: parts.connect,
            receive: tokio::sync::Mutex::new(parts.receive),
        });
        self.shared.tasks.forgive(&name);
        self.shared.tasks.spawn(name.clone(), async move {
            let tasks = engine.shared.tasks.clone();
            let life = || Box::pin(engine.run_account(&key, &way_in));
            if let Kept::GivenUp(reason) = tasks.kept(&name, &stop, life).await {
                engine.account_state(&key, AccountState::Stopped(reason));
                engine.shared.delivery.detach(&key.0, &key.1);
            }
        });
        Ok(())
    }

    /// Shows an account that cannot run, with the reason; nothing is started.
    pub fn show_stopped_account(&self, channel: ChannelId, account: AccountId, reason: String) {
        let key = (channel.clone(), account.clone());
        let status = AccountStatus {
            channel: channel.clone(),
            account: account.clone(),
            state: AccountState::Stopped(reason.clone()),
            identity: None,
            last_alive_ms: None,
            last_inbound_ms: None,
            mode: "polling",
            name: None,
            is_default: false,
        };
        let entry = Entry {
            status,
            connect: None,
            webhook: None,
            stop: CancellationToken::new(),
        };
        if let Some(old) = self.shared.accounts.lock().insert(key, entry) {
            old.stop.cancel();
        }
        self.shared.bus.publish(Event::Account {
            channel,
            account,
            state: AccountState::Stopped(reason),
        });
    }

    /// Stops an account and forgets it; its intents wait in the store.
    pub fn detach_account(&self, channel: &ChannelId, account: &AccountId) {
        if let Some(entry) = self
            .shared
            .accounts
            .lock()
            .remove(&(channel.clone(), account.clone()))
        {
            entry.stop.cancel();
        }
        self.shared.delivery.detach(channel, account);
    }

    /// Asks the platform now who we are. `None` when the account does not run here.
    pub async fn probe_account(
        &self,
        channel: &ChannelId,
        account: &AccountId,
        timeout_ms: u64,
    ) -> Option<Probe> {
        let connect = {
            let accounts = self.shared.accounts.lock();
            let entry = accounts.get(&(channel.clone(), account.clone()))?;
            Arc::clone(entry.connect.as_ref()?)
        };
        let world = &self.shared.world;
        let began_ms = world.monotonic_ms();
        let outcome = tokio::select! {
            biased;
            outcome = connect.probe() => outcome.map_err(|failure| failure.to_string()),
            () = world.sleep_ms(timeout_ms) => Err(format!("no answer within {timeout_ms} ms")),
        };
        Some(Probe {
            outcome,
            at_ms: world.wall_ms(),
            elapsed_ms: world.monotonic_ms().saturating_sub(began_ms),
        })
    }

    fn account_state(&self, key: &AccountKey, state: AccountState) {
        let mut changed = false;
        self.shared.accounts.update(key, |status| {
            changed = status.state != state;
            status.state = state.clone();
        });
        if changed {
            self.shared.bus.publish(Event::Account {
                channel: key.0.clone(),
                account: key.1.clone(),
                state,
            });
        }
    }

    async fn run_account(&self, key: &AccountKey, way_in: &WayIn) {
        let mut receive = way_in.receive.lock().await;
        let mut failures = 0_u32;
        loop {
            let began_ms = self.shared.world.monotonic_ms();
            let failure = match way_in.connect.connect().await {
                Ok(identity) => {
                    let now_ms = self.shared.world.wall_ms();
                    self.shared.accounts.update(key, |status| {
                        status.identity = Some(identity);
                        status.last_alive_ms = Some(now_ms);
                    });
                    self.account_state(key, AccountState::Running);
                    match receive.as_mut() {
                        Some(receive) => self.receive(key, receive.as_mut()).await,
                        // A webhook account only listens; there is nothing to watch.
                        None => std::future::pending().await,
                    }
                }
                Err(failure) => failure,
            };
            if self.shared.world.monotonic_ms().saturating_sub(began_ms) >= HEALTHY_MS {
                failures = 0;
            }
            let wait_ms = match &failure {
                ReceiveFailure::SignedOut { reason } => {
                    self.account_state(key, AccountState::Stopped(reason.clone()));
                    self.shared.delivery.detach(&key.0, &key.1);
                    // Only a person can help; a changed configuration replaces this task.
                    return std::future::pending().await;
                }
                ReceiveFailure::Retry { after_ms, .. } => {
                    after_ms.unwrap_or(0).max(self.backoff_ms(failures))
                }
                ReceiveFailure::Conflict { .. } => self.backoff_ms(failures.max(3)),
            };
            failures = failures.saturating_add(1);
            self.account_state(key, AccountState::Failing(failure.to_string()));
            self.shared.world.sleep_ms(wait_ms).await;
        }
    }

    /// Exponential with full jitter, 1 s to 60 s (channels 0.7).
    fn backoff_ms(&self, failures: u32) -> u64 {
        let ceiling = RECONNECT_MS_FIRST
            .saturating_mul(1 << failures.min(10))
            .min(RECONNECT_MS_MAX);
        ceiling / 2 + self.shared.world.below(ceiling / 2 + 1)
    }

    async fn receive(&self, key: &AccountKey, receive: &mut dyn Receive) -> ReceiveFailure {
        loop {
            while self.is_congested() {
                self.shared.world.sleep_ms(CONGESTED_MS).await;
            }
            let batch = tokio::select! {
                biased;
                batch = receive.next() => match batch {
                    Ok(batch) => batch,
                    Err(failure) => return failure,
                },
                () = self.shared.world.sleep_ms(RECEIVE_DEAD_MS) => {
                    return ReceiveFailure::Retry { after_ms: None, reason: "no finished poll for two minutes".to_owned() };
                }
            };
            let now_ms = self.shared.world.wall_ms();
            self.shared.accounts.update(key, |status| {
                status.last_alive_ms = Some(now_ms);
                if !batch.updates.is_empty() {
                    status.last_inbound_ms = Some(now_ms);
                }
            });
            self.account_state(key, AccountState::Running);
            if batch.updates.is_empty() {
                if let Err(failure) = receive.acknowledge(batch.position).await {
                    return failure;
                }
                continue;
            }
            // Every call queues its write at once, so the order of rows is the order of updates.
            let stored: Vec<_> = batch
                .updates
                .into_iter()
                .map(|inbound| self.accept(inbound))
                .collect();
            for outcome in join_all(stored).await {
                if let Err(error) = outcome {
                    // Not acknowledged, so the platform gives all of them again.
                    if error == StoreError::Full {
                        self.set_storage_full(true);
                    }
                    return ReceiveFailure::Retry {
                        after_ms: None,
                        reason: format!("messages could not be stored: {error}"),
                    };
                }
            }
            if let Err(failure) = receive.acknowledge(batch.position).await {
                return failure;
            }
        }
    }

    /// Paths on which accounts listen.
    pub fn webhook_paths(&self) -> Vec<String> {
        let accounts = self.shared.accounts.lock();
        accounts
            .values()
            .filter_map(|entry| Some(entry.webhook.as_ref()?.path().to_owned()))
            .collect()
    }

    /// Takes a webhook request. When this says accepted, everything in it is on disk.
    pub async fn webhook(&self, path: &str, request: WebhookRequest) -> WebhookOutcome {
        let found = {
            let accounts = self.shared.accounts.lock();
            accounts.iter().find_map(|(key, entry)| {
                let webhook = entry
                    .webhook
                    .as_ref()
                    .filter(|webhook| webhook.path() == path)?;
                Some((key.clone(), Arc::clone(webhook)))
            })
        };
        let Some((key, webhook)) = found else {
            return WebhookOutcome::NotFound;
        };
        if self.phase() != Phase::Accepting || self.is_congested() {
            return WebhookOutcome::Unavailable;
        }
        match webhook.receive(&request) {
            WebhookVerdict::Forged => WebhookOutcome::Forged,
            WebhookVerdict::Malformed => WebhookOutcome::Malformed,
            WebhookVerdict::Accept(updates) => {
                let now_ms = self.shared.world.wall_ms();
                self.shared.accounts.update(&key, |status| {
                    status.last_alive_ms = Some(now_ms);
                    status.last_inbound_ms = Some(now_ms);
                });
                let stored: Vec<_> = updates
                    .into_iter()
                    .map(|inbound| self.accept(inbound))
                    .collect();
                for outcome in join_all(stored).await {
                    if let Err(error) = outcome {
                        if error == StoreError::Full {
                            self.set_storage_full(true);
                        }
                        return WebhookOutcome::Unavailable;
                    }
                }
                WebhookOutcome::Accepted
            }
        }
    }
}
