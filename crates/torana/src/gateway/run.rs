//! `torana gateway run`: one process from lock to drain.
//!
//! The order matters and reads from top to bottom in [`run`]: directory and lock, config, log, store, listener,
//! recovery, channels, and then waiting for a reason to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use torana_agents::builtin::BuiltinBackend;
use torana_channels::AccountConfig;
use torana_core::config::{Config, Part};
use torana_core::port::World;
use torana_dialects::Context;
use torana_dialects::front::{self, BindError, Gate, Place};
use torana_dialects::openclaw::OpenClaw;
use torana_engine::service::login::LoginCodes;
use torana_engine::store::{self, OpenError};
use torana_engine::{Bus, Engine, Store};
use torana_host::egress::{Egress, EgressOptions, install_crypto};
use torana_host::env::Environment;
use torana_host::files;
use torana_host::lock::{IdentityLock, LockError, StateLock};

use super::{reload, watch};
use crate::compose;
use crate::configuration::{self, Configuration, Variables};
use crate::host::{GatewayHost, Running, hash_of};
use crate::logging::Logging;
use crate::paths::Paths;

/// Exit codes (decision 27).
pub(crate) const EXIT_DAMAGED: u8 = 65;
pub(crate) const EXIT_TAKEN: u8 = 73;
pub(crate) const EXIT_IO: u8 = 74;
pub(crate) const EXIT_CONFIG: u8 = 78;

/// How often and how long a taken port is tried again (decision 27: 2 s).
const BIND_TRIES: u32 = 8;
const BIND_WAIT_MS: u64 = 250;
/// Workers of the runtime: more than four only adds memory to a process that mostly waits.
const WORKERS_MAX: usize = 4;
/// Stack of a worker; the deepest path of ours is a Markdown renderer bounded to 64 levels.
const WORKER_STACK_BYTES: usize = 1024 * 1024;

/// What the command line says about a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunOptions {
    pub(crate) port: Option<u16>,
    pub(crate) bind: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) verbose: bool,
    /// Stop the gateway that holds the state directory first.
    pub(crate) force: bool,
}

/// Why the gateway did not start, and how the process ends.
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Runs the gateway until it is told to stop.
pub(crate) fn run(
    paths: &Paths,
    environment: Environment,
    options: &RunOptions,
) -> Result<ExitCode, Failure> {
    let workers =
        std::thread::available_parallelism().map_or(1, |count| count.get().min(WORKERS_MAX));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_stack_size(WORKER_STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(EXIT_IO, format!("the runtime cannot start: {error}")))?;
    let outcome = runtime.block_on(serve(paths, environment, options));
    // Whatever still runs has had its time to drain; the journals hold the rest.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    outcome
}

async fn serve(
    paths: &Paths,
    environment: Environment,
    options: &RunOptions,
) -> Result<ExitCode, Failure> {
    install_crypto();
    // First of all, so that a stop during the start is an orderly one too.
    let mut signals = watch::Signals::new()
        .map_err(|error| Failure::new(EXIT_IO, format!("signals cannot be received: {error}")))?;
    torana_host::descriptors::raise_limit();
    let world = torana_host::world();
    files::private_dir(&paths.state).map_err(|error| {
        Failure::new(
            EXIT_IO,
            format!("cannot create {}: {error}", paths.state.display()),
        )
    })?;
    let mut lock = state_lock(paths, &world, options.force).await?;
    let variables = Arc::new(Variables::read(environment, paths));
    let configuration = configuration::read(paths, &variables)
        .map_err(|message| Failure::new(EXIT_CONFIG, message))?;
    let config = required(paths, &configuration)?;
    let logging = Logging::start(&config, paths, options.verbose)
        .map_err(|message| Failure::new(EXIT_IO, message))?;
    tell_findings(&configuration);
    let flush_failed = CancellationToken::new();
    let store = open_store(paths, &flush_failed)?;
    let parts = Parts::new(paths, &variables, &config, &world);
    compose::secrets::register(
        &logging.redactor,
        &config,
        &parts.builtin.settings(),
        &parts.accounts,
    );
    let engine = parts.engine(store, &config, &world).await?;
    let (context, stop) = context(
        paths,
        &variables,
        &configuration,
        &config,
        &engine,
        &logging,
        options,
    )?;
    let listeners = listen(&config, &parts, options, &variables, &context).await?;
    let port = context.front.load().port;
    if let Err(error) = lock.set_port(port) {
        tracing::warn!(%error, "The port could not be written to the pid file.");
    }
    let front_stop = CancellationToken::new();
    let dialect = OpenClaw::new(Arc::clone(&context), context.gate.clone());
    let front = front::serve(
        Arc::clone(&context),
        Arc::clone(&dialect),
        listeners,
        front_stop.clone(),
    );
    engine.tasks().spawn("front", front);
    announce(&context, &dialect, port);
    engine.recover().await.map_err(|error| {
        Failure::new(EXIT_IO, format!("open messages could not be read: {error}"))
    })?;
    let runner = Arc::new(reload::Runner::new(
        paths,
        &variables,
        &engine,
        &context,
        parts,
        &config,
        logging,
        &configuration,
    ));
    runner.start_accounts().await;
    remember_good(paths, &configuration);
    engine
        .tasks()
        .spawn_until_stop("disk", watch::disk(engine.clone(), paths.state.clone()));
    engine
        .tasks()
        .spawn_until_stop("config", watch::config(Arc::clone(&runner)));
    Ok(wait(
        &engine,
        &stop,
        &flush_failed,
        &front_stop,
        &runner,
        &mut signals,
    )
    .await)
}

