//! `chat.*` and `send`.

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::id::{AccountId, ChannelId};
use torana_core::key::SessionKey;
use torana_engine::service::history::{self, HistoryPage};
use torana_engine::service::sessions::SessionView;
use torana_engine::store::inbox::ClientInput;
use torana_engine::{ClientTurn, SendRequest, StopReason, SubmitStatus};

use super::{Answer, Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::quirks::HISTORY_BYTES_MAX;
use crate::openclaw::shape;

/// Lines of history when no limit is asked for (OpenClaw 2026.9.6).
const HISTORY_LIMIT_DEFAULT: usize = 200;

/// The session a call names; an agent beside it completes short spellings.
pub(super) fn session_of(call: &Call, name: &str) -> Result<SessionKey, WireError> {
    let text = call.params.word(name).unwrap_or("main");
    let engine = call.engine();
    if let Some(agent) = call.params.word("agentId")
        && !text.to_ascii_lowercase().starts_with("agent:")
        && !text.eq_ignore_ascii_case("global")
    {
        return Ok(engine.parse_key(&format!("agent:{agent}:{text}"))?);
    }
    Ok(engine.parse_key(text)?)
}

pub(super) fn send(mut call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let attachments = call
            .params
            .get("attachments")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let text = call.params.take_text("message").unwrap_or_default();
        if attachments > 0 {
            // Said instead of ignored: the person would believe that the agent saw the file.
            return Err(WireError::invalid(
                "attachments are not supported yet; send the text without them",
            ));
        }
        if text.trim().is_empty() {
            return Err(WireError::invalid("message or attachment required"));
        }
        let input = ClientInput {
            text,
            thinking: call.params.word("thinking").map(str::to_owned),
            timeout_ms: call
                .params
                .int("timeoutMs")
                .and_then(|ms| u64::try_from(ms).ok())
                .filter(|ms| *ms > 0),
            owner: call.scopes().allows(Scope::Admin),
            queue_mode: call.params.text("queueMode").map(str::to_owned),
            ..ClientInput::default()
        };
        let key = call.params.take_text("idempotencyKey").unwrap_or_default();
        let turn = ClientTurn {
            method: "chat.send",
            session,
            key,
            input,
            origin: Some(call.client.id),
        };
        let submitted = call.engine().submit(turn).await?;
        let status = match &submitted.status {
            SubmitStatus::Started(_) => "started",
            SubmitStatus::InFlight(_) => "in_flight",
            SubmitStatus::Finished(result) => {
                match result.as_ref().and_then(|result| result["status"].as_str()) {
                    Some("error") => "error",
                    _ => "ok",
                }
            }
        };
        Ok(Payload::of(
            &json!({ "runId": submitted.run_id.as_str(), "status": status }),
        ))
    })
}

pub(super) fn abort(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let ids = call
            .engine()
            .abort(&session, call.params.word("runId"), StopReason::Client)
            .await?;
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        Ok(Payload::of(
            &json!({ "ok": true, "aborted": !ids.is_empty(), "runIds": ids }),
        ))
    })
}

/// Reads a page; shared by `chat.history` and `sessions.get`.
pub(super) async fn page(
    call: &Call,
    session: &SessionKey,
    limit: usize,
) -> Result<(Vec<Value>, history::History), WireError> {
    let bytes_max = call
        .params
        .count("maxBytes")
        .unwrap_or(HISTORY_BYTES_MAX)
        .min(HISTORY_BYTES_MAX);
    let page = HistoryPage {
        limit,
        offset: call.params.count("offset").unwrap_or(0),
        bytes_max,
    };
    let history = history::read(call.engine(), session, page).await?;
    let session_id = history
        .row
        .as_ref()
        .map_or("", |row| row.session_id.as_str());
    let chars_max = call.params.count("maxChars").unwrap_or(usize::MAX);
    let messages = history
        .entries
        .iter()
        .map(|stored| {
            let id = format!("{session_id}:{}", stored.sequence);
            let mut entry = stored.entry.clone();
            if let Some((cut, _)) = entry.text.char_indices().nth(chars_max) {
                entry.text.truncate(cut);
            }
            shape::entry(&entry, &id, stored.sequence)
        })
        .collect();
    Ok((messages, history))
}

pub(super) fn history(call: Call) -> Running {
    Box::pin(async move {
        // Cursors of another transcript, or of an older page, start anew: clients then ask without one.
        if call.params.word("cursor").is_some() {
            return Ok(Payload::of(&json!({ "kind": "reset" })));
        }
        let session = session_of(&call, "sessionKey")?;
        let limit = call.params.count("limit").unwrap_or(HISTORY_LIMIT_DEFAULT);
        let offset = call.params.count("offset").unwrap_or(0);
        let (messages, history) = page(&call, &session, limit).await?;
        let pending: Vec<Value> = history
            .pending
            .iter()
            .map(|input| {
                json!({
                    "id": input.run_id, "runId": input.run_id, "acceptedAt": input.accepted_at_ms, "state": "queued",
                    "message": {
                        "role": "user", "content": input.text, "timestamp": input.accepted_at_ms,
                        "idempotencyKey": input.run_id, "__openclaw": { "id": input.run_id },
                    },
                })
            })
            .collect();
        let next = offset + messages.len();
        let total = history.row.as_ref().map_or(0, |row| row.entries);
        let mut answer = json!({
            "sessionKey": call.params.text("sessionKey").unwrap_or_default(),
            "messages": messages,
            "pendingInputs": { "total": pending.len(), "items": pending },
            "hasMore": history.has_more,
            "totalMessages": total,
        });
        if history.has_more {
            answer["nextOffset"] = json!(next);
        }
        if let Some(turn) = history
            .active
            .as_ref()
            .filter(|turn| turn.started_at_ms().is_some())
        {
            answer["inFlightRun"] = json!({ "runId": turn.run_id.as_str(), "text": turn.text() });
        }
        if let Some(row) = history.row {
            answer["sessionId"] = json!(row.session_id);
            if let Some(level) = &row.thinking {
                answer["thinkingLevel"] = json!(level);
            }
            let view = SessionView {
                row,
                active: history.active,
            };
            answer["sessionInfo"] = shape::session_row(call.engine(), &view);
        }
        Ok(Payload::of(&answer))
    })
}

pub(super) fn inject(mut call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let text = call.params.take_text("message").unwrap_or_default();
        let label = call.params.word("label").map(str::to_owned);
        let appended = call.engine().inject(&session, text, label).await?;
        Ok(Payload::of(
            &json!({ "ok": true, "messageId": appended.entry_id }),
        ))
    })
}

pub(super) fn deliver(call: Call) -> Running {
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
