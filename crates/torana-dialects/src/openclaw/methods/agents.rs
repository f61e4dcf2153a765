//! Agents and their runs.

use std::sync::Arc;

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::command::{self, Command, CommandNames};
use torana_core::id::{AgentId, WEBCHAT};
use torana_core::key::SessionKey;
use torana_core::message::ReplyTarget;
use torana_engine::service::sessions::{self, Lookup};
use torana_engine::store::inbox::ClientInput;
use torana_engine::{ClientTurn, Finished, SubmitStatus, Submitted, TurnHandle};

use super::chat::{Place, last_place, session_of};
use super::{Answer, Call, Running};
use crate::front::avatar::{self, Avatar};
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::{self, Payload};
use crate::openclaw::shape::{self, Ending};
use crate::openclaw::thinking;

/// How long `agent.wait` waits when nothing is said, milliseconds: the client's own request timeout.
const WAIT_MS_DEFAULT: u64 = 30_000;
/// Longest wait, milliseconds: an hour; a longer wait asks again.
const WAIT_MS_MAX: u64 = 3_600_000;

/// `/new` and `/reset` change a session for good, so they need an administrator, in whatever spelling they are understood.
pub(super) fn scope_of_agent(params: &Value) -> Scope {
    let text = params["message"].as_str().unwrap_or_default();
    match command::parse(text, &CommandNames::default()) {
        Some(Command::New { .. } | Command::Reset { .. }) => Scope::Admin,
        _ => Scope::Write,
    }
}

pub(super) fn list(call: Call) -> Running {
    Box::pin(async move {
        let settings = call.engine().settings();
        let context = call.gateway.context();
        let front = context.front.load();
        let site = context.host.site();
        let default = settings.default_agent().map_or("main", AgentId::as_str);
        let agents: Vec<Value> = settings
            .agents
            .iter()
            .map(|(id, agent)| {
                let mut value = json!({ "id": id.as_str(), "kind": "agent" });
                if !agent.name.is_empty() {
                    value["name"] = json!(agent.name);
                    value["identity"] = json!({ "name": agent.name });
                }
                if let Some(emoji) = agent.emoji.as_ref().filter(|emoji| !emoji.is_empty()) {
                    value["identity"]["emoji"] = json!(emoji);
                }
                let source = agent.avatar.as_deref().unwrap_or_default();
                if let Some(short) = avatar::listed(source) {
                    value["identity"]["avatar"] = json!(short);
                }
                if avatar::is_served(source) {
                    let address = avatar::address(&front.base_path, id);
                    value["identity"]["avatarUrl"] = json!(address);
                }
                if let Some(model) = &agent.model {
                    value["model"] = json!({ "primary": model.to_string() });
                }
                thinking::put(&mut value, &settings, Some(agent), agent.model.as_ref());
                value["workspace"] = json!(site.workspace(id.as_str()).display().to_string());
                value
            })
            .collect();
        Ok(Payload::of(&json!({
            "defaultId": default,
            "ownership": "sole",
            "selectionRequired": settings.routing.default_agent.is_none() && settings.agents.len() > 1,
            "mainKey": "main",
            "scope": if settings.routing.global { "global" } else { "per-sender" },
            "agents": agents,
        })))
    })
}

pub(super) fn identity(call: Call) -> Running {
    Box::pin(async move {
        let engine = call.engine();
        let agent = match (call.params.word("agentId"), call.params.word("sessionKey")) {
            (Some(agent), _) => {
                engine.agent_of(&engine.parse_key(&format!("agent:{agent}:main"))?)?
            }
            (None, Some(key)) => engine.agent_of(&engine.parse_key(key)?)?,
            (None, None) => engine.agent_of(&engine.parse_key("main")?)?,
        };
        let settings = engine.settings();
        let found = settings.agents.get(&agent);
        let name = found
            .map(|found| found.name.clone())
            .filter(|name| !name.is_empty());
        let shown = name.clone().unwrap_or_else(|| "Assistant".to_owned());
        let letter: String = shown
            .chars()
            .next()
            .map(|first| first.to_uppercase().collect())
            .unwrap_or_default();
        let context = call.gateway.context();
        let picture = avatar::find(context, &agent).await;
        let picked = if call.client.observed {
            picture.page_address(&context.front.load().base_path, &agent)
        } else {
            picture.shown().await
        };
        let mut value = json!({
            "agentId": agent.as_str(),
            "name": shown,
            "nameSource": if name.is_some() { "config" } else { "default" },
            "avatar": picked.unwrap_or(letter),
        });
        if !matches!(picture, Avatar::Unset) {
            let names = ["avatarSource", "avatarStatus", "avatarReason"];
            for (name, fact) in names.into_iter().zip(picture.facts()) {
                if let Some(fact) = fact {
                    value[name] = json!(fact);
                }
            }
        }
        if let Some(emoji) = found
            .and_then(|found| found.emoji.clone())
            .filter(|emoji| !emoji.is_empty())
        {
            value["emoji"] = json!(emoji);
        }
        Ok(Payload::of(&value))
    })
}