/// What is built once and shared by start and reload.
pub(crate) struct Parts {
    pub(crate) egress: Egress,
    pub(crate) builtin: BuiltinBackend,
    pub(crate) accounts: Vec<AccountConfig>,
    pub(crate) refused: Vec<(String, String)>,
}

impl Parts {
    fn new(_paths: &Paths, variables: &Variables, config: &Config, world: &World) -> Self {
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
        }
    }

    async fn engine(
        &self,
        store: Store,
        config: &Config,
        world: &World,
    ) -> Result<Engine, Failure> {
        let settings = self.settings(config)?;
        Engine::open(torana_engine::Options {
            store,
            world: world.clone(),
            settings,
            bus: Bus::default(),
        })
        .await
        .map_err(|error| Failure::new(EXIT_IO, format!("the store cannot be read: {error}")))
    }

    pub(crate) fn settings(&self, config: &Config) -> Result<torana_engine::Settings, Failure> {
        let builtin = self.builtin.settings();
        compose::engine::settings(&compose::engine::Sources {
            config,
            backend: Arc::new(self.builtin.clone()),
            builtin: &builtin,
            accounts: &self.accounts,
        })
        .map_err(|message| Failure::new(EXIT_CONFIG, message))
    }
}

async fn state_lock(paths: &Paths, world: &World, force: bool) -> Result<StateLock, Failure> {
    match StateLock::acquire(&paths.state, world.wall_ms()) {
        Ok(lock) => Ok(lock),
        Err(error) => {
            let pid = error.holder_pid();
            if let (true, Some(pid)) = (force, pid) {
                return take_over(paths, world, pid).await;
            }
            let code = if matches!(error, LockError::Held { .. }) {
                EXIT_TAKEN
            } else {
                EXIT_IO
            };
            let hint = "stop it with `torana gateway stop`, replace it with `--force`, or use another `--profile`";
            let failure = Failure::new(code, format!("the gateway already runs: {error}"));
            Err(if code == EXIT_TAKEN {
                failure.hint(hint)
            } else {
                Failure::new(code, error.to_string())
            })
        }
    }
}

/// Ends the gateway that holds the state directory and takes its place.
async fn take_over(paths: &Paths, world: &World, pid: u32) -> Result<StateLock, Failure> {
    let target = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    // The lock proves that this process runs now, so the pid cannot be a stranger's.
    let told =
        target.map(|target| rustix::process::kill_process(target, rustix::process::Signal::TERM));
    if !matches!(told, Some(Ok(()))) {
        return Err(Failure::new(
            EXIT_TAKEN,
            format!("process {pid} cannot be told to stop"),
        ));
    }
    // Its drain takes up to 30 s; a little more, and it is stuck.
    for _ in 0..350 {
        world.sleep_ms(100).await;
        if let Ok(lock) = StateLock::acquire(&paths.state, world.wall_ms()) {
            return Ok(lock);
        }
    }
    Err(Failure::new(
        EXIT_TAKEN,
        format!("process {pid} did not stop within 35 s"),
    ))
}

