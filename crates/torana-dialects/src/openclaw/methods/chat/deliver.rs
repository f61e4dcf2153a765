//! `send` and `message.action`: words for a chat on a channel, and changes of what was said there, each durable.

use serde_json::{Value, json};
use torana_core::id::{AccountId, ChannelId, IdError};
use torana_core::key::SessionKey;
use torana_engine::service::sessions;
use torana_engine::{Deed, SendRequest, Sent};

use super::key_of;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Answer, Call, Running};

/// Members of an action in which files would come.
const MEDIA: &[&str] = &[
    "media",
    "mediaUrl",
    "mediaUrls",
    "buffer",
    "filePath",
    "path",
];
/// How our own answers name a message before its platform has.
const OWN_ID: &str = "outbox:";

pub(in crate::openclaw::methods) fn deliver(call: Call) -> Running {
    Box::pin(async move { deliver_now(call).await })
}

fn no_media() -> WireError {
    WireError::invalid("media is not supported yet; send text")
}

/// The session that also keeps what is sent, when one is named. It has to be there.
async fn mirror_of(call: &Call) -> Result<Option<SessionKey>, WireError> {
    let Some(key) = call.params.word("sessionKey") else {
        return Ok(None);
    };
    let session = key_of(call, key, call.params.word("agentId"))?;
    if sessions::get(call.engine(), &session).await?.is_none() {
        return Err(WireError::invalid(format!("No session found: {session}")));
    }
    Ok(Some(session))
}

/// Sends, and keeps the words in the session that is named, once however often the request is repeated.
async fn perform(call: &Call, request: SendRequest) -> Result<Sent, WireError> {
    let mirror = mirror_of(call).await?;
    let words = match request.deed {
        Deed::Say | Deed::Answer(_) => Some(request.text.clone()),
        Deed::Edit(_) | Deed::Delete(_) => None,
    };
    let sent = call.engine().send(request).await?;
    if let (Some(session), Some(words), false) = (mirror, words, sent.repeated) {
        call.engine().inject(&session, words, None).await?;
    }
    Ok(sent)
}

async fn deliver_now(mut call: Call) -> Answer {
    let media = ["mediaUrl", "mediaUrls", "buffer"]
        .iter()
        .any(|name| call.params.get(name).is_some());
    if media {
        return Err(no_media());
    }
    let to = call.params.word("to").unwrap_or_default().to_owned();
    // `telegram:123` names channel and chat at once, as our command line writes it.
    let (channel, chat) = match call.params.word("channel") {
        Some(channel) => {
            let own = format!("{channel}:");
            (
                channel.to_owned(),
                to.strip_prefix(&own).unwrap_or(&to).to_owned(),
            )
        }
        None => match to.split_once(':') {
            Some((channel, chat)) if !channel.is_empty() && !chat.is_empty() => {
                (channel.to_owned(), chat.to_owned())
            }
            _ => {
                return Err(WireError::invalid(
                    "channel required: name one, or write the target as channel:chat",
                ));
            }
        },
    };
    let bad = |error: IdError| WireError::invalid(error.to_string());
    let account = call
        .params
        .word("accountId")
        .map(AccountId::new)
        .transpose()
        .map_err(bad)?;
    let deed = match call.params.word("replyToId") {
        Some(id) => Deed::Answer(platform_id(&call, id).await?),
        None => Deed::Say,
    };
    let request = SendRequest {
        channel: ChannelId::new(&channel).map_err(bad)?,
        account,
        to: chat,
        thread: call.params.word("threadId").map(str::to_owned),
        deed,
        text: call.params.take_text("message").unwrap_or_default(),
        key: call.params.take_text("idempotencyKey").unwrap_or_default(),
    };
    let run_id = request.key.clone();
    let sent = perform(&call, request).await?;
    Ok(Payload::of(&json!({
        "runId": run_id, "messageId": message_id(&sent), "channel": channel, "intents": sent.intents,
        "repeated": sent.repeated,
    })))
}

/// The message id is ours: the platform's comes with the receipt, later.
fn message_id(sent: &Sent) -> Option<String> {
    sent.intents.first().map(|id| format!("{OWN_ID}{id}"))
}

/// A message by the platform's id, or by the one `send` answered with.
async fn platform_id(call: &Call, id: &str) -> Result<String, WireError> {
    let Some(intent) = id.strip_prefix(OWN_ID) else {
        return Ok(id.to_owned());
    };
    let found = match intent.parse() {
        Ok(intent) => call.engine().message_of(intent).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        WireError::invalid(format!(
            "the message {OWN_ID}{} is not on its platform",
            intent.chars().take(20).collect::<String>()
        ))
    })
}

