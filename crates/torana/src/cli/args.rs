//! The grammar of the command line. The doc comments are what `--help` and `docs/reference/cli.md` say.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod agents;
mod approvals;
mod capture;
mod channels;
mod config;
mod devices;
mod gateway;
mod journal;
mod look;
mod name;
mod nodes;
mod sessions;
mod system;
mod talk;
mod wait;

pub(crate) use agents::{AgentsCommand, ModelsCommand};
pub(crate) use approvals::{
    AllowlistCommand, AllowlistEntry, ApprovalsCommand, Decision, GrantsCommand, Whose,
};
pub(crate) use capture::{CameraCommand, CaptureFlags, ScreenCommand};
pub(crate) use channels::{AccountFlags, ChannelsCommand, PairingCommand};
pub(crate) use config::{ConfigCommand, WriteFlags};
pub(crate) use devices::{DevicesCommand, QrFlags, TokenFlags};
pub(crate) use gateway::{CallFlags, CostFlags, GatewayCommand, RestartFlags, SuspendFlags};
pub(crate) use journal::{InboxCommand, OutboxCommand};
pub(crate) use look::{
    AuditFlags, DiagnosticsCommand, ExportFlags, Level, LogsFlags, ProbeFlags, StabilityFlags,
    StatusFlags,
};
pub(crate) use name::ShellName;
pub(crate) use nodes::{CanvasCommand, InvokeFlags, LocationCommand, NodesCommand, NodesFilter};
pub(crate) use sessions::{SessionKeys, SessionsCommand, SessionsFilter};
pub(crate) use system::{HeartbeatCommand, SystemCommand, UsersCommand, WakeMode};
pub(crate) use talk::{AgentFlags, ChatFlags, MessageCommand, SendFlags, TuiFlags};
pub(crate) use wait::{AskFlags, FamilyWaitFlag, FinalFlag, WaitFlag};

/// A gateway between people on messaging platforms and AI agents.
///
/// Without a command it starts the gateway, as `torana gateway run` does.
#[derive(Debug, Parser)]
#[command(name = "torana", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The lines that start the gateway, as part of [`Cli`]: `torana`, `torana gateway` and `torana gateway run` with any
/// global options.
#[derive(Debug, Parser)]
#[command(
    name = "torana",
    disable_help_flag = true,
    disable_help_subcommand = true
)]
pub(crate) struct StartLine {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<StartWord>,
}

#[derive(Debug, Subcommand)]
enum StartWord {
    Gateway {
        #[command(subcommand)]
        command: Option<RunWord>,
    },
}

#[derive(Debug, Subcommand)]
enum RunWord {
    Run,
}

impl From<StartLine> for Cli {
    fn from(line: StartLine) -> Self {
        let command = line.command.map(|StartWord::Gateway { command }| {
            let command = command.map(|RunWord::Run| GatewayCommand::Run);
            Command::Gateway { command }
        });
        Self {
            global: line.global,
            command,
        }
    }
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Configuration file, instead of the profile's own
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        help_heading = "Global options"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Profile: state and configuration of their own, in `~/.torana-NAME`
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help_heading = "Global options"
    )]
    pub(crate) profile: Option<String>,
    /// The profile `dev`, on port 19001
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) dev: bool,
    /// Port to listen on, or of the gateway to talk to
    #[arg(
        long,
        global = true,
        value_name = "PORT",
        help_heading = "Global options"
    )]
    pub(crate) port: Option<u16>,
    /// A gateway elsewhere, as `ws://` or `wss://` address, instead of `gateway.remote.url`; needs --token, stored secrets are never sent there
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Global options"
    )]
    pub(crate) url: Option<String>,
    /// Gateway token or password, instead of the stored one
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        help_heading = "Global options"
    )]
    pub(crate) token: Option<String>,
    /// The same as --token, for gateways with a password
    #[arg(
        long,
        global = true,
        value_name = "PASSWORD",
        conflicts_with = "token",
        help_heading = "Global options"
    )]
    pub(crate) password: Option<String>,
    /// SHA-256 of the one certificate a `wss://` gateway may show, as it prints it when it starts
    #[arg(
        long,
        global = true,
        value_name = "SHA256",
        help_heading = "Global options"
    )]
    pub(crate) tls_fingerprint: Option<String>,
    /// Addresses to listen on: `loopback`, `lan`, `auto` or an IP address
    #[arg(
        long,
        global = true,
        value_name = "WHERE",
        help_heading = "Options of the gateway"
    )]
    pub(crate) bind: Option<String>,
    /// Log decisions as well
    #[arg(long, short, global = true, help_heading = "Options of the gateway")]
    pub(crate) verbose: bool,
    /// Stop the gateway that holds the state directory first; with `gateway stop`, do not wait for what runs
    #[arg(long, global = true, help_heading = "Options of the gateway")]
    pub(crate) force: bool,
    /// Print JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
}

