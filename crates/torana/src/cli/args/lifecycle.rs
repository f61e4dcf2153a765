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
    /// Wait so long for what runs, as `30s`, `1h30m` or in milliseconds; `0` waits for all of it
    #[arg(long = "wait", value_name = "TIME", value_parser = span_ms, conflicts_with_all = ["safe", "skip_deferral"])]
    pub(crate) drain_ms: Option<u64>,
}

/// Longest time a command line may name: a day, as with every other wait.
const SPAN_MS_MAX: u64 = 86_400_000;

/// Reads `1500`, `30s`, `5m` or `1h30m` as milliseconds.
pub(super) fn span_ms(text: &str) -> Result<u64, String> {
    let wrong = || "write a time as `30s`, `5m`, `1h30m` or in milliseconds".to_owned();
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits_end = rest.find(|character: char| !character.is_ascii_digit());
        let (digits, after) = rest.split_at(digits_end.unwrap_or(rest.len()));
        let unit_end = after.find(|character: char| character.is_ascii_digit());
        let (unit, next) = after.split_at(unit_end.unwrap_or(after.len()));
        let unit_ms = match unit {
            "ms" => 1,
            // Only a time that is nothing but a number.
            "" if digits.len() == text.trim().len() => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number = digits.parse::<u64>().map_err(|_| wrong())?;
        let part_ms = number.checked_mul(unit_ms).ok_or_else(wrong)?;
        total_ms = total_ms.checked_add(part_ms).ok_or_else(wrong)?;
        rest = next;
    }
    if text.trim().is_empty() {
        return Err(wrong());
    }
    if total_ms > SPAN_MS_MAX {
        return Err("a day at most".to_owned());
    }
    Ok(total_ms)
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
