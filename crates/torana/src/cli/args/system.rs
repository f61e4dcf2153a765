//! The grammar of people the gateway knows, events for agents, and heartbeats.

use clap::{Subcommand, ValueEnum};

/// `torana users …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum UsersCommand {
    /// Show people the gateway knows
    #[default]
    List,
    /// Say that an e-mail address belongs to one of these people, on gateways that have it
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
