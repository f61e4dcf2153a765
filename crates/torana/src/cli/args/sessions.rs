//! The grammar of `torana sessions`.

use clap::{Args, Subcommand};

/// Sessions a list shows when nobody says how many.
const LISTED: usize = 50;

/// Which sessions a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct SessionsFilter {
    /// Only this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Every agent, as without --agent
    #[arg(long, conflicts_with = "agent")]
    pub(crate) all_agents: bool,
    /// Only those that changed within so many minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) active: Option<u32>,
    /// Only those with these words
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = LISTED)]
    pub(crate) limit: usize,
}

// === impl SessionsFilter ===

impl SessionsFilter {
    /// Nobody asked for anything in particular.
    pub(crate) fn is_usual(&self) -> bool {
        *self
            == Self {
                agent: None,
                all_agents: false,
                active: None,
                search: None,
                limit: LISTED,
            }
    }
}

/// Sessions somebody names.
#[derive(Debug, Clone, Args)]
pub(crate) struct SessionKeys {
    /// Keys
    #[arg(required = true, value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Agent the sessions belong to, for keys that do not say it
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `torana sessions …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List sessions, newest first
    List(SessionsFilter),
    /// Show the end of a session
    Show {
        /// Key, `main` for the main session
        key: String,
        /// How many messages
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
    },
    /// Begin a fresh transcript; the old one goes to the archive
    Reset {
        /// Key
        key: String,
    },
    /// Put sessions aside; they are kept whole
    Archive(SessionKeys),
    /// Remove sessions; transcripts go to the archive
    Delete {
        #[command(flatten)]
        which: SessionKeys,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Have a model summarise what was said long ago
    Compact {
        /// Key
        key: String,
        /// Agent the session belongs to, for a key that does not say it
        #[arg(long, value_name = "ID")]
        agent: Option<String>,
        /// Keep the last lines instead, so many, and summarise nothing
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        max_lines: Option<u32>,
    },
    /// Count sessions of agents that are gone, or remove them
    Cleanup {
        /// Remove what is found; without it they are only counted
        #[arg(long)]
        enforce: bool,
        /// Only this agent
        #[arg(long, value_name = "ID", conflicts_with = "all_agents")]
        agent: Option<String>,
        /// Every agent
        #[arg(long)]
        all_agents: bool,
        /// A session to keep in any case
        #[arg(long, value_name = "KEY")]
        active_key: Option<String>,
    },
}
