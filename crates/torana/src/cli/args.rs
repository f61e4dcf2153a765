//! The grammar of the command line. The doc comments are what `--help` and `docs/reference/cli.md` say.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::target::Target;

mod capture;
mod lifecycle;
mod look;
mod operate;
mod sessions;

pub(crate) use capture::{CameraCommand, CaptureFlags, ScreenCommand};
pub(crate) use lifecycle::{AskFlags, CostFlags, FinalFlag, RestartFlags, SuspendFlags};
pub(crate) use look::{
    AuditFlags, DiagnosticsCommand, ExportFlags, ProbeFlags, StabilityFlags, StatusFlags,
};
pub(crate) use operate::{
    AgentsCommand, AllowlistCommand, AllowlistEntry, ApprovalsCommand, CallFlags, CanvasCommand,
    Decision, DevicesCommand, FamilyWaitFlag, GrantsCommand, HeartbeatCommand, InvokeFlags,
    LocationCommand, ModelsCommand, NodesCommand, NodesFilter, QrFlags, SystemCommand, TokenFlags,
    UsersCommand, WaitFlag, WakeMode, Whose,
};
pub(crate) use sessions::{SessionKeys, SessionsCommand, SessionsFilter};

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
    /// Sessions: list, show, reset, archive, delete, compact
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
    /// Phones and machines that lend the gateway their hands
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

/// A shell, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ShellName {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Option<clap_complete::Shell>,
    /// The same as an option
    #[arg(long = "shell", short = 's', value_name = "SHELL")]
    shell_option: Option<clap_complete::Shell>,
}

// === impl ShellName: the grammar lets exactly one spelling through ===

impl ShellName {
    /// What was given.
    pub(crate) fn given(&self) -> Option<clap_complete::Shell> {
        self.shell.or(self.shell_option)
    }
}

/// `torana gateway …`
#[derive(Debug, Subcommand)]
pub(crate) enum GatewayCommand {
    /// Start the gateway and stay in the foreground
    Run,
    /// Show whether it runs, where, and since when
    Status {
        #[command(flatten)]
        wait: WaitFlag,
        /// Look at this machine only, and ask nothing
        #[arg(long, conflicts_with = "require_rpc")]
        no_probe: bool,
        /// Fail when it does not answer, as without this option
        #[arg(long)]
        require_rpc: bool,
    },
    /// Stop it in order: runs finish, the rest continues after the next start
    Stop,
    /// Start it again in its own process; nothing accepted is lost and nobody is refused
    Restart(RestartFlags),
    /// Call any method and print its answer as JSON
    Call(CallFlags),
    /// Ask whether the gateway lives and what it lets us do
    Probe(ProbeFlags),
    /// Look for gateways on this machine and in the local network
    Discover(WaitFlag),
    /// Ask the gateway whether all is well
    Health(AskFlags),
    /// Show what happened last, without content
    Stability(StabilityFlags),
    /// What somebody who helps wants to see
    Diagnostics {
        #[command(subcommand)]
        command: DiagnosticsCommand,
    },
    /// Let nothing new begin while the machine is paused or saved
    Suspend(SuspendFlags),
    /// End a suspension; what waited begins
    Resume {
        /// The suspension, as `gateway suspend` names it
        suspension: String,
        #[command(flatten)]
        ask: AskFlags,
    },
    /// Show tokens and money by day
    UsageCost(CostFlags),
    /// Print the token of the gateway of this machine
    AuthToken {
        /// Print it; only to a terminal
        #[arg(long, required = true)]
        show: bool,
    },
}

/// `torana chat`
#[derive(Debug, Clone, Args)]
pub(crate) struct ChatFlags {
    /// Session to talk in
    #[arg(long, short, value_name = "KEY", default_value = "main")]
    pub(crate) session: String,
    /// Agent to talk to, in its main session
    #[arg(long, value_name = "ID", conflicts_with = "session")]
    pub(crate) agent: Option<String>,
    /// How hard the model thinks
    #[arg(long, value_name = "LEVEL")]
    pub(crate) thinking: Option<String>,
}