pub(super) fn agent(call: Call) -> Running {
    Box::pin(async move { run_agent(call).await })
}

async fn session_for(call: &Call) -> Result<SessionKey, WireError> {
    if call.params.word("sessionKey").is_some() {
        return session_of(call, "sessionKey");
    }
    let engine = call.engine();
    let agent = call.params.word("agentId");
    if let Some(id) = call.params.word("sessionId") {
        let lookup = Lookup::SessionId(id.to_owned());
        let found = sessions::resolve(engine, lookup, agent.map(str::to_owned)).await?;
        // Only the whole id names a transcript; a new one gets a session of its own (2026.9.6).
        if let Some(row) = found.iter().find(|row| row.session_id == id) {
            return Ok(engine.parse_key(&row.key)?);
        }
        let main = engine.parse_key(
            &agent.map_or_else(|| "main".to_owned(), |agent| format!("agent:{agent}:main")),
        )?;
        let agent = engine.agent_of(&main)?;
        return Ok(engine.parse_key(&format!("agent:{agent}:explicit:{id}"))?);
    }
    let text = agent.map_or_else(|| "main".to_owned(), |agent| format!("agent:{agent}:main"));
    Ok(engine.parse_key(&text)?)
}

/// A caller that means a certain transcript must not write into the one after it.
async fn check_existing(call: &Call, session: &SessionKey) -> Result<(), WireError> {
    let Some(expected) = call.params.word("expectedExistingSessionId") else {
        return Ok(());
    };
    let view = sessions::get(call.engine(), session).await?;
    if view.is_some_and(|view| view.row.session_id == expected) {
        Ok(())
    } else {
        Err(WireError::invalid("session changed; reload and retry"))
    }
}

/// Channel names that are no chat: here, where the session was last used, and what OpenClaw 2026.9.6 calls its inner
/// sources of messages.
const NO_CHANNEL: &[&str] = &[
    WEBCHAT,
    "last",
    "heartbeat",
    "cron",
    "webhook",
    "voice",
    "sessions_send",
];

/// A channel without an account here is refused even when nothing is sent there (OpenClaw 2026.9.6).
fn check_channel(call: &Call, channel: &str) -> Result<(), WireError> {
    let accounts = call.engine().accounts();
    let is_known = accounts
        .iter()
        .any(|account| account.channel.as_str() == channel);
    if is_known || NO_CHANNEL.contains(&channel) {
        return Ok(());
    }
    let short: String = channel.chars().take(64).collect();
    Err(WireError::invalid(format!(
        "invalid agent params: unknown channel: {short}"
    )))
}

