//! What really happened: the chats as people see them, and what the model was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use torana_agents::fake::FakeProvider;

use super::http;
use super::traffic;

/// The visible messages of the bot in every chat, in order.
#[derive(Debug, Default)]
pub(super) struct Chats {
    seen: u64,
    /// How often a message was changed.
    pub(super) edits: usize,
    /// Text by message id, by chat.
    pub(super) messages: BTreeMap<i64, BTreeMap<i64, String>>,
}

impl Chats {
    /// Reads what happened since the last look.
    pub(super) fn refresh(&mut self, platform: SocketAddr, token: &str) {
        let path = format!("/control/log?token={token}&after={}", self.seen);
        let entries = http::get_json(platform, &path);
        for entry in entries.as_array().into_iter().flatten() {
            self.seen = entry["seq"].as_u64().unwrap_or(self.seen);
            self.apply(entry);
        }
    }

    fn apply(&mut self, entry: &Value) {
        let (Some(chat), Some(message)) = (entry["chat_id"].as_i64(), entry["message_id"].as_i64())
        else {
            return;
        };
        let messages = self.messages.entry(chat).or_default();
        match entry["method"].as_str() {
            Some("sendMessage" | "editMessageText") => {
                let text = entry["text"].as_str().unwrap_or_default().to_owned();
                self.edits += usize::from(messages.insert(message, text).is_some());
            }
            Some("deleteMessage") => {
                messages.remove(&message);
            }
            _ => {}
        }
    }

    /// Words people see, in all chats.
    pub(super) fn words(&self) -> usize {
        let texts = self.messages.values().flat_map(BTreeMap::values);
        texts.map(|text| text.split_whitespace().count()).sum()
    }
}

/// How often the model was asked about each message.
///
/// The fake remembers only its latest requests, so look often: at least once per 200 requests.
#[derive(Debug, Default)]
pub(super) struct Questions {
    seen: u64,
    pub(super) by_message: BTreeMap<usize, u32>,
}

impl Questions {
    pub(super) fn refresh(&mut self, provider: &FakeProvider) {
        // Only a list that nobody added to while it was taken can be numbered.
        let (count, recorded) = loop {
            let before = provider.count();
            let recorded = provider.recorded();
            if provider.count() == before {
                break (before, recorded);
            }
        };
        let new = usize::try_from(count - self.seen).expect("few requests at once");
        assert!(
            new <= recorded.len(),
            "the harness looks too seldom: {new} requests since the last time"
        );
        for request in &recorded[recorded.len() - new..] {
            let question = last_user_text(&request.body);
            let number = question.split_whitespace().find_map(traffic::number_of);
            let number = number.unwrap_or_else(|| panic!("the model was asked: {question}"));
            *self.by_message.entry(number).or_default() += 1;
        }
        self.seen = count;
    }
}

fn last_user_text(body: &Value) -> String {
    let messages = body["messages"].as_array();
    let last = messages.and_then(|messages| {
        messages
            .iter()
            .rev()
            .find(|message| message["role"] == "user")
    });
    match last.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}