/// `torana tui`
#[derive(Debug, Clone, Args)]
pub(crate) struct TuiFlags {
    /// Run a gateway on this machine while the interface is open, unless one runs already
    #[arg(long)]
    pub(crate) local: bool,
    /// Session to show; the one that was shown last when absent, or else `main`
    #[arg(long, short, value_name = "KEY")]
    pub(crate) session: Option<String>,
    /// Agent to talk to, in its main session
    #[arg(long, value_name = "ID", conflicts_with = "session")]
    pub(crate) agent: Option<String>,
    /// How hard the model thinks
    #[arg(long, value_name = "LEVEL")]
    pub(crate) thinking: Option<String>,
    /// Say this first
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) message: Option<String>,
    /// Messages to begin with
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    pub(crate) history_limit: usize,
    /// Longest time for one answer, milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=172_800_000))]
    pub(crate) timeout_ms: Option<u64>,
    /// Send answers to the platform of the session as well
    #[arg(long)]
    pub(crate) deliver: bool,
}

/// `torana agent`
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("place").args(["to", "reply_to"]))]
pub(crate) struct AgentFlags {
    /// What to say; `-` reads it from the input
    #[arg(
        long,
        short,
        value_name = "TEXT",
        required_unless_present = "message_file"
    )]
    pub(crate) message: Option<String>,
    /// File with what to say
    #[arg(long, value_name = "PATH", conflicts_with = "message")]
    pub(crate) message_file: Option<PathBuf>,
    /// Agent; needed when there are several and none is the default
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Session to say it in
    #[arg(long, value_name = "KEY", visible_alias = "session-key")]
    pub(crate) session: Option<String>,
    /// The same by the id of its transcript
    #[arg(long, value_name = "ID", conflicts_with = "session")]
    pub(crate) session_id: Option<String>,
    /// Model for this turn
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// How hard the model thinks
    #[arg(long, value_name = "LEVEL")]
    pub(crate) thinking: Option<String>,
    /// Longest wait for the answer, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,
    /// Also send the answer to the place named by --to or --reply-to
    #[arg(long, requires = "place")]
    pub(crate) deliver: bool,
    /// Where to send the answer, as `telegram:123`
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: Option<Target>,
    /// The chat alone, with its channel in --reply-channel
    #[arg(
        long,
        value_name = "CHAT",
        requires = "reply_channel",
        allow_hyphen_values = true
    )]
    pub(crate) reply_to: Option<String>,
    /// Channel of --reply-to
    #[arg(long, value_name = "CHANNEL", requires = "reply_to")]
    pub(crate) reply_channel: Option<String>,
    /// Account of --reply-to
    #[arg(long, value_name = "ACCOUNT", requires = "reply_to")]
    pub(crate) reply_account: Option<String>,
}

/// `torana send` and `torana message send`
#[derive(Debug, Clone, Args)]
pub(crate) struct SendFlags {
    /// Where: `telegram:123`, `telegram:work:123` or `telegram:work:-100123:topic:7`
    #[arg(
        long,
        short = 't',
        value_name = "TARGET",
        visible_alias = "target",
        allow_hyphen_values = true
    )]
    pub(crate) to: String,
    /// Channel, when --to names only the chat
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    /// Account of the channel
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// What to say, in Markdown; `-` reads it from the input
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) message: String,
    /// Key of this request: the same key is sent only once
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Message this answers, by its id on the platform
    #[arg(long, value_name = "ID")]
    pub(crate) reply_to: Option<String>,
    /// Topic of the chat, when --to does not name one
    #[arg(long, value_name = "ID")]
    pub(crate) thread_id: Option<String>,
    /// Print what would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `torana message …`
#[derive(Debug, Subcommand)]
pub(crate) enum MessageCommand {
    /// Send a message to a platform
    Send(SendFlags),
}

/// `torana channels …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ChannelsCommand {
    /// Show the accounts and how they are
    Status {
        /// Ask the platforms as well
        #[arg(long)]
        probe: bool,
        /// Only this channel
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<String>,
        #[command(flatten)]
        wait: WaitFlag,
    },
    /// Start an account that was stopped
    Start(AccountFlags),
    /// Stop an account until it is started again
    Stop(AccountFlags),
    /// Sign an account out of its platform
    Logout(AccountFlags),
}

impl Default for ChannelsCommand {
    fn default() -> Self {
        Self::Status {
            probe: false,
            channel: None,
            wait: WaitFlag::default(),
        }
    }
}

/// Which account of a channel.
#[derive(Debug, Clone, Args)]
pub(crate) struct AccountFlags {
    #[command(flatten)]
    pub(crate) channel: ChannelName,
    /// The account; the default one when absent
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
}

