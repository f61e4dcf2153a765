//! Webhook requests: forged, malformed and genuine.

use proptest::prelude::*;
use serde_json::json;
use torana_core::port::{AccountParts, WebhookRequest, WebhookVerdict};

use super::support::{Sleep, parts_with, world};

const SECRET: &str = "0123456789abcdef";
const HELLO: &str = r#"{"update_id":5,"message":{"message_id":1,"date":1,"chat":{"id":7,"type":"private"},"text":"hi"}}"#;

fn hooked() -> AccountParts {
    let hook = json!({ "webhookUrl": "https://bot.example.org/hook", "webhookSecret": SECRET });
    parts_with("http://127.0.0.1:9", hook, world(Sleep::Jump).0)
}

fn ask(account: &AccountParts, headers: &[(&str, &str)], body: &str) -> WebhookVerdict {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let request = WebhookRequest {
        headers,
        body: bytes::Bytes::copy_from_slice(body.as_bytes()),
    };
    account
        .webhook
        .as_ref()
        .expect("a webhook")
        .receive(&request)
}

#[test]
fn only_the_whole_secret_opens_the_webhook() {
    let account = hooked();
    assert!(account.receive.is_none());
    assert_eq!(
        account.webhook.as_ref().map(|webhook| webhook.path()),
        Some("/telegram-webhook")
    );
    let name = "x-telegram-bot-api-secret-token";
    let forged: &[&[(&str, &str)]] = &[
        &[],
        &[(name, "")],
        &[(name, "0123456789abcde")],
        &[(name, "0123456789ABCDEF")],
        &[(name, "0123456789abcdef ")],
        &[(name, "wrong"), (name, SECRET)],
        &[("authorization", SECRET)],
    ];
    for headers in forged {
        assert_eq!(
            ask(&account, headers, HELLO),
            WebhookVerdict::Forged,
            "{headers:?}"
        );
    }
    let WebhookVerdict::Accept(updates) = ask(&account, &[(name, SECRET)], HELLO) else {
        panic!("genuine")
    };
    assert_eq!(
        (
            updates.len(),
            updates[0].text.as_str(),
            updates[0].event_id.as_str()
        ),
        (1, "hi", "5:7:1")
    );
    for body in ["", "[]", "{}", "{\"update_id\":\"x\"}", "no json"] {
        assert_eq!(
            ask(&account, &[(name, SECRET)], body),
            WebhookVerdict::Malformed,
            "{body}"
        );
    }
    let unknown = ask(
        &account,
        &[(name, SECRET)],
        r#"{"update_id":6,"brand_new":{}}"#,
    );
    assert!(matches!(unknown, WebhookVerdict::Accept(updates) if updates.len() == 1));
}

proptest! {
    #[test]
    fn any_body_behind_the_secret_is_survived(body in any::<String>()) {
        ask(&hooked(), &[("x-telegram-bot-api-secret-token", SECRET)], &body);
    }
}
