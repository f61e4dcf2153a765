//! What the server knows: bots with their queues, chats and webhooks, the log of what people see, and pending faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::limits::Limits;

/// Bots at once; each token that shows up becomes one.
const BOTS_MAX: usize = 1_000;
/// Updates waiting per bot; a million short messages would be some 400 MB.
const QUEUE_MAX: usize = 500_000;
/// Chats per bot.
const CHATS_MAX: usize = 100_000;
/// Messages remembered per chat, for edits, deletes and replies.
const MESSAGES_MAX: usize = 1_000;
/// Entries of a bot's log; the oldest go first.
const LOG_MAX: usize = 200_000;
/// Confirmations remembered per bot.
const ACKS_MAX: usize = 20_000;
/// Faults waiting.
const FAULTS_MAX: usize = 10_000;
/// Telegram keeps updates for 24 hours.
const KEEP_MS: i64 = 24 * 3_600_000;
/// Where numbering starts: any number will do, a round one is easy to read in tests.
const FIRST_UPDATE_ID: i64 = 700_000_001;

/// Everything.
#[derive(Default)]
pub(super) struct State {
    pub(super) bots: BTreeMap<String, Bot>,
    /// The bot that is meant when a control request names none.
    pub(super) first_bot: Option<String>,
    pub(super) faults: Vec<Fault>,
}

/// One bot.
pub(super) struct Bot {
    pub(super) id: i64,
    pub(super) username: String,
    pub(super) can_read_all: bool,
    pub(super) queue: VecDeque<Queued>,
    pub(super) next_update_id: i64,
    pub(super) chats: BTreeMap<i64, Chat>,
    pub(super) webhook: Option<Webhook>,
    /// Grows with each poll and webhook change; a waiting poll that sees another value has lost.
    pub(super) generation: u64,
    pub(super) changed: Arc<Notify>,
    pub(super) log: VecDeque<LogEntry>,
    pub(super) next_seq: u64,
    pub(super) acks: VecDeque<Ack>,
    pub(super) confirmed: i64,
    pub(super) limits: Limits,
    pub(super) commands: serde_json::Value,
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) errors: BTreeMap<u16, u64>,
    pub(super) violations: u64,
    pub(super) delivered: u64,
}

/// One update on its way to the bot.
pub(super) struct Queued {
    pub(super) id: i64,
    pub(super) at_ms: i64,
    pub(super) json: Bytes,
}

/// One chat of a bot.
pub(super) struct Chat {
    pub(super) kind: String,
    pub(super) title: Option<String>,
    pub(super) is_forum: bool,
    pub(super) blocked: bool,
    pub(super) migrated_to: Option<i64>,
    pub(super) closed_topics: Vec<i64>,
    pub(super) next_message_id: i64,
    pub(super) messages: BTreeMap<i64, Stored>,
}

/// A message as far as later calls need it.
pub(super) struct Stored {
    pub(super) by_bot: bool,
    /// Text and parse mode as sent: an edit to the same is refused.
    pub(super) source: String,
    pub(super) visible: String,
    pub(super) from: serde_json::Value,
}

/// A registered webhook.
#[derive(Clone)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
    pub(super) last_error: Option<String>,
}

/// One thing the bot did that people see.
#[derive(Clone, Default, Serialize)]
pub(super) struct LogEntry {
    pub(super) seq: u64,
    pub(super) ts_ms: i64,
    pub(super) method: String,
    pub(super) chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parse_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) edit_of: Option<i64>,
}

/// A confirmation of updates.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Ack {
    pub(super) offset: i64,
    pub(super) ts_ms: i64,
}

/// Something to do wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Fault {
    /// Only this bot; every bot when absent.
    #[serde(default)]
    pub(super) token: Option<String>,
    /// Only this method; `*` is every method.
    pub(super) method: String,
    pub(super) kind: FaultKind,
    /// How many calls it hits.
    #[serde(default = "one")]
    pub(super) count: u32,
    /// Seconds, for `429`.
    #[serde(default, alias = "retry_after")]
    pub(super) retry_after: Option<u64>,
    /// Milliseconds, for `delay`.
    #[serde(default, alias = "delay_ms")]
    pub(super) delay_ms: Option<u64>,
    /// Only calls for this chat.
    #[serde(default, alias = "chat_id")]
    pub(super) chat_id: Option<i64>,
    /// For `error`.
    #[serde(default)]
    pub(super) code: Option<u16>,
    /// For `error`.
    #[serde(default)]
    pub(super) description: Option<String>,
}

fn one() -> u32 {
    1
}

/// What to do wrong. `before` and `after` say whether the call had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum FaultKind {
    #[serde(rename = "429")]
    TooMany,
    #[serde(rename = "500_before")]
    FailBefore,
    #[serde(rename = "500_after")]
    FailAfter,
    #[serde(rename = "reset_before")]
    ResetBefore,
    #[serde(rename = "reset_after")]
    ResetAfter,
    #[serde(rename = "delay")]
    Delay,
    /// A page that is no JSON, with status 200; the call had no effect.
    #[serde(rename = "garbage")]
    Garbage,
    #[serde(rename = "401")]
    Unauthorized,
    #[serde(rename = "409")]
    Conflict,
    /// Any other refusal, by `code` and `description`.
    #[serde(rename = "error")]
    Refuse,
}

// === impl State ===

impl State {
    /// The bot of a token, made when it shows up first. Nothing for a text that is no token.
    pub(super) fn bot(&mut self, token: &str) -> Option<&mut Bot> {
        if !self.bots.contains_key(token) {
            let (id, secret) = token.split_once(':')?;
            let id = id.parse().ok()?;
            if secret.is_empty() || self.bots.len() >= BOTS_MAX {
                return None;
            }
            self.first_bot.get_or_insert_with(|| token.to_owned());
            self.bots.insert(token.to_owned(), Bot::new(id));
        }
        self.bots.get_mut(token)
    }

