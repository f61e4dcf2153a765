//! Secrets are hidden on the way out and put back on the way in.

use expect_test::expect;

use super::{json, sections};
use crate::config::TreeSchema;

const DOCUMENT: &str = r#"{
  "gateway": { "auth": { "token": "abc", "password": "${PASSWORD}" }, "port": 1 },
  "models": { "providers": { "a": { "apiKey": { "source": "env", "provider": "default", "id": "KEY" }, "headers": { "X-Any": "h" }, "baseUrl": "https://user:pw@host/v1?key=1&api_token=2", "models": [{ "id": "m", "maxTokens": 5 }] } } },
  "env": { "vars": { "FOO": "bar" } },
  "hooks": { "token": "def", "mappings": [{ "id": "x", "secret": "ghi" }, { "id": "y", "secret": "jkl" }], "maxTokens": 7, "tokens": ["t1"] },
  "channels": { "telegram": { "botToken": "123:x", "tokenFile": "/run/t" }, "discord": { "token": "dd", "accounts": { "a": { "webhookSecret": "ws" } } } }
}"#;

#[test]
fn every_secret_is_hidden_and_references_are_shown() {
    let shown = TreeSchema::new(&sections()).redacted(&json(DOCUMENT));
    expect![[r#"
        {
          "gateway": {
            "auth": {
              "token": "__OPENCLAW_REDACTED__",
              "password": "${PASSWORD}"
            },
            "port": 1
          },
          "models": {
            "providers": {
              "a": {
                "apiKey": {
                  "source": "env",
                  "provider": "default",
                  "id": "KEY"
                },
                "headers": {
                  "X-Any": "__OPENCLAW_REDACTED__"
                },
                "baseUrl": "https://__OPENCLAW_REDACTED__@host/v1?key=1&api_token=__OPENCLAW_REDACTED__",
                "models": [
                  {
                    "id": "m",
                    "maxTokens": 5
                  }
                ]
              }
            }
          },
          "env": {
            "vars": {
              "FOO": "__OPENCLAW_REDACTED__"
            }
          },
          "hooks": {
            "token": "__OPENCLAW_REDACTED__",
            "mappings": [
              {
                "id": "x",
                "secret": "__OPENCLAW_REDACTED__"
              },
              {
                "id": "y",
                "secret": "__OPENCLAW_REDACTED__"
              }
            ],
            "maxTokens": 7,
            "tokens": [
              "__OPENCLAW_REDACTED__"
            ]
          },
          "channels": {
            "telegram": {
              "botToken": "__OPENCLAW_REDACTED__",
              "tokenFile": "/run/t"
            },
            "discord": {
              "token": "__OPENCLAW_REDACTED__",
              "accounts": {
                "a": {
                  "webhookSecret": "__OPENCLAW_REDACTED__"
                }
              }
            }
          }
        }"#]].assert_eq(&serde_json::to_string_pretty(&shown).expect("JSON"));
}

#[test]
fn what_comes_back_unchanged_is_what_was_there() {
    let schema = TreeSchema::new(&sections());
    let old = json(DOCUMENT);
    assert_eq!(
        schema
            .restore(&schema.redacted(&old), &old)
            .expect("it can be placed"),
        old
    );
}

#[test]
fn list_items_are_found_by_their_id() {
    let schema = TreeSchema::new(&[]);
    let old = json(DOCUMENT);
    let mut new = schema.redacted(&old);
    new["hooks"]["mappings"]
        .as_array_mut()
        .expect("a list")
        .reverse();
    let restored = schema.restore(&new, &old).expect("ids tell");
    assert_eq!(restored["hooks"]["mappings"][0]["secret"], "jkl");
}

#[test]
fn a_placeholder_without_a_place_is_refused() {
    let schema = TreeSchema::new(&[]);
    let new = json(
        r#"{ "gateway": { "auth": { "password": "__OPENCLAW_REDACTED__" } }, "hooks": { "tokens": ["x", "__OPENCLAW_REDACTED__"] } }"#,
    );
    let error = schema
        .restore(&new, &json(DOCUMENT))
        .expect_err("nothing was hidden there");
    expect!["a hidden value cannot be put back at `gateway.auth.password`, `hooks.tokens[1]`"]
        .assert_eq(&error.to_string());
}

/// S-028: a secret is hidden whatever it is written as; only a reference and nothing else is shown.
#[test]
fn s_028_numbers_and_mixed_texts_are_hidden_too() {
    let schema = TreeSchema::new(&[]);
    let shown = schema.redacted(&json(
        r#"{ "hooks": { "tokens": [4711], "secret": "x${NAME}", "password": "${NAME}" } }"#,
    ));
    let hidden = "__OPENCLAW_REDACTED__";
    assert_eq!(shown["hooks"]["tokens"][0], hidden);
    assert_eq!(shown["hooks"]["secret"], hidden);
    assert_eq!(shown["hooks"]["password"], "${NAME}");
}

/// S-028: a placeholder in a new item never takes the secret of the item that stood at its place.
#[test]
fn s_028_a_new_item_does_not_inherit_a_secret() {
    let schema = TreeSchema::new(&[]);
    let old = json(DOCUMENT);
    let mut new = schema.redacted(&old);
    new["hooks"]["mappings"][0]["id"] = "another".into();
    assert!(schema.restore(&new, &old).is_err());
    let mut new = schema.redacted(&old);
    new["hooks"]["mappings"] = json(r#"[{ "secret": "__OPENCLAW_REDACTED__" }]"#);
    assert!(schema.restore(&new, &old).is_err());
}
