//! The arguments of `/model`.

use super::table::Who;

/// How far a choice of model reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelScope {
    /// This session.
    #[default]
    Session,
    /// Every session of the agent that has no choice of its own.
    Agent,
    /// Every agent that has no choice of its own.
    Global,
}

/// What `/model` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelAction {
    /// Show the model in use.
    Show,
    /// List the models that can be chosen.
    List,
    /// Show the model in use with provider, fallbacks and limits.
    Status,
    /// Go back to the configured model.
    Default {
        /// How far.
        scope: ModelScope,
    },
    /// Use a model.
    Set {
        /// Name, alias or number in the list, as written.
        reference: String,
        /// How far.
        scope: ModelScope,
    },
}

impl ModelAction {
    /// Reads the arguments.
    pub(super) fn parse(rest: &str) -> Self {
        let mut scope = ModelScope::default();
        let mut words: Vec<&str> = Vec::new();
        for word in rest.split_whitespace() {
            match word {
                "-s" | "--session" => scope = ModelScope::Session,
                "-a" | "--agent" => scope = ModelScope::Agent,
                "-g" | "--global" => scope = ModelScope::Global,
                _ => words.push(word),
            }
        }
        match words.as_slice() {
            [] => Self::Show,
            [word] if word.eq_ignore_ascii_case("list") => Self::List,
            [word] if word.eq_ignore_ascii_case("status") => Self::Status,
            [word] if word.eq_ignore_ascii_case("default") => Self::Default { scope },
            _ => Self::Set {
                reference: words.join(" "),
                scope,
            },
        }
    }

    /// Who may do this: what reaches beyond the session is the owner's.
    pub fn who(&self) -> Who {
        match self {
            Self::Show | Self::List | Self::Status => Who::Admitted,
            Self::Default { scope } | Self::Set { scope, .. } => match scope {
                ModelScope::Session => Who::Admitted,
                ModelScope::Agent | ModelScope::Global => Who::Owner,
            },
        }
    }
}
