//! The entry: parse, run one command, print its failure, choose the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use super::args::{Cli, Command, GatewayCommand, Global, StartLine, UsersCommand};
use super::command;
use super::failure::{Exit, Failure};
use super::generate;
use super::invocation::Invocation;
use crate::gateway::{self, RunOptions};

/// Runs what the command line says.
pub(crate) fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
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
            return generate::completion(shell).map(|()| ExitCode::SUCCESS);
        }
        Some(Command::Gen { folder }) => return generate::run(&folder).map(|()| ExitCode::SUCCESS),
        Some(command) => command,
    };
    let mut invocation = Invocation::new(&global)?;
    // One thread is enough for one request, and starting one is what makes a command answer at once.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    let result = runtime.block_on(Box::pin(dispatch(&mut invocation, command)));
    // A thread that still reads the keyboard must not hold the process.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
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

async fn dispatch(invocation: &mut Invocation, command: Command) -> Result<(), Failure> {
    match command {
        Command::Gateway { command } => {
            gateway_command(invocation, command.unwrap_or(GatewayCommand::Run)).await
        }
        Command::Status => command::status::status(invocation).await,
        Command::Health => command::status::health(invocation).await,
        Command::Chat(flags) => command::chat::run(invocation, flags).await,
        Command::Tui(flags) => super::tui::run(invocation, flags).await,
        Command::Agent(flags) => command::agent::run(invocation, flags).await,
        Command::Send(flags) => command::send::run(invocation, flags).await,
        Command::Message { command } => command::send::message(invocation, command).await,
        Command::Sessions { command } => {
            command::sessions::run(invocation, command.unwrap_or_default()).await
        }
        Command::Channels { command } => command::channels::run(invocation, command).await,
        Command::Logs(flags) => command::logs::run(invocation, flags).await,
        Command::Pairing { command } => command::pairing::run(invocation, command).await,
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
            match command.unwrap_or_default() {
                UsersCommand::List => command::system::users(invocation).await,
            }
        }
        Command::System { wait, command } => {
            invocation.wait_ms = wait.wait_ms;
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

async fn gateway_command(
    invocation: &mut Invocation,
    command: GatewayCommand,
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
        GatewayCommand::Stop => command::gateway::stop(invocation).await,
        GatewayCommand::Restart { skip_deferral, .. } => {
            command::gateway::restart(invocation, skip_deferral).await
        }
        GatewayCommand::Call(flags) => {
            invocation.wait_ms = flags.wait.wait_ms;
            command::call::call(invocation, flags).await
        }
        GatewayCommand::Probe(wait) => {
            invocation.wait_ms = wait.wait_ms;
            command::call::probe(invocation).await
        }
        GatewayCommand::Discover(wait) => {
            invocation.wait_ms = wait.wait_ms;
            command::discover::run(invocation).await
        }
        GatewayCommand::Health(wait) => {
            invocation.wait_ms = wait.wait_ms;
            command::status::health(invocation).await
        }
        GatewayCommand::Stability(flags) => {
            invocation.wait_ms = flags.wait.wait_ms;
            command::system::stability(invocation, flags).await
        }
        // `run` takes it before there is an invocation.
        GatewayCommand::Run => Err(not_here()),
    }
}
