//! Transcripts: pages, deltas from a cursor on, single messages, and everything a chat page needs when it opens.

use serde_json::{Value, json};
use torana_core::key::SessionKey;
use torana_engine::service::history::{self, Cursor, History, HistoryPage, PendingInput, Receipt};
use torana_engine::service::sessions::{self, Lookup, SessionView};

use super::{key_of, metadata, session_of};
use crate::openclaw::attached::Line;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Answer, Call, Running};
use crate::openclaw::quirks::HISTORY_BYTES_MAX;
use crate::openclaw::{shape, thinking};

/// Lines of history when no limit is asked for (OpenClaw 2026.9.6).
const HISTORY_LIMIT_DEFAULT: usize = 200;
/// Waiting messages in one answer (OpenClaw 2026.9.6, `ChatPendingInputsPage`).
const PENDING_MAX: usize = 20;
/// Runs one call may ask about (OpenClaw 2026.9.6, `inputRunIds`).
const RECEIPTS_MAX: usize = 50;
/// Characters of one message when no limit is asked for (OpenClaw 2026.9.6, `ChatMessageGetParams`).
const MESSAGE_CHARS_MAX: usize = 2_000_000;

/// Put after a message that is shown in part (OpenClaw 2026.9.6).
const CUT: &str = "\n...(truncated)...";

/// The id of a line, as clients see it.
pub(in crate::openclaw::methods) fn entry_id(cursor: &Cursor) -> String {
    format!("{}:{}", cursor.session_id, cursor.sequence)
}

/// The line that an id names.
pub(in crate::openclaw::methods) fn cursor_of(id: &str) -> Option<Cursor> {
    let (session_id, sequence) = id.trim().rsplit_once(':')?;
    let sequence: i64 = sequence.parse().ok()?;
    (sequence >= 0 && !session_id.is_empty()).then(|| Cursor {
        session_id: session_id.to_owned(),
        sequence,
    })
}

fn history_page(call: &Call, limit: usize) -> HistoryPage {
    let params = &call.params;
    HistoryPage {
        limit,
        offset: params.count("offset").unwrap_or(0),
        bytes_max: params
            .count("maxBytes")
            .unwrap_or(HISTORY_BYTES_MAX)
            .min(HISTORY_BYTES_MAX),
        session_id: params.word("sessionId").map(str::to_owned),
        around: params
            .word("messageId")
            .and_then(cursor_of)
            .map(|cursor| cursor.sequence),
    }
}

fn messages(call: &Call, session: &SessionKey, history: &History) -> Vec<Value> {
    let chars_max = call.params.count("maxChars").unwrap_or(usize::MAX);
    let shown = history.entries.iter().map(|stored| {
        let id = format!("{}:{}", history.session_id, stored.sequence);
        let mut entry = stored.entry.clone();
        let cut = entry.text.char_indices().nth(chars_max);
        if let Some((cut, _)) = cut {
            entry.text.truncate(cut);
            entry.text.push_str(CUT);
        }
        let line = Line {
            session: session.as_str(),
            id: &id,
            sequence: stored.sequence,
        };
        let mut message = shape::entry(&entry, &line);
        if cut.is_some() {
            // Pages offer the whole message then (`chat.message.get`).
            message["__openclaw"]["truncated"] = json!(true);
            message["__openclaw"]["reason"] = json!("display-cap");
        }
        message
    });
    shown.collect()
}

/// Reads a page; shared by `chat.history` and `sessions.get`.
pub(in crate::openclaw::methods) async fn page(
    call: &Call,
    session: &SessionKey,
    limit: usize,
) -> Result<(Vec<Value>, History), WireError> {
    let history = history::read(call.engine(), session, history_page(call, limit)).await?;
    Ok((messages(call, session, &history), history))
}

pub(in crate::openclaw::methods) fn history(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        if call.params.word("agentId").is_some() {
            call.engine().agent_of(&session)?;
        }
        Ok(Payload::of(&read(&call, &session).await?))
    })
}

pub(in crate::openclaw::methods) fn startup(call: Call) -> Running {
    Box::pin(async move {
        let session = match call.params.word("shortId") {
            Some(short) if call.params.word("sessionKey").is_none() => {
                by_short(&call, short).await?
            }
            _ if call.params.word("sessionKey").is_none() => {
                return Err(WireError::invalid(
                    "invalid chat.startup params: must have required property 'sessionKey'",
                ));
            }
            _ => session_of(&call, "sessionKey")?,
        };
        let mut answer = read(&call, &session).await?;
        if answer["kind"] != "reset" {
            let agent = call.engine().agent_of(&session)?;
            answer["metadata"] = metadata::of(&call, &agent)?;
        }
        Ok(Payload::of(&answer))
    })
}

/// The session whose transcript id begins like this.
async fn by_short(call: &Call, short: &str) -> Result<SessionKey, WireError> {
    let agent = call.params.word("agentId").map(str::to_owned);
    let lookup = Lookup::SessionId(short.to_owned());
    let found = sessions::resolve(call.engine(), lookup, agent).await?;
    match found.as_slice() {
        [row] => key_of(call, &row.key, None),
        _ => Err(WireError::invalid(format!("No session found: {short}"))),
    }
}

