//! The grammar of `torana gateway`: running, stopping, suspending and calling one.

use clap::{Args, Subcommand};

use super::look::{DiagnosticsCommand, ProbeFlags, StabilityFlags};
use super::wait::{AskFlags, WaitFlag, span_ms};

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
    /// Files for somebody who helps you
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
    /// Wait for the final answer of a method that first says it has accepted
    #[arg(long)]
    pub(crate) expect_final: bool,
    /// Call nothing when the gateway is at another address than this
    #[arg(long, value_name = "URL")]
    pub(crate) expect_url: Option<String>,
}

/// `torana gateway restart`
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RestartFlags {
    /// Wait for what runs, five minutes at most; this is what happens without a flag
    #[arg(long)]
    safe: bool,
    /// Do not wait for what runs: it gets 30 seconds, and what is not over goes on after the restart; `--force` says
    /// the same
    #[arg(long)]
    pub(crate) skip_deferral: bool,
    /// How long to wait for what runs, as `30s`, `1h30m` or in milliseconds; `0` waits for all of it
    #[arg(long = "wait", value_name = "TIME", value_parser = span_ms, conflicts_with_all = ["safe", "skip_deferral"])]
    pub(crate) drain_ms: Option<u64>,
}

/// `torana gateway suspend`
#[derive(Debug, Clone, Args)]
pub(crate) struct SuspendFlags {
    /// Name of this request: asked again under the same name, the same suspension is held
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Ask again for so many seconds while something still runs
    #[arg(long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) wait_seconds: Option<u64>,
    #[command(flatten)]
    pub(crate) ask: AskFlags,
}

/// `torana gateway usage-cost`
#[derive(Debug, Clone, Args)]
pub(crate) struct CostFlags {
    /// Days back from today
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    pub(crate) days: u16,
    /// Only this agent
    #[arg(long, value_name = "ID", conflicts_with = "all_agents")]
    pub(crate) agent: Option<String>,
    /// All agents together, also where a gateway would show only the default one
    #[arg(long)]
    pub(crate) all_agents: bool,
    #[command(flatten)]
    pub(crate) ask: AskFlags,
}
