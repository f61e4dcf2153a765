//! What a start makes of the configuration and a reload makes anew: outgoing connections, the built-in backend, accounts.

use std::path::PathBuf;
use std::sync::Arc;

use torana_agents::builtin::BuiltinBackend;
use torana_channels::AccountConfig;
use torana_core::config::Config;
use torana_core::port::{CrashMarks, World};
use torana_engine::{Bus, Engine, Store};
use torana_host::egress::{Egress, EgressOptions};

use super::failure::{EXIT_CONFIG, EXIT_IO, Failure};
use super::options::RunOptions;
use crate::compose::{self, workspace::Workspaces};
use crate::configuration::Variables;
use crate::paths::Paths;

/// The secret clients present, as far as it does not come from config.
pub(super) struct Credential {
    /// From the command line or the environment; wins over config.
    pub(super) given: Option<String>,
    /// Ours, used when nothing else is.
    pub(super) generated: String,
}

impl Credential {
    pub(super) fn find(variables: &Variables, options: &RunOptions, generated: String) -> Self {
        let given = options.token.clone().or_else(|| {
            [
                "TORANA_GATEWAY_TOKEN",
                "OPENCLAW_GATEWAY_TOKEN",
                "TORANA_GATEWAY_PASSWORD",
                "OPENCLAW_GATEWAY_PASSWORD",
            ]
            .iter()
            .find_map(|name| variables.get(name))
        });
        Self { given, generated }
    }
}

/// What is built once and shared by start and reload.
pub(super) struct Parts {
    pub(super) egress: Egress,
    pub(super) builtin: BuiltinBackend,
    pub(super) accounts: Vec<AccountConfig>,
    pub(super) refused: Vec<(String, String)>,
    pub(super) state: PathBuf,
    pub(super) home: Option<PathBuf>,
}

impl Parts {
    pub(super) fn new(
        paths: &Paths,
        variables: &Variables,
        config: &Config,
        world: &World,
    ) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let egress = Egress::new(EgressOptions {
            version,
            ..EgressOptions::default()
        });
        let builtin = BuiltinBackend::new(
            world.clone(),
            egress.clone(),
            compose::agents::builtin(config, &variables.merged()),
        );
        let (accounts, issues) = compose::channels::accounts(config, &|name| variables.get(name));
        let refused = issues
            .into_iter()
            .map(|(channel, issue)| (channel, issue.to_string()))
            .collect();
        Self {
            egress,
            builtin,
            accounts,
            refused,
            state: paths.state.clone(),
            home: variables.merged().home(),
        }
    }

    pub(super) async fn engine(
        &self,
        store: Store,
        config: &Config,
        world: &World,
        marks: Option<Arc<dyn CrashMarks>>,
    ) -> Result<Engine, Failure> {
        let options = torana_engine::Options {
            store,
            world: world.clone(),
            settings: self.settings(config)?,
            bus: Bus::default(),
        };
        let opened = match marks {
            Some(marks) => Engine::open_with_marks(options, marks).await,
            None => Engine::open(options).await,
        };
        opened.map_err(|error| Failure::new(EXIT_IO, format!("the store cannot be read: {error}")))
    }

    pub(super) fn settings(&self, config: &Config) -> Result<torana_engine::Settings, Failure> {
        let builtin = self.builtin.settings();
        let workspaces = self.workspaces(config);
        compose::engine::settings(&compose::engine::Sources {
            config,
            backend: Arc::new(self.builtin.clone()),
            builtin: &builtin,
            accounts: &self.accounts,
            notes: &|agent| compose::workspace::notes(&workspaces.folder(agent)),
        })
        .map_err(|message| Failure::new(EXIT_CONFIG, message))
    }

    pub(super) fn workspaces<'a>(&'a self, config: &'a Config) -> Workspaces<'a> {
        Workspaces::new(config, &self.state, self.home.as_deref())
    }
}
