//! Accounts of a running gateway: all at its start, the changed ones after a reload, and one when somebody asks.

use torana_channels::AccountConfig;
use torana_core::id::{AccountId, ChannelId};
use torana_core::problem::{Code, Problem};

use super::refusal::refusal_of;
use super::{Runner, State};
use crate::compose;
use crate::gateway::locks;

/// Shown for an account that a person stopped.
const STOPPED: &str = "stopped by an operator";

impl Runner {
    /// Starts every account of the configuration.
    pub(in crate::gateway) async fn start_accounts(&self) {
        let mut state = self.state.lock().await;
        let refused = state.parts.refused.clone();
        for (channel, reason) in refused {
            tracing::error!(%channel, %reason, "A channel section cannot be used.");
        }
        for account in state.parts.accounts.clone() {
            self.start_account(&mut state, account).await;
        }
    }

    pub(super) async fn start_account(&self, state: &mut State, account: AccountConfig) {
        if !account.enabled {
            return;
        }
        let key = (account.channel.clone(), account.account.clone());
        if state.stopped.contains(&key) {
            let reason = STOPPED.to_owned();
            return self.engine.show_stopped_account(key.0, key.1, reason);
        }
        for warning in &account.warnings {
            tracing::warn!(channel = %key.0, account = %key.1, %warning, "A channel account deserves a look.");
        }
        let blocked = account
            .blocked
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| refusal_of(&state.refusals, &account));
        if let Some(reason) = blocked {
            self.engine.show_stopped_account(key.0, key.1, reason);
            return;
        }
        let built = compose::channels::build(account, &state.parts.egress, self.engine.world());
        let parts = match built {
            Ok(parts) => parts,
            Err(reason) => return self.engine.show_stopped_account(key.0, key.1, reason),
        };
        if let Some(secret) = &parts.exclusive {
            // The part before the colon names the platform; only the rest appears in addresses and errors.
            self.logging
                .redactor
                .register(secret.split_once(':').map_or(secret, |(_, token)| token));
            state.locks.remove(&key);
            match locks::identity(secret, &self.variables.merged(), self.engine.world()) {
                Ok(lock) => {
                    state.locks.insert(key.clone(), lock);
                }
                Err(error) => {
                    return self
                        .engine
                        .show_stopped_account(key.0, key.1, error.to_string());
                }
            }
        }
        if let Err(error) = self.engine.attach_account(parts).await {
            self.engine.show_stopped_account(
                key.0,
                key.1,
                format!("its open deliveries cannot be read: {error}"),
            );
        }
    }

    /// Starts an account on request, anew when it runs.
    pub(crate) async fn start_one(
        &self,
        channel: ChannelId,
        account: AccountId,
    ) -> Result<(), Problem> {
        let mut state = self.state.lock().await;
        let found = state
            .parts
            .accounts
            .iter()
            .find(|known| known.channel == channel && known.account == account)
            .cloned();
        let Some(found) = found else {
            return Err(no_account(&channel, &account));
        };
        if !found.enabled {
            return Err(Problem::invalid(format!(
                "{channel} account {account} is switched off in the configuration"
            ))
            .hint("set its `enabled` to true"));
        }
        state.stopped.remove(&(channel.clone(), account.clone()));
        self.engine.detach_account(&channel, &account);
        self.start_account(&mut state, found).await;
        Ok(())
    }

    /// Stops an account on request; it stays so until it is started or the gateway is.
    pub(crate) async fn stop_one(
        &self,
        channel: ChannelId,
        account: AccountId,
    ) -> Result<bool, Problem> {
        let mut state = self.state.lock().await;
        let is_known = self
            .engine
            .accounts()
            .iter()
            .any(|status| status.channel == channel && status.account == account);
        if !is_known {
            return Err(no_account(&channel, &account));
        }
        let key = (channel, account);
        let is_news = state.stopped.insert(key.clone());
        self.engine.detach_account(&key.0, &key.1);
        state.locks.remove(&key);
        self.engine
            .show_stopped_account(key.0, key.1, STOPPED.to_owned());
        Ok(is_news)
    }
}

fn no_account(channel: &ChannelId, account: &AccountId) -> Problem {
    Problem::new(
        Code::NotFound,
        format!("no account {account} is configured on {channel}"),
    )
}
