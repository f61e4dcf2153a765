//! Answering: what waits, what was decided, and saying yes or no.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use torana_core::approval::{Approval, Decision, Kind, Resolver};
use torana_core::problem::{Code, Problem};
use torana_engine::service::approvals::HistoryPlace;

use crate::openclaw::asks;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

/// Entries of a history page when no limit is asked for.
const HISTORY_LIMIT_DEFAULT: usize = 50;

/// The kind a family of methods is about, by the method's name.
fn kind_of(method: &str) -> Kind {
    match method.split('.').next() {
        Some("plugin") => Kind::Plugin,
        Some("openclaw") => Kind::SystemAgent,
        _ => Kind::Exec,
    }
}

pub(super) fn unknown() -> WireError {
    WireError::invalid("unknown or expired approval id").details(json!({
        "reason": "APPROVAL_NOT_FOUND",
        "remediation": "List what waits and answer with one of those ids.",
    }))
}

/// Quirk: methods for every kind of approval have other words for the same (OpenClaw 2026.9.6).
fn no_approval() -> WireError {
    WireError::invalid("approval not found").details(json!({ "reason": "APPROVAL_NOT_FOUND" }))
}

fn not_found(problem: Problem) -> WireError {
    if problem.code == Code::NotFound {
        no_approval()
    } else {
        problem.into()
    }
}

fn decision_of(call: &Call) -> Result<Decision, WireError> {
    let word = call.params.word("decision").unwrap_or_default();
    Decision::parse(word).ok_or_else(|| {
        WireError::invalid("invalid decision; there is allow-once, allow-always, deny")
    })
}

/// Who answers. A channel reviewer may be named only by a client that could approve anyway; it is kept as attribution.
fn resolver_of(call: &Call) -> Resolver {
    if let Some(sender) = call
        .params
        .get("reviewer")
        .and_then(|reviewer| reviewer.get("senderId"))
        .and_then(Value::as_str)
    {
        return Resolver {
            kind: "channel".to_owned(),
            id: Some(sender.chars().take(256).collect()),
        };
    }
    match &call.client.device {
        Some(device) => Resolver {
            kind: "device".to_owned(),
            id: Some(device.as_str().to_owned()),
        },
        None => Resolver {
            kind: "runtime".to_owned(),
            id: Some("operator".to_owned()),
        },
    }
}

/// What waits, of the kind the method is about; the reference answers with a bare list.
pub(in crate::openclaw::methods) fn listed(call: Call) -> Running {
    Box::pin(async move {
        let kind = kind_of(call.method);
        let rows = call.gateway.approvals().pending(Some(kind)).await?;
        let list: Vec<Value> = rows.iter().map(asks::waiting).collect();
        Ok(Payload::of(&list))
    })
}

/// `exec.approval.resolve` and its twin for plugins: a later answer is an unknown id.
pub(in crate::openclaw::methods) fn resolve(call: Call) -> Running {
    Box::pin(async move {
        let decision = decision_of(&call)?;
        let id = call.params.word("id").unwrap_or_default();
        let approvals = call.gateway.approvals();
        if approvals.get(id).await?.kind != kind_of(call.method) {
            return Err(unknown());
        }
        let resolved = approvals
            .resolve(id, decision, resolver_of(&call), &call.actor())
            .await?;
        if !resolved.applied {
            return Err(unknown());
        }
        Ok(Payload::of(&json!({ "ok": true })))
    })
}

/// `approval.resolve`: a later answer is told what was decided.
pub(in crate::openclaw::methods) fn resolve_any(call: Call) -> Running {
    Box::pin(async move {
        let decision = decision_of(&call)?;
        let id = call.params.word("id").unwrap_or_default();
        let approvals = call.gateway.approvals();
        let kind = approvals.get(id).await.map_err(not_found)?.kind;
        if Some(kind) != call.params.word("kind").and_then(Kind::parse) {
            return Err(no_approval());
        }
        let resolved = approvals
            .resolve(id, decision, resolver_of(&call), &call.actor())
            .await?;
        Ok(Payload::of(&json!({
            "applied": resolved.applied,
            "approval": asks::snapshot(&resolved.approval),
        })))
    })
}

pub(in crate::openclaw::methods) fn get(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("id").unwrap_or_default();
        let approval = call.gateway.approvals().get(id).await.map_err(not_found)?;
        Ok(Payload::of(
            &json!({ "approval": asks::snapshot(&approval) }),
        ))
    })
}

pub(in crate::openclaw::methods) fn history(call: Call) -> Running {
    Box::pin(async move {
        let kind = call.params.word("kind").and_then(Kind::parse);
        let after = call.params.word("cursor").map(place).transpose()?;
        let limit = call.params.count("limit").unwrap_or(HISTORY_LIMIT_DEFAULT);
        let (rows, next) = call.gateway.approvals().history(kind, after, limit).await?;
        let items: Vec<Value> = rows.iter().map(|row: &Approval| asks::ended(row)).collect();
        let mut answer = json!({ "items": items });
        if let Some((at_ms, id)) = next {
            answer["nextCursor"] = json!(URL_SAFE_NO_PAD.encode(format!("{at_ms}:{id}")));
        }
        Ok(Payload::of(&answer))
    })
}

fn place(cursor: &str) -> Result<HistoryPlace, WireError> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| {
            let (at_ms, id) = text.split_once(':')?;
            Some((at_ms.parse().ok()?, id.to_owned()))
        })
        .ok_or_else(|| WireError::invalid("invalid cursor"))
}
