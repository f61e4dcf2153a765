//! The grammar of what operators do with a running gateway: devices, nodes, approvals, agents, models and the rest.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::capture::{CameraCommand, ScreenCommand};

/// `torana gateway call`
#[derive(Debug, Clone, Args)]
pub(crate) struct CallFlags {
    /// Method, as `health` or `sessions.list`
    pub(crate) method: String,
    /// Parameters, as a JSON object; `-` reads them from the input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) params: String,
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
    /// Wait for the second answer of methods that first say that they accepted
    #[arg(long)]
    pub(crate) expect_final: bool,
    /// Call nothing when the gateway is at another address than this
    #[arg(long, value_name = "URL")]
    pub(crate) expect_url: Option<String>,
}

/// How long one command waits; a day at most, so that a typing error is no promise for years.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WaitFlag {
    /// Longest wait for the gateway, milliseconds
    #[arg(long = "timeout", value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub(crate) wait_ms: Option<u64>,
}

/// The same for a whole family of commands.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct FamilyWaitFlag {
    /// Longest wait for the gateway, milliseconds
    #[arg(long = "timeout", global = true, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub(crate) wait_ms: Option<u64>,
}

/// `torana devices …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum DevicesCommand {
    /// Show devices that wait and devices that are paired
    #[default]
    List,
    /// Let a device in
    Approve {
        /// The request; its beginning is enough. Without one, the latest is shown
        #[arg(conflicts_with = "latest")]
        request: Option<String>,
        /// Show the latest request and how to approve it
        #[arg(long)]
        latest: bool,
    },
    /// Send a device away
    Reject {
        /// The request; its beginning is enough
        request: String,
    },
    /// Forget a paired device; it must ask again
    Remove {
        #[command(flatten)]
        device: DeviceName,
    },
    /// Forget every paired device
    Clear {
        /// Send away those that wait as well
        #[arg(long)]
        pending: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Give a paired device a name
    Rename {
        #[command(flatten)]
        device: DeviceName,
        #[command(flatten)]
        name: NewName,
    },
    /// Give a paired device a new token; the old one ends
    Rotate {
        #[command(flatten)]
        token: TokenFlags,
        /// Scope the new token has; can be repeated. Without one they stay
        #[arg(long, value_name = "SCOPE", conflicts_with = "no_scopes")]
        scope: Vec<String>,
        /// A token without any scope
        #[arg(long)]
        no_scopes: bool,
    },
    /// End the token of a paired device
    Revoke {
        #[command(flatten)]
        token: TokenFlags,
    },
    /// Make an address with which one node can come in, once
    JoinCode {
        /// Address under which the node reaches the gateway
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
    },
}

/// A paired device, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DeviceName {
    /// The device; its beginning is enough
    #[arg(value_name = "DEVICE")]
    device: Option<String>,
    /// The same as an option
    #[arg(long = "device", value_name = "DEVICE")]
    device_option: Option<String>,
}

/// A name somebody gives, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NewName {
    /// The name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The same as an option
    #[arg(long = "name", value_name = "NAME")]
    name_option: Option<String>,
}

/// A node, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NodeName {
    /// The node: id, its beginning, name, or address
    #[arg(value_name = "NODE")]
    node: Option<String>,
    /// The same as an option
    #[arg(long = "node", value_name = "NODE")]
    node_option: Option<String>,
}

// === impl DeviceName, NewName, NodeName: the grammar lets exactly one spelling through ===

impl DeviceName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.device.or(self.device_option).unwrap_or_default()
    }
}

impl NewName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.name.or(self.name_option).unwrap_or_default()
    }
}

impl NodeName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.node.or(self.node_option).unwrap_or_default()
    }
}

/// Which token of a device.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenFlags {
    #[command(flatten)]
    pub(crate) device: DeviceName,
    /// Role of the token
    #[arg(long, value_name = "ROLE", default_value = "operator")]
    pub(crate) role: String,
}

