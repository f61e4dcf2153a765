//! Starting accounts, and following a changed configuration: build the new, swap, retire the old.
//!
//! A configuration that does not validate changes nothing; the running one stays in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;
use torana_channels::AccountConfig;
use torana_core::config::{Config, Part, Refusal, ReloadPlan, tree::ReloadMode};
use torana_core::id::{AccountId, ChannelId};
use torana_core::problem::{Code, Problem};
use torana_dialects::openclaw::OpenClaw;
use torana_dialects::{Context, FrontSettings, RestartRequest};
use torana_engine::Engine;
use torana_host::lock::IdentityLock;

use super::listen::guard_exposure;
use super::locks;
use super::parts::{Credential, Parts};
use super::restart::RestartDesk;
use super::run;
use crate::compose;
use crate::configuration::{self, AsRead, Configuration, Stamp, Variables, stamp};
use crate::host::{GatewayHost, Running, hash_of};
use crate::logging::Logging;
use crate::paths::Paths;

type AccountKey = (ChannelId, AccountId);

/// Shown for an account that a person stopped.
const STOPPED: &str = "stopped by an operator";

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

/// The files of a start: the texts of the configuration, and what all of them looked like before the notes were read.
pub(super) struct FirstLook {
    as_read: AsRead,
    stamp: Stamp,
}

impl FirstLook {
    pub(super) fn new(
        configuration: &Configuration,
        config: &Config,
        parts: &Parts,
        paths: &Paths,
    ) -> Self {
        Self {
            as_read: AsRead::of(configuration),
            stamp: stamp(watched(configuration, config, parts, paths)),
        }
    }
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
    host: Arc<GatewayHost>,
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
        host: &Arc<GatewayHost>,
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
            host: Arc::clone(host),
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

    /// Starts every account of the configuration.
    pub(super) async fn start_accounts(&self) {
        let mut state = self.state.lock().await;
        let refused = state.parts.refused.clone();
        for (channel, reason) in refused {
            tracing::error!(%channel, %reason, "A channel section cannot be used.");
        }
        for account in state.parts.accounts.clone() {
            self.start_account(&mut state, account).await;
        }
    }

    async fn start_account(&self, state: &mut State, account: AccountConfig) {
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
            let running = self.host.running.load().config.clone();
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
        run::remember_good(&self.paths, read);
        if plan.restart.is_empty() && !state.restarting {
            return self.remember(&state.value, &config, read);
        }
        if !state.restarting {
            tracing::warn!(keys = %keys(plan), "These changes take effect after a restart.");
        }
        // What is in force is neither the old text nor the new one, so the old hash stays.
        let hash = self.host.running.load().hash.clone();
        self.host.running.store(Arc::new(Running {
            hash,
            value: Arc::new(state.value.clone()),
            config,
        }));
    }

    /// Makes what comes from notes in workspaces anew.
    pub(crate) async fn refresh(&self) {
        let state = self.state.lock().await;
        let config = self.host.running.load().config.clone();
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
        self.host.running.store(Arc::new(Running {
            hash: hash_of(&self.host.install_key, &read.text),
            value: Arc::new(value.clone()),
            config: config.clone(),
        }));
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
        let usable = run::required(&self.paths, read)
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

    /// The front's settings of a configuration, if they may be used where we listen.
    fn front_of(&self, config: &Config) -> Result<FrontSettings, run::Failure> {
        let (port, credential) = (self.context.front.load().port, &self.front.credential);
        let given = credential.given.clone();
        let front = compose::front::settings(config, port, given, &credential.generated)
            .map_err(|message| run::Failure::new(run::EXIT_CONFIG, message))?;
        guard_exposure(&front, self.front.open_to_others)?;
        Ok(front)
    }

    /// Follows what of the front may change while it runs; the listener itself needs a restart. When the secret changes,
    /// everybody who signed in with the old one has to sign in again.
    fn apply_front(&self, config: &Config) {
        let mut front = match self.front_of(config) {
            Ok(front) => front,
            Err(failure) => {
                tracing::error!(reason = %failure.message, "The changed gateway settings cannot be used; the running ones stay in force.");
                return;
            }
        };
        if let Some(secret) = front.secret.as_deref() {
            self.logging.redactor.register(secret);
        }
        self.context
            .gate
            .set_lockout(compose::front::lockout(config));
        let now = self.context.front.load();
        // Pages of the operator's own were read for this path when the gateway started.
        front.ui_folder.clone_from(&now.ui_folder);
        if front.ui_folder.is_some() {
            front.base_path.clone_from(&now.base_path);
        }
        let changed = !front.proves_the_same(&now);
        self.context.front.store(Arc::new(front));
        if changed {
            tracing::info!("The gateway's secret changed; every client has to sign in again.");
            self.front.dialect.invalidate_all();
        }
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

fn no_account(channel: &ChannelId, account: &AccountId) -> Problem {
    Problem::new(
        Code::NotFound,
        format!("no account {account} is configured on {channel}"),
    )
}

/// Everything whose change changes what the gateway does: the configuration and the notes of workspaces.
fn watched(
    configuration: &Configuration,
    config: &Config,
    parts: &Parts,
    paths: &Paths,
) -> Vec<String> {
    let mut files = files_of(configuration, paths);
    files.extend(parts.workspaces(config).files());
    files
}

fn files_of(configuration: &Configuration, paths: &Paths) -> Vec<String> {
    let main = paths.config.to_string_lossy().into_owned();
    let included = configuration
        .loaded
        .document
        .iter()
        .flat_map(|document| document.files().map(str::to_owned));
    let mut files: Vec<String> = std::iter::once(main).chain(included).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// Why an account of the configuration does not start, when a part of it was refused.
pub(crate) fn refusal_of(refusals: &[Refusal], account: &AccountConfig) -> Option<String> {
    refusals
        .iter()
        .find(|refusal| match &refusal.part {
            Part::Channel {
                channel,
                account: name,
            } => {
                channel.eq_ignore_ascii_case(account.channel.as_str())
                    && name
                        .as_deref()
                        .is_none_or(|name| name == account.account.as_str())
            }
            _ => false,
        })
        .map(|refusal| format!("`{}`: {}", refusal.key, refusal.message))
}

#[cfg(test)]
mod tests;
