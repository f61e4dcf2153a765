//! The entry: parse, run one command, print its failure, choose the exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use super::args::{
    AskFlags, Cli, Command, DiagnosticsCommand, GatewayCommand, Global, SessionsCommand,
    SessionsFilter, StartLine,
};
use super::command;
use super::failure::{Exit, Failure};
use super::generate;
use super::invocation::Invocation;
use crate::gateway::{self, RunOptions};

/// Runs what the command line says.
pub(crate) fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&advised(error, std::env::args_os())),
    };
    let json = cli.global.json;
    match run(cli) {
        Ok(code) => code,
        Err(failure) => {
            failure.print(json);
            failure.exit.into()
        }
    }
}

/// The line that starts the gateway is tried first: the grammar of all commands takes milliseconds to build, and a
/// gateway that starts needs none of it.
fn parse() -> Result<Cli, clap::Error> {
    StartLine::try_parse().map_or_else(|_| Cli::try_parse(), |line| Ok(line.into()))
}

/// The options that say how to start a gateway stand beside every command, so the parser advises them everywhere; any
/// command but the one that starts one would refuse them.
pub(super) fn advised(
    mut error: clap::Error,
    line: impl IntoIterator<Item = OsString>,
) -> clap::Error {
    let is_start_option = matches!(
        error.get(ContextKind::SuggestedArg),
        Some(ContextValue::String(option)) if ["--bind", "--verbose", "--force"].contains(&option.as_str())
    );
    if is_start_option && !starts_gateway(line) {
        error.remove(ContextKind::SuggestedArg);
        // It is the line with the advice followed.
        error.remove(ContextKind::Usage);
    }
    error
}

/// Whether a line names the command that starts a gateway, as far as it can be read.
fn starts_gateway(line: impl IntoIterator<Item = OsString>) -> bool {
    let read = Cli::command()
        .ignore_errors(true)
        .try_get_matches_from(line);
    read.is_ok_and(|read| match read.subcommand() {
        None => true,
        Some(("gateway", below)) => matches!(below.subcommand_name(), None | Some("run")),
        Some(_) => false,
    })
}

/// Help and version go to stdout with code 0, mistakes to stderr with code 2; clap knows which.
fn usage(error: &clap::Error) -> ExitCode {
    // A reader that went away does not change what the command line was.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => Exit::Usage.into(),
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { global, command } = cli;
    let command = match command {
        None
        | Some(Command::Gateway {
            command: None | Some(GatewayCommand::Run),
        }) => return start(&global),
        Some(Command::Completion { shell }) => {
            let shell = shell.given().ok_or_else(not_here)?;
            return generate::completion(shell).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::Gen { folder }) => return generate::run(&folder).map(|()| ExitCode::SUCCESS),
        Some(command) => command,
    };
    refuse_start_options(&global, &command)?;
    let mut invocation = Invocation::new(&global)?;
    // One thread is enough for one request, and starting one is what makes a command answer at once.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let result = runtime.block_on(Box::pin(dispatch(&mut invocation, command, global.force)));
    // A thread that still reads the keyboard must not hold the process.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}

/// What says how to start a gateway would be ignored by any other command.
fn refuse_start_options(global: &Global, command: &Command) -> Result<(), Failure> {
    let ends_one = matches!(
        command,
        Command::Gateway {
            command: Some(GatewayCommand::Stop | GatewayCommand::Restart(_))
        }
    );
    let given = [
        ("--bind", global.bind.is_some()),
        ("--verbose", global.verbose),
        ("--force", global.force && !ends_one),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Failure::new(
            Exit::Usage,
            format!("{option} is an option of `torana gateway run`, and means nothing here"),
        )
        .hint("leave it away")),
        None => Ok(()),
    }
}

fn start(global: &Global) -> Result<ExitCode, Failure> {
    if global.url.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "--url names a gateway elsewhere, and this command starts one here",
        )
        .hint("leave --url away, or name another command"));
    }
    let invocation = Invocation::new(global)?;
    let options = RunOptions {
        port: global.port,
        bind: global.bind.clone(),
        token: global.token.clone().or_else(|| global.password.clone()),
        verbose: global.verbose,
        force: global.force,
    };
    gateway::run(&invocation.paths, invocation.environment, &options).map_err(Failure::from)
}

