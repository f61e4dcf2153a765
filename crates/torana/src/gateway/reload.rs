//! Starting accounts, and following a changed configuration: build the new, swap, retire the old.
//!
//! A configuration that does not validate changes nothing; the running one stays in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;
use torana_channels::AccountConfig;
use torana_core::config::tree::ReloadMode;
use torana_core::config::{Config, Refusal, ReloadPlan};
use torana_core::id::{AccountId, ChannelId};
use torana_dialects::openclaw::OpenClaw;
use torana_dialects::{Context, RestartRequest};
use torana_engine::Engine;
use torana_host::lock::IdentityLock;

use super::configured;
use super::parts::{Credential, Parts};
use super::restart::RestartDesk;
use crate::configuration::{Configuration, Stamp, Variables, stamp};
use crate::host::{InForce, Running};
use crate::logging::Logging;
use crate::paths::Paths;
use crate::{compose, configuration};

mod accounts;
mod front;
mod refusal;
mod watched;

pub(crate) use refusal::refusal_of;
pub(super) use watched::FirstLook;
use watched::watched;

type AccountKey = (ChannelId, AccountId);

/// What a reload did.
pub(crate) struct Applied {
    /// What the change needed.
    pub(crate) plan: ReloadPlan,
    /// It was done; otherwise reloading is switched off.
    pub(crate) in_force: bool,
    /// The gateway restarts for it.
    pub(crate) restarts: bool,
}

/// How a change is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Not at all: reloading is switched off.
    Nothing,
    /// What can be is applied at once.
    Live,
    /// By a restart. Before one that begins at once nothing is applied; where it has to wait, what can be is.
    Restart,
}

impl Way {
    fn of(mode: ReloadMode, plan: &ReloadPlan) -> Self {
        match mode {
            ReloadMode::Off => Self::Nothing,
            ReloadMode::Restart => Self::Restart,
            ReloadMode::Hybrid if !plan.restart.is_empty() => Self::Restart,
            ReloadMode::Hybrid | ReloadMode::Hot => Self::Live,
        }
    }
}

struct State {
    parts: Parts,
    value: Value,
    /// A restart was asked for that reads `value` anew; until then what runs stays in force.
    restarting: bool,
    refusals: Vec<Refusal>,
    /// Accounts that a person stopped; they stay so through reloads.
    stopped: BTreeSet<AccountKey>,
    locks: BTreeMap<AccountKey, IdentityLock>,
}

/// What of the front a changed configuration may concern.
pub(super) struct Front {
    pub(super) dialect: Arc<OpenClaw>,
    pub(super) credential: Credential,
    /// Other machines reach the listener.
    pub(super) open_to_others: bool,
}

/// Applies configurations to a running gateway.
pub(crate) struct Runner {
    paths: Paths,
    variables: Arc<Variables>,
    engine: Engine,
    context: Arc<Context>,
    in_force: Arc<InForce>,
    logging: Logging,
    state: Mutex<State>,
    files: std::sync::Mutex<Vec<String>>,
    first_look: Mutex<Option<FirstLook>>,
    front: Front,
    restarts: Arc<RestartDesk>,
}

