//! The grammar of phones and machines that lend the gateway their hands.

use clap::{Args, Subcommand};

use super::capture::{CameraCommand, ScreenCommand};
use super::name::{NewName, NodeName};
use super::wait::duration;

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

impl Default for NodesCommand {
    fn default() -> Self {
        Self::List(NodesFilter::default())
    }
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