/// The chat that the named parameters describe.
fn place<'a>(call: &'a Call, [channel, to, account]: [Option<&'a str>; 3]) -> Place<'a> {
    Place {
        channel: channel.filter(|channel| !NO_CHANNEL.contains(channel)),
        to,
        account,
        thread: call.params.word("threadId"),
    }
}

/// The chat a session without one belongs to from now on: what the caller says about where the message comes from. A
/// session that has one stays there (OpenClaw 2026.9.6).
fn route(call: &Call) -> Result<Option<ReplyTarget>, WireError> {
    let word = |name: &str| call.params.word(name);
    place(call, [word("channel"), word("to"), word("accountId")]).target()
}

/// Where the answer also goes, when the caller asks for delivery: the place it names, else the one the session was last
/// used in. A place that is named in part is refused: what is missing would be a guess, and a wrong one reaches a
/// stranger.
async fn target(call: &Call, session: &SessionKey) -> Result<Option<ReplyTarget>, WireError> {
    if call.params.flag("deliver") != Some(true) {
        return Ok(None);
    }
    let word = |name: &str, other: &str| call.params.word(name).or_else(|| call.params.word(other));
    let named = place(
        call,
        [
            word("replyChannel", "channel"),
            word("replyTo", "to"),
            word("replyAccountId", "accountId"),
        ],
    );
    let found = if named.is_empty() {
        last_place(call, session).await?
    } else {
        named.target()?
    };
    let Some(target) = found else {
        return Err(WireError::invalid(
            "delivery target is required: name channel and to",
        ));
    };
    check_channel(call, target.conversation.channel.as_str())?;
    Ok(Some(target))
}

async fn run_agent(mut call: Call) -> Answer {
    let session = session_for(&call).await?;
    check_existing(&call, &session).await?;
    for name in ["channel", "replyChannel"] {
        if let Some(channel) = call.params.word(name) {
            check_channel(&call, channel)?;
        }
    }
    let media = super::chat::accept(&mut call, &session).await?;
    let model = match (call.params.word("provider"), call.params.word("model")) {
        (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
        (_, model) => model.map(str::to_owned),
    };
    let input = ClientInput {
        system: call.params.word("extraSystemPrompt").map(str::to_owned),
        thinking: call.params.word("thinking").map(str::to_owned),
        model,
        timeout_ms: call
            .params
            .int("timeout")
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|seconds| *seconds > 0)
            .map(|seconds| seconds.saturating_mul(1_000)),
        deliver_to: target(&call, &session).await?,
        route: route(&call)?,
        owner: call.scopes().allows(Scope::Admin),
        bare: call.params.word("promptMode") == Some("none")
            || call.params.flag("modelRun") == Some(true),
        text: call.params.take_text("message").unwrap_or_default(),
        media,
        ..ClientInput::default()
    };
    let key = call.params.take_text("idempotencyKey").unwrap_or_default();
    let turn = ClientTurn {
        method: "agent",
        session,
        key,
        input,
        origin: Some(call.client.id),
    };
    let submitted = call.engine().submit(turn).await?;
    let turn = match &submitted.status {
        SubmitStatus::Started(turn) | SubmitStatus::InFlight(turn) => Arc::clone(turn),
        SubmitStatus::Finished(result) => return stored_final(&submitted, result.as_ref()),
    };
    let accepted = json!({
        "runId": submitted.run_id.as_str(), "sessionKey": submitted.session.as_str(),
        "agentId": submitted.agent.as_str(), "status": "accepted", "acceptedAt": submitted.accepted_at_ms,
    });
    call.client
        .outgoing
        .text(frame::answer_value(&call.id, &accepted));
    match turn.finished().await {
        Some(finished) => {
            // The turn is over: that its session cannot be read now makes no failure of it.
            let view = sessions::get(call.engine(), &turn.session)
                .await
                .ok()
                .flatten();
            let session_id = view.map(|view| view.row.session_id);
            final_answer(&turn, &finished, session_id.as_deref())
        }
        None => Err(WireError::new(
            UNAVAILABLE,
            "the gateway is stopping; ask again with the same key",
        )),
    }
}

fn failure(run_id: &str, message: &str) -> WireError {
    let mut error = WireError::new(UNAVAILABLE, message);
    error.payload = Some(Box::new(
        json!({ "runId": run_id, "status": "error", "summary": message }),
    ));
    error
}

/// The second answer of `agent`.
fn final_answer(turn: &TurnHandle, finished: &Finished, session_id: Option<&str>) -> Answer {
    let settled = &finished.settled;
    let run_id = turn.run_id.as_str();
    let (status, summary) = match (Ending::of(settled.outcome), finished.stopped) {
        (Ending::Failed, _) => {
            let message = settled
                .error
                .as_ref()
                .map_or("the run failed", |error| error.message.as_str());
            return Err(failure(run_id, message));
        }
        (Ending::Stopped, Some(torana_engine::StopReason::Timeout)) => ("timeout", "timed out"),
        (Ending::Stopped, _) => ("aborted", "aborted"),
        (Ending::Answered, _) => ("ok", "completed"),
    };
    let shown = if finished.silent.is_some() {
        ""
    } else {
        settled.text.as_str()
    };
    let duration_ms = finished
        .ended_at_ms
        .saturating_sub(finished.started_at_ms)
        .max(0);
    let meta = json!({
        "sessionId": session_id, "provider": settled.provider, "model": settled.model,
        "usage": shape::usage(&settled.usage),
    });
    Ok(Payload::of(&result(
        run_id,
        status,
        summary,
        shown,
        duration_ms,
        meta,
    )))
}

fn result(
    run_id: &str,
    status: &str,
    summary: &str,
    text: &str,
    duration_ms: i64,
    agent_meta: Value,
) -> Value {
    let payloads = if text.is_empty() {
        json!([])
    } else {
        json!([{ "text": text, "mediaUrl": null }])
    };
    json!({
        "runId": run_id, "status": status, "summary": summary,
        "result": { "payloads": payloads, "meta": { "durationMs": duration_ms, "agentMeta": agent_meta } },
    })
}

/// The final of a request that ended long ago, from what is stored with its key.
fn stored_final(submitted: &Submitted, stored: Option<&Value>) -> Answer {
    let run_id = submitted.run_id.as_str();
    let Some(stored) = stored else {
        return Ok(Payload::of(&result(
            run_id,
            "ok",
            "completed",
            "",
            0,
            json!({}),
        )));
    };
    let status = stored["status"].as_str().unwrap_or("ok");
    if status == "error" {
        return Err(failure(
            run_id,
            stored["error"]["message"]
                .as_str()
                .unwrap_or("the run failed"),
        ));
    }
    let summary = if status == "ok" { "completed" } else { status };
    let silent = stored["silent"].as_bool().unwrap_or(false) || stored["silent"].is_string();
    let text = if silent {
        ""
    } else {
        stored["text"].as_str().unwrap_or_default()
    };
    let times = (stored["startedAt"].as_i64(), stored["endedAt"].as_i64());
    let duration_ms = match times {
        (Some(start), Some(end)) => end.saturating_sub(start).max(0),
        _ => 0,
    };
    let meta = json!({
        "sessionId": stored["sessionId"], "provider": stored["provider"], "model": stored["model"], "usage": stored["usage"],
    });
    Ok(Payload::of(&result(
        run_id,
        status,
        summary,
        text,
        duration_ms,
        meta,
    )))
}

pub(super) fn wait(call: Call) -> Running {
    Box::pin(async move {
        let run_id = call.params.word("runId").unwrap_or_default().to_owned();
        let wait_ms = call
            .params
            .int("timeoutMs")
            .and_then(|ms| u64::try_from(ms).ok());
        let limit = call
            .engine()
            .world()
            .sleep_ms(wait_ms.unwrap_or(WAIT_MS_DEFAULT).min(WAIT_MS_MAX));
        let timed_out = || Payload::of(&json!({ "runId": run_id, "status": "timeout" }));
        let Some(turn) = call.engine().turn(&run_id) else {
            return match stored_wait(&call, &run_id).await? {
                Some(stored) => Ok(stored),
                None => {
                    limit.await;
                    Ok(timed_out())
                }
            };
        };
        tokio::select! {
            biased;
            finished = turn.finished() => match finished {
                Some(finished) => Ok(Payload::of(&wait_answer(&run_id, &finished))),
                None => Ok(timed_out()),
            },
            () = limit => Ok(timed_out()),
        }
    })
}

fn wait_answer(run_id: &str, finished: &Finished) -> Value {
    let settled = &finished.settled;
    let ending = Ending::of(settled.outcome);
    let status = match ending {
        Ending::Answered => "ok",
        Ending::Stopped | Ending::Failed => "error",
    };
    let shown = if finished.silent.is_some() {
        "silent"
    } else if settled.text.is_empty() {
        "empty"
    } else {
        "visible"
    };
    let stop = shape::stop_word(
        settled,
        finished.stopped.map(torana_engine::StopReason::as_str),
    );
    let mut answer = json!({
        "runId": run_id, "status": status, "startedAt": finished.started_at_ms, "endedAt": finished.ended_at_ms,
        "stopReason": stop,
    });
    match &settled.error {
        Some(error) => answer["error"] = json!(error.message),
        None if ending == Ending::Stopped => answer["error"] = json!("aborted"),
        None => {
            let text = if finished.silent.is_some() {
                ""
            } else {
                settled.text.as_str()
            };
            answer["livenessState"] = json!("working");
            answer["terminalReply"] = json!({ "disposition": shown, "text": text });
        }
    }
    answer
}

/// A run that ended before the question.
async fn stored_wait(call: &Call, run_id: &str) -> Result<Option<Payload>, WireError> {
    use torana_engine::service::journal::{Which, explain};
    let Some(story) = explain(call.engine(), Which::Run(run_id.to_owned())).await? else {
        return Ok(None);
    };
    let Some(stored) = story.row.result else {
        return Ok(None);
    };
    let status = match stored["status"].as_str() {
        Some("ok") | None => "ok",
        Some("timeout") => "timeout",
        Some(_) => "error",
    };
    let mut answer = json!({ "runId": run_id, "status": status });
    for name in ["startedAt", "endedAt", "stopReason"] {
        if !stored[name].is_null() {
            answer[name] = stored[name].clone();
        }
    }
    if status == "error" {
        answer["error"] = json!(stored["error"]["message"].as_str().unwrap_or("aborted"));
    } else {
        answer["terminalReply"] = json!({ "disposition": "visible", "text": stored["text"].as_str().unwrap_or_default() });
    }
    Ok(Some(Payload::of(&answer)))
}