pub(in crate::openclaw::methods) fn action(call: Call) -> Running {
    Box::pin(async move { act(call).await })
}

/// What an action asks for, read from its own parameters.
struct Wanted<'a>(&'a Value);

impl Wanted<'_> {
    fn word(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            self.0[*name]
                .as_str()
                .map(str::trim)
                .filter(|text| !text.is_empty())
        })
    }

    /// Texts, and numbers as some clients send ids.
    fn id(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| match &self.0[*name] {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }
}

/// `message.action`: what channels of this build can do on request.
async fn act(mut call: Call) -> Answer {
    let action = call.params.word("action").unwrap_or_default().to_owned();
    let params = call.params.get("params").cloned().unwrap_or_default();
    let wanted = Wanted(&params);
    let deed = deed_of(&call, &action, &wanted).await?;
    let channel = call
        .params
        .word("channel")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let own = format!("{channel}:");
    let to = wanted
        .id(&["to", "target", "channelId", "chatId"])
        .ok_or_else(|| WireError::invalid(format!("message.action {action} needs a target")))?;
    let to = to.strip_prefix(&own).unwrap_or(&to).to_owned();
    let has_media = MEDIA
        .iter()
        .any(|name| params[*name].is_string() || params[*name].is_array());
    if has_media {
        return Err(no_media());
    }
    let text = match deed {
        Deed::Delete(_) => "",
        _ => wanted.word(&["message", "text"]).ok_or_else(|| {
            WireError::invalid(format!("message.action {action} needs a message"))
        })?,
    };
    if params["dryRun"] == json!(true) {
        return Ok(Payload::of(&json!({
            "ok": true, "dryRun": true, "action": action, "channel": channel, "to": to,
        })));
    }
    let bad = |error: IdError| WireError::invalid(error.to_string());
    let account = call
        .params
        .word("accountId")
        .or_else(|| wanted.word(&["accountId"]));
    let request = SendRequest {
        channel: ChannelId::new(&channel).map_err(bad)?,
        account: account.map(AccountId::new).transpose().map_err(bad)?,
        to: to.clone(),
        thread: wanted.id(&["threadId"]),
        deed,
        text: text.to_owned(),
        key: call.params.take_text("idempotencyKey").unwrap_or_default(),
    };
    let changes = match &request.deed {
        Deed::Edit(id) | Deed::Delete(id) => Some(id.clone()),
        Deed::Say | Deed::Answer(_) => None,
    };
    let sent = perform(&call, request).await?;
    Ok(Payload::of(&json!({
        "ok": true, "action": action, "channel": channel, "to": to,
        "messageId": changes.or_else(|| message_id(&sent)), "intents": sent.intents, "repeated": sent.repeated,
    })))
}

/// The deed an action names, with the message it is about.
async fn deed_of(call: &Call, action: &str, wanted: &Wanted<'_>) -> Result<Deed, WireError> {
    let about = |names: &[&str]| {
        wanted
            .id(names)
            .ok_or_else(|| WireError::invalid(format!("message.action {action} needs a messageId")))
    };
    match action {
        "send" | "thread-reply" => {
            if action == "thread-reply" && wanted.id(&["threadId"]).is_none() {
                return Err(WireError::invalid(
                    "message.action thread-reply needs a threadId",
                ));
            }
            let stated = call
                .params
                .get("reply")
                .and_then(|reply| reply["replyToId"].as_str())
                .map(str::to_owned);
            match stated.or_else(|| wanted.id(&["replyTo", "replyToId"])) {
                Some(id) => Ok(Deed::Answer(platform_id(call, &id).await?)),
                None => Ok(Deed::Say),
            }
        }
        "reply" => {
            let id = about(&["messageId", "replyTo", "replyToId"])?;
            Ok(Deed::Answer(platform_id(call, &id).await?))
        }
        "edit" => Ok(Deed::Edit(
            platform_id(call, &about(&["messageId"])?).await?,
        )),
        "delete" | "unsend" => Ok(Deed::Delete(
            platform_id(call, &about(&["messageId"])?).await?,
        )),
        _ => Err(WireError::invalid(format!(
            "unsupported message action: {}",
            action.chars().take(64).collect::<String>()
        ))),
    }
}
