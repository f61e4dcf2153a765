//! Asking: commands and plugins that want a person's yes, and waiting for it.

use serde_json::{Map, Value, json};
use torana_core::approval::{Decision, Kind};
use torana_core::auth::{Audience, Scope};
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::problem::Code;
use torana_engine::service::approvals::NewApproval;

use crate::openclaw::asks;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::{self, Payload};
use crate::openclaw::methods::{Answer, Call, Running};
use crate::openclaw::params::Params;

/// Members of an exec request that are about the call, not about what is asked.
const CALL_ONLY: &[&str] = &["id", "timeoutMs", "twoPhase", "unavailableDecisions", "env"];

pub(in crate::openclaw::methods) fn request_exec(call: Call) -> Running {
    Box::pin(async move {
        let command = command_text(&call.params)
            .ok_or_else(|| WireError::invalid("exec.approval.request requires command"))?;
        let mut request = rest(&call.params);
        request.insert("command".to_owned(), command.into());
        if let Some(Value::Object(environment)) = call.params.get("env") {
            // Names are part of what is decided; values may be secrets and are kept by whoever asks.
            let names: Vec<&String> = environment.keys().collect();
            request.insert("envKeys".to_owned(), json!(names));
        }
        let always = call.params.word("ask") == Some("always")
            || !call.params.texts("unavailableDecisions").is_empty();
        let allowed = if always {
            vec![Decision::AllowOnce, Decision::Deny]
        } else {
            vec![Decision::AllowOnce, Decision::AllowAlways, Decision::Deny]
        };
        ask(call, Kind::Exec, request, allowed).await
    })
}

pub(in crate::openclaw::methods) fn request_plugin(call: Call) -> Running {
    Box::pin(async move {
        let offered = call.params.texts("allowedDecisions");
        let mut allowed = Vec::new();
        for word in &offered {
            let decision = Decision::parse(word)
                .ok_or_else(|| WireError::invalid("allowedDecisions has an unknown decision"))?;
            if !allowed.contains(&decision) {
                allowed.push(decision);
            }
        }
        if allowed.is_empty() {
            allowed = vec![Decision::AllowOnce, Decision::AllowAlways, Decision::Deny];
        }
        let request = rest(&call.params);
        ask(call, Kind::Plugin, request, allowed).await
    })
}

/// The command as one text: as given, or the words of the argument list quoted for a shell.
fn command_text(params: &Params) -> Option<String> {
    if let Some(command) = params.text("command").filter(|text| !text.is_empty()) {
        return Some(command.to_owned());
    }
    let plan = params.get("systemRunPlan");
    if let Some(text) = plan
        .and_then(|plan| plan.get("commandText"))
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
    {
        return Some(text.to_owned());
    }
    let words = params.texts("commandArgv");
    if words.is_empty() {
        return None;
    }
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    Some(quoted.join(" "))
}

/// A word as a shell would need it, so that two different argument lists never look the same.
fn quote(word: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./=:,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn rest(params: &Params) -> Map<String, Value> {
    params
        .keys()
        .filter(|key| !CALL_ONLY.contains(key))
        .filter_map(|key| Some((key.to_owned(), params.get(key)?.clone())))
        .collect()
}

pub(super) fn session_of(call: &Call) -> Result<Option<SessionKey>, WireError> {
    let Some(key) = call.params.word("sessionKey") else {
        return Ok(None);
    };
    Ok(Some(call.engine().parse_key(key)?))
}

/// The agent named, or the one the session belongs to.
pub(super) fn agent_of(
    call: &Call,
    session: Option<&SessionKey>,
) -> Result<Option<AgentId>, WireError> {
    let named = call.params.word("agentId");
    let Some(id) = named.or_else(|| session.and_then(SessionKey::agent)) else {
        return Ok(None);
    };
    AgentId::new(id)
        .map(Some)
        .map_err(|_| WireError::invalid("invalid agentId"))
}

async fn ask(
    call: Call,
    kind: Kind,
    request: Map<String, Value>,
    allowed: Vec<Decision>,
) -> Answer {
    let session = session_of(&call)?;
    let routed = call.params.flag("requireDeliveryRoute") == Some(false) || has_route(&call);
    let new = NewApproval {
        asker: call.actor(),
        id: call.params.word("id").map(str::to_owned),
        kind,
        request: Value::Object(request),
        allowed,
        agent: agent_of(&call, session.as_ref())?,
        session,
        wait_ms: call.params.int("timeoutMs"),
        routed,
    };
    let approval = call.gateway.approvals().request(new).await?;
    if !routed {
        let ended = call
            .gateway
            .approvals()
            .end_without_route(&approval.id)
            .await?;
        if let Some(ended) = ended {
            return Ok(Payload::of(&asks::decision(&ended)));
        }
    }
    if call.params.flag("twoPhase") == Some(true) {
        let mut accepted = asks::decision(&approval);
        accepted["status"] = json!("accepted");
        call.client
            .outgoing
            .text(frame::answer_value(&call.id, &accepted));
    }
    let ended = call.gateway.approvals().wait(&approval.id).await?;
    Ok(Payload::of(&asks::decision(&ended)))
}

/// Whether anybody but who asks is there to answer. Without one the request ends at once, as in OpenClaw 2026.9.6,
/// instead of holding up its turn for half an hour.
fn has_route(call: &Call) -> bool {
    let clients = call.gateway.hub().clients();
    clients.iter().any(|client| {
        client.id != call.client.id && client.hears(Audience::Holding(Scope::Approvals))
    })
}

pub(in crate::openclaw::methods) fn wait(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("id").unwrap_or_default();
        match call.gateway.approvals().wait(id).await {
            Ok(ended) => Ok(Payload::of(&asks::decision(&ended))),
            // Quirk: OpenClaw 2026.9.6 has words of its own for an id nobody can wait for.
            Err(problem) if problem.code == Code::NotFound => {
                Err(WireError::invalid("approval expired or not found"))
            }
            Err(problem) => Err(problem.into()),
        }
    })
}

pub(in crate::openclaw::methods) fn details(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("id").unwrap_or_default();
        let approval = call.gateway.approvals().get(id).await?;
        if !approval.is_pending() || approval.kind != Kind::Exec {
            return Err(super::answer::unknown());
        }
        Ok(Payload::of(&asks::details(&approval)))
    })
}
