//! Agents, sessions and models as the gateway lists them, made into something to choose from.

use serde_json::Value;

use super::clean;
use super::picker::Item;
use crate::cli::words::{age, items_of, number_of, text_of};

pub(crate) fn agents(answer: &Value) -> Vec<Item> {
    items_of(answer, "agents")
        .iter()
        .map(|agent| {
            let id = text_of(agent, "id").to_owned();
            let name = [text_of(&agent["identity"], "name"), text_of(agent, "name")]
                .into_iter()
                .find(|name| !name.is_empty() && **name != id)
                .map_or_else(|| id.clone(), |name| format!("{id} ({name})"));
            Item {
                label: name,
                detail: text_of(&agent["model"], "primary").to_owned(),
                blocked: None,
                id,
            }
        })
        .collect()
}

pub(crate) fn sessions(answer: &Value, now_ms: i64) -> Vec<Item> {
    items_of(answer, "sessions")
        .iter()
        .map(|row| {
            let title = ["label", "displayName", "derivedTitle"]
                .iter()
                .map(|name| text_of(row, name))
                .find(|text| !text.is_empty())
                .unwrap_or_default();
            let used = number_of(row, "updatedAt")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default();
            Item {
                id: text_of(row, "key").to_owned(),
                label: text_of(row, "key").to_owned(),
                detail: clean::line(&format!("{used} {title}")).trim().to_owned(),
                blocked: None,
            }
        })
        .collect()
}

pub(crate) fn models(answer: &Value) -> Vec<Item> {
    items_of(answer, "models")
        .iter()
        .map(|model| {
            let (id, provider) = (text_of(model, "id"), text_of(model, "provider"));
            let prefix = format!("{provider}/");
            let id = if provider.is_empty() || id.starts_with(&prefix) {
                id.to_owned()
            } else {
                format!("{prefix}{id}")
            };
            let mut facts = Vec::new();
            if let Some(window) = number_of(model, "contextWindow").filter(|window| *window > 0) {
                facts.push(format!("{}k", window / 1_000));
            }
            if model["reasoning"].as_bool() == Some(true) {
                facts.push("thinks".to_owned());
            }
            let blocked = (model["available"].as_bool() == Some(false)).then(|| {
                facts.push("not available".to_owned());
                let told = text_of(model, "unavailableReason");
                let why = if told.is_empty() {
                    "`torana models status` says what it lacks"
                } else {
                    told
                };
                format!("{id} cannot be used now: {why}")
            });
            Item {
                label: id.clone(),
                id,
                detail: facts.join(", "),
                blocked,
            }
        })
        .collect()
}
