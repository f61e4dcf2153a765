//! The Bot API methods that answer at once. `getUpdates`, which waits, is in `server`.

use serde_json::{Value, json};

use super::html;
use super::params::Params;
use super::state::{Bot, Chat, LogEntry, Stored, Webhook};

/// The most a message may have, in UTF-16 units, after its markup is parsed.
const TEXT_UNITS_MAX: usize = 4096;

/// What a method answers.
#[derive(Debug)]
pub(super) enum Reply {
    Result(Value),
    Refused {
        code: u16,
        description: String,
        parameters: Option<Value>,
    },
}

impl Reply {
    pub(super) fn bad(description: &str) -> Self {
        Self::Refused {
            code: 400,
            description: format!("Bad Request: {description}"),
            parameters: None,
        }
    }

    pub(super) fn too_many(retry_after: u64) -> Self {
        Self::Refused {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            parameters: Some(json!({ "retry_after": retry_after })),
        }
    }

    /// The answer as Telegram writes it, with its status.
    pub(super) fn into_answer(self) -> (u16, Vec<u8>) {
        let (status, body) = match self {
            Self::Result(result) => (200, json!({ "ok": true, "result": result })),
            Self::Refused {
                code,
                description,
                parameters,
            } => {
                let mut body =
                    json!({ "ok": false, "error_code": code, "description": description });
                if let Some(parameters) = parameters {
                    body["parameters"] = parameters;
                }
                (code, body)
            }
        };
        (status, body.to_string().into_bytes())
    }
}

/// One call with its surroundings.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) params: &'a Params,
    pub(super) wall_ms: i64,
    pub(super) monotonic_ms: u64,
    pub(super) limits: bool,
}

/// Carries out a method.
pub(super) fn run(bot: &mut Bot, call: &Call<'_>) -> Reply {
    match call.method.to_ascii_lowercase().as_str() {
        "getme" => get_me(bot),
        "sendmessage" => send(bot, call),
        "editmessagetext" => edit(bot, call),
        "deletemessage" => delete(bot, call),
        "sendchataction" => visible_sign(bot, call, "action"),
        "sendmessagedraft" => draft(bot, call),
        "setmycommands" => set_commands(bot, call.params),
        "getmycommands" => Reply::Result(bot.commands.clone()),
        "deletemycommands" => {
            bot.commands = json!([]);
            Reply::Result(json!(true))
        }
        "answercallbackquery" => match call.params.text("callback_query_id") {
            Some(_) => Reply::Result(json!(true)),
            None => {
                Reply::bad("query is too old and response timeout expired or query ID is invalid")
            }
        },
        "setwebhook" => set_webhook(bot, call.params),
        "deletewebhook" => delete_webhook(bot, call.params),
        "getwebhookinfo" => webhook_info(bot),
        "logout" | "close" => Reply::Result(json!(true)),
        _ => Reply::Refused {
            code: 404,
            description: "Not Found: method not found".to_owned(),
            parameters: None,
        },
    }
}

/// The bot as a user.
pub(super) fn bot_user(bot: &Bot) -> Value {
    json!({ "id": bot.id, "is_bot": true, "first_name": "Fake bot", "username": bot.username })
}

fn get_me(bot: &Bot) -> Reply {
    let mut me = bot_user(bot);
    me["can_join_groups"] = true.into();
    me["can_read_all_group_messages"] = bot.can_read_all.into();
    me["supports_inline_queries"] = false.into();
    me["can_connect_to_business"] = false.into();
    me["has_main_web_app"] = false.into();
    Reply::Result(me)
}

/// The chat of a call, when the bot may write there.
fn writable<'a>(bot: &'a mut Bot, call: &Call<'_>) -> Result<(i64, &'a mut Chat), Reply> {
    let Some(id) = call.params.integer("chat_id") else {
        return Err(Reply::bad("chat not found"));
    };
    let Some(chat) = bot.chats.get_mut(&id) else {
        return Err(Reply::bad("chat not found"));
    };
    if let Some(moved) = chat.migrated_to {
        return Err(Reply::Refused {
            code: 400,
            description: "Bad Request: group chat was upgraded to a supergroup chat".to_owned(),
            parameters: Some(json!({ "migrate_to_chat_id": moved })),
        });
    }
    if chat.blocked {
        let description = if chat.is_group() {
            "Forbidden: bot was kicked from the group chat"
        } else {
            "Forbidden: bot was blocked by the user"
        };
        return Err(Reply::Refused {
            code: 403,
            description: description.to_owned(),
            parameters: None,
        });
    }
    if let Some(thread) = call.params.integer("message_thread_id") {
        if chat.closed_topics.contains(&thread) {
            return Err(Reply::bad("TOPIC_CLOSED"));
        }
        if thread == 1 && call.method.eq_ignore_ascii_case("sendMessage") {
            return Err(Reply::bad("message thread not found"));
        }
    }
    Ok((id, chat))
}

