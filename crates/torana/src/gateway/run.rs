//! `torana gateway run`: one process from lock to drain.
//!
//! The order matters and reads from top to bottom in [`run`]: directory and lock, config, log, store, listener,
//! recovery, channels, and then waiting for a reason to stop.

use std::process::ExitCode;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use torana_core::config::Config;
use torana_core::port::CrashMarks;
use torana_dialects::front::{Gate, Listeners};
use torana_dialects::openclaw::OpenClaw;
use torana_dialects::{Context, front};
use torana_engine::Engine;
use torana_engine::service::login::LoginCodes;
use torana_host::crash::FileMarks;
use torana_host::egress::install_crypto;
use torana_host::env::Environment;
use torana_host::process::keep_memory_private;
use torana_host::restart::Restart;
use torana_host::sockets::Handover;
use torana_host::tls::ServerTls;

use super::configured::{remember_good, required, tell_findings};
use super::failure::{EXIT_CONFIG, EXIT_FAILED, EXIT_IO, Failure};
use super::listen::{keep_sockets, listen};
use super::options::RunOptions;
use super::parts::{Credential, Parts};
use super::wait::{End, Reasons, wait};
use super::{disk, durable, last_moments, locks, reload, watch};
use crate::compose::front::Credentials;
use crate::configuration::{Configuration, Variables};
use crate::host::{GatewayHost, InForce};
use crate::logging::Logging;
use crate::paths::Paths;
use crate::{compose, configuration, host};

/// Workers of the runtime: more than four only adds memory to a process that mostly waits.
const WORKERS_MAX: usize = 4;
/// Stack of a worker; the deepest path of ours is a Markdown renderer bounded to 64 levels.
const WORKER_STACK_BYTES: usize = 1024 * 1024;

/// Runs the gateway until it is told to stop.
pub(crate) fn run(
    paths: &Paths,
    environment: Environment,
    options: &RunOptions,
) -> Result<ExitCode, Failure> {
    keep_memory_private().map_err(|error| {
        Failure::new(
            EXIT_IO,
            format!("core dumps cannot be switched off: {error}"),
        )
    })?;
    // Before there are other threads.
    let mut inherited = torana_host::sockets::inherited();
    let workers =
        std::thread::available_parallelism().map_or(1, |count| count.get().min(WORKERS_MAX));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_stack_size(WORKER_STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(EXIT_IO, format!("the runtime cannot start: {error}")))?;
    let restart = Restart::prepare()
        .map_err(|error| Failure::new(EXIT_IO, format!("this program cannot be found: {error}")))?;
    let outcome = runtime.block_on(serve(paths, environment, options, &mut inherited));
    // Whatever still runs has had its time to drain; the journals hold the rest.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    let (end, sockets) = outcome?;
    match end {
        End::Exit(code) => Ok(code),
        End::Restart { .. } if restart.stop_asked() => Ok(ExitCode::SUCCESS),
        End::Restart { at_ms } => {
            let error = restart.now(at_ms, &sockets);
            Err(Failure::new(
                EXIT_FAILED,
                format!("the gateway cannot start again: {error}"),
            )
            .hint("start it with `torana gateway run`; nothing was lost"))
        }
    }
}

