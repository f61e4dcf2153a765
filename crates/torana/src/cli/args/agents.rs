//! The grammar of agents, and of the models they use.

use clap::Subcommand;

use super::name::AgentName;

/// `torana agents …`
#[derive(Debug, Clone, Default, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Show agents
    #[default]
    List,
    /// Add an agent
    Add {
        /// Its name
        name: String,
        /// Folder it works in
        #[arg(long, value_name = "PATH")]
        workspace: Option<String>,
        /// Model it uses
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
        /// Emoji it is shown with
        #[arg(long, value_name = "EMOJI")]
        emoji: Option<String>,
    },
    /// Remove an agent from the configuration
    Delete {
        /// The agent
        id: String,
        /// Remove its files as well
        #[arg(long)]
        files: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Show how an agent presents itself, or change it
    #[command(visible_alias = "set-identity")]
    Identity {
        #[command(flatten)]
        agent: AgentName,
        /// New name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// New emoji
        #[arg(long, value_name = "EMOJI")]
        emoji: Option<String>,
        /// New picture: a path in its workspace, an address, or a data address
        #[arg(long, value_name = "PICTURE")]
        avatar: Option<String>,
    },
}

/// `torana models …`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Show models
    List {
        /// Only those of this provider
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// Only their names, one on each line
        #[arg(long, conflicts_with = "json")]
        plain: bool,
    },
    /// Show which model each agent uses, and whether it can
    Status,
    /// Set the model of every agent that has none of its own
    Set {
        /// The model, as `openai/gpt-5-mini`
        model: String,
    },
}

impl Default for ModelsCommand {
    fn default() -> Self {
        Self::List {
            provider: None,
            plain: false,
        }
    }
}