/// The text as sent, what marks it as different from another, and what people see of it.
fn text_of(params: &Params) -> Result<(String, String, String), Reply> {
    let text = params.text("text").unwrap_or_default();
    let parse_mode = params.text("parse_mode").unwrap_or_default();
    let visible = if parse_mode.eq_ignore_ascii_case("html") {
        html::visible_text(&text).map_err(|description| Reply::Refused {
            code: 400,
            description,
            parameters: None,
        })?
    } else {
        text.clone()
    };
    if visible.trim().is_empty() {
        return Err(Reply::bad("message text is empty"));
    }
    if visible.trim().encode_utf16().count() > TEXT_UNITS_MAX {
        return Err(Reply::bad("message is too long"));
    }
    let source = format!("{parse_mode}\n{text}");
    Ok((text, source, visible))
}

fn count_against_limits(
    bot: &mut Bot,
    call: &Call<'_>,
    chat: i64,
    is_group: bool,
) -> Result<(), Reply> {
    if !call.limits {
        return Ok(());
    }
    bot.limits
        .take(chat, is_group, call.monotonic_ms)
        .map_err(|wait| {
            bot.violations += 1;
            Reply::too_many(wait)
        })
}

fn send(bot: &mut Bot, call: &Call<'_>) -> Reply {
    try_send(bot, call).unwrap_or_else(|refused| refused)
}

fn try_send(bot: &mut Bot, call: &Call<'_>) -> Result<Reply, Reply> {
    let (id, chat) = writable(bot, call)?;
    let is_group = chat.is_group();
    let (text, source, visible) = text_of(call.params)?;
    let reply_to = call.params.structure("reply_parameters").and_then(|reply| {
        let allowed = reply["allow_sending_without_reply"]
            .as_bool()
            .unwrap_or(false);
        Some((reply["message_id"].as_i64()?, allowed))
    });
    let known = |message: i64, chat: &Chat| chat.messages.contains_key(&message);
    let reply_to = match reply_to {
        Some((message, allowed)) if !known(message, chat) => {
            if !allowed {
                return Err(Reply::bad("message to be replied not found"));
            }
            None
        }
        other => other.map(|(message, _)| message),
    };
    count_against_limits(bot, call, id, is_group)?;
    let from = bot_user(bot);
    let Some(chat) = bot.chats.get_mut(&id) else {
        return Err(Reply::bad("chat not found"));
    };
    let message_id = chat.add(Stored {
        by_bot: true,
        source,
        visible: visible.clone(),
        from: from.clone(),
    });
    let thread = call.params.integer("message_thread_id");
    let mut message = json!({
        "message_id": message_id,
        "from": from,
        "chat": chat.describe(id),
        "date": call.wall_ms / 1000,
        "text": visible,
    });
    if let Some(thread) = thread {
        message["message_thread_id"] = thread.into();
        message["is_topic_message"] = true.into();
    }
    bot.write_log(LogEntry {
        ts_ms: call.wall_ms,
        method: "sendMessage".to_owned(),
        chat_id: id,
        message_id: Some(message_id),
        text: Some(text),
        parse_mode: call.params.text("parse_mode"),
        thread,
        reply_to,
        ..LogEntry::default()
    });
    Ok(Reply::Result(message))
}

fn edit(bot: &mut Bot, call: &Call<'_>) -> Reply {
    try_edit(bot, call).unwrap_or_else(|refused| refused)
}

fn try_edit(bot: &mut Bot, call: &Call<'_>) -> Result<Reply, Reply> {
    let (id, chat) = writable(bot, call)?;
    let is_group = chat.is_group();
    let Some(message_id) = call.params.integer("message_id") else {
        return Err(Reply::bad("message identifier is not specified"));
    };
    let (text, source, visible) = text_of(call.params)?;
    match chat.messages.get(&message_id) {
        None => return Err(Reply::bad("message to edit not found")),
        Some(stored) if !stored.by_bot => return Err(Reply::bad("message can't be edited")),
        Some(stored) if stored.source == source => {
            return Err(Reply::bad(
                "message is not modified: specified new message content and reply markup are exactly the same as a current \
                 content and reply markup of the message",
            ));
        }
        Some(_) => {}
    }
    count_against_limits(bot, call, id, is_group)?;
    let from = bot_user(bot);
    let Some(chat) = bot.chats.get_mut(&id) else {
        return Err(Reply::bad("chat not found"));
    };
    chat.messages.insert(
        message_id,
        Stored {
            by_bot: true,
            source,
            visible: visible.clone(),
            from: from.clone(),
        },
    );
    let message = json!({
        "message_id": message_id,
        "from": from,
        "chat": chat.describe(id),
        "date": call.wall_ms / 1000,
        "edit_date": call.wall_ms / 1000,
        "text": visible,
    });
    bot.write_log(LogEntry {
        ts_ms: call.wall_ms,
        method: "editMessageText".to_owned(),
        chat_id: id,
        message_id: Some(message_id),
        text: Some(text),
        parse_mode: call.params.text("parse_mode"),
        edit_of: Some(message_id),
        ..LogEntry::default()
    });
    Ok(Reply::Result(message))
}

