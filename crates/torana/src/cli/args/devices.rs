//! The grammar of browsers, programs and phones that ask to be let in.

use clap::{Args, Subcommand};

use super::name::{DeviceName, NewName};

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
