//! What the gateway says of itself, reduced to figures, states and names of platforms.

use serde_json::{Map, Value, json};

use crate::cli::words::{items_of, number_of, text_of};

/// Fields of an event that hold a word of the gateway or a figure. Providers and models are named by people.
const OF_AN_EVENT: [&str; 9] = [
    "seq",
    "ts",
    "type",
    "channel",
    "outcome",
    "active",
    "durationMs",
    "source",
    "phase",
];
/// Longest of those words.
const WORD_CHARS_MAX: usize = 80;

/// `torana.status` without names of accounts and without texts of errors.
pub(super) fn status(own: &Value) -> Value {
    let census = |field: &str| -> Vec<Value> {
        items_of(own, field)
            .iter()
            .map(|row| picked(row, &["state", "count", "oldestAtMs"]))
            .collect()
    };
    let accounts: Vec<Value> = items_of(own, "accounts")
        .iter()
        .map(|account| {
            let mut shown = picked(
                account,
                &["channel", "state", "enabled", "connected", "running"],
            );
            shown["hasError"] = json!(!text_of(account, "lastError").is_empty());
            shown
        })
        .collect();
    let mut shown = picked(
        own,
        &[
            "version",
            "phase",
            "uptimeMs",
            "storageFull",
            "modelConfigured",
            "sessions",
            "running",
            "waiting",
            "clients",
        ],
    );
    shown["inbox"] = json!(census("inbox"));
    shown["outbox"] = json!(census("outbox"));
    shown["accounts"] = json!(accounts);
    shown["counters"] = figures(&own["counters"]);
    shown
}

/// `health` likewise.
pub(super) fn health(health: &Value) -> Value {
    let channels: Map<String, Value> = health["channels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(channel, state)| {
            let mut shown = picked(state, &["configured", "running", "connected"]);
            shown["hasError"] = json!(!text_of(state, "lastError").is_empty());
            (channel.clone(), shown)
        })
        .collect();
    let mut shown = picked(health, &["ok", "ts", "durationMs", "heartbeatSeconds"]);
    shown["channels"] = Value::Object(channels);
    shown["agents"] = json!(items_of(health, "agents").len());
    shown["sessions"] = json!(number_of(&health["sessions"], "count"));
    shown
}

/// `diagnostics.stability`, or the same from a file, which anybody could have written.
pub(super) fn stability(answer: &Value) -> Value {
    let events: Vec<Value> = items_of(answer, "events")
        .iter()
        .map(|event| picked(event, &OF_AN_EVENT))
        .collect();
    let mut shown = picked(
        answer,
        &[
            "generatedAt",
            "capacity",
            "count",
            "dropped",
            "firstSeq",
            "lastSeq",
        ],
    );
    shown["events"] = json!(events);
    shown
}

/// These fields, as far as they hold figures, switches or single words.
fn picked(value: &Value, fields: &[&str]) -> Value {
    let shown: Map<String, Value> = fields
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), value.get(*field)?)))
        .filter(|(_, value)| match value {
            Value::Number(_) | Value::Bool(_) => true,
            Value::String(text) => is_word(text),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        })
        .map(|(field, value)| (field, value.clone()))
        .collect();
    Value::Object(shown)
}

fn figures(value: &Value) -> Value {
    let figures = value.as_object().into_iter().flatten();
    figures
        .filter(|(name, value)| value.is_number() && is_word(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<Map<String, Value>>()
        .into()
}

fn is_word(text: &str) -> bool {
    let may = |character: char| character.is_ascii_alphanumeric() || "._-/:".contains(character);
    text.len() <= WORD_CHARS_MAX && text.chars().all(may)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_accounts_and_texts_of_errors_stay_here() {
        let own = json!({
            "version": "0.1.0", "running": 2, "bootId": "b", "inbox": [{ "state": "ready", "count": 1, "text": "hello" }],
            "accounts": [{ "channel": "telegram", "account": "ada", "state": "failing", "lastError": "bot 1:abc" }],
            "counters": { "torana_runs_started_total": 4, "sneaky": "text" },
        });
        let shown = status(&own);
        assert_eq!(
            (&shown["running"], &shown["inbox"][0]["count"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(shown["accounts"][0]["hasError"], true);
        assert_eq!(shown["counters"], json!({ "torana_runs_started_total": 4 }));
        let text = shown.to_string();
        for word in ["ada", "1:abc", "hello", "sneaky"] {
            assert!(!text.contains(word), "{word}: {text}");
        }

        let events = json!({ "count": 1, "events": [
            { "seq": 1, "type": "message.received", "text": "hi", "source": "with spaces and Ada" },
        ] });
        assert_eq!(
            stability(&events)["events"],
            json!([{ "seq": 1, "type": "message.received" }])
        );
    }
}
