//! Updates as a person's client would cause them, made from the short form of the control API.

use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{Bot, Stored};

/// A message a person writes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Written {
    pub(super) token: Option<String>,
    pub(super) chat_id: i64,
    pub(super) text: String,
    /// A user object, or only an id; the chat's person when absent.
    pub(super) from: Option<Value>,
    pub(super) chat_type: Option<String>,
    pub(super) title: Option<String>,
    pub(super) thread_id: Option<i64>,
    pub(super) reply_to: Option<i64>,
    /// Found in the text when absent: a leading command, and mentions.
    pub(super) entities: Option<Value>,
    /// Changes this message instead of writing a new one.
    pub(super) edit_of: Option<i64>,
    /// Further fields of the message object.
    pub(super) extra: Option<Value>,
}

/// Queues a message; returns update id and message id, or why not.
pub(super) fn write(
    bot: &mut Bot,
    written: &Written,
    now_ms: i64,
) -> Result<(i64, i64), &'static str> {
    let id = written.chat_id;
    let Some(chat) = bot.chat(id, written.chat_type.as_deref()) else {
        return Err("too many chats");
    };
    if let Some(title) = &written.title {
        chat.title = Some(title.clone());
    }
    chat.is_forum |= written.thread_id.is_some() && chat.kind == "supergroup";
    let is_channel = chat.kind == "channel";
    let from = user(written.from.as_ref(), id);
    let stored = Stored {
        by_bot: false,
        source: written.text.clone(),
        visible: written.text.clone(),
        from: from.clone(),
    };
    let message_id = match written.edit_of {
        Some(message) => {
            chat.messages.insert(message, stored);
            message
        }
        None => chat.add(stored),
    };
    let mut message = json!({
        "message_id": message_id,
        "chat": chat.describe(id),
        "date": now_ms / 1000,
        "text": written.text,
    });
    if is_channel {
        message["sender_chat"] = chat.describe(id);
    } else {
        message["from"] = from;
    }
    if let Some(thread) = written.thread_id {
        message["message_thread_id"] = thread.into();
        message["is_topic_message"] = true.into();
    }
    if let Some(reply) = written.reply_to
        && let Some(stored) = chat.messages.get(&reply)
    {
        message["reply_to_message"] = json!({
            "message_id": reply,
            "from": stored.from,
            "chat": chat.describe(id),
            "date": now_ms / 1000,
            "text": stored.visible,
        });
    }
    let entities = written
        .entities
        .clone()
        .unwrap_or_else(|| found_entities(&written.text));
    if entities
        .as_array()
        .is_some_and(|entities| !entities.is_empty())
    {
        message["entities"] = entities;
    }
    if let Some(Value::Object(extra)) = &written.extra {
        for (key, value) in extra {
            message[key] = value.clone();
        }
    }
    let kind = match (is_channel, written.edit_of.is_some()) {
        (false, false) => "message",
        (false, true) => "edited_message",
        (true, false) => "channel_post",
        (true, true) => "edited_channel_post",
    };
    if written.edit_of.is_some() {
        message["edit_date"] = (now_ms / 1000).into();
    }
    match bot.enqueue(kind, &message.to_string(), now_ms) {
        Some(update_id) => Ok((update_id, message_id)),
        None => Err("the queue is full"),
    }
}

fn user(written: Option<&Value>, chat: i64) -> Value {
    let id = match written {
        Some(Value::Object(_)) => {
            let mut user = written.cloned().unwrap_or_default();
            if user.get("is_bot").is_none() {
                user["is_bot"] = false.into();
            }
            if user.get("first_name").is_none() {
                user["first_name"] = "User".into();
            }
            return user;
        }
        Some(other) => other.as_i64().unwrap_or(1),
        // In a private chat the chat's id is the person's.
        None if chat > 0 => chat,
        None => 1,
    };
    json!({ "id": id, "is_bot": false, "first_name": format!("User {id}"), "username": format!("user{id}") })
}

/// What Telegram's clients mark by themselves.
fn found_entities(text: &str) -> Value {
    let mut entities = Vec::new();
    let units = |part: &str| part.encode_utf16().count();
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let trimmed = word.trim_end();
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if let Some(command) = trimmed.strip_prefix('/') {
            let (name, bot) = command.split_once('@').unwrap_or((command, "x"));
            if is_name(name) && is_name(bot) {
                entities.push(json!({ "type": "bot_command", "offset": units(&text[..at]), "length": units(trimmed) }));
            }
        } else if let Some(name) = trimmed.strip_prefix('@') {
            let name = name.trim_end_matches(|character: char| {
                !character.is_ascii_alphanumeric() && character != '_'
            });
            if is_name(name) {
                entities.push(json!({ "type": "mention", "offset": units(&text[..at]), "length": name.len() + 1 }));
            }
        }
        at += word.len();
    }
    Value::Array(entities)
}
