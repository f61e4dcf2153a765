//! The grammar of suspending a gateway, of what it used, and of its token.

use clap::Args;

use super::operate::WaitFlag;

/// How one question is asked.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct AskFlags {
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
    #[command(flatten)]
    pub(crate) last: FinalFlag,
}

/// Which answer is waited for.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct FinalFlag {
    /// Wait for the second answer of methods that first say that they accepted
    #[arg(long, global = true)]
    pub(crate) expect_final: bool,
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
