//! Lines of the log without what people said or named: when, how grave, the fixed text, and figures.
//!
//! The gateway writes what varies into fields, so its texts are the same everywhere. What is no line of this gateway is
//! only counted by its bytes.

use serde_json::{Map, Value, json};
use torana_host::logs::Redactor;

/// Fields whose texts are words of the gateway.
const WORDS: [&str; 10] = [
    "channel", "decision", "kind", "method", "outcome", "phase", "signal", "state", "task",
    "version",
];
/// Fields every line has.
const KNOWN: [&str; 3] = ["timestamp", "level", "target"];

/// One line, made harmless.
pub(super) fn harmless(line: &str, redactor: &Redactor) -> Value {
    let parsed = serde_json::from_str(line);
    let Ok(Value::Object(fields)) = parsed else {
        return json!({ "omittedBytes": line.len() });
    };
    let is_own = fields
        .get("target")
        .and_then(Value::as_str)
        .is_some_and(|target| target == "torana" || target.starts_with("torana"));
    if !is_own {
        return json!({
            "timestamp": text(&fields, "timestamp", redactor), "level": text(&fields, "level", redactor),
            "omittedBytes": line.len(),
        });
    }
    let mut shown = Map::new();
    for name in KNOWN.into_iter().chain(["message"]) {
        shown.insert(name.to_owned(), text(&fields, name, redactor));
    }
    let mut omitted = Vec::new();
    for (name, value) in &fields {
        if shown.contains_key(name) {
            continue;
        }
        match value {
            Value::Number(_) | Value::Bool(_) | Value::Null => {
                shown.insert(name.clone(), value.clone());
            }
            Value::String(_) if WORDS.contains(&name.as_str()) => {
                shown.insert(name.clone(), text(&fields, name, redactor));
            }
            Value::String(_) | Value::Array(_) | Value::Object(_) => omitted.push(name.clone()),
        }
    }
    if !omitted.is_empty() {
        shown.insert("omitted".to_owned(), json!(omitted));
    }
    Value::Object(shown)
}

fn text(fields: &Map<String, Value>, name: &str, redactor: &Redactor) -> Value {
    let text = fields.get(name).and_then(Value::as_str);
    json!(text.map(|text| redactor.redact(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_text_and_figures_and_loses_what_people_named() {
        let redactor = Redactor::new();
        redactor.register("hush-hush");
        let line = json!({
            "timestamp": "2026-11-20T00:00:00Z", "level": "WARN", "target": "torana::gateway",
            "message": "A message was set aside, hush-hush.", "count": 3, "channel": "telegram",
            "sender": "Ada", "error": "token 12 at https://x",
        });
        let shown = harmless(&line.to_string(), &redactor);
        assert_eq!(shown["message"], "A message was set aside, [redacted].");
        assert_eq!(
            (&shown["count"], &shown["channel"]),
            (&json!(3), &json!("telegram"))
        );
        assert_eq!(shown["omitted"], json!(["sender", "error"]));
        assert!(!shown.to_string().contains("Ada"));

        let foreign = json!({ "level": "INFO", "target": "hyper", "message": "GET /secret" });
        let foreign = harmless(&foreign.to_string(), &redactor).to_string();
        assert!(!foreign.contains("secret"), "{foreign}");
        assert_eq!(
            harmless("Ada said: hello", &redactor),
            json!({ "omittedBytes": 15 })
        );
    }
}
