//! `sessions.create`: a new session, with settings, the lines of another, or a first message.

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_engine::SubmitStatus;
use torana_engine::service::sessions::{self, NewSession, SessionView};
use torana_engine::store::session::Change;

use super::change::{check_provider, check_thinking};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::{Said, key_of, say};
use crate::openclaw::methods::{Answer, Call, Running};
use crate::openclaw::shape;

/// Some settings need an administrator, whether or not this gateway has them.
pub(in crate::openclaw::methods) fn scope_of_create(params: &Value) -> Scope {
    let special = ["execNode", "toolOverrides"]
        .iter()
        .any(|name| !params[*name].is_null())
        || params["incognito"] == json!(true)
        || params["permissionMode"] == json!("full");
    if special { Scope::Admin } else { Scope::Write }
}

pub(in crate::openclaw::methods) fn create(call: Call) -> Running {
    Box::pin(async move { make(call).await })
}

/// What is not there is refused, not ignored: the person would believe that it holds.
fn refuse_absent(call: &Call) -> Result<(), WireError> {
    let params = &call.params;
    for (name, what) in [
        ("incognito", "incognito sessions are"),
        ("worktree", "worktrees are"),
    ] {
        if params.flag(name) == Some(true) {
            return Err(WireError::invalid(format!(
                "{what} not available on this gateway"
            )));
        }
    }
    match params.text("visibility") {
        None | Some("shared") => Ok(()),
        Some(other) => Err(WireError::invalid(format!(
            "session visibility \"{other}\" is not allowed on this gateway"
        ))),
    }
}

async fn make(mut call: Call) -> Answer {
    refuse_absent(&call)?;
    let word = |name: &str| call.params.word(name).map(str::to_owned);
    let agent_name = word("agentId");
    let agent = match &agent_name {
        Some(name) => {
            Some(AgentId::new(name).map_err(|error| WireError::invalid(error.to_string()))?)
        }
        None => None,
    };
    let key = match call.params.word("key") {
        Some(key) => Some(key_of(&call, key, agent_name.as_deref())?),
        None => None,
    };
    let parent = match call.params.word("parentSessionKey") {
        Some(parent) => Some(key_of(&call, parent, agent_name.as_deref())?),
        None => None,
    };
    let forks = call.params.flag("fork") == Some(true) || call.params.word("forkFrom").is_some();
    if forks && parent.is_none() {
        return Err(WireError::invalid("fork needs parentSessionKey"));
    }
    if key.as_ref().is_some_and(|key| key.is_reserved_namespace()) {
        return Err(WireError::invalid(
            "the session key names a reserved namespace",
        ));
    }
    // A session that follows another is one more session here: nothing of the other ends with it.
    if call.params.flag("succeedsParent") == Some(true) {
        if parent.is_none() {
            return Err(WireError::invalid(
                "succeedsParent requires parentSessionKey",
            ));
        }
        if forks {
            return Err(WireError::invalid(
                "succeedsParent conflicts with fork: a fork goes on beside its parent",
            ));
        }
    }
    let idempotency_key = word("idempotencyKey");
    let parent_key = parent.as_ref().map(|key| key.as_str().to_owned());
    let new = NewSession {
        agent,
        key,
        idempotency_key: idempotency_key.clone(),
        change: Change {
            label: word("label").map(Some),
            display_name: word("displayName").map(Some),
            category: word("category").map(Some),
            parent: parent_key.map(Some),
            model: word("model").map(Some),
            thinking: word("thinkingLevel").map(Some),
            ..Change::default()
        },
        title: title(&call),
        fork: parent.filter(|_| forks),
        fork_completed: call.params.word("forkFrom") == Some("last-completed"),
    };
    if let Some(model) = call.params.word("model") {
        check_provider(&call, model)?;
    }
    if let Some(level) = call.params.word("thinkingLevel") {
        let agent = call.engine().agent_of(&whose(&call, &new)?)?;
        check_thinking(&call, &agent, call.params.word("model"), level)?;
    }
    let is_sorted = new.change.category.is_some();
    let made = sessions::create(call.engine(), new).await?;
    if is_sorted {
        // A session may be the first of its group.
        call.gateway.hub().tell_groups();
    }
    let resolved = shape::resolved(call.engine(), &made.row);
    let session_id = made.row.session_id.clone();
    let view = SessionView {
        row: made.row,
        active: None,
    };
    let mut answer = json!({
        "ok": true, "key": made.key.as_str(), "sessionId": session_id,
        "entry": shape::session_row(call.engine(), &view), "runStarted": false, "resolved": resolved,
    });
    begin(&mut call, &made.key, idempotency_key, &mut answer).await;
    Ok(Payload::of(&answer))
}

/// A session of the agent that the new one belongs to.
fn whose(call: &Call, new: &NewSession) -> Result<SessionKey, WireError> {
    Ok(match (&new.key, &new.agent) {
        (Some(key), _) => key.clone(),
        (None, Some(agent)) => SessionKey::main(agent.as_str()),
        (None, None) => call.engine().parse_key("main")?,
    })
}

/// The first message, when there is one. The session exists by now, so a message that cannot be sent is told beside it.
async fn begin(
    call: &mut Call,
    session: &SessionKey,
    idempotency_key: Option<String>,
    answer: &mut Value,
) {
    if call.params.word("message").is_none()
        && let Some(task) = call.params.take("task")
    {
        call.params.set("message", task);
    }
    let has_files = call
        .params
        .get("attachments")
        .and_then(Value::as_array)
        .is_some_and(|files| !files.is_empty());
    if call.params.word("message").is_none() && !has_files {
        return;
    }
    let key = idempotency_key.unwrap_or_else(|| call.engine().world().uuid());
    let said = Said::new("sessions.create", session.clone(), key);
    match say(call, said).await {
        Ok(submitted) => {
            answer["runStarted"] = json!(!matches!(submitted.status, SubmitStatus::Finished(_)));
            answer["runId"] = json!(submitted.run_id.as_str());
        }
        Err(error) => answer["runError"] = json!(error),
    }
}

/// A name from the first text that a client offers.
fn title(call: &Call) -> Option<String> {
    // Quirk: without a source of its own, a new session is named after its first message (2026.9.6).
    ["titleSource", "message", "task"]
        .into_iter()
        .find_map(|name| call.params.word(name))
        .map(shape::derived_title)
}
