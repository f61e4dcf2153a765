//! The grammar of what operators do with a running gateway: devices, nodes, approvals, agents, models and the rest.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `torana gateway call`
#[derive(Debug, Clone, Args)]
pub(crate) struct CallFlags {
    /// Method, as `health` or `sessions.list`
    pub(crate) method: String,
    /// Parameters, as a JSON object; `-` reads them from the input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) params: String,
    /// Longest wait for the answer, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u64,
    /// Wait for the second answer of methods that first say that they accepted
    #[arg(long)]
    pub(crate) expect_final: bool,
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
        request: Option<String>,
    },
    /// Send a device away
    Reject {
        /// The request; its beginning is enough
        request: String,
    },
    /// Forget a paired device; it must ask again
    Remove {
        /// The device; its beginning is enough
        device: String,
    },
    /// Give a paired device a name
    Rename {
        /// The device; its beginning is enough
        device: String,
        /// The name
        name: String,
    },
    /// Give a paired device a new token; the old one ends
    Rotate {
        #[command(flatten)]
        token: TokenFlags,
        /// Scope the new token has; can be repeated. Without one they stay
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
    },
    /// End the token of a paired device
    Revoke {
        #[command(flatten)]
        token: TokenFlags,
    },
}

/// Which token of a device.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenFlags {
    /// The device; its beginning is enough
    pub(crate) device: String,
    /// Role of the token
    #[arg(long, value_name = "ROLE", default_value = "operator")]
    pub(crate) role: String,
}

/// `torana nodes …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum NodesCommand {
    /// Show nodes
    #[default]
    #[command(visible_alias = "status")]
    List,
    /// Show one node and what it can do
    Describe {
        /// The node: id, its beginning, or name
        node: String,
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
        /// The node: id, its beginning, or name
        node: String,
    },
    /// Give a node a name
    Rename {
        /// The node: id, its beginning, or name
        node: String,
        /// The name
        name: String,
    },
    /// Run a command of a node
    Invoke {
        /// The node: id, its beginning, or name
        #[arg(long, value_name = "NODE")]
        node: String,
        /// The command, as `canvas.snapshot`
        #[arg(long, value_name = "COMMAND")]
        command: String,
        /// Parameters, as a JSON object; `-` reads them from the input
        #[arg(long, value_name = "JSON", default_value = "{}")]
        params: String,
        /// Longest wait, seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        timeout: u64,
    },
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
    Get,
    /// Replace what agents may run
    Set {
        /// File with the new rules, as `approvals get --json` prints them under `file`; `-` reads the input
        #[arg(long, value_name = "PATH")]
        file: PathBuf,
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
    },
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
}

/// `torana users …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum UsersCommand {
    /// Show people the gateway knows
    #[default]
    List,
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
        #[arg(long, value_name = "KEY")]
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

/// `torana audit`
#[derive(Debug, Clone, Args)]
pub(crate) struct AuditFlags {
    /// Only this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Only this session
    #[arg(long, value_name = "KEY")]
    pub(crate) session: Option<String>,
    /// Only this run
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Only this kind: `agent_run`, `tool_action` or `message`
    #[arg(long, value_name = "KIND", value_parser = ["agent_run", "tool_action", "message"])]
    pub(crate) kind: Option<String>,
    /// Only this status, as `failed`
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Go on where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
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
        /// The agent
        id: String,
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

/// `torana models …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Show models
    #[default]
    List,
    /// Show which model each agent uses, and whether it can
    Status,
}
