//! The control API: what people write, what goes wrong, and what came out.
//!
//! `POST /control/{message,messages,update,chat,bot,faults,reset}`, `GET /control/{log,acks,stats}`.
//! Where a token is optional, the first bot that showed up is meant.

use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{Bot, Fault, LogEntry, State};
use super::update::{self, Written};

/// Entries of one answer to `log`.
const LOG_PAGE_MAX: usize = 200_000;

/// Several messages: listed, or the same text over many chats.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Many {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    messages: Vec<Written>,
    /// How many to make up; message `n` goes to chat `firstChatId + n % chats` with `{n}` in the text replaced.
    #[serde(default)]
    count: u32,
    #[serde(default = "one_chat")]
    chats: u32,
    #[serde(default = "first_chat")]
    first_chat_id: i64,
    #[serde(default = "made_up_text")]
    text: String,
}

fn one_chat() -> u32 {
    1
}

fn first_chat() -> i64 {
    1000
}

fn made_up_text() -> String {
    "message {n}".to_owned()
}

/// Changes a chat.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChatChange {
    #[serde(default)]
    token: Option<String>,
    chat_id: i64,
    chat_type: Option<String>,
    title: Option<String>,
    is_forum: Option<bool>,
    blocked: Option<bool>,
    migrate_to: Option<i64>,
    #[serde(default)]
    closed_topics: Vec<i64>,
}

/// Changes a bot.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BotChange {
    #[serde(default)]
    token: Option<String>,
    username: Option<String>,
    can_read_all: Option<bool>,
    /// The id of the next update, to imitate Telegram's renumbering.
    next_update_id: Option<i64>,
}

/// A whole update, given without its id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUpdate {
    #[serde(default)]
    token: Option<String>,
    /// One key, the kind, with its content.
    update: serde_json::Map<String, Value>,
}

/// An answer: status and body.
pub(super) type Answer = (u16, Value);

fn refuse(reason: &str) -> Answer {
    (400, json!({ "error": reason }))
}

fn bot<'a>(state: &'a mut State, token: Option<&str>) -> Result<&'a mut Bot, Answer> {
    let token = match token.map(str::to_owned).or_else(|| state.first_bot.clone()) {
        Some(token) => token,
        None => return Err(refuse("no bot has shown up yet; give a `token`")),
    };
    state.bot(&token).ok_or_else(|| refuse("not a bot token"))
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|error| refuse(&error.to_string()))
}

/// Carries out a `POST`.
pub(super) fn post(state: &mut State, what: &str, body: &[u8], now_ms: i64) -> Answer {
    let answer = match what {
        "message" => message(state, body, now_ms),
        "messages" => messages(state, body, now_ms),
        "update" => raw_update(state, body, now_ms),
        "chat" => change_chat(state, body),
        "bot" => change_bot(state, body),
        "faults" => faults(state, body),
        "reset" => {
            *state = State::default();
            Ok((200, json!({ "ok": true })))
        }
        _ => Ok((404, json!({ "error": "no such control" }))),
    };
    answer.unwrap_or_else(|refused| refused)
}

/// Carries out a `GET`.
pub(super) fn get(state: &mut State, what: &str, query: &str) -> Answer {
    let parameter = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    if what == "faults" {
        return (200, json!({ "waiting": state.faults.len() }));
    }
    let bot = match bot(state, parameter("token").as_deref()) {
        Ok(bot) => bot,
        Err(refused) => return refused,
    };
    match what {
        "log" => {
            let after: u64 = parameter("after")
                .and_then(|after| after.parse().ok())
                .unwrap_or(0);
            let method = parameter("method");
            let wanted = |entry: &&LogEntry| {
                entry.seq > after && method.as_ref().is_none_or(|method| *method == entry.method)
            };
            let entries: Vec<&LogEntry> =
                bot.log.iter().filter(wanted).take(LOG_PAGE_MAX).collect();
            (200, json!(entries))
        }
        "acks" => (
            200,
            json!({ "confirmed": bot.confirmed, "waiting": bot.queue.len(), "acks": bot.acks }),
        ),
        "stats" => (
            200,
            json!({
                "calls": bot.counts,
                "errors": bot.errors,
                "violations": bot.violations,
                "waiting": bot.queue.len(),
                "delivered": bot.delivered,
                "chats": bot.chats.len(),
                "logged": bot.next_seq - 1,
                "commands": bot.commands,
                "webhook": bot.webhook.as_ref().map(|webhook| webhook.url.as_str()),
            }),
        ),
        _ => (404, json!({ "error": "no such control" })),
    }
}

