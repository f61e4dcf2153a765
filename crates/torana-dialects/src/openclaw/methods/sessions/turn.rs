//! Messages into a session by its key: sent, steered, stopped, and recovered after a failure.

use serde_json::json;
use torana_engine::service::{history, sessions};
use torana_engine::{StopReason, SubmitStatus};

use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::{Said, say, session_of, status_word};
use crate::openclaw::methods::{Answer, Call, Running};

async fn send_as(mut call: Call, method: &'static str, queue_mode: Option<&'static str>) -> Answer {
    let session = session_of(&call, "key")?;
    let view = sessions::get(call.engine(), &session)
        .await?
        .ok_or_else(|| WireError::invalid(format!("No session found: {session}")))?;
    let was_running = view.active.is_some();
    let key = match call.params.take_text("idempotencyKey") {
        Some(key) => key,
        None => call.engine().world().uuid(),
    };
    let said = Said {
        queue_mode: queue_mode.map(str::to_owned),
        ..Said::new(method, session, key)
    };
    let submitted = say(&mut call, said).await?;
    let mut answer =
        json!({ "runId": submitted.run_id.as_str(), "status": status_word(&submitted) });
    if queue_mode.is_some() {
        let is_new = matches!(submitted.status, SubmitStatus::Started(_));
        answer["interruptedActiveRun"] = json!(was_running && is_new);
    }
    Ok(Payload::of(&answer))
}

pub(in crate::openclaw::methods) fn send(call: Call) -> Running {
    Box::pin(send_as(call, "sessions.send", None))
}

/// Quirk: `sessions.steer` ends the running turn and starts one with the message (OpenClaw 2026.9.6).
pub(in crate::openclaw::methods) fn steer(call: Call) -> Running {
    Box::pin(send_as(call, "sessions.steer", Some("interrupt")))
}

pub(in crate::openclaw::methods) fn abort(call: Call) -> Running {
    Box::pin(async move { stop(call).await })
}

async fn stop(call: Call) -> Answer {
    let params = &call.params;
    let engine = call.engine();
    let run_id = params.word("runId").map(str::to_owned);
    let session = match (params.word("key"), &run_id) {
        (Some(_), _) => session_of(&call, "key")?,
        (None, Some(run_id)) => match engine.turn(run_id) {
            Some(turn) => turn.session.clone(),
            None => return Ok(stopped(None)),
        },
        (None, None) => return Err(WireError::invalid("key required")),
    };
    let clears = params.flag("clearQueued") == Some(true);
    let wanted = match (run_id, clears) {
        (Some(run_id), _) => Some(run_id),
        (None, true) => None,
        // What waits is not what was asked to stop.
        (None, false) => match engine.active(&session) {
            Some(turn) => Some(turn.run_id.to_string()),
            None => return Ok(stopped(None)),
        },
    };
    let ids = engine
        .abort(&session, wanted.as_deref(), StopReason::Client)
        .await?;
    // The running turn is the last of the list; what waited comes before it.
    Ok(stopped(ids.last().map(|id| id.as_str())))
}

fn stopped(run_id: Option<&str>) -> Payload {
    let status = if run_id.is_some() {
        "aborted"
    } else {
        "no-active-run"
    };
    Payload::of(&json!({ "ok": true, "abortedRunId": run_id, "status": status }))
}

pub(in crate::openclaw::methods) fn recover(call: Call) -> Running {
    Box::pin(async move { again(call).await })
}

/// Asks the last question of a failed or stopped session once more, on a branch of its own.
async fn again(mut call: Call) -> Answer {
    let session = session_of(&call, "key")?;
    let engine = call.engine().clone();
    let view = sessions::get(&engine, &session)
        .await?
        .ok_or_else(|| WireError::invalid(format!("No session found: {session}")))?;
    if view.active.is_some() {
        return Err(WireError::invalid("session is running; nothing to recover"));
    }
    let session_id = view.row.session_id.clone();
    let done = !matches!(
        view.row.status.as_deref(),
        Some("failed" | "killed" | "timeout")
    );
    let Some(question) = history::last_question(&engine, &session)
        .await?
        .filter(|_| !done)
    else {
        return Err(WireError::invalid(
            "session has no interrupted run to recover",
        ));
    };
    let taken = torana_engine::service::branches::rewind(&engine, &session, question).await?;
    call.params
        .set("message", json!(taken.text.unwrap_or_default()));
    let said = Said::new("sessions.recover", session.clone(), engine.world().uuid());
    let continuation =
        match crate::openclaw::methods::chat::say_with(&mut call, said, taken.media).await {
            Ok(submitted) => json!({ "status": "started", "runId": submitted.run_id.as_str() }),
            Err(error) => json!({ "status": "rejected", "error": error }),
        };
    Ok(Payload::of(&json!({
        "ok": true, "key": session.as_str(), "sessionId": session_id, "continuation": continuation,
    })))
}