    /// Adds a fault; false when too many wait.
    pub(super) fn add_fault(&mut self, fault: Fault) -> bool {
        let fits = self.faults.len() < FAULTS_MAX && fault.count > 0;
        if fits {
            self.faults.push(fault);
        }
        fits
    }

    /// The first fault that is meant for a call, counted down.
    pub(super) fn take_fault(
        &mut self,
        token: &str,
        method: &str,
        chat: Option<i64>,
    ) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let index = self.faults.iter().position(|fault| {
            (fault.method == "*" || fault.method.eq_ignore_ascii_case(method))
                && fault.token.as_deref().is_none_or(|wanted| wanted == token)
                && fault.chat_id.is_none_or(|wanted| chat == Some(wanted))
        })?;
        let fault = self.faults[index].clone();
        if fault.count <= 1 {
            self.faults.remove(index);
        } else {
            self.faults[index].count -= 1;
        }
        Some(fault)
    }
}

// === impl Bot ===

impl Bot {
    fn new(id: i64) -> Self {
        Self {
            id,
            username: format!("fake_{id}_bot"),
            can_read_all: false,
            queue: VecDeque::new(),
            next_update_id: FIRST_UPDATE_ID,
            chats: BTreeMap::new(),
            webhook: None,
            generation: 0,
            changed: Arc::new(Notify::new()),
            log: VecDeque::new(),
            next_seq: 1,
            acks: VecDeque::new(),
            confirmed: 0,
            limits: Limits::default(),
            commands: serde_json::json!([]),
            counts: BTreeMap::new(),
            errors: BTreeMap::new(),
            violations: 0,
            delivered: 0,
        }
    }

    /// Queues an update, given without its id; nothing when the queue is full.
    pub(super) fn enqueue(&mut self, kind: &str, content: &str, now_ms: i64) -> Option<i64> {
        if self.queue.len() >= QUEUE_MAX {
            return None;
        }
        let id = self.next_update_id;
        self.next_update_id += 1;
        let json = Bytes::from(format!("{{\"update_id\":{id},\"{kind}\":{content}}}"));
        self.queue.push_back(Queued {
            id,
            at_ms: now_ms,
            json,
        });
        Some(id)
    }

    /// Forgets updates that Telegram would have forgotten.
    pub(super) fn expire(&mut self, now_ms: i64) {
        while self
            .queue
            .front()
            .is_some_and(|queued| now_ms - queued.at_ms > KEEP_MS)
        {
            self.queue.pop_front();
        }
    }

    /// Confirms everything below an offset; a negative one keeps that many of the newest.
    pub(super) fn confirm(&mut self, offset: i64, now_ms: i64) {
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            while self.queue.len() > keep {
                self.queue.pop_front();
            }
            return;
        }
        while self.queue.front().is_some_and(|queued| queued.id < offset) {
            self.queue.pop_front();
        }
        if offset > 0 && offset != self.confirmed {
            self.confirmed = offset;
            if self.acks.len() >= ACKS_MAX {
                self.acks.pop_front();
            }
            self.acks.push_back(Ack {
                offset,
                ts_ms: now_ms,
            });
        }
    }

    /// The first updates of the queue as a JSON list; nothing when there are none.
    pub(super) fn updates(&mut self, limit: usize) -> Option<Vec<u8>> {
        if self.queue.is_empty() {
            return None;
        }
        let mut list = Vec::from(*b"[");
        for queued in self.queue.iter().take(limit) {
            if list.len() > 1 {
                list.push(b',');
            }
            list.extend_from_slice(&queued.json);
            self.delivered += 1;
        }
        list.push(b']');
        Some(list)
    }

    /// A chat, made when it shows up first; nothing when there are too many.
    pub(super) fn chat(&mut self, id: i64, kind: Option<&str>) -> Option<&mut Chat> {
        if !self.chats.contains_key(&id) {
            if self.chats.len() >= CHATS_MAX {
                return None;
            }
            let usual = if id > 0 { "private" } else { "supergroup" };
            self.chats.insert(id, Chat::new(kind.unwrap_or(usual)));
        }
        self.chats.get_mut(&id)
    }

    pub(super) fn write_log(&mut self, mut entry: LogEntry) {
        entry.seq = self.next_seq;
        self.next_seq += 1;
        if self.log.len() >= LOG_MAX {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }
}

// === impl Chat ===

impl Chat {
    fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            title: None,
            is_forum: false,
            blocked: false,
            migrated_to: None,
            closed_topics: Vec::new(),
            next_message_id: 1,
            messages: BTreeMap::new(),
        }
    }

    pub(super) fn is_group(&self) -> bool {
        self.kind != "private"
    }

    /// Stores a message and returns its id.
    pub(super) fn add(&mut self, stored: Stored) -> i64 {
        let id = self.next_message_id;
        self.next_message_id += 1;
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.pop_first();
        }
        self.messages.insert(id, stored);
        id
    }

    /// The chat as Telegram shows it.
    pub(super) fn describe(&self, id: i64) -> serde_json::Value {
        let mut chat = serde_json::json!({ "id": id, "type": self.kind });
        if self.kind == "private" {
            chat["first_name"] = format!("User {id}").into();
        } else {
            chat["title"] = self
                .title
                .clone()
                .unwrap_or_else(|| format!("Group {id}"))
                .into();
        }
        if self.is_forum {
            chat["is_forum"] = true.into();
        }
        chat
    }
}
