//! Changed configurations against a whole gateway that listens nowhere.

use std::path::PathBuf;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use torana_host::env::Environment;

use super::super::{durable, watch};
use super::*;
use crate::compose::front::Credentials;
use crate::paths::PathFlags;

const FIRST: &str = "the-first-token-of-this-gateway!";
const SECOND: &str = "the-second-token-of-this-gateway";

/// A configuration with this secret and more keys.
fn text(token: &str, more: &str) -> String {
    format!("{{ gateway: {{ auth: {{ token: '{token}' }} }}, {more} }}")
}

struct Rig {
    folder: PathBuf,
    paths: Paths,
    context: Arc<Context>,
    runner: Arc<Runner>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Rig {
    async fn new(text: &str) -> Self {
        let world = torana_host::world();
        let folder = std::env::temp_dir().join(format!("torana-reload-{}", world.uuid()));
        let home = folder.to_string_lossy();
        let environment = Environment::from_pairs([("HOME", home.as_ref())]);
        let paths = Paths::resolve(&PathFlags::default(), &environment).expect("places");
        torana_host::files::private_dir(&paths.state).expect("a folder");
        std::fs::write(&paths.config, text).expect("written");
        let variables = Arc::new(Variables::read(environment, &paths));
        let configuration = configuration::read(&paths, &variables).expect("readable");
        let config = configuration::require(&configuration.loaded).expect("valid");
        let (logging, _) = Logging::prepare(config, &paths, false).expect("a log");
        let parts = Parts::new(&paths, &variables, config, &world);
        let first_look = FirstLook::new(&configuration, config, &parts, &paths);
        let (store, credentials) = durable::open(&paths, &world, &CancellationToken::new(), None)
            .unwrap_or_else(|failure| panic!("{}", failure.message));
        let Credentials {
            token, install_key, ..
        } = credentials;
        let options = run::RunOptions::default();
        let credential = Credential::find(&variables, &options, token);
        let engine = parts.engine(store, config, &world, None).await;
        let engine = engine.unwrap_or_else(|failure| panic!("{}", failure.message));
        let made = run::context(
            &paths,
            &variables,
            &configuration,
            config,
            &engine,
            &logging,
            &options,
            install_key,
            &credential,
            &parts,
        );
        let (context, host, _) = made.unwrap_or_else(|failure| panic!("{}", failure.message));
        let front = Front {
            dialect: OpenClaw::new(Arc::clone(&context), context.gate.clone()),
            credential,
            open_to_others: false,
        };
        let runner = Runner::new(
            &paths,
            &variables,
            &engine,
            &context,
            &host,
            parts,
            config,
            logging,
            &configuration,
            first_look,
            front,
        );
        Self {
            folder,
            paths,
            context,
            runner: Arc::new(runner),
        }
    }

    fn save(&self, text: &str) {
        std::fs::write(&self.paths.config, text).expect("written");
    }

    /// The secret in force.
    fn secret(&self) -> String {
        let front = self.context.front.load();
        front.secret.as_deref().expect("a secret").to_owned()
    }

    /// One life of the watch over the files, up to its first wait.
    fn watch(&self) {
        let life = watch::config(Arc::clone(&self.runner));
        assert_eq!(life.now_or_never(), None, "it goes on watching");
    }
}

#[tokio::test]
async fn half_of_a_configuration_is_not_applied_while_a_restart_waits_that_reads_all_of_it() {
    let rig = Rig::new(&text(FIRST, "")).await;
    let restarts = "logging: { consoleStyle: 'json' }";
    rig.save(&text(FIRST, restarts));
    let asked = rig.runner.reload("test").await.expect("a change");
    assert!(asked.restarts && asked.in_force);
    rig.save(&text(SECOND, restarts));
    let joined = rig.runner.reload("test").await.expect("a change");
    assert!(joined.plan.restart.is_empty(), "it needs none by itself");
    assert!(joined.restarts && joined.in_force);
    assert_eq!(rig.secret(), FIRST);
    assert!(rig.runner.reload("test").await.is_none(), "nothing changed");
    assert_eq!(rig.secret(), FIRST);
}

#[tokio::test]
async fn a_watch_that_begins_anew_applies_what_was_saved_meanwhile() {
    let rig = Rig::new(&text(FIRST, "")).await;
    rig.watch();
    assert_eq!(rig.secret(), FIRST);
    rig.save(&text(SECOND, ""));
    rig.watch();
    assert_eq!(rig.secret(), SECOND);
}
