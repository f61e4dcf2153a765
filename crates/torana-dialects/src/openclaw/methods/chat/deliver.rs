//! `send`: a text for a chat on a channel.

use serde_json::json;
use torana_core::id::{AccountId, ChannelId};
use torana_engine::SendRequest;

use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Answer, Call, Running};

pub(in crate::openclaw::methods) fn deliver(call: Call) -> Running {
    Box::pin(async move { deliver_now(call).await })
}

async fn deliver_now(mut call: Call) -> Answer {
    let media = ["mediaUrl", "mediaUrls", "buffer"]
        .iter()
        .any(|name| call.params.get(name).is_some());
    if media {
        return Err(WireError::invalid("media is not supported yet; send text"));
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
    let bad = |error: torana_core::id::IdError| WireError::invalid(error.to_string());
    let account = call
        .params
        .word("accountId")
        .map(AccountId::new)
        .transpose()
        .map_err(bad)?;
    let request = SendRequest {
        channel: ChannelId::new(&channel).map_err(bad)?,
        account,
        to: chat,
        thread: call.params.word("threadId").map(str::to_owned),
        text: call.params.take_text("message").unwrap_or_default(),
        key: call.params.take_text("idempotencyKey").unwrap_or_default(),
    };
    let run_id = request.key.clone();
    let sent = call.engine().send(request).await?;
    // The message id is ours: the platform's comes with the receipt, later.
    let message_id = sent.intents.first().map(|id| format!("outbox:{id}"));
    Ok(Payload::of(&json!({
        "runId": run_id, "messageId": message_id, "channel": channel, "intents": sent.intents, "repeated": sent.repeated,
    })))
}