/// `torana qr`
#[derive(Debug, Clone, Args)]
pub(crate) struct QrFlags {
    /// Address under which the phone reaches the gateway
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Without administration
    #[arg(long)]
    pub(crate) limited: bool,
    /// Print no picture
    #[arg(long)]
    pub(crate) no_ascii: bool,
    /// Print only the code
    #[arg(long)]
    pub(crate) setup_code_only: bool,
}

/// Which nodes a list shows.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct NodesFilter {
    /// Only those that are connected
    #[arg(long)]
    pub(crate) connected: bool,
    /// Only those that were there within this time, as `90m`, `24h` or `7d`
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) last_connected: Option<u64>,
}

/// `torana nodes …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NodesCommand {
    /// Show nodes that wait and nodes that are there
    List(NodesFilter),
    /// Show nodes and what they can do
    Status(NodesFilter),
    /// Show one node and what it can do
    Describe {
        #[command(flatten)]
        node: NodeName,
    },
    /// Show nodes that wait for an approval
    Pending,
    /// Let a node offer its commands
    Approve {
        /// The request; its beginning is enough
        request: String,
    },
    /// Refuse a node
    Reject {
        /// The request; its beginning is enough
        request: String,
    },
    /// Forget a node; it must ask again
    Remove {
        #[command(flatten)]
        node: NodeName,
    },
    /// Give a node a name
    Rename {
        #[command(flatten)]
        node: NodeName,
        #[command(flatten)]
        name: NewName,
    },
    /// Run a command of a node
    Invoke {
        /// The node: id, its beginning, name, or address
        #[arg(long, value_name = "NODE")]
        node: String,
        /// The command, as `canvas.snapshot`
        #[arg(long, value_name = "COMMAND")]
        command: String,
        /// Parameters, as a JSON object; `-` reads them from the input
        #[arg(long, value_name = "JSON", default_value = "{}")]
        params: String,
        #[command(flatten)]
        run: InvokeFlags,
    },
    /// Where a node is
    Location {
        #[command(subcommand)]
        command: LocationCommand,
    },
    /// The canvas of a node
    Canvas {
        #[command(subcommand)]
        command: CanvasCommand,
    },
    /// The cameras of a node
    Camera {
        #[command(subcommand)]
        command: CameraCommand,
    },
    /// The screen of a node
    Screen {
        #[command(subcommand)]
        command: ScreenCommand,
    },
    /// Show a notification on a node
    Notify {
        /// The node: id, its beginning, name, or address
        #[arg(long, value_name = "NODE")]
        node: String,
        /// Title
        #[arg(long, value_name = "TEXT", required_unless_present = "body")]
        title: Option<String>,
        /// Text
        #[arg(long, value_name = "TEXT")]
        body: Option<String>,
        /// Sound, by the name the node knows
        #[arg(long, value_name = "NAME")]
        sound: Option<String>,
        /// How much it may disturb
        #[arg(long, value_parser = ["passive", "active", "timeSensitive"])]
        priority: Option<String>,
        /// Where it is shown
        #[arg(long, value_parser = ["system", "overlay", "auto"], default_value = "system")]
        delivery: String,
        #[command(flatten)]
        run: InvokeFlags,
    },
}

/// `torana nodes location …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LocationCommand {
    /// Ask a node where it is
    Get {
        /// The node: id, its beginning, name, or address
        #[arg(long, value_name = "NODE")]
        node: String,
        /// How exact
        #[arg(long, value_parser = ["coarse", "balanced", "precise"])]
        accuracy: Option<String>,
        /// Take a place that is known already, when it is not older, milliseconds
        #[arg(long, value_name = "MS")]
        max_age: Option<u64>,
        /// How long the node may look for itself, milliseconds
        #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
        location_timeout: u64,
        #[command(flatten)]
        run: InvokeFlags,
    },
}