fn required(paths: &Paths, configuration: &Configuration) -> Result<Config, Failure> {
    if let Err(problems) = configuration::require(&configuration.loaded) {
        let count = problems.len();
        let list: String = problems.iter().map(|line| format!("\n  {line}")).collect();
        let what = if count == 1 {
            "one problem".to_owned()
        } else {
            format!("{count} problems")
        };
        return Err(Failure::new(EXIT_CONFIG, format!("{} has {what}:{list}", paths.config.display()))
            .hint("mend the file, or restore the last good one with `torana doctor --fix`; `torana config validate` checks again"));
    }
    let config = configuration::require(&configuration.loaded)
        .map_err(|_| Failure::new(EXIT_CONFIG, "no configuration"))?;
    if matches!(
        config.gateway.mode,
        Some(torana_core::config::tree::GatewayMode::Remote)
    ) {
        return Err(Failure::new(
            EXIT_CONFIG,
            "`gateway.mode` is `remote`: this configuration is for a client of another gateway",
        )
        .hint("set `gateway.mode` to `local` to run a gateway here"));
    }
    let guarded = configuration
        .loaded
        .refusals
        .iter()
        .find(|refusal| matches!(refusal.part, Part::Gateway));
    if let Some(refusal) = guarded {
        return Err(Failure::new(
            EXIT_CONFIG,
            format!("`{}`: {}", refusal.key, refusal.message),
        ));
    }
    Ok(config.clone())
}

fn tell_findings(configuration: &Configuration) {
    for warning in &configuration.loaded.warnings {
        tracing::warn!(finding = %warning, "The configuration deserves a look.");
    }
    for refusal in &configuration.loaded.refusals {
        tracing::error!(key = %refusal.key, reason = %refusal.message, "A part does not start.");
    }
}

fn open_store(paths: &Paths, flush_failed: &CancellationToken) -> Result<Store, Failure> {
    let failed = flush_failed.clone();
    let options = store::Options {
        on_flush_failure: Some(Arc::new(move || failed.cancel())),
        ..store::Options::new(paths.database())
    };
    let known = files::create_private(&paths.database(), b"");
    if let Err(error) = known
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(Failure::new(
            EXIT_IO,
            format!("cannot write {}: {error}", paths.database().display()),
        ));
    }
    Store::open(options).map_err(|error| match error {
        OpenError::Damaged(_) => Failure::new(EXIT_DAMAGED, format!("{}: {error}", paths.database().display()))
            .hint("nothing was changed; `torana doctor --fix` sets the file aside and salvages what it can"),
        OpenError::Newer { .. } => Failure::new(EXIT_IO, error.to_string()).hint("run the newer version again"),
        OpenError::Other(_) => Failure::new(EXIT_IO, error.to_string()),
    })
}

fn context(
    paths: &Paths,
    variables: &Arc<Variables>,
    configuration: &Configuration,
    config: &Config,
    engine: &Engine,
    logging: &Logging,
    options: &RunOptions,
) -> Result<(Arc<Context>, CancellationToken), Failure> {
    let world = engine.world();
    let fail = |message: String| Failure::new(EXIT_IO, message);
    files::private_dir(&paths.credentials()).map_err(|error| {
        fail(format!(
            "cannot create {}: {error}",
            paths.credentials().display()
        ))
    })?;
    let generated = compose::front::token(&paths.token_file(), world).map_err(fail)?;
    let install_key =
        compose::front::install_key(&paths.install_key_file(), world).map_err(fail)?;
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
    let port = port_of(paths, variables, config, options)?;
    let front = compose::front::settings(config, port, given, &generated)
        .map_err(|message| Failure::new(EXIT_CONFIG, message))?;
    for secret in [Some(generated.as_str()), front.secret.as_deref()]
        .into_iter()
        .flatten()
    {
        logging.redactor.register(secret);
    }
    let stop = CancellationToken::new();
    let host = GatewayHost {
        paths: paths.clone(),
        variables: Arc::clone(variables),
        log_file: logging.file.path().to_path_buf(),
        install_key,
        running: ArcSwap::from_pointee(Running {
            applied_hash: hash_of(&install_key, &configuration.text),
        }),
        stop: stop.clone(),
        egress: Egress::default(),
        world: world.clone(),
    };
    let context = Context {
        engine: engine.clone(),
        front: ArcSwap::from_pointee(front),
        gate: Gate::new(world.clone()),
        logins: LoginCodes::new(world.clone()),
        host: Arc::new(host),
        version: env!("CARGO_PKG_VERSION"),
        state_dir: paths.state.clone(),
        config_path: paths.config.clone(),
        boot_id: world.uuid(),
        install_key,
    };
    Ok((Arc::new(context), stop))
}