impl Runner {
    #[expect(
        clippy::too_many_arguments,
        reason = "called once, by the story of the start"
    )]
    pub(super) fn new(
        paths: &Paths,
        variables: &Arc<Variables>,
        engine: &Engine,
        context: &Arc<Context>,
        in_force: &Arc<InForce>,
        parts: Parts,
        logging: Logging,
        configuration: &Configuration,
        first_look: FirstLook,
        front: Front,
    ) -> Self {
        let files: Vec<String> = first_look
            .stamp
            .iter()
            .map(|(file, ..)| file.clone())
            .collect();
        let restarts = RestartDesk::new(engine.world());
        Self {
            paths: paths.clone(),
            variables: Arc::clone(variables),
            engine: engine.clone(),
            context: Arc::clone(context),
            in_force: Arc::clone(in_force),
            logging,
            files: std::sync::Mutex::new(files),
            first_look: Mutex::new(Some(first_look)),
            front,
            restarts,
            state: Mutex::new(State {
                parts,
                value: configuration::value_of(&configuration.loaded),
                restarting: false,
                refusals: configuration.loaded.refusals.clone(),
                stopped: BTreeSet::new(),
                locks: BTreeMap::new(),
            }),
        }
    }

    /// Where restarts are asked for.
    pub(crate) fn restarts(&self) -> &RestartDesk {
        &self.restarts
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the config files look like from outside.
    pub(super) fn stamp(&self) -> Stamp {
        let files = self
            .files
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        stamp(files)
    }

    /// What the files looked like when they were read, so that every later change differs from it.
    pub(super) async fn seen_at_start(&self) -> Stamp {
        let Some(look) = self.first_look.lock().await.take() else {
            // The watcher begins anew after a fault; what was saved meanwhile must not wait for the next change.
            let stamp = self.stamp();
            self.reload("watch").await;
            return stamp;
        };
        // Saved between the reading and the look: reading everything anew would say so as well, at the price of what a
        // start costs.
        if !look.as_read.is_current(&self.paths.config) {
            self.reload("start").await;
        }
        look.stamp
    }

    /// Reads the configuration again and applies what changed.
    ///
    /// `None` when nothing was applied, because nothing changed or the file cannot be used.
    pub(crate) async fn reload(&self, cause: &str) -> Option<Applied> {
        self.reload_after(cause, 0).await
    }

    /// The same; a restart the change needs waits for a moment.
    pub(crate) async fn reload_after(&self, cause: &str, delay_ms: u64) -> Option<Applied> {
        let mut state = self.state.lock().await;
        let (read, config) = self.read()?;
        let value = configuration::value_of(&read.loaded);
        let plan = ReloadPlan::between(configuration::schema(), &state.value, &value);
        if plan.is_empty() {
            self.follow_text(&state, &config, &read);
            return None;
        }
        let mode = config.gateway.reload.mode;
        let way = if state.restarting {
            // The restart that is on its way reads this one too.
            Way::Restart
        } else {
            Way::of(mode, &plan)
        };
        let mut restarts = false;
        let in_force = match way {
            Way::Nothing => {
                tracing::info!(
                    "The configuration changed and is valid; `gateway.reload.mode` is `off`, so nothing is applied."
                );
                false
            }
            Way::Restart => {
                restarts =
                    self.ask_for_restart(&mut state, &config, &read, (&plan, delay_ms), value);
                let is_live = mode == ReloadMode::Hybrid && !plan.is_for_restart_only();
                if restarts && is_live && self.restarts.is_held_back(&self.engine) {
                    self.apply(&mut state, &config, &read, &plan).await;
                    self.applied(&state, config, &read, &plan);
                    restarts = !plan.restart.is_empty();
                    tracing::info!(cause, "What needs no restart is in force already.");
                    true
                } else {
                    restarts
                }
            }
            Way::Live => {
                self.apply(&mut state, &config, &read, &plan).await;
                state.value = value;
                self.applied(&state, config, &read, &plan);
                tracing::info!(
                    cause,
                    live = plan.live.len(),
                    accounts = plan.accounts.len(),
                    "The configuration was reloaded."
                );
                true
            }
        };
        Some(Applied {
            plan,
            in_force,
            restarts,
        })
    }

    /// The configuration as it is on disk now, when it can be used.
    fn read(&self) -> Option<(Configuration, Config)> {
        let read = match configuration::read(&self.paths, &self.variables) {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "The changed configuration cannot be read; the running one stays in force.");
                return None;
            }
        };
        match configuration::require(&read.loaded).cloned() {
            Ok(config) => Some((read, config)),
            Err(problems) => {
                for problem in problems {
                    tracing::error!(%problem, "The changed configuration has a problem; the running one stays in force.");
                }
                None
            }
        }
    }

    /// Follows what changes no key: layout, comments, keys that are not built, or a note in a workspace.
    fn follow_text(&self, state: &State, config: &Config, read: &Configuration) {
        if state.restarting {
            // What runs is older than the text, which the restart takes up.
            let running = self.in_force.load().config.clone();
            return self.follow_notes(state, &running);
        }
        self.remember(&state.value, config, read);
        self.follow_notes(state, config);
    }

    /// Notes what is in force after a change was applied without a restart.
    fn applied(&self, state: &State, config: Config, read: &Configuration, plan: &ReloadPlan) {
        *self
            .files
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) =
            watched(read, &config, &state.parts, &self.paths);
        configured::remember_good(&self.paths, read);
        if plan.restart.is_empty() && !state.restarting {
            return self.remember(&state.value, &config, read);
        }
        if !state.restarting {
            tracing::warn!(keys = %keys(plan), "These changes take effect after a restart.");
        }
        // What is in force is neither the old text nor the new one, so the old hash stays.
        let hash = self.in_force.load().hash.clone();
        self.in_force.store(Running {
            hash,
            value: Arc::new(state.value.clone()),
            config,
        });
    }

    /// Makes what comes from notes in workspaces anew.
    pub(crate) async fn refresh(&self) {
        let state = self.state.lock().await;
        let config = self.in_force.load().config.clone();
        self.follow_notes(&state, &config);
    }

    fn follow_notes(&self, state: &State, config: &Config) {
        match state.parts.settings(config) {
            Ok(settings) => self.engine.apply(settings),
            Err(failure) => {
                tracing::error!(reason = %failure.message, "Changed notes cannot be used; the running settings stay in force.");
            }
        }
    }

    /// This text is in force now.
    fn remember(&self, value: &Value, config: &Config, read: &Configuration) {
        self.in_force.store(Running {
            hash: self.in_force.hash_of(&read.text),
            value: Arc::new(value.clone()),
            config: config.clone(),
        });
    }

    async fn apply(
        &self,
        state: &mut State,
        config: &Config,
        read: &Configuration,
        plan: &ReloadPlan,
    ) {
        self.logging.apply(config);
        state.refusals.clone_from(&read.loaded.refusals);
        state
            .parts
            .builtin
            .swap(compose::agents::builtin(config, &self.variables.merged()));
        let old: BTreeSet<AccountKey> = running(&state.parts.accounts);
        let (accounts, issues) =
            compose::channels::accounts(config, &|name| self.variables.get(name));
        for (channel, issue) in issues {
            tracing::error!(%channel, reason = %issue, "A channel section cannot be used.");
        }
        state.parts.accounts = accounts;
        compose::secrets::register(
            &self.logging.redactor,
            config,
            &state.parts.builtin.settings(),
            &state.parts.accounts,
        );
        let new: BTreeSet<AccountKey> = running(&state.parts.accounts);
        match state.parts.settings(config) {
            Ok(settings) => self.engine.apply(settings),
            Err(failure) => {
                tracing::error!(reason = %failure.message, "The changed settings cannot be used; the running ones stay in force.");
                return;
            }
        }
        self.apply_front(config);
        for (channel, account) in old.difference(&new) {
            self.engine.detach_account(channel, account);
            state.locks.remove(&(channel.clone(), account.clone()));
        }
        let changed = |key: &AccountKey| {
            plan.accounts.iter().any(|(channel, account)| {
                channel.eq_ignore_ascii_case(key.0.as_str())
                    && account
                        .as_deref()
                        .is_none_or(|account| account == key.1.as_str())
            })
        };
        for account in state.parts.accounts.clone() {
            let key = (account.channel.clone(), account.account.clone());
            if new.contains(&key) && (!old.contains(&key) || changed(&key)) {
                self.engine.detach_account(&key.0, &key.1);
                self.start_account(state, account).await;
            }
        }
    }

    /// A restart reads everything anew. What could not start is not restarted into.
    fn ask_for_restart(
        &self,
        state: &mut State,
        config: &Config,
        read: &Configuration,
        (plan, delay_ms): (&ReloadPlan, u64),
        value: Value,
    ) -> bool {
        let usable = configured::required(&self.paths, read)
            .and_then(|_| state.parts.settings(config).map(drop))
            .and_then(|()| self.front_of(config).map(drop));
        if let Err(failure) = usable {
            tracing::error!(reason = %failure.message, "The changed configuration could not be started; the running one stays in force.");
            return false;
        }
        if !plan.restart.is_empty() {
            tracing::info!(keys = %keys(plan), "The configuration changed; the gateway restarts.");
        }
        // The same text must not be looked at again while the restart waits for its turn.
        state.value = value;
        state.restarting = true;
        self.restarts.ask(&RestartRequest {
            reason: "configuration changed".to_owned(),
            delay_ms,
            patience_ms: 0,
        });
        true
    }
}

/// The keys a restart is for, for the log.
fn keys(plan: &ReloadPlan) -> String {
    let keys: Vec<String> = plan.restart.iter().map(ToString::to_string).collect();
    keys.join(", ")
}

fn running(accounts: &[AccountConfig]) -> BTreeSet<AccountKey> {
    accounts
        .iter()
        .filter(|account| account.enabled)
        .map(|account| (account.channel.clone(), account.account.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