fn delete(bot: &mut Bot, call: &Call<'_>) -> Reply {
    let (id, chat) = match writable(bot, call) {
        Ok(place) => place,
        Err(refused) => return refused,
    };
    let Some(message_id) = call.params.integer("message_id") else {
        return Reply::bad("message identifier is not specified");
    };
    if chat.messages.remove(&message_id).is_none() {
        return Reply::bad("message to delete not found");
    }
    bot.write_log(LogEntry {
        ts_ms: call.wall_ms,
        method: "deleteMessage".to_owned(),
        chat_id: id,
        message_id: Some(message_id),
        ..LogEntry::default()
    });
    Reply::Result(json!(true))
}

/// Something people see for a moment only.
fn visible_sign(bot: &mut Bot, call: &Call<'_>, text_key: &str) -> Reply {
    let id = match writable(bot, call) {
        Ok((id, _)) => id,
        Err(refused) => return refused,
    };
    let Some(text) = call.params.text(text_key) else {
        return Reply::bad("wrong parameter action in request");
    };
    bot.write_log(LogEntry {
        ts_ms: call.wall_ms,
        method: call.method.to_owned(),
        chat_id: id,
        text: Some(text),
        thread: call.params.integer("message_thread_id"),
        ..LogEntry::default()
    });
    Reply::Result(json!(true))
}

fn draft(bot: &mut Bot, call: &Call<'_>) -> Reply {
    if call.params.integer("draft_id").unwrap_or(0) == 0 {
        return Reply::bad("DRAFT_ID_INVALID");
    }
    if call.params.integer("chat_id").is_none_or(|id| id <= 0) {
        return Reply::bad("chat not found");
    }
    if call
        .params
        .text("text")
        .is_some_and(|text| !text.is_empty())
        && let Err(refused) = text_of(call.params)
    {
        return refused;
    }
    visible_sign(bot, call, "text")
}

fn set_commands(bot: &mut Bot, params: &Params) -> Reply {
    let Some(Value::Array(commands)) = params.structure("commands") else {
        return Reply::bad("can't parse commands JSON object");
    };
    if commands.len() > 100 {
        return Reply::bad("BOT_COMMANDS_TOO_MUCH");
    }
    for command in &commands {
        let name = command["command"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches('/');
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if name.is_empty() || name.len() > 32 || !plain {
            return Reply::bad("BOT_COMMAND_INVALID");
        }
        let description = command["description"].as_str().unwrap_or_default();
        if description.is_empty() || description.chars().count() > 256 {
            return Reply::bad("BOT_COMMAND_DESCRIPTION_INVALID");
        }
    }
    bot.commands = Value::Array(commands);
    Reply::Result(json!(true))
}

fn set_webhook(bot: &mut Bot, params: &Params) -> Reply {
    let url = params.text("url").unwrap_or_default();
    if url.is_empty() {
        return delete_webhook(bot, params);
    }
    // Telegram insists on https; on loopback there is nobody to listen in.
    if !url.starts_with("https://")
        && !url.starts_with("http://127.0.0.1")
        && !url.starts_with("http://localhost")
    {
        return Reply::bad("bad webhook: An HTTPS URL must be provided for webhook");
    }
    let secret = params.text("secret_token");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if secret
        .as_deref()
        .is_some_and(|secret| secret.len() > 256 || !secret.bytes().all(plain))
    {
        return Reply::bad("secret token contains unallowed characters");
    }
    drop_pending(bot, params);
    bot.webhook = Some(Webhook {
        url,
        secret,
        last_error: None,
    });
    bot.generation += 1;
    bot.changed.notify_waiters();
    Reply::Result(json!(true))
}

fn delete_webhook(bot: &mut Bot, params: &Params) -> Reply {
    drop_pending(bot, params);
    if bot.webhook.take().is_some() {
        bot.generation += 1;
        bot.changed.notify_waiters();
    }
    Reply::Result(json!(true))
}

fn drop_pending(bot: &mut Bot, params: &Params) {
    if params.text("drop_pending_updates").as_deref() == Some("true")
        || params.structure("drop_pending_updates") == Some(Value::Bool(true))
    {
        bot.queue.clear();
    }
}

fn webhook_info(bot: &Bot) -> Reply {
    let mut info = json!({
        "url": bot.webhook.as_ref().map(|webhook| webhook.url.as_str()).unwrap_or_default(),
        "has_custom_certificate": false,
        "pending_update_count": bot.queue.len(),
    });
    if let Some(error) = bot
        .webhook
        .as_ref()
        .and_then(|webhook| webhook.last_error.as_deref())
    {
        info["last_error_message"] = error.into();
    }
    Reply::Result(info)
}
