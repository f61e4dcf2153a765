//! The fake with a bot of ours, and a line to its control API.

use serde_json::{Value, json};
use torana_core::message::{Operation, ReplyTarget};
use torana_core::port::{AccountParts, SendFailure};

use super::support::{Sleep, TOKEN, direct, parts_with, words, world};
use crate::telegram::fake::{FakeServer, Options};

/// The fake with a bot of ours, and a line to its control API.
pub(super) struct Stage {
    pub(super) server: FakeServer,
    pub(super) client: reqwest::Client,
    pub(super) account: AccountParts,
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(json!({}), Options::default()).await
    }

    pub(super) async fn with(extra: Value, options: Options) -> Self {
        torana_host::egress::install_crypto();
        let server = FakeServer::start(options, world(Sleep::Jump).0)
            .await
            .expect("a server");
        let account = parts_with(&server.api_root(), extra, world(Sleep::Jump).0);
        Self {
            server,
            client: reqwest::Client::new(),
            account,
        }
    }

    pub(super) async fn post(&self, what: &str, mut body: Value) -> Value {
        body["token"] = TOKEN.into();
        let url = format!("{}/control/{what}", self.server.api_root());
        let answer = self
            .client
            .post(url)
            .json(&body)
            .send()
            .await
            .expect("the fake answers");
        let status = answer.status();
        let answer: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "{what}: {answer}");
        answer
    }

    pub(super) async fn get(&self, what: &str) -> Value {
        let url = format!("{}/control/{what}?token={TOKEN}", self.server.api_root());
        self.client
            .get(url)
            .send()
            .await
            .expect("the fake answers")
            .json()
            .await
            .expect("JSON")
    }

    pub(super) async fn hears(&self, text: &str) -> Value {
        self.post("message", json!({ "chatId": 7, "text": text }))
            .await
    }

    pub(super) async fn fault(&self, method: &str, kind: &str, more: Value) {
        let mut fault = json!({ "method": method, "kind": kind });
        for (key, value) in more.as_object().expect("an object") {
            fault[key] = value.clone();
        }
        self.post("faults", fault).await;
    }

    pub(super) async fn next_texts(&mut self) -> (Vec<String>, u64) {
        let batch = self
            .account
            .receive
            .as_mut()
            .expect("polling")
            .next()
            .await
            .expect("a batch");
        (
            batch
                .updates
                .into_iter()
                .map(|inbound| inbound.text)
                .collect(),
            batch.position,
        )
    }

    pub(super) async fn acknowledge(&mut self, position: u64) {
        self.account
            .receive
            .as_mut()
            .expect("polling")
            .acknowledge(position)
            .await
            .expect("remembered");
    }

    pub(super) async fn send(&self, text: &str) -> Result<Vec<String>, SendFailure> {
        let target = ReplyTarget {
            conversation: direct(),
            reply_to: None,
        };
        self.transmit(Operation::Text {
            target,
            text: words(text),
            plain: false,
        })
        .await
    }

    pub(super) async fn transmit(&self, operation: Operation) -> Result<Vec<String>, SendFailure> {
        let sender = self.account.transmit.as_ref().expect("a way out");
        sender
            .transmit(&operation, "nonce")
            .await
            .map(|receipt| receipt.message_ids)
    }

    /// Texts of the messages people see, in order.
    pub(super) async fn seen(&self) -> Vec<String> {
        let log = self.get("log").await;
        let sent = log
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["method"] == "sendMessage");
        sent.map(|entry| entry["text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}
