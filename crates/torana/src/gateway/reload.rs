//! Starting accounts, and following a changed configuration: build the new, swap, retire the old.
//!
//! A configuration that does not validate changes nothing; the running one stays in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use tokio::sync::Mutex;
use torana_channels::AccountConfig;
use torana_core::config::{Config, Part, Refusal, ReloadPlan, tree::ReloadMode};
use torana_core::id::{AccountId, ChannelId};
use torana_dialects::Context;
use torana_engine::Engine;
use torana_host::lock::IdentityLock;

use super::run::{self, Parts};
use crate::compose;
use crate::configuration::{self, Configuration, Variables};
use crate::logging::Logging;
use crate::paths::Paths;

type AccountKey = (ChannelId, AccountId);

/// Length and time of every file the configuration came from.
pub(super) type Stamp = Vec<(String, u64, Option<SystemTime>)>;

struct State {
    parts: Parts,
    value: Value,
    files: Vec<String>,
    refusals: Vec<Refusal>,
    locks: BTreeMap<AccountKey, IdentityLock>,
}

/// Applies configurations to a running gateway.
pub(crate) struct Runner {
    paths: Paths,
    variables: Arc<Variables>,
    engine: Engine,
    context: Arc<Context>,
    logging: Logging,
    state: Mutex<State>,
    files: std::sync::Mutex<Vec<String>>,
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
        parts: Parts,
        config: &Config,
        logging: Logging,
        configuration: &Configuration,
    ) -> Self {
        if let Some(warning) = compose::engine::privacy_warning(config, &parts.accounts) {
            tracing::warn!("{warning}");
        }
        let files = files_of(configuration, paths);
        Self {
            paths: paths.clone(),
            variables: Arc::clone(variables),
            engine: engine.clone(),
            context: Arc::clone(context),
            logging,
            files: std::sync::Mutex::new(files.clone()),
            state: Mutex::new(State {
                parts,
                value: configuration::value_of(&configuration.loaded),
                files,
                refusals: configuration.loaded.refusals.clone(),
                locks: BTreeMap::new(),
            }),
        }
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
        files
            .into_iter()
            .map(|file| {
                let metadata = std::fs::metadata(&file).ok();
                let length = metadata.as_ref().map_or(0, std::fs::Metadata::len);
                (
                    file,
                    length,
                    metadata.and_then(|metadata| metadata.modified().ok()),
                )
            })
            .collect()
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
            match run::identity_lock(secret, &self.variables.merged(), self.engine.world()) {
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

    /// Reads the configuration again and applies what changed.
    pub(crate) async fn reload(&self, cause: &str) {
        let mut state = self.state.lock().await;
        let read = match configuration::read(&self.paths, &self.variables) {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "The changed configuration cannot be read; the running one stays in force.");
                return;
            }
        };
        let config = match configuration::require(&read.loaded) {
            Ok(config) => config.clone(),
            Err(problems) => {
                for problem in problems {
                    tracing::error!(%problem, "The changed configuration has a problem; the running one stays in force.");
                }
                return;
            }
        };
        let value = configuration::value_of(&read.loaded);
        let plan = ReloadPlan::between(&configuration::schema(), &state.value, &value);
        if plan.is_empty() {
            return;
        }
        let restart: Vec<String> = plan.restart.iter().map(ToString::to_string).collect();
        if !restart.is_empty() {
            tracing::warn!(keys = %restart.join(", "), "These changes take effect after a restart.");
        }
        if matches!(config.gateway.reload.mode, ReloadMode::Off) {
            tracing::info!(
                "The configuration changed and is valid; `gateway.reload.mode` is `off`, so nothing is applied."
            );
            return;
        }
        self.apply(&mut state, &config, &read, &plan).await;
        state.value = value;
        let files = files_of(&read, &self.paths);
        state.files.clone_from(&files);
        *self
            .files
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = files;
        run::remember_good(&self.paths, &read);
        tracing::info!(
            cause,
            live = plan.live.len(),
            accounts = plan.accounts.len(),
            "The configuration was reloaded."
        );
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

    /// Follows what of the front may change while it runs; the listener itself needs a restart.
    fn apply_front(&self, config: &Config) {
        let now = self.context.front.load();
        let secret = now.secret.as_deref().unwrap_or_default().to_owned();
        match compose::front::settings(config, now.port, Some(secret), "") {
            Ok(mut front) => {
                front.auth = now.auth.clone();
                front.secret.clone_from(&now.secret);
                self.context.front.store(Arc::new(front));
            }
            Err(error) => tracing::error!(%error, "The changed gateway settings cannot be used."),
        }
    }
}

fn running(accounts: &[AccountConfig]) -> BTreeSet<AccountKey> {
    accounts
        .iter()
        .filter(|account| account.enabled)
        .map(|account| (account.channel.clone(), account.account.clone()))
        .collect()
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

fn refusal_of(refusals: &[Refusal], account: &AccountConfig) -> Option<String> {
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
