//! The grammar of looking at a gateway: its status, whether one lives, what happened, and what helps somebody who helps.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::wait::{AskFlags, WaitFlag};
use crate::cli::tunnel::SshTarget;

/// `torana gateway stability`
#[derive(Debug, Clone, Args)]
pub(crate) struct StabilityFlags {
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) limit: u16,
    /// Only this kind of event
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only events after this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) since_seq: Option<u64>,
    /// Read what a gateway kept when it ended, instead of asking one: a file, or the newest
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "latest")]
    pub(crate) bundle: Option<PathBuf>,
    /// Write a diagnostics export, as `gateway diagnostics export` does
    #[arg(long, conflicts_with_all = ["kind", "since_seq", "limit"])]
    pub(crate) export: bool,
    /// File of that export, instead of one in the state directory
    #[arg(long, value_name = "PATH", requires = "export")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: AskFlags,
}

/// `torana gateway diagnostics …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum DiagnosticsCommand {
    /// Write a zip file without secrets and content, for whoever helps
    Export(ExportFlags),
}

/// Most of the log that is read for one export, as many lines and bytes as the gateway gives for one page.
const EXPORT_LINES_MAX: i64 = 5_000;
const EXPORT_BYTES_MAX: i64 = 1_048_576;

/// `torana gateway diagnostics export`
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportFlags {
    /// File to write, instead of one in the state directory
    #[arg(long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Lines of the log at most
    #[arg(long, value_name = "NUMBER", default_value_t = 5_000, value_parser = clap::value_parser!(u16).range(1..=EXPORT_LINES_MAX))]
    pub(crate) log_lines: u16,
    /// Bytes of the log at most
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=EXPORT_BYTES_MAX))]
    pub(crate) log_bytes: u32,
    /// Leave out what a gateway kept when it ended
    #[arg(long)]
    pub(crate) no_stability_bundle: bool,
    /// Take this in, instead of what happened last: of `gateway stability --bundle --export`.
    #[arg(skip)]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
}

impl From<&StabilityFlags> for ExportFlags {
    fn from(flags: &StabilityFlags) -> Self {
        Self {
            output: flags.output.clone(),
            log_lines: 5_000,
            log_bytes: 1_000_000,
            no_stability_bundle: false,
            bundle: flags.bundle.clone(),
            wait: flags.ask.wait,
        }
    }
}

/// `torana gateway probe`
#[derive(Debug, Clone, Args)]
pub(crate) struct ProbeFlags {
    /// Ask the gateway of another machine, through the `ssh` of this system; --port is its port there
    #[arg(long, value_name = "USER@HOST[:PORT]", conflicts_with_all = ["ssh_auto", "url"])]
    pub(crate) ssh: Option<SshTarget>,
    /// The same with the first machine that says in the local network that it has a gateway
    #[arg(long, conflicts_with = "url")]
    pub(crate) ssh_auto: bool,
    /// File with the key for it
    #[arg(long, value_name = "PATH")]
    pub(crate) ssh_identity: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
}

/// `torana status`
#[derive(Debug, Clone, Args)]
pub(crate) struct StatusFlags {
    /// Have every platform asked as well
    #[arg(long)]
    pub(crate) deep: bool,
    /// Everything at once: machine, configuration, platforms, models, what waits, and the last warnings
    #[arg(long)]
    pub(crate) all: bool,
    /// Show what is left of the quotas of model services
    #[arg(long)]
    pub(crate) usage: bool,
    /// Agent whose keys are meant
    #[arg(long, value_name = "ID", requires = "usage")]
    pub(crate) agent: Option<String>,
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
}

/// What only narrows a list, and has no meaning for one run.
const INSPECT_CONFLICTS: [&str; 8] = [
    "agent",
    "session",
    "kind",
    "status",
    "channel",
    "direction",
    "after",
    "before",
];

/// `torana audit`
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("inspected").args(["run", "execution"]))]
pub(crate) struct AuditFlags {
    /// Only this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Only this session
    #[arg(long, value_name = "KEY")]
    pub(crate) session: Option<String>,
    /// Only this run
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Show who a run was for and why it was let in; needs --run or --execution
    #[arg(long, requires = "inspected", conflicts_with_all = INSPECT_CONFLICTS)]
    pub(crate) explain: bool,
    /// Show this one execution
    #[arg(long, value_name = "ID", conflicts_with = "run", conflicts_with_all = INSPECT_CONFLICTS)]
    pub(crate) execution: Option<String>,
    /// Only this kind: `agent_run`, `tool_action` or `message`
    #[arg(long, value_name = "KIND", value_parser = ["agent_run", "tool_action", "message"])]
    pub(crate) kind: Option<String>,
    /// Only this status, as `failed`
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Only this channel
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    /// Only messages that came in, or that went out
    #[arg(long, value_name = "WAY", value_parser = ["inbound", "outbound"])]
    pub(crate) direction: Option<String>,
    /// Only from this moment on: `2026-09-23T16:33:12Z` or Unix milliseconds
    #[arg(long, value_name = "MOMENT", value_parser = moment_ms)]
    pub(crate) after: Option<i64>,
    /// Only up to this moment
    #[arg(long, value_name = "MOMENT", value_parser = moment_ms)]
    pub(crate) before: Option<i64>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) limit: u16,
    /// Go on where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// Reads a moment as people and as programs write it.
fn moment_ms(text: &str) -> Result<i64, String> {
    text.parse::<i64>()
        .ok()
        .filter(|at_ms| *at_ms >= 0)
        .or_else(|| torana_host::moment::read_rfc3339(text))
        .ok_or_else(|| {
            "write a moment as `2026-09-23T16:33:12Z` or in Unix milliseconds".to_owned()
        })
}

/// Levels of log lines, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    /// Data at risk, or an operator must act
    Error,
    /// Unexpected, but handled
    #[value(alias = "warning")]
    Warn,
    /// An action had an effect
    Info,
    /// Decisions
    Debug,
    /// Content
    Trace,
}

/// `torana logs`
#[derive(Debug, Clone, Args)]
pub(crate) struct LogsFlags {
    /// Go on printing new lines
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Lines to begin with
    #[arg(
        long,
        short = 'n',
        value_name = "NUMBER",
        default_value_t = 200,
        visible_alias = "limit"
    )]
    pub(crate) tail: usize,
    /// Only lines of this level and graver ones
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) level: Option<Level>,
    /// Print the lines as they are in the file
    #[arg(long)]
    pub(crate) plain: bool,
    /// How often new lines are asked for while following, milliseconds
    #[arg(long = "interval", value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    pub(crate) interval_ms: u64,
    /// Bytes of one look at the log at most, from 65536; a shorter look would miss most of a busy log
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(65_536..=1_048_576))]
    pub(crate) max_bytes: u64,
    #[command(flatten)]
    pub(crate) wait: WaitFlag,
}
