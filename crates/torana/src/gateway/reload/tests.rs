//! Changed configurations against a whole gateway that listens nowhere.

use std::path::PathBuf;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use torana_dialects::Host as _;
use torana_engine::{Prepared, Suspend};
use torana_host::env::Environment;
use torana_host::reserve::Reserve;

use super::super::{disk, durable, options, run, watch};
use super::*;
use crate::compose::front::Credentials;
use crate::host::GatewayHost;
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
    host: Arc<GatewayHost>,
    runner: Arc<Runner>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

impl Rig {
    async fn new(text: &str) -> Self {
        Self::restarted(text, None).await
    }

    /// A gateway that was restarted this long ago.
    async fn restarted(text: &str, restarted_ago_ms: Option<i64>) -> Self {
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
        let options = options::RunOptions::default();
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
        let mut runner = Runner::new(
            &paths,
            &variables,
            &engine,
            &context,
            &host.in_force,
            parts,
            logging,
            &configuration,
            first_look,
            front,
        );
        if let Some(ago_ms) = restarted_ago_ms {
            runner.restarts = RestartDesk::after(&world, Some(world.wall_ms() - ago_ms));
        }
        Self {
            folder,
            paths,
            context,
            host,
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
async fn what_needs_no_restart_does_not_wait_for_one_that_may_not_begin_yet() {
    let rig = Rig::restarted(&text(FIRST, ""), Some(1_000)).await;
    let restarts = "logging: { consoleStyle: 'json' }";
    rig.save(&text(SECOND, restarts));
    let asked = rig.runner.reload("test").await.expect("a change");
    assert!(asked.restarts && asked.in_force);
    assert_eq!(rig.secret(), SECOND, "a changed secret is in force at once");
    rig.save(&text(FIRST, restarts));
    let live = rig.runner.reload("test").await.expect("a change");
    assert!(
        !live.restarts && live.in_force,
        "it needs no restart by itself"
    );
    assert_eq!(rig.secret(), FIRST);
    assert!(rig.runner.reload("test").await.is_none(), "nothing changed");
    // Until the restart the running configuration is neither of the texts.
    let running = rig.runner.in_force.load().hash.clone();
    let read = configuration::read(&rig.paths, &rig.runner.variables).expect("readable");
    assert_ne!(running, rig.runner.in_force.hash_of(&read.text));
}

#[tokio::test]
async fn what_needs_no_restart_does_not_wait_for_the_end_of_a_suspension_either() {
    let rig = Rig::new(&text(FIRST, "")).await;
    let engine = rig.runner.engine();
    engine.recover().await.expect("nothing is open");
    let suspended = engine.suspend(Suspend {
        request: "backup".to_owned(),
        drain: true,
        ends_terminals: false,
    });
    assert!(matches!(suspended, Prepared::Held(_)));
    rig.save(&text(SECOND, "logging: { consoleStyle: 'json' }"));
    let asked = rig.runner.reload("test").await.expect("a change");
    assert!(asked.restarts && asked.in_force);
    assert_eq!(rig.secret(), SECOND);
}

#[tokio::test]
async fn a_start_from_the_reserve_takes_nothing_new_until_there_is_room_for_it_again() {
    let rig = Rig::new(&text(FIRST, "")).await;
    let engine = rig.runner.engine();
    let reserve = Reserve::new(&rig.paths.state).expect("sized");
    let seen = |available| {
        watch::follow(engine, &reserve, available).expect("room");
        (engine.storage_full(), reserve.is_held())
    };
    disk::observe(engine, &rig.paths, disk::Room::Reserve);
    let little = reserve.bytes() + watch::FULL_BYTES;
    assert_eq!(seen(little), (true, false));
    assert_eq!(seen(2 * little), (false, true));
    // Whoever started with little room has a reserve as soon as there is some.
    reserve.release().expect("released");
    assert_eq!(seen(little - 1), (false, false));
    assert_eq!(seen(little), (false, true));
    assert_eq!(seen(watch::FULL_BYTES - 1), (true, true));
    assert_eq!(seen(watch::FULL_BYTES - 1), (true, false));
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

#[tokio::test]
async fn what_is_saved_while_the_file_is_read_is_seen_at_the_next_look() {
    let rig = Rig::new(&text(FIRST, "")).await;
    let host = &rig.host;
    let read = configuration::read(&rig.paths, &rig.runner.variables).expect("readable");
    // As long as the first, so that only the time of the file could tell.
    rig.save(&text(SECOND, ""));
    let looked = host.seen(read, host.in_force.load());
    assert_eq!(looked.text, text(FIRST, ""));
    let next = host.config_file().view().await.expect("readable");
    assert_eq!(next.text, text(SECOND, ""));
}

#[tokio::test]
async fn a_clients_change_replaces_only_the_file_it_was_made_from_and_keeps_that() {
    let rig = Rig::new(&text(FIRST, "")).await;
    rig.host.follow(&rig.runner);
    let file = rig.host.config_file();
    let saved = || std::fs::read_to_string(&rig.paths.config).expect("readable");
    let seen = file.view().await.expect("readable");
    // Somebody else is faster.
    rig.save(&text(SECOND, ""));
    let stale = file.write(seen, text(FIRST, "logging: {}"), 0).await;
    assert!(stale.is_err());
    assert_eq!(saved(), text(SECOND, ""));
    assert!(!rig.paths.backups().exists());
    let seen = file.view().await.expect("readable");
    let written = file.write(seen, text(FIRST, ""), 0).await;
    assert!(written.is_ok());
    assert_eq!(saved(), text(FIRST, ""));
    let kept: Vec<_> = std::fs::read_dir(rig.paths.backups())
        .expect("a folder")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("text"))
        .collect();
    assert_eq!(kept, [text(SECOND, "")]);
}

#[tokio::test]
async fn a_clients_change_that_loses_the_mode_is_refused_whatever_checked_it_before() {
    let with_mode = format!("{{ gateway: {{ mode: 'local', auth: {{ token: '{FIRST}' }} }} }}");
    let rig = Rig::new(&with_mode).await;
    rig.host.follow(&rig.runner);
    let file = rig.host.config_file();
    let seen = file.view().await.expect("readable");
    let refused = file.write(seen, text(FIRST, ""), 0).await;
    let refused = refused.expect_err("the mode would vanish").to_string();
    assert!(refused.contains("config write refused"), "{refused}");
    let saved = std::fs::read_to_string(&rig.paths.config).expect("readable");
    assert_eq!(saved, with_mode);
}
