//! The grammar of talking: to agents, and to platforms.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::target::Target;

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
