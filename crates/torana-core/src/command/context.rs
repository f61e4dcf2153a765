//! The arguments of `/context`.

/// In which form somebody wants to know what fills the context window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextAction {
    /// Each part with its size.
    List,
    /// The parts of the conversation too.
    Detail,
    /// The same for programs.
    Json,
    /// A word that makes no sense here.
    Invalid {
        /// The word as written, shortened.
        word: String,
    },
}

impl ContextAction {
    /// Reads the arguments.
    pub(super) fn parse(rest: &str) -> Self {
        let word = rest.trim().to_ascii_lowercase();
        match word.as_str() {
            "" | "list" => Self::List,
            "detail" => Self::Detail,
            "json" => Self::Json,
            // As much as a reply needs to name it.
            _ => Self::Invalid {
                word: word.chars().take(40).collect(),
            },
        }
    }
}
