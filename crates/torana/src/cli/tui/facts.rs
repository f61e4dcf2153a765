//! What is known of the session on show: its name, its model, how full its context is, and how answers are made.

use serde_json::Value;

use super::clean;
use crate::cli::words::{number_of, text_of};

/// Settings that are shown when they are not the usual ones, with the names rows have for them.
const MANNER: [(&str, &str); 6] = [
    ("fastMode", "fast"),
    ("verboseLevel", "verbose"),
    ("traceLevel", "trace"),
    ("reasoningLevel", "reasoning"),
    ("elevatedLevel", "elevated"),
    ("responseUsage", "usage"),
];

/// Facts of the session on show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) title: String,
    pub(crate) model: String,
    pub(crate) thinking: String,
    /// Settings that are not the usual ones, as `verbose full`.
    pub(crate) manner: Vec<String>,
    pub(crate) tokens: Option<i64>,
    pub(crate) context: Option<i64>,
}

// === impl Facts ===

impl Facts {
    /// Takes the facts out of a session row. What it does not say stays, but for the manner: a setting that is back to
    /// the usual is no longer in the row.
    pub(crate) fn learn(&mut self, row: &Value) {
        let name = ["label", "displayName", "derivedTitle"]
            .iter()
            .map(|name| text_of(row, name))
            .find(|text| !text.is_empty());
        if let Some(name) = name {
            self.title = clean::line(name);
        }
        let (provider, used) = (text_of(row, "modelProvider"), text_of(row, "model"));
        if !used.is_empty() {
            self.model = if provider.is_empty() || used.contains('/') {
                used.to_owned()
            } else {
                format!("{provider}/{used}")
            };
        }
        let thinking = ["thinkingLevel", "thinkingDefault"]
            .iter()
            .map(|name| text_of(row, name))
            .find(|text| !text.is_empty());
        if let Some(thinking) = thinking {
            thinking.clone_into(&mut self.thinking);
        }
        self.manner = MANNER
            .iter()
            .filter_map(|(field, name)| set(&row[*field], name))
            .collect();
        let positive = |field| number_of(row, field).filter(|count| *count > 0);
        self.tokens = positive("totalTokens").or(self.tokens);
        self.context = positive("contextTokens").or(self.context);
    }
}

/// How a setting is shown; not at all while it is off.
fn set(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Bool(true) => Some(name.to_owned()),
        Value::String(word) if word == "on" => Some(name.to_owned()),
        Value::String(word) if word != "off" && !word.is_empty() => Some(format!("{name} {word}")),
        _ => None,
    }
}