/// `torana nodes canvas …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CanvasCommand {
    /// Show the canvas
    Present {
        /// The node: id, its beginning, name, or address
        #[arg(long, value_name = "NODE")]
        node: String,
        /// What it shows: an address, or a path
        #[arg(long, value_name = "TARGET")]
        target: Option<String>,
        /// Where it stands, from the left
        #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
        x: Option<f64>,
        /// Where it stands, from above
        #[arg(long, value_name = "PIXELS", allow_negative_numbers = true)]
        y: Option<f64>,
        /// How wide it is
        #[arg(long, value_name = "PIXELS")]
        width: Option<f64>,
        /// How high it is
        #[arg(long, value_name = "PIXELS")]
        height: Option<f64>,
        #[command(flatten)]
        run: InvokeFlags,
    },
    /// Take the canvas away
    Hide {
        /// The node: id, its beginning, name, or address
        #[arg(long, value_name = "NODE")]
        node: String,
        #[command(flatten)]
        run: InvokeFlags,
    },
    /// Show something else on the canvas
    Navigate {
        /// The address, or a path
        target: String,
        /// The node: id, its beginning, name, or address
        #[arg(long, value_name = "NODE")]
        node: String,
        #[command(flatten)]
        run: InvokeFlags,
    },
}

impl Default for NodesCommand {
    fn default() -> Self {
        Self::List(NodesFilter::default())
    }
}

/// How a command of a node runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct InvokeFlags {
    /// How long the node may take, milliseconds
    #[arg(long, value_name = "MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub(crate) invoke_timeout: u64,
    /// Key of this request: the same key runs only once
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// Reads `90s`, `15m`, `24h` or `7d` as milliseconds.
fn duration(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" | "" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => return Err(format!("`{other}` is no unit of time; write s, m, h or d")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit_ms))
        .ok_or_else(|| "write a time as `90m`, `24h` or `7d`".to_owned())
}

/// What may be answered to an agent that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decision {
    /// This once
    AllowOnce,
    /// From now on
    AllowAlways,
    /// No
    Deny,
}

/// `torana approvals …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// Show what agents may run
    Get {
        #[command(flatten)]
        whose: Whose,
    },
    /// Replace what agents may run
    Set {
        /// File with the new rules, as `approvals get --json` prints them under `file`; `-` reads the input. JSON5 is enough
        #[arg(long, value_name = "PATH", required_unless_present = "stdin")]
        file: Option<PathBuf>,
        /// Read the new rules from the input
        #[arg(long, conflicts_with = "file")]
        stdin: bool,
        #[command(flatten)]
        whose: Whose,
    },
    /// Programs that need no asking
    Allowlist {
        #[command(subcommand)]
        command: AllowlistCommand,
    },
    /// Show what waits for a decision
    Pending,
    /// Decide
    Resolve {
        /// The request; its beginning is enough
        id: String,
        /// The decision
        #[arg(value_enum)]
        decision: Decision,
        /// Remark that is printed beside the decision, for the one who reads this later
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Days the permission of an automation lasts, on gateways that have those; needs `allow-always`
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=3_650))]
        expires_in_days: Option<u16>,
    },
    /// Standing permissions of automations
    Grants {
        #[command(subcommand)]
        command: Option<GrantsCommand>,
    },
}

/// Whose rules.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Whose {
    /// The rules of the gateway, as without any of these options
    #[arg(long, conflicts_with = "node")]
    gateway: bool,
    /// The rules a node keeps: id, its beginning, name, or address
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
}

/// `torana approvals grants …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum GrantsCommand {
    /// Show them, the newest first
    List {
        /// How many at most
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: Option<u16>,
    },
    /// Take one back, on gateways that have it; the next time it is asked again
    Revoke {
        /// The grant, whole
        grant: String,
    },
}

impl Default for GrantsCommand {
    fn default() -> Self {
        Self::List { limit: None }
    }
}