/// Flag over environment over config over the profile's default.
pub(crate) fn port_of(
    paths: &Paths,
    variables: &Variables,
    config: &Config,
    options: &RunOptions,
) -> Result<u16, Failure> {
    if let Some(port) = options.port {
        return Ok(port);
    }
    for name in ["TORANA_GATEWAY_PORT", "OPENCLAW_GATEWAY_PORT"] {
        if let Some(text) = variables.get(name) {
            return text.trim().parse().map_err(|_| {
                Failure::new(
                    EXIT_CONFIG,
                    format!("{name} is `{text}`, which is not a port number"),
                )
            });
        }
    }
    Ok(config.gateway.port.unwrap_or_else(|| paths.default_port()))
}

async fn listen(
    config: &Config,
    parts: &Parts,
    options: &RunOptions,
    variables: &Variables,
    context: &Arc<Context>,
) -> Result<Vec<tokio::net::TcpListener>, Failure> {
    let port = context.front.load().port;
    let in_container = compose::front::in_container(&variables.merged());
    let addresses = compose::front::addresses(config, options.bind.as_deref(), port, in_container)
        .map_err(|message| Failure::new(EXIT_CONFIG, message))?;
    let open_to_others = addresses.iter().any(|address| !address.ip().is_loopback());
    guard_exposure(context, open_to_others)?;
    let place = if open_to_others {
        Place::Addresses(addresses)
    } else {
        Place::Loopback(port)
    };
    let mut tries = 0;
    let mut listeners = loop {
        match front::bind(&place) {
            Ok(listeners) => break listeners,
            Err(BindError::InUse { .. }) if tries < BIND_TRIES => {
                tries += 1;
                context.engine.world().sleep_ms(BIND_WAIT_MS).await;
            }
            Err(error @ BindError::InUse { .. }) => {
                return Err(
                    Failure::new(EXIT_TAKEN, format!("port {port} is taken: {error}")).hint(
                        "start on another port with `--port`, or find the holder with `ss -ltnp`",
                    ),
                );
            }
            Err(error) => return Err(Failure::new(EXIT_IO, error.to_string())),
        }
    };
    if let Some(bound) = listeners
        .first()
        .and_then(|listener| listener.local_addr().ok())
    {
        let mut front = context.front.load().as_ref().clone();
        front.port = bound.port();
        context.front.store(Arc::new(front));
    }
    listeners.extend(webhook_listeners(parts));
    Ok(listeners)
}

/// Webhook accounts may also listen where the system they come from did (decision 51).
fn webhook_listeners(parts: &Parts) -> Vec<tokio::net::TcpListener> {
    let mut wanted: Vec<std::net::SocketAddr> = parts
        .accounts
        .iter()
        .filter(|account| account.enabled)
        .filter_map(|account| {
            let listener = account.webhook_listener.as_ref()?;
            Some(std::net::SocketAddr::from((
                listener.host.parse::<std::net::IpAddr>().ok()?,
                listener.port,
            )))
        })
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut listeners = Vec::new();
    for address in wanted {
        match front::bind(&Place::Addresses(vec![address])) {
            Ok(found) => listeners.extend(found),
            Err(error) => {
                tracing::error!(%error, "A webhook listener cannot start; the webhook path on the gateway's own port still works.")
            }
        }
    }
    listeners
}

