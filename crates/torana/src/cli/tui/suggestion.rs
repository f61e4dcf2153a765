//! Tasks that agents suggest: shown when they come, and taken or dismissed from a list.

use serde_json::Value;

use super::clean;
use super::picker::Item;
use crate::cli::words::text_of;

/// Suggestions kept at once; nobody works through more.
pub(crate) const SUGGESTIONS_MAX: usize = 64;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suggestion {
    pub(crate) id: String,
    /// What it is, in a sentence.
    pub(crate) tldr: String,
    /// Where it would be done.
    pub(crate) place: String,
}

// === impl Suggestion ===

impl Suggestion {
    /// Reads what the gateway lists and announces.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let id = text_of(value, "id");
        if id.is_empty() {
            return None;
        }
        let place: Vec<&str> = ["agentId", "cwd"]
            .iter()
            .map(|name| text_of(value, name))
            .filter(|text| !text.is_empty())
            .collect();
        Some(Self {
            id: id.to_owned(),
            tldr: clean::line(text_of(value, "tldr")),
            place: place.join(" · "),
        })
    }

    /// Its line in a list.
    pub(crate) fn item(&self) -> Item {
        Item {
            id: self.id.clone(),
            label: self.tldr.clone(),
            detail: self.place.clone(),
            blocked: None,
        }
    }
}