async fn serve(
    paths: &Paths,
    environment: Environment,
    options: &RunOptions,
    inherited: &mut Vec<std::net::TcpListener>,
) -> Result<(End, Handover), Failure> {
    install_crypto();
    // First of all, so that a stop during the start is an orderly one too.
    let mut signals = watch::Signals::new()
        .map_err(|error| Failure::new(EXIT_IO, format!("signals cannot be received: {error}")))?;
    torana_host::descriptors::raise_limit();
    let world = torana_host::world();
    let mut lock = locks::own_state(paths, &world, options.force).await?;
    let Some(room) = disk::wait(paths, &world, &mut signals).await else {
        return Ok((End::Exit(ExitCode::SUCCESS), Handover::default()));
    };
    let blank = durable::prepare(paths);
    let variables = Arc::new(Variables::read(environment, paths));
    let configuration = configuration::read(paths, &variables)
        .map_err(|message| Failure::new(EXIT_CONFIG, message))?;
    let config = required(paths, &configuration)?;
    let logging = Logging::start(&config, paths, options.verbose)
        .map_err(|message| Failure::new(EXIT_IO, message))?;
    tell_findings(&configuration, &variables);
    let flush_failed = CancellationToken::new();
    let (store, credentials) = durable::open(paths, &world, &flush_failed, blank)?;
    let parts = Parts::new(paths, &variables, &config, &world);
    let first_look = reload::FirstLook::new(&configuration, &config, &parts, paths);
    compose::secrets::register(
        &logging.redactor,
        &config,
        &parts.builtin.settings(),
        &parts.accounts,
    );
    let marks = crash_marks(paths);
    let engine = parts.engine(store, &config, &world, marks).await?;
    let media = torana_host::media::MediaFolder::new(paths.state.join("media"));
    engine.keep_media(Arc::new(media));
    let Credentials {
        token, install_key, ..
    } = credentials;
    let credential = Credential::find(&variables, options, token);
    let (context, host, stop) = context(
        paths,
        &variables,
        &configuration,
        &config,
        &engine,
        &logging,
        options,
        install_key,
        &credential,
        &parts,
    )?;
    let (listeners, open_to_others) = listen(
        &config, paths, &parts, options, &variables, &context, inherited,
    )
    .await?;
    let sockets = keep_sockets(&listeners);
    let (tls, port) = (listeners.tls.clone(), context.front.load().port);
    let bound = listeners.addresses();
    if let Err(error) = lock.set_port(port) {
        tracing::warn!(%error, "The port could not be written to the pid file.");
    }
    let front_stop = CancellationToken::new();
    let dialect = OpenClaw::new(Arc::clone(&context), context.gate.clone());
    let front_ended = run_front(&context, &dialect, listeners, &front_stop);
    announce(&context, &dialect, port, tls.as_deref(), open_to_others);
    tracing::info!(version = context.version, port, "The gateway is running.");
    recover(&engine, paths, room).await?;
    let last = Arc::clone(&dialect);
    let runner = Arc::new(reload::Runner::new(
        paths,
        &variables,
        &engine,
        &context,
        &host.in_force,
        parts,
        logging,
        &configuration,
        first_look,
        reload::Front {
            dialect,
            credential,
            open_to_others,
        },
    ));
    host.follow(&runner);
    runner.start_accounts().await;
    remember_good(paths, &configuration);
    let announced = compose::beacon::announce(&config, &variables, &bound, tls.as_deref());
    // Only we keep it: the network hears a farewell when we end, not when the last watch does.
    let announced = announced.map(Arc::new);
    let heard = announced.as_ref().map(Arc::downgrade).unwrap_or_default();
    start_watches(&engine, paths, &runner, tls, &heard);
    let reasons = Reasons {
        stop,
        flush_failed,
        front_ended,
        front_stop,
    };
    let end = wait(&engine, &reasons, &runner, &mut signals).await;
    let now_ms = engine.world().wall_ms();
    last_moments::keep(&paths.stability(), &last.last_events(), &end, now_ms);
    Ok((end, sockets))
}

/// Reads what the life before left open; on a full disk nothing new is taken from the first moment on.
async fn recover(engine: &Engine, paths: &Paths, room: disk::Room) -> Result<(), Failure> {
    disk::observe(engine, paths, room);
    engine.recover().await.map_err(|error| {
        Failure::new(EXIT_IO, format!("open messages could not be read: {error}"))
    })?;
    Ok(())
}

/// Looks after what changes outside: the disk, the certificate, the configuration.
fn start_watches(
    engine: &Engine,
    paths: &Paths,
    runner: &Arc<reload::Runner>,
    tls: Option<Arc<ServerTls>>,
    announced: &Weak<compose::beacon::Announced>,
) {
    let tasks = engine.tasks();
    let (watched, state) = (engine.clone(), paths.state.clone());
    tasks.keep("disk", move || watch::disk(watched.clone(), state.clone()));
    if let Some(tls) = tls {
        let (world, announced) = (engine.world().clone(), Weak::clone(announced));
        tasks.keep("certificate", move || {
            let announced = Weak::clone(&announced);
            let tell = move |fingerprint: &str| {
                if let Some(announced) = announced.upgrade() {
                    announced.renewed(fingerprint);
                }
            };
            watch::certificate(Arc::clone(&tls), world.clone(), tell)
        });
    }
    let follows = Arc::clone(runner);
    tasks.keep("config", move || watch::config(Arc::clone(&follows)));
}

