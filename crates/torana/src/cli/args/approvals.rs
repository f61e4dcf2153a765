//! The grammar of what agents may run, and of what waits for a decision.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
