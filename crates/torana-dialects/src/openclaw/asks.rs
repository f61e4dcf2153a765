//! Approvals and questions as clients see them (OpenClaw 2026.9.6; sections 5 and 8.6 of our notes).

use serde_json::{Map, Value, json};
use torana_core::approval::{Approval, Decision, Kind, shown};
use torana_core::question::{Question, QuestionStatus};

/// Keys of an exec request that clients read even when they are null.
const EXEC_NULLS: &[&str] = &[
    "systemRunBinding",
    "systemRunPlan",
    "cwd",
    "nodeId",
    "host",
    "security",
    "ask",
    "warningText",
    "scope",
    "agentId",
    "resolvedPath",
    "sessionKey",
    "sessionId",
    "runId",
    "toolCallId",
    "turnSourceChannel",
    "turnSourceTo",
    "turnSourceAccountId",
    "turnSourceThreadId",
];

fn words(decisions: &[Decision]) -> Vec<&'static str> {
    decisions.iter().map(|one| one.as_str()).collect()
}

/// A text of the request, with everything hidden made visible.
fn visible(request: &Value, name: &str) -> Option<String> {
    request.get(name).and_then(Value::as_str).map(shown)
}

/// A request as listed and told. The command is the shown form: what was asked stays in the store.
fn request(approval: &Approval) -> Value {
    let mut map = match &approval.request {
        Value::Object(map) => map.clone(),
        _ => Map::new(),
    };
    // What a person reads must hide nothing (S-013); values of the environment may be secrets.
    map.remove("env");
    for name in ["command", "title", "description", "warningText", "toolName"] {
        if let Some(text) = visible(&approval.request, name) {
            map.insert(name.to_owned(), text.into());
        }
    }
    map.insert(
        "allowedDecisions".to_owned(),
        json!(words(&approval.allowed)),
    );
    if approval.kind == Kind::Exec {
        for name in EXEC_NULLS {
            map.entry(*name).or_insert(Value::Null);
        }
    }
    Value::Object(map)
}

/// One that waits, as in the lists and in the `requested` events.
pub(crate) fn waiting(approval: &Approval) -> Value {
    json!({
        "approvalKind": approval.kind.as_str(),
        "id": approval.id,
        "request": request(approval),
        "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms,
    })
}

/// One that was decided, as in the `resolved` events.
pub(crate) fn resolved(approval: &Approval) -> Value {
    json!({
        "id": approval.id,
        "decision": approval.decision.map(Decision::as_str),
        "resolvedBy": resolver(approval),
        "ts": approval.resolved_at_ms,
        "request": request(approval),
    })
}

fn resolver(approval: &Approval) -> Option<&str> {
    let resolver = approval.resolver.as_ref()?;
    Some(resolver.id.as_deref().unwrap_or(&resolver.kind))
}

/// The answer to whoever asked or waits.
pub(crate) fn decision(approval: &Approval) -> Value {
    let mut value = json!({
        "id": approval.id,
        "decision": approval.decision.map(Decision::as_str),
        "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms,
    });
    if let Some(ending) = approval.ending.filter(|_| approval.decision.is_none()) {
        value["terminalReason"] = json!(ending.as_str());
    }
    value
}

/// `exec.approval.get`.
pub(crate) fn details(approval: &Approval) -> Value {
    let read = |name: &str| approval.request.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "id": approval.id,
        "commandText": command(approval),
        "commandPreview": null,
        "allowedDecisions": words(&approval.allowed),
        "host": read("host"),
        "nodeId": read("nodeId"),
        "agentId": approval.agent.as_ref().map(|agent| agent.as_str().to_owned()),
        "expiresAtMs": approval.expires_at_ms,
    })
}

fn command(approval: &Approval) -> String {
    visible(&approval.request, "command")
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "(no command)".to_owned())
}