/// Runs the front as a task; the token is cancelled when it ends, by a panic too.
fn run_front(
    context: &Arc<Context>,
    dialect: &Arc<OpenClaw>,
    listeners: Listeners,
    stop: &CancellationToken,
) -> CancellationToken {
    let front = front::serve(
        Arc::clone(context),
        Arc::clone(dialect),
        listeners,
        stop.clone(),
    );
    let ended = CancellationToken::new();
    let ends = ended.clone().drop_guard();
    context.engine.tasks().spawn("front", async move {
        front.await;
        drop(ends);
    });
    ended
}

/// What the process before this one left, and where this one leaves its marks. They are evidence only: the gateway
/// starts without them too, and then a crash counts as one of unknown cause.
fn crash_marks(paths: &Paths) -> Option<Arc<dyn CrashMarks>> {
    match FileMarks::open(&paths.state) {
        Ok(marks) => Some(Arc::new(marks)),
        Err(error) => {
            tracing::warn!(%error, "Crashes cannot be attributed to messages.");
            None
        }
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "called once, by the story of the start"
)]
pub(super) fn context(
    paths: &Paths,
    variables: &Arc<Variables>,
    configuration: &Configuration,
    config: &Config,
    engine: &Engine,
    logging: &Logging,
    options: &RunOptions,
    install_key: [u8; 32],
    credential: &Credential,
    parts: &Parts,
) -> Result<(Arc<Context>, Arc<GatewayHost>, CancellationToken), Failure> {
    let world = engine.world();
    let port = port_of(paths, variables, config, options)?;
    let generated = credential.generated.as_str();
    let mut front = compose::front::settings(config, port, credential.given.clone(), generated)
        .map_err(|message| Failure::new(EXIT_CONFIG, message))?;
    front.ui_folder = compose::front::ui_folder(config, paths, &front.base_path)
        .map_err(|message| Failure::new(EXIT_CONFIG, message))?;
    for secret in [Some(generated), front.secret.as_deref()]
        .into_iter()
        .flatten()
    {
        logging.redactor.register(secret);
    }
    let stop = CancellationToken::new();
    let host = Arc::new(GatewayHost::new(host::Parts {
        paths: paths.clone(),
        variables: Arc::clone(variables),
        log_file: logging.file.path().to_path_buf(),
        in_force: InForce::new(
            install_key,
            &configuration.text,
            configuration::value_of(&configuration.loaded),
            config.clone(),
        ),
        stop: stop.clone(),
        egress: parts.egress.clone(),
        world: world.clone(),
        builtin: parts.builtin.clone(),
    }));
    let gate = Gate::new(world.clone());
    gate.set_lockout(compose::front::lockout(config));
    let context = Context {
        engine: engine.clone(),
        front: ArcSwap::from_pointee(front),
        gate,
        logins: LoginCodes::new(world.clone()),
        host: Arc::<GatewayHost>::clone(&host),
        version: env!("CARGO_PKG_VERSION"),
        state_dir: paths.state.clone(),
        config_path: paths.config.clone(),
        boot_id: world.uuid(),
        install_key,
    };
    Ok((Arc::new(context), host, stop))
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
                .hint("set it to a number between 1 and 65535")
            });
        }
    }
    Ok(config.gateway.port.unwrap_or_else(|| paths.default_port()))
}

/// Prints where to go. The link signs one browser in, once; the permanent token is never printed (decision 35).
fn announce(
    context: &Context,
    dialect: &OpenClaw,
    port: u16,
    tls: Option<&ServerTls>,
    open_to_others: bool,
) {
    use std::io::Write;
    let front = context.front.load();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base = format!("{scheme}://127.0.0.1:{port}{}/", front.base_path);
    let link = format!("{base}#login={}", dialect.issue_login().code);
    let mut out = std::io::stdout().lock();
    let mut lines = if front.control_ui {
        format!(
            "torana {} is running.\nOpen {link}\n(the link signs one browser in, once, for 10 minutes; `torana dashboard` prints another)\n",
            context.version
        )
    } else {
        format!("torana {} is running at {base}\n", context.version)
    };
    if open_to_others {
        lines.push_str(
            "From another device, put the address of this machine in place of 127.0.0.1.\n",
        );
    }
    if let Some(tls) = tls {
        let fingerprint = tls.fingerprint();
        lines.push_str(&format!("certificate SHA-256 {fingerprint}\n"));
    }
    // Nobody may be reading: a service's output can be closed.
    drop(out.write_all(lines.as_bytes()).and_then(|()| out.flush()));
}
