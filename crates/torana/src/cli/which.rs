//! Which message somebody means.

use crate::cli::failure::{Exit, Failure};

/// What `explain` is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Which {
    /// The newest message.
    Last,
    /// By number.
    Row(i64),
    /// By wire id of its turn.
    Run(String),
}

impl Which {
    /// Reads `last`, a number, or anything else as a run id.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::new(Exit::Usage, "there is no message to explain")
                .hint("write `last`, a number or a run id"));
        }
        Ok(match text.parse::<i64>() {
            Ok(id) if id > 0 => Self::Row(id),
            _ if text.eq_ignore_ascii_case("last") => Self::Last,
            _ => Self::Run(text.to_owned()),
        })
    }
}