async fn dispatch(
    invocation: &mut Invocation,
    command: Command,
    force: bool,
) -> Result<(), Failure> {
    match command {
        Command::Gateway { command } => {
            gateway_command(invocation, command.unwrap_or(GatewayCommand::Run), force).await
        }
        Command::Status(flags) => {
            invocation.wait_ms = flags.wait.wait_ms;
            command::status::status(invocation, flags).await
        }
        Command::Health(wait) => {
            invocation.wait_ms = wait.wait_ms;
            command::status::health(invocation).await
        }
        Command::Chat(flags) => command::chat::run(invocation, flags).await,
        Command::Tui(flags) => super::tui::run(invocation, flags).await,
        Command::Agent(flags) => command::agent::run(invocation, flags).await,
        Command::Send(flags) => command::send::run(invocation, flags).await,
        Command::Message { command } => command::send::message(invocation, command).await,
        Command::Sessions {
            filter,
            wait,
            command,
        } => {
            invocation.wait_ms = wait.wait_ms;
            command::sessions::run(invocation, sessions_command(filter, command)?).await
        }
        Command::Channels { command } => {
            command::channels::run(invocation, command.unwrap_or_default()).await
        }
        Command::Logs(flags) => command::logs::run(invocation, flags).await,
        Command::Pairing { command } => {
            command::pairing::run(invocation, command.unwrap_or_default()).await
        }
        Command::Devices { wait, command } => {
            invocation.wait_ms = wait.wait_ms;
            command::devices::run(invocation, command.unwrap_or_default()).await
        }
        Command::Qr(flags) => command::setup::qr(invocation, flags).await,
        Command::Nodes { wait, command } => {
            invocation.wait_ms = wait.wait_ms;
            command::nodes::run(invocation, command.unwrap_or_default()).await
        }
        Command::Approvals { wait, command } => {
            invocation.wait_ms = wait.wait_ms;
            command::approvals::run(invocation, command).await
        }
        Command::Agents { command } => {
            command::agents::run(invocation, command.unwrap_or_default()).await
        }
        Command::Models { command } => {
            command::agents::models(invocation, command.unwrap_or_default()).await
        }
        Command::Users { wait, command } => {
            invocation.wait_ms = wait.wait_ms;
            command::system::users(invocation, command.unwrap_or_default()).await
        }
        Command::System {
            wait,
            last,
            command,
        } => {
            invocation.wait_ms = wait.wait_ms;
            invocation.expects_final = last.expect_final;
            command::system::run(invocation, command).await
        }
        Command::Audit(flags) => command::system::audit(invocation, flags).await,
        Command::Outbox { command } => {
            command::journal::outbox(invocation, command.unwrap_or_default()).await
        }
        Command::Inbox { command } => {
            command::journal::inbox(invocation, command.unwrap_or_default()).await
        }
        Command::Explain { which } => command::journal::explain(invocation, &which).await,
        Command::Doctor { fix } => command::doctor::run(invocation, fix).await,
        Command::Config { command } => command::config::run(invocation, command),
        Command::Dashboard => command::dashboard::run(invocation).await,
        // These two never come here: `run` takes them before there is an invocation.
        Command::Completion { .. } | Command::Gen { .. } => Err(not_here()),
    }
}

fn not_here() -> Failure {
    Failure::new(Exit::Usage, "this command is not for here")
}

fn asked_so(invocation: &mut Invocation, flags: AskFlags) {
    invocation.wait_ms = flags.wait.wait_ms;
    invocation.expects_final = flags.last.expect_final;
}

/// Options of a list stand behind `list`, or where no other command follows.
fn sessions_command(
    filter: SessionsFilter,
    command: Option<SessionsCommand>,
) -> Result<SessionsCommand, Failure> {
    match command {
        None => Ok(SessionsCommand::List(filter)),
        Some(command) if filter.is_usual() => Ok(command),
        Some(_) => Err(Failure::new(
            Exit::Usage,
            "these options belong behind the command they are for",
        )
        .hint("as `torana sessions list --agent work`")),
    }
}

async fn gateway_command(
    invocation: &mut Invocation,
    command: GatewayCommand,
    force: bool,
) -> Result<(), Failure> {
    match command {
        GatewayCommand::Status { wait, no_probe, .. } => {
            invocation.wait_ms = wait.wait_ms;
            if no_probe {
                command::gateway::look(invocation)
            } else {
                command::gateway::status(invocation).await
            }
        }
        GatewayCommand::Stop => command::gateway::stop(invocation, force).await,
        GatewayCommand::Restart(flags) if force && flags.drain_ms.is_some() => Err(Failure::new(
            Exit::Usage,
            "--wait and --force say the opposite of each other",
        )),
        GatewayCommand::Restart(flags) => command::gateway::restart(invocation, flags, force).await,
        GatewayCommand::Call(flags) => {
            invocation.wait_ms = flags.wait.wait_ms;
            command::call::call(invocation, flags).await
        }
        GatewayCommand::Probe(flags) => {
            invocation.wait_ms = flags.wait.wait_ms;
            command::probe::run(invocation, flags).await
        }
        GatewayCommand::Discover(wait) => {
            invocation.wait_ms = wait.wait_ms;
            command::discover::run(invocation).await
        }
        GatewayCommand::Health(flags) => {
            asked_so(invocation, flags);
            command::status::health(invocation).await
        }
        GatewayCommand::Stability(flags) => {
            asked_so(invocation, flags.ask);
            if flags.export {
                command::diagnostics::export(invocation, (&flags).into()).await
            } else if let Some(path) = &flags.bundle {
                command::diagnostics::bundle(invocation, &flags, path)
            } else {
                command::system::stability(invocation, flags).await
            }
        }
        GatewayCommand::Diagnostics {
            command: DiagnosticsCommand::Export(flags),
        } => command::diagnostics::export(invocation, flags).await,
        GatewayCommand::Suspend(flags) => {
            asked_so(invocation, flags.ask);
            command::suspend::suspend(invocation, flags).await
        }
        GatewayCommand::Resume { suspension, ask } => {
            asked_so(invocation, ask);
            command::suspend::resume(invocation, &suspension).await
        }
        GatewayCommand::UsageCost(flags) => {
            asked_so(invocation, flags.ask);
            command::cost::run(invocation, flags).await
        }
        // The grammar wants --show; that is the whole of it.
        GatewayCommand::AuthToken { .. } => command::gateway::auth_token(invocation),
        // `run` takes it before there is an invocation.
        GatewayCommand::Run => Err(not_here()),
    }
}