/// Everything that can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run, look at or stop the gateway; alone it runs it
    Gateway {
        #[command(subcommand)]
        command: Option<GatewayCommand>,
    },
    /// Show agents, channels, sessions and what waits
    Status(StatusFlags),
    /// Ask the gateway whether all is well
    Health(WaitFlag),
    /// Talk to an agent in the terminal
    Chat(ChatFlags),
    /// Talk to agents in a full-screen terminal
    #[command(visible_alias = "terminal")]
    Tui(TuiFlags),
    /// Run one turn of an agent and print the answer
    Agent(AgentFlags),
    /// Send a message to a platform
    Send(SendFlags),
    /// Messages to platforms
    Message {
        #[command(subcommand)]
        command: MessageCommand,
    },
    /// Sessions: list, show, reset, archive, delete, compact, clean up
    Sessions {
        #[command(flatten)]
        filter: SessionsFilter,
        #[command(flatten)]
        wait: FamilyWaitFlag,
        #[command(subcommand)]
        command: Option<SessionsCommand>,
    },
    /// Messaging platforms and their accounts; alone it shows how they are
    Channels {
        #[command(subcommand)]
        command: Option<ChannelsCommand>,
    },
    /// Show the log of the gateway
    Logs(LogsFlags),
    /// Strangers who asked to be let in; alone it lists them
    Pairing {
        #[command(subcommand)]
        command: Option<PairingCommand>,
    },
    /// Browsers and programs that asked to be let in
    Devices {
        #[command(flatten)]
        wait: FamilyWaitFlag,
        #[command(subcommand)]
        command: Option<DevicesCommand>,
    },
    /// Show a code that lets a phone in, once
    Qr(QrFlags),
    /// Phones and computers that lend commands to the gateway
    Nodes {
        #[command(flatten)]
        wait: FamilyWaitFlag,
        #[command(subcommand)]
        command: Option<NodesCommand>,
    },
    /// What agents may run, and what waits for a decision
    #[command(visible_alias = "exec-approvals")]
    Approvals {
        #[command(flatten)]
        wait: FamilyWaitFlag,
        #[command(subcommand)]
        command: ApprovalsCommand,
    },
    /// Agents: list, add, delete, and how they present themselves
    Agents {
        #[command(subcommand)]
        command: Option<AgentsCommand>,
    },
    /// Models, and which one each agent uses
    Models {
        #[command(subcommand)]
        command: Option<ModelsCommand>,
    },
    /// People the gateway knows
    Users {
        #[command(flatten)]
        wait: FamilyWaitFlag,
        #[command(subcommand)]
        command: Option<UsersCommand>,
    },
    /// Events for agents, heartbeats, and who is connected
    System {
        #[command(flatten)]
        wait: FamilyWaitFlag,
        #[command(flatten)]
        last: FinalFlag,
        #[command(subcommand)]
        command: SystemCommand,
    },
    /// Show what agents did, without the content
    Audit(AuditFlags),
    /// What waits to be sent, and what was given up for now
    Outbox {
        #[command(subcommand)]
        command: Option<OutboxCommand>,
    },
    /// Messages that were set aside
    Inbox {
        #[command(subcommand)]
        command: Option<InboxCommand>,
    },
    /// Tell the story of a message: gates, agent, reply, delivery
    Explain {
        /// `last`, the number of a message, or a run id
        #[arg(default_value = "last", value_name = "WHICH")]
        which: String,
    },
    /// Check the installation, and mend what can be mended
    Doctor {
        /// Mend what can be mended, and print every change
        #[arg(long, visible_alias = "repair")]
        fix: bool,
    },
    /// Read and change the configuration file
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a fresh link that signs a browser in, once
    Dashboard,
    /// Print the completion script of a shell
    Completion {
        #[command(flatten)]
        shell: ShellName,
    },
    /// Write the generated reference pages
    #[command(name = "__gen", hide = true)]
    Gen {
        /// Folder that receives them
        folder: PathBuf,
    },
}
