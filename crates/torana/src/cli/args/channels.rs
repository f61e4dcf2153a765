//! The grammar of messaging platforms, and of strangers who asked to be let in.

use clap::{Args, Subcommand};

use super::name::ChannelName;
use super::wait::WaitFlag;

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
