//! The grammar of both journals: what waits to be sent, and messages that were set aside.

use clap::Subcommand;

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