/// A channel, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ChannelName {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: Option<String>,
    /// The same as an option
    #[arg(long = "channel", value_name = "CHANNEL")]
    channel_option: Option<String>,
}

impl ChannelName {
    /// What was given; the grammar lets exactly one spelling through.
    pub(crate) fn given(self) -> String {
        self.channel.or(self.channel_option).unwrap_or_default()
    }
}

/// Levels of log lines, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    /// Data at risk, or an operator must act
    Error,
    /// Unexpected, but handled
    #[value(alias = "warning")]
    Warn,
    /// An action had an effect
    Info,
    /// Decisions
    Debug,
    /// Content
    Trace,
}

/// `torana logs`
#[derive(Debug, Clone, Args)]
pub(crate) struct LogsFlags {
    /// Go on printing new lines
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Lines to begin with
    #[arg(
        long,
        short = 'n',
        value_name = "NUMBER",
        default_value_t = 200,
        visible_alias = "limit"
    )]
    pub(crate) tail: usize,
    /// Only lines of this level and graver ones
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) level: Option<Level>,
    /// Print the lines as they are in the file
    #[arg(long)]
    pub(crate) plain: bool,
    /// How often new lines are asked for while following, milliseconds
    #[arg(long = "interval", value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    pub(crate) interval_ms: u64,
    /// Bytes of one look at the log at most, from 65536; a shorter look would miss most of a busy log
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(65_536..=1_048_576))]
    pub(crate) max_bytes: u64,
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
}

/// `torana pairing …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PairingCommand {
    /// Show who waits
    List {
        /// Only this channel
        channel: Option<String>,
    },
    /// Let somebody in
    Approve {
        /// The channel
        channel: String,
        /// The code the stranger was shown
        code: String,
        /// The account, when the code alone is not clear
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
    },
    /// Send somebody away
    Deny {
        /// The channel
        channel: String,
        /// The code the stranger was shown
        code: String,
        /// The account, when the code alone is not clear
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
    },
}

impl Default for PairingCommand {
    fn default() -> Self {
        Self::List { channel: None }
    }
}

/// `torana outbox …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Show what waits and what is parked, and messages that were set aside
    #[default]
    List,
    /// Put a parked delivery back in its queue
    Retry {
        /// Number of the delivery
        id: i64,
        /// Send this text instead
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
    },
    /// Give a delivery up for good
    Drop {
        /// Number of the delivery
        id: i64,
    },
}

/// `torana inbox …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum InboxCommand {
    /// Show messages that were set aside
    #[default]
    List,
    /// Put a message back in its queue
    Retry {
        /// Number of the message
        id: i64,
    },
}

/// `torana config …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a value; secrets are hidden
    Get {
        /// Key, as `channels.telegram` or `bindings[0].agentId`; everything when absent
        path: Option<String>,
    },
    /// Change a value
    Set {
        /// Key
        path: String,
        /// New value: JSON5, or else plain text
        value: String,
        #[command(flatten)]
        write: WriteFlags,
        /// Refuse a value that is not JSON
        #[arg(long)]
        strict_json: bool,
        /// Merge an object into the one that is there
        #[arg(long)]
        merge: bool,
    },
    /// Remove a value, so that the default holds
    Unset {
        /// Key
        path: String,
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Merge a JSON5 object into the file; `null` removes
    Patch {
        /// The patch itself
        #[arg(value_name = "JSON5", required_unless_present_any = ["file", "stdin"])]
        patch: Option<String>,
        /// Read the patch from a file
        #[arg(long, value_name = "PATH", conflicts_with_all = ["patch", "stdin"])]
        file: Option<PathBuf>,
        /// Read the patch from the input
        #[arg(long, conflicts_with = "patch")]
        stdin: bool,
        /// List that the patch may shorten; can be repeated
        #[arg(long, value_name = "KEY")]
        replace_path: Vec<String>,
        #[command(flatten)]
        write: WriteFlags,
    },
    /// Check the file and print everything that is wrong
    Validate,
    /// Print the JSON Schema, or the part of one key
    Schema {
        /// Key
        path: Option<String>,
    },
    /// Print the path of the file
    File,
}

/// Options of every change of the file.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WriteFlags {
    /// Check the change and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