fn presentation(approval: &Approval) -> Value {
    let text = |name: &str| visible(&approval.request, name);
    let allowed = words(&approval.allowed);
    let agent = approval
        .agent
        .as_ref()
        .map(|agent| agent.as_str().to_owned());
    match approval.kind {
        Kind::Exec => json!({
            "kind": "exec",
            "commandText": command(approval),
            "commandPreview": null,
            "warningText": text("warningText"),
            "host": text("host"),
            "nodeId": text("nodeId"),
            "agentId": agent,
            "allowedDecisions": allowed,
        }),
        Kind::Plugin | Kind::SystemAgent => {
            let mut value = json!({
                "kind": approval.kind.as_str(),
                "title": text("title").unwrap_or_default(),
                "description": text("description").unwrap_or_default(),
                "severity": text("severity").unwrap_or_else(|| "warning".to_owned()),
                "pluginId": text("pluginId"),
                "toolName": text("toolName"),
                "agentId": agent,
                "allowedDecisions": allowed,
            });
            if let Some(detail) = text("detail") {
                value["detail"] = json!(detail);
            }
            value
        }
    }
}

/// The unified form of `approval.get`, of the history and of the `session.approval` event.
pub(crate) fn snapshot(approval: &Approval) -> Value {
    let mut value = json!({
        "id": approval.id,
        "urlPath": format!("/approvals/{}", approval.id),
        "createdAtMs": approval.created_at_ms,
        "expiresAtMs": approval.expires_at_ms,
        "presentation": presentation(approval),
        "status": approval.status.as_str(),
    });
    if let Some(at_ms) = approval.resolved_at_ms {
        value["resolvedAtMs"] = json!(at_ms);
    }
    if let Some(decision) = approval.decision {
        value["decision"] = json!(decision.as_str());
    }
    if let Some(ending) = approval.ending {
        value["reason"] = json!(ending.as_str());
    }
    value
}

/// One entry of `approval.history`: the unified form, with who asked and who decided.
pub(crate) fn ended(approval: &Approval) -> Value {
    let mut value = snapshot(approval);
    if let Some(resolver) = &approval.resolver {
        value["resolver"] = json!({ "kind": resolver.kind });
        if let Some(id) = &resolver.id {
            value["resolver"]["id"] = json!(id);
        }
    }
    value["source"] = source(approval);
    value
}

fn source(approval: &Approval) -> Value {
    let mut source = Map::new();
    if let Some(agent) = &approval.agent {
        source.insert("agentId".to_owned(), agent.as_str().into());
    }
    if let Some(session) = &approval.session {
        source.insert("sessionKey".to_owned(), session.as_str().into());
    }
    Value::Object(source)
}

/// The `session.approval` event; `None` when the approval belongs to no session.
pub(crate) fn session_event(approval: &Approval, now_ms: i64) -> Option<Value> {
    let session = approval.session.as_ref()?.as_str();
    let phase = if approval.is_pending() {
        "pending"
    } else {
        "terminal"
    };
    Some(json!({
        "sessionKey": session,
        "sourceSessionKey": session,
        "updatedAtMs": now_ms,
        "phase": phase,
        "approval": snapshot(approval),
    }))
}

/// A question as listed and told.
pub(crate) fn question(question: &Question) -> Value {
    let mut value = json!({
        "id": question.id,
        "questions": question.questions,
        "createdAtMs": question.created_at_ms,
        "expiresAtMs": question.expires_at_ms,
        "status": question.status.as_str(),
    });
    let texts = [
        (
            "agentId",
            question.agent.as_ref().map(|agent| agent.as_str()),
        ),
        (
            "sessionKey",
            question.session.as_ref().map(|key| key.as_str()),
        ),
        ("runId", question.run_id.as_deref()),
        ("resolvedBy", question.resolved_by.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            value[name] = json!(text);
        }
    }
    if let Some(answers) = &question.answers {
        value["answers"] = answers.clone();
    }
    value
}

/// How a question ended, for whoever answers or waits, and for the event.
pub(crate) fn outcome(question: &Question) -> Value {
    let mut value = json!({ "status": question.status.as_str() });
    if question.status == QuestionStatus::Answered {
        value["answers"] = question.answers.clone().unwrap_or_default();
    }
    value
}