/// Other machines may only reach a gateway that asks for a strong secret (S-005, S-011).
fn guard_exposure(context: &Context, open_to_others: bool) -> Result<(), Failure> {
    if !open_to_others {
        return Ok(());
    }
    let front = context.front.load();
    match (&front.auth, front.secret.as_deref()) {
        (torana_dialects::AuthMode::None, _) => Err(Failure::new(
            EXIT_CONFIG,
            "`gateway.auth.mode` is `none`, which is only allowed on loopback",
        )
        .hint("set `gateway.auth.mode` to `token`, or `gateway.bind` to `loopback`")),
        (torana_dialects::AuthMode::Token, Some(secret)) if secret.len() < 24 => {
            Err(Failure::new(EXIT_CONFIG, "the gateway token is shorter than 24 characters, too weak for a gateway other machines can reach")
                .hint("remove `gateway.auth.token` to use the generated one, or choose a longer one"))
        }
        (torana_dialects::AuthMode::Password, Some(secret)) if secret.len() < 12 => {
            Err(Failure::new(EXIT_CONFIG, "the gateway password is shorter than 12 characters, too weak for a gateway other machines can reach")
                .hint("choose a longer `gateway.auth.password`"))
        }
        _ => Ok(()),
    }
}

/// Prints where to go. The link signs one browser in, once; the permanent token is never printed (decision 35).
fn announce(context: &Context, dialect: &OpenClaw, port: u16) {
    use std::io::Write;
    let front = context.front.load();
    let base = format!("http://127.0.0.1:{port}{}/", front.base_path);
    let link = format!("{base}#login={}", dialect.issue_login().code);
    let mut out = std::io::stdout().lock();
    let lines = if front.control_ui {
        format!(
            "torana {} is running.\nOpen {link}\n(the link signs one browser in, once, for 10 minutes; `torana dashboard` prints another)\n",
            context.version
        )
    } else {
        format!("torana {} is running at {base}\n", context.version)
    };
    // Nobody may be reading: a service's output can be closed.
    drop(out.write_all(lines.as_bytes()).and_then(|()| out.flush()));
}

/// Keeps a copy of a configuration that started, for `doctor --fix` (decision 22).
pub(crate) fn remember_good(paths: &Paths, configuration: &Configuration) {
    if !configuration.exists || configuration.text.contains(torana_core::config::REDACTED) {
        return;
    }
    let kept = files::private_dir(&paths.backups()).and_then(|()| {
        files::replace(
            &paths.backups().join("last-good.json"),
            configuration.text.as_bytes(),
        )
    });
    if let Err(error) = kept {
        tracing::warn!(%error, "The working configuration could not be remembered.");
    }
}

/// Takes the lock on a bot's identity, so that no second gateway fetches its messages (decision 28).
pub(crate) fn identity_lock(
    secret: &str,
    environment: &Environment,
    world: &World,
) -> Result<IdentityLock, LockError> {
    let folder = environment
        .runtime_dir()
        .map(|path| path.join("torana"))
        .or_else(|| {
            environment
                .home()
                .map(|home| home.join(".cache").join("torana"))
        })
        .unwrap_or_else(|| std::env::temp_dir().join("torana"));
    IdentityLock::acquire(&folder, secret, world.wall_ms())
}

async fn wait(
    engine: &Engine,
    stop: &CancellationToken,
    flush_failed: &CancellationToken,
    front_stop: &CancellationToken,
    runner: &Arc<reload::Runner>,
    signals: &mut watch::Signals,
) -> ExitCode {
    let reason = loop {
        tokio::select! {
            biased;
            () = flush_failed.cancelled() => {
                tracing::error!("The disk failed to store a commit; the gateway stops so that nothing uncertain is confirmed.");
                return ExitCode::from(EXIT_IO);
            }
            () = stop.cancelled() => break "asked to stop",
            signal = signals.next() => match signal {
                watch::Signal::Stop => break "signal",
                watch::Signal::Reload => runner.reload("signal").await,
            },
        }
    };
    let finished = AtomicBool::new(false);
    let drain = async {
        finished.store(engine.drain(reason, None).await, Ordering::SeqCst);
        front_stop.cancel();
        engine.tasks().stop();
        engine.tasks().finished().await;
    };
    tokio::select! {
        biased;
        () = flush_failed.cancelled() => return ExitCode::from(EXIT_IO),
        () = drain => {}
        _ = signals.next() => tracing::warn!("Stopped at once; what was unfinished goes on at the next start."),
    }
    if !finished.load(Ordering::SeqCst) {
        tracing::info!("Unfinished work waits in the journals and goes on at the next start.");
    }
    ExitCode::SUCCESS
}
