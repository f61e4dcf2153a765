//! No read gives a secret away (S-028): secrets are planted wherever a configuration can hold them, then every method
//! is called.

use serde_json::{Value, json};

use super::super::methods::{Needs, rows};
use super::rig::{Client, Rig, TOKEN, connect};

/// A configuration with a secret in every kind of place.
const FILE: &str = r#"{
  // the token once more: planted-01-gateway-token-0123456789
  gateway: { mode: 'local', auth: { token: 'planted-01-gateway-token-0123456789', password: 'planted-02-password' },
    remote: { token: 'planted-03-remote', password: 'planted-04-remote' } },
  hooks: { token: 'planted-05-hooks' },
  models: { providers: {
    openai: { apiKey: 'planted-06-key', baseUrl: 'https://user:planted-07-user@models.example.org/v1?api_key=planted-08-query',
      headers: { Authorization: 'Bearer planted-09-header', 'X-Api-Key': 'planted-10-header' } },
    other: { apiKey: 'planted-11-key', headers: { Cookie: 'planted-12-cookie' } } } },
  channels: { telegram: { botToken: '12345:planted-13-bot', webhookSecret: 'planted-14-webhook-secret',
    proxy: 'socks5://me:planted-15-proxy@proxy.example.org:1080',
    accounts: { second: { botToken: '67890:planted-16-bot', webhookSecret: 'planted-17-webhook-secret' } } } },
  env: { OPENAI_API_KEY: 'planted-18-env' },
  skills: { entries: { weather: { apiKey: 'planted-19-skill', env: { KEY: 'planted-20-skill' } } } },
}
"#;

fn check(what: &str, text: &str) {
    assert!(!text.contains("planted-"), "{what} tells a secret: {text}");
}

async fn drain(client: &mut Client) -> String {
    client
        .events
        .drain(..)
        .map(|event| event.to_string())
        .collect()
}

#[tokio::test]
async fn s_028_no_method_tells_a_planted_secret() {
    let rig = Rig::configured(FILE).await;
    let mut admin = rig.operator(&["operator.admin"]).await;
    let mut watcher = rig.operator(&["operator.admin"]).await;
    let tui = connect(
        "openclaw-tui",
        "ui",
        &["operator.read"],
        json!({ "token": TOKEN }),
    );
    let (_device, hello) = rig.device(tui, 1).await;
    let token = hello["payload"]["auth"]["deviceToken"].clone();
    let token = token.as_str().expect("a token").to_owned();
    let code = admin.ask("torana.login.create", json!({})).await;
    let code = code["payload"]["code"].as_str().expect("a code").to_owned();
    for method in rows() {
        if matches!(method.needs, Needs::Node { .. }) {
            continue;
        }
        let answer = admin.ask(method.name, json!({})).await;
        let text = answer.to_string();
        check(method.name, &text);
        for secret in [&token, &code, &TOKEN.to_owned()] {
            assert!(!text.contains(secret.as_str()), "{}: {text}", method.name);
        }
    }
    for path in [
        "gateway.auth.token",
        "models.providers.*.apiKey",
        "channels.telegram",
    ] {
        let answer = admin
            .ask("config.schema.lookup", json!({ "path": path }))
            .await;
        check(path, &answer.to_string());
    }
    let shown = admin.ask("config.get", json!({})).await["payload"].clone();
    // Errors repeat no secret either.
    for raw in [
        "{ gateway: { auth: { token: 'planted-21-new', tokn: 'x' } } }",
        "{ planted: ",
    ] {
        let params = json!({ "raw": raw, "baseHash": shown["hash"] });
        let answer = admin.ask("config.set", params).await;
        assert_eq!(answer["ok"], false);
        check(raw, &answer.to_string());
    }
    check("events", &drain(&mut admin).await);
    // Whatever was told to others stands before this answer.
    watcher.ask("health", json!({})).await;
    check("events", &drain(&mut watcher).await);
    // What was shown goes back unchanged, and the file keeps every secret.
    let raw: &Value = &shown["raw"];
    let params = json!({ "raw": raw, "baseHash": shown["hash"] });
    let saved = admin.ask("config.set", params).await;
    assert_eq!(saved["ok"], true, "{saved}");
    assert_eq!(rig.site.text(), FILE);
}
