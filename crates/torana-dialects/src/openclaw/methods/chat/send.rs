//! A message into a session: sent, stopped, or put there without a turn.

use serde_json::json;
use torana_core::auth::Scope;
use torana_core::key::SessionKey;
use torana_core::media::MediaRef;
use torana_engine::service::history;
use torana_engine::store::inbox::ClientInput;
use torana_engine::{ClientTurn, StopReason, SubmitStatus, Submitted};

use super::{accept, cursor_of};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

/// The session a call names; an agent beside it completes short spellings.
pub(in crate::openclaw::methods) fn session_of(
    call: &Call,
    name: &str,
) -> Result<SessionKey, WireError> {
    let text = call.params.word(name).unwrap_or("main");
    key_of(call, text, call.params.word("agentId"))
}

/// A session key in any spelling, for an agent where it does not say.
pub(in crate::openclaw::methods) fn key_of(
    call: &Call,
    text: &str,
    agent: Option<&str>,
) -> Result<SessionKey, WireError> {
    let engine = call.engine();
    if let Some(agent) = agent
        && !text.to_ascii_lowercase().starts_with("agent:")
        && !text.eq_ignore_ascii_case("global")
    {
        return Ok(engine.parse_key(&format!("agent:{agent}:{text}"))?);
    }
    Ok(engine.parse_key(text)?)
}

/// A message on its way into a session.
pub(in crate::openclaw::methods) struct Said {
    /// Wire method, by which keys are remembered.
    pub(in crate::openclaw::methods) method: &'static str,
    /// The session.
    pub(in crate::openclaw::methods) session: SessionKey,
    /// Idempotency key.
    pub(in crate::openclaw::methods) key: String,
    /// What to do while another run goes on.
    pub(in crate::openclaw::methods) queue_mode: Option<String>,
}

/// Sends the `message` and `attachments` of a call.
pub(in crate::openclaw::methods) async fn say(
    call: &mut Call,
    said: Said,
) -> Result<Submitted, WireError> {
    let text = call.params.take_text("message").unwrap_or_default();
    let has_files = call
        .params
        .get("attachments")
        .and_then(serde_json::Value::as_array)
        .is_some_and(|list| !list.is_empty());
    if text.trim().is_empty() && !has_files {
        return Err(WireError::invalid("message or attachment required"));
    }
    let media = accept(call, &said.session).await?;
    submit(call, said, text, media).await
}

/// Sends the `message` of a call with files that are kept already.
pub(in crate::openclaw::methods) async fn say_with(
    call: &mut Call,
    said: Said,
    media: Vec<MediaRef>,
) -> Result<Submitted, WireError> {
    let text = call.params.take_text("message").unwrap_or_default();
    submit(call, said, text, media).await
}

async fn submit(
    call: &Call,
    said: Said,
    text: String,
    media: Vec<MediaRef>,
) -> Result<Submitted, WireError> {
    let input = ClientInput {
        text,
        media,
        thinking: call.params.word("thinking").map(str::to_owned),
        timeout_ms: call
            .params
            .int("timeoutMs")
            .and_then(|ms| u64::try_from(ms).ok())
            .filter(|ms| *ms > 0),
        owner: call.scopes().allows(Scope::Admin),
        queue_mode: said.queue_mode,
        ..ClientInput::default()
    };
    let turn = ClientTurn {
        method: said.method,
        session: said.session,
        key: said.key,
        input,
        origin: Some(call.client.id),
    };
    Ok(call.engine().submit(turn).await?)
}

/// The word for what became of a message.
pub(in crate::openclaw::methods) fn status_word(submitted: &Submitted) -> &'static str {
    match &submitted.status {
        SubmitStatus::Started(_) => "started",
        SubmitStatus::InFlight(_) => "in_flight",
        SubmitStatus::Finished(result) => {
            match result.as_ref().and_then(|result| result["status"].as_str()) {
                Some("error") => "error",
                _ => "ok",
            }
        }
    }
}

pub(in crate::openclaw::methods) fn send(mut call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        check_expectations(&call, &session).await?;
        let said = Said {
            method: "chat.send",
            session,
            key: call.params.take_text("idempotencyKey").unwrap_or_default(),
            queue_mode: call.params.text("queueMode").map(str::to_owned),
        };
        let submitted = say(&mut call, said).await?;
        let status = status_word(&submitted);
        Ok(Payload::of(
            &json!({ "runId": submitted.run_id.as_str(), "status": status }),
        ))
    })
}

/// A page that still shows another branch must not write into this one.
async fn check_expectations(call: &Call, session: &SessionKey) -> Result<(), WireError> {
    let Some(expected) = call.params.word("expectedLeafEntryId") else {
        return Ok(());
    };
    let engine = call.engine();
    let known = match cursor_of(expected) {
        Some(leaf) => history::is_on_branch(engine, session, leaf).await?,
        None => false,
    };
    if known {
        Ok(())
    } else {
        Err(WireError::invalid("session changed; reload and retry"))
    }
}

pub(in crate::openclaw::methods) fn abort(call: Call) -> Running {
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

pub(in crate::openclaw::methods) fn inject(mut call: Call) -> Running {
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