/// `torana approvals allowlist …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AllowlistCommand {
    /// Let a program run without asking
    Add {
        #[command(flatten)]
        entry: AllowlistEntry,
    },
    /// Ask again before a program runs
    Remove {
        #[command(flatten)]
        entry: AllowlistEntry,
    },
}

/// One entry of the list.
#[derive(Debug, Clone, Args)]
pub(crate) struct AllowlistEntry {
    /// Path of a program, or a pattern as `/usr/bin/*`
    pub(crate) pattern: String,
    /// Only for this agent
    #[arg(long, value_name = "ID", default_value = "*")]
    pub(crate) agent: String,
    #[command(flatten)]
    pub(crate) whose: Whose,
}

/// `torana users …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum UsersCommand {
    /// Show people the gateway knows
    #[default]
    List,
    /// Say that an address of mail is one of these people, on gateways that have it
    LinkEmail {
        /// The address
        email: String,
        /// The person, as `users list` names them
        #[arg(long, value_name = "USER")]
        to: String,
    },
}

/// When an agent hears of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WakeMode {
    /// At once
    Now,
    /// With its next heartbeat
    NextHeartbeat,
}

/// `torana system …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SystemCommand {
    /// Tell an agent that something happened
    Event {
        /// What happened
        #[arg(long, value_name = "TEXT")]
        text: String,
        /// When it hears of it
        #[arg(
            long,
            value_enum,
            value_name = "WHEN",
            default_value = "next-heartbeat"
        )]
        mode: WakeMode,
        /// Session that hears of it
        #[arg(long, value_name = "KEY", visible_alias = "session-key")]
        session: Option<String>,
    },
    /// Heartbeats of the agents
    Heartbeat {
        #[command(subcommand)]
        command: HeartbeatCommand,
    },
    /// Show who is connected
    Presence,
}

/// `torana system heartbeat …`
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum HeartbeatCommand {
    /// Show the last one
    Last,
    /// Switch them on
    Enable,
    /// Switch them off
    Disable,
}

/// `torana agents …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Show agents
    #[default]
    List,
    /// Add an agent
    Add {
        /// Its name
        name: String,
        /// Folder it works in
        #[arg(long, value_name = "PATH")]
        workspace: Option<String>,
        /// Model it uses
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
        /// Emoji it is shown with
        #[arg(long, value_name = "EMOJI")]
        emoji: Option<String>,
    },
    /// Remove an agent from the configuration
    Delete {
        /// The agent
        id: String,
        /// Remove its files as well
        #[arg(long)]
        files: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Show how an agent presents itself, or change it
    #[command(visible_alias = "set-identity")]
    Identity {
        #[command(flatten)]
        agent: AgentName,
        /// New name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// New emoji
        #[arg(long, value_name = "EMOJI")]
        emoji: Option<String>,
        /// New picture: a path in its workspace, an address, or a data address
        #[arg(long, value_name = "PICTURE")]
        avatar: Option<String>,
    },
}

/// An agent, in either spelling.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AgentName {
    /// The agent
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// The same as an option
    #[arg(long = "agent", value_name = "ID")]
    agent_option: Option<String>,
}

// === impl AgentName: the grammar lets exactly one spelling through ===

impl AgentName {
    /// What was given.
    pub(crate) fn given(self) -> String {
        self.id.or(self.agent_option).unwrap_or_default()
    }
}

/// `torana models …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Show models
    List {
        /// Only those of this service
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// Only their names, one on each line
        #[arg(long, conflicts_with = "json")]
        plain: bool,
    },
    /// Show which model each agent uses, and whether it can
    Status,
    /// Have every agent use a model that is not told another one
    Set {
        /// The model, as `openai/gpt-5-mini`
        model: String,
    },
}

impl Default for ModelsCommand {
    fn default() -> Self {
        Self::List {
            provider: None,
            plain: false,
        }
    }
}