fn message(state: &mut State, body: &[u8], now_ms: i64) -> Result<Answer, Answer> {
    let written: Written = read(body)?;
    let bot = bot(state, written.token.as_deref())?;
    let (update_id, message_id) = update::write(bot, &written, now_ms).map_err(refuse)?;
    bot.changed.notify_waiters();
    Ok((
        200,
        json!({ "update_id": update_id, "message_id": message_id }),
    ))
}

fn messages(state: &mut State, body: &[u8], now_ms: i64) -> Result<Answer, Answer> {
    let many: Many = match read::<Vec<Written>>(body) {
        Ok(messages) => Many {
            token: messages.first().and_then(|message| message.token.clone()),
            messages,
            count: 0,
            chats: one_chat(),
            first_chat_id: first_chat(),
            text: String::new(),
        },
        Err(_) => read(body)?,
    };
    let bot = bot(state, many.token.as_deref())?;
    let mut ids = Vec::new();
    let mut last = 0;
    for written in &many.messages {
        let (update_id, message_id) = update::write(bot, written, now_ms).map_err(refuse)?;
        ids.push(json!({ "update_id": update_id, "message_id": message_id }));
        last = update_id;
    }
    for number in 0..many.count {
        let written = Written {
            chat_id: many.first_chat_id + i64::from(number % many.chats.max(1)),
            text: many.text.replace("{n}", &number.to_string()),
            ..Written::default()
        };
        last = update::write(bot, &written, now_ms).map_err(refuse)?.0;
    }
    bot.changed.notify_waiters();
    let queued = many.messages.len() + usize::try_from(many.count).unwrap_or(usize::MAX);
    Ok((
        200,
        json!({ "queued": queued, "last_update_id": last, "messages": ids }),
    ))
}

fn raw_update(state: &mut State, body: &[u8], now_ms: i64) -> Result<Answer, Answer> {
    let raw: RawUpdate = read(body)?;
    let bot = bot(state, raw.token.as_deref())?;
    let Some((kind, content)) = raw.update.iter().next() else {
        return Err(refuse("the update is empty"));
    };
    let Some(update_id) = bot.enqueue(kind, &content.to_string(), now_ms) else {
        return Err(refuse("the queue is full"));
    };
    bot.changed.notify_waiters();
    Ok((200, json!({ "update_id": update_id })))
}

fn change_chat(state: &mut State, body: &[u8]) -> Result<Answer, Answer> {
    let change: ChatChange = read(body)?;
    let bot = bot(state, change.token.as_deref())?;
    let Some(chat) = bot.chat(change.chat_id, change.chat_type.as_deref()) else {
        return Err(refuse("too many chats"));
    };
    chat.title = change.title.or(chat.title.take());
    chat.is_forum = change.is_forum.unwrap_or(chat.is_forum);
    chat.blocked = change.blocked.unwrap_or(chat.blocked);
    chat.closed_topics = change.closed_topics;
    chat.migrated_to = change.migrate_to.or(chat.migrated_to);
    if let Some(moved) = change.migrate_to {
        bot.chat(moved, Some("supergroup"));
    }
    Ok((200, json!({ "ok": true })))
}

fn change_bot(state: &mut State, body: &[u8]) -> Result<Answer, Answer> {
    let change: BotChange = read(body)?;
    let bot = bot(state, change.token.as_deref())?;
    if let Some(username) = change.username {
        bot.username = username;
    }
    bot.can_read_all = change.can_read_all.unwrap_or(bot.can_read_all);
    bot.next_update_id = change.next_update_id.unwrap_or(bot.next_update_id);
    Ok((200, json!({ "ok": true })))
}

fn faults(state: &mut State, body: &[u8]) -> Result<Answer, Answer> {
    let faults: Vec<Fault> = match read::<Vec<Fault>>(body) {
        Ok(faults) => faults,
        Err(_) => vec![read(body)?],
    };
    for fault in faults {
        if !state.add_fault(fault) {
            return Err(refuse("too many faults wait, or the count is 0"));
        }
    }
    Ok((200, json!({ "ok": true, "waiting": state.faults.len() })))
}