async fn read(call: &Call, session: &SessionKey) -> Result<Value, WireError> {
    let params = &call.params;
    let limit = params.count("limit").unwrap_or(HISTORY_LIMIT_DEFAULT);
    let engine = call.engine();
    let known = match params.word("cursor") {
        None => None,
        Some(text) => {
            // A cursor of ours is the id of the last line, so that no other format has to be kept compatible.
            let page = history_page(call, limit.max(HISTORY_LIMIT_DEFAULT));
            let since = match cursor_of(text) {
                Some(cursor) => history::since(engine, session, cursor, page).await?,
                None => None,
            };
            let Some(since) = since else {
                return Ok(json!({ "kind": "reset" }));
            };
            Some(since)
        }
    };
    let is_delta = known.is_some();
    let history = match known {
        Some(history) => history,
        None => history::read(engine, session, history_page(call, limit)).await?,
    };
    let mut answer = json!({
        "messages": messages(call, session, &history),
        "pendingInputs": pending(call, &history.pending),
    });
    if is_delta {
        answer["kind"] = json!("delta");
    } else {
        answer["sessionKey"] = json!(params.text("sessionKey").unwrap_or(session.as_str()));
        answer["hasMore"] = json!(history.has_more);
        answer["totalMessages"] = json!(history.total);
        answer["defaults"] = shape::defaults(engine, session);
        if history.offset > 0 {
            answer["offset"] = json!(history.offset);
        }
        if history.has_more {
            answer["nextOffset"] = json!(history.offset + history.entries.len());
        }
    }
    if let Some(cursor) = &history.cursor {
        answer["deltaCursor"] = json!(entry_id(cursor));
    }
    if let Some(turn) = &history.active
        && let Some(started_at_ms) = turn.started_at_ms()
    {
        answer["inFlightRun"] = json!({
            "runId": turn.run_id.as_str(), "text": turn.text(), "startedAt": started_at_ms,
        });
    }
    receipts(call, session, &mut answer).await?;
    if let Some(row) = history.row {
        if !is_delta {
            answer["sessionId"] = json!(history.session_id);
        }
        answer["thinkingLevel"] = json!(thinking::level_of(engine, &row));
        if let Some(level) = &row.manner.verbose {
            answer["verboseLevel"] = json!(level);
        }
        let view = SessionView {
            row,
            active: history.active,
        };
        answer["sessionInfo"] = shape::session_row(engine, &view);
    }
    Ok(answer)
}

/// Messages that wait, the newest page of them or the one before it.
fn pending(call: &Call, waiting: &[PendingInput]) -> Value {
    let before = call.params.int("pendingBefore").unwrap_or(i64::MAX);
    let older: Vec<&PendingInput> = waiting
        .iter()
        .filter(|input| input.inbox.0 < before)
        .collect();
    let shown = &older[older.len().saturating_sub(PENDING_MAX)..];
    let items: Vec<Value> = shown
        .iter()
        .map(|input| {
            let message = shape::user_message(&input.text, &input.media, None, input.accepted_at_ms);
            let mut item = json!({
                "id": input.run_id, "runId": input.run_id, "acceptedAt": input.accepted_at_ms, "state": "queued",
                "message": message,
            });
            item["message"]["idempotencyKey"] = json!(input.run_id);
            item["message"]["__openclaw"] = json!({ "id": input.run_id });
            item
        })
        .collect();
    let mut page = json!({ "total": waiting.len(), "items": items });
    if let (true, Some(first)) = (older.len() > shown.len(), shown.first()) {
        page["nextBefore"] = json!(first.inbox.0);
    }
    page
}

/// What became of the messages a page still shows as being sent.
async fn receipts(call: &Call, session: &SessionKey, answer: &mut Value) -> Result<(), WireError> {
    let mut run_ids = call.params.texts("inputRunIds");
    if run_ids.is_empty() {
        return Ok(());
    }
    run_ids.truncate(RECEIPTS_MAX);
    let found = history::receipts(call.engine(), session, run_ids).await?;
    let mut consumptions = Vec::new();
    let receipts: Vec<Value> = found
        .into_iter()
        .map(|(run_id, receipt)| match receipt {
            Receipt::Pending => json!({ "runId": run_id, "state": "pending" }),
            Receipt::Consumed(line) => {
                let id = entry_id(&line);
                consumptions.push(json!({ "runId": run_id, "consumedByEventId": id }));
                json!({ "runId": run_id, "state": "consumed", "consumedByEventId": id })
            }
        })
        .collect();
    answer["inputReceipts"] = json!(receipts);
    answer["inputConsumptions"] = json!(consumptions);
    Ok(())
}

pub(in crate::openclaw::methods) fn message(call: Call) -> Running {
    Box::pin(async move { one(call).await })
}

async fn one(call: Call) -> Answer {
    let session = session_of(&call, "sessionKey")?;
    let missing = || Payload::of(&json!({ "ok": false, "unavailableReason": "not_found" }));
    let id = call.params.word("messageId").unwrap_or_default();
    let Some(cursor) = cursor_of(id) else {
        return Ok(missing());
    };
    let Some(stored) = history::line(call.engine(), &session, cursor).await? else {
        return Ok(missing());
    };
    let mut entry = stored.entry;
    let chars_max = call.params.count("maxChars").unwrap_or(MESSAGE_CHARS_MAX);
    if entry.text.chars().count() > chars_max {
        return Ok(Payload::of(
            &json!({ "ok": false, "unavailableReason": "oversized" }),
        ));
    }
    entry.media.truncate(64);
    let line = Line {
        session: session.as_str(),
        id,
        sequence: stored.sequence,
    };
    Ok(Payload::of(
        &json!({ "ok": true, "message": shape::entry(&entry, &line) }),
    ))
}
