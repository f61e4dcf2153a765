//! Secrets that are references are found and resolved, and nothing else is.

use super::{json, sections};
use crate::config::TreeSchema;

const DOCUMENT: &str = r#"{
  "gateway": { "auth": { "token": "plain", "password": "${PASSWORD}" }, "publicOrigin": "https://${HOST}" },
  "models": { "providers": { "a": { "apiKey": { "source": "env", "provider": "default", "id": "KEY" }, "headers": { "X-Any": "Bearer ${KEY}" } } } },
  "env": { "vars": { "OWN": "mine" } },
  "hooks": { "token": "$OWN", "mappings": [{ "id": "x", "secret": "${GONE}" }] },
  "channels": { "telegram": { "botToken": { "source": "file", "provider": "v", "id": "/x" } } }
}"#;

#[test]
fn references_in_secret_places_are_resolved_and_others_are_left_out() {
    let variables = |name: &str| match name {
        "PASSWORD" => Some("pw".to_owned()),
        "KEY" => Some("k1".to_owned()),
        "HOST" => Some("host".to_owned()),
        _ => None,
    };
    let schema = TreeSchema::new(&sections());
    let found: Vec<(String, Option<String>)> = schema
        .secret_references(&json(DOCUMENT), &variables)
        .into_iter()
        .map(|found| {
            let value = found.value.as_ref().and_then(|value| value.expose());
            (found.path.to_string(), value.map(str::to_owned))
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    let wanted = [
        ("gateway.auth.password", some("pw")),
        ("models.providers.a.apiKey", some("k1")),
        ("models.providers.a.headers.X-Any", some("Bearer k1")),
        ("hooks.token", some("mine")),
        ("hooks.mappings[0].secret", None),
        ("channels.telegram.botToken", None),
    ];
    let mut wanted: Vec<(String, Option<String>)> = wanted
        .into_iter()
        .map(|(path, value)| (path.to_owned(), value))
        .collect();
    let mut found = found;
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted);
}

#[test]
fn what_was_resolved_cannot_be_printed_by_accident() {
    let variables = |_: &str| Some("do-not-print".to_owned());
    let schema = TreeSchema::new(&sections());
    let found = schema.secret_references(&json(DOCUMENT), &variables);
    assert!(!found.is_empty());
    assert!(!format!("{found:?}").contains("do-not-print"));
}
