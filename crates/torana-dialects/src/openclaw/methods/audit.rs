//! What was done: runs of agents in the original's shape, and administrative acts in ours.

use serde_json::{Value, json};
use torana_core::approval::{Approval, Ending, Status};
use torana_engine::service::audit::PAGE_MAX;
use torana_engine::store::audit::{AuditRow, RunFilter, RunRow};

use super::{Answer, Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;

/// Events of an answer when no limit is asked for.
const EVENTS_DEFAULT: usize = 100;
/// Decisions of an answer when no limit is asked for; the most there may be.
const DECISIONS_DEFAULT: usize = 100;

pub(super) fn activity(call: Call) -> Running {
    Box::pin(async move { runs(call, true).await })
}

pub(super) fn list(call: Call) -> Running {
    Box::pin(async move { runs(call, false).await })
}

/// Runs as events, newest first. A run is two events, numbered by its row: the start gets the even number.
async fn runs(call: Call, typed: bool) -> Answer {
    let params = &call.params;
    let limit = params
        .count("limit")
        .unwrap_or(EVENTS_DEFAULT)
        .min(PAGE_MAX);
    let cursor = match params.word("cursor") {
        None => None,
        Some(text) => Some(
            text.parse::<i64>()
                .map_err(|_| WireError::invalid("invalid cursor; start again without one"))?,
        ),
    };
    // Tool actions and messages are not recorded one by one, so a question for those has no answers.
    let is_empty = params.word("kind").is_some_and(|kind| kind != "agent_run")
        || params.word("direction").is_some()
        || params.word("channel").is_some();
    let filter = RunFilter {
        agent: params.word("agentId").map(str::to_owned),
        session: params.word("sessionKey").map(str::to_owned),
        run_id: params.word("runId").map(str::to_owned),
        after_ms: params.int("after"),
        before_ms: params.int("before"),
        row_max: cursor.map(|sequence| (sequence - 1).div_euclid(2)),
        // Every run has at least one event; one more run tells whether there is more.
        limit: limit + 1,
    };
    let rows = if is_empty {
        Vec::new()
    } else {
        call.gateway.audit().runs(filter).await?
    };
    let wanted = params.word("status");
    let mut events: Vec<(i64, Value)> = rows
        .iter()
        .flat_map(|row| run_events(row, typed))
        .filter(|(sequence, event)| {
            cursor.is_none_or(|cursor| *sequence < cursor)
                && wanted.is_none_or(|status| event["status"] == status)
        })
        .collect();
    let has_more = events.len() > limit || rows.len() > limit;
    events.truncate(limit);
    let next = match events.last() {
        Some((sequence, _)) => Some(*sequence),
        // A whole page that the filter emptied still leads on.
        None => rows.last().map(|row| row.id * 2),
    };
    let mut answer =
        json!({ "events": events.into_iter().map(|(_, event)| event).collect::<Vec<_>>() });
    if let (true, Some(next)) = (has_more, next) {
        answer["nextCursor"] = json!(next.to_string());
    }
    Ok(Payload::of(&answer))
}

fn run_events(row: &RunRow, typed: bool) -> Vec<(i64, Value)> {
    let result = row.result.as_ref();
    let time = |name: &str| result.and_then(|result| result[name].as_i64());
    let event = |sequence: i64, at_ms: i64, action: &str, status: &str| {
        let mut value = json!({
            "eventId": format!("run:{}:{action}", row.id),
            "sequence": sequence,
            "sourceSequence": sequence,
            "occurredAt": at_ms.max(0),
            "kind": "agent_run",
            "action": action,
            "status": status,
            "actor": { "type": "agent", "id": row.agent },
            "agentId": row.agent,
            "runId": row.run_id,
            "redaction": "metadata_only",
        });
        if let Some(session) = &row.session {
            value["sessionKey"] = json!(session);
        }
        if let Some(session_id) = result.and_then(|result| result["sessionId"].as_str()) {
            value["sessionId"] = json!(session_id);
        }
        if typed {
            value["eventType"] = json!("agent_run");
            value["schemaVersion"] = json!(1);
        }
        value
    };
    let mut events = Vec::new();
    if let Some(status) = ending(row) {
        let at_ms = time("endedAt").unwrap_or(row.updated_at_ms);
        let mut finished = event(row.id * 2 + 1, at_ms, "agent.run.finished", status);
        let code = match status {
            "failed" => Some("run_failed"),
            "cancelled" => Some("run_cancelled"),
            "timed_out" => Some("run_timed_out"),
            _ => None,
        };
        if let Some(code) = code {
            finished["errorCode"] = json!(code);
        }
        events.push((row.id * 2 + 1, finished));
    }
    let at_ms = time("startedAt").unwrap_or(row.received_at_ms);
    events.push((
        row.id * 2,
        event(row.id * 2, at_ms, "agent.run.started", "started"),
    ));
    events
}

/// How a run ended, as far as it has.
fn ending(row: &RunRow) -> Option<&'static str> {
    match row.state.as_str() {
        "done" => Some(
            match row
                .result
                .as_ref()
                .and_then(|result| result["status"].as_str())
            {
                Some("error") => "failed",
                Some("aborted") => "cancelled",
                Some("timeout") => "timed_out",
                Some(_) => "succeeded",
                None if row.reason.as_deref() == Some("failed") => "failed",
                None => "succeeded",
            },
        ),
        "parked" => Some("failed"),
        _ => None,
    }
}

/// What is known of one run: whether there was one, and what people decided for it. Who it ran as is not recorded: every
/// run here is the operator's.
pub(super) fn inspect(call: Call) -> Running {
    Box::pin(async move { inspected(call).await })
}

async fn inspected(call: Call) -> Answer {
    let params = &call.params;
    let (run_id, execution) = (params.word("runId"), params.word("executionId"));
    if run_id.is_some() == execution.is_some() {
        return Err(WireError::invalid("invalid audit.run.inspect params"));
    }
    let stale = || WireError::invalid("invalid audit.run.inspect cursor");
    if params.word("executionCursor").is_some() {
        // There are no pages of executions, so no answer gave this one out.
        return Err(stale());
    }
    let after = match params.word("decisionCursor") {
        None => None,
        Some(text) => {
            let (at_ms, id) = text.split_once(':').ok_or_else(stale)?;
            let at_ms: i64 = at_ms.parse().map_err(|_| stale())?;
            Some((at_ms, id.to_owned()))
        }
    };
    let limit = params.count("decisionLimit").unwrap_or(DECISIONS_DEFAULT);
    let mut run = json!({ "status": "unknown" });
    let (mut decisions, mut next) = (Vec::new(), None);
    if let Some(execution) = execution {
        run["executionId"] = json!(execution);
    }
    if let Some(run_id) = run_id {
        run["runId"] = json!(run_id);
        let filter = RunFilter {
            run_id: Some(run_id.to_owned()),
            limit: 1,
            ..RunFilter::default()
        };
        if !call.gateway.audit().runs(filter).await?.is_empty() {
            run["status"] = json!("known");
        }
        let approvals = call.gateway.approvals();
        (decisions, next) = approvals.of_run(run_id.to_owned(), after, limit).await?;
    }
    let is_known = run["status"] == "known";
    let (state, reason) = if is_known {
        ("unsupported", "execution-identity-not-recorded")
    } else {
        ("unknown", "run-not-found")
    };
    let coverage = if decisions.is_empty() {
        json!({ "state": "unknown", "missingEvidence": ["no-decision-names-this-run"] })
    } else {
        json!({ "state": "attribution-only", "missingEvidence": ["execution-identity"] })
    };
    let mut answer = json!({
        "schemaVersion": 1,
        "run": run,
        "identity": {
            "state": state, "reasonCode": reason, "missingEvidence": ["execution-identity"], "remediation": [],
        },
        "decisionDisplays": decisions.iter().map(decision).collect::<Vec<_>>(),
        "coverage": coverage,
    });
    if let Some((at_ms, id)) = next {
        answer["nextDecisionCursor"] = json!(format!("{at_ms}:{id}"));
    }
    Ok(Payload::of(&answer))
}

/// A decision without what was asked, which may hold secrets.
fn decision(approval: &Approval) -> Value {
    let outcome = match approval.status {
        Status::Allowed => "allowed",
        Status::Denied | Status::Expired => "denied",
        Status::Cancelled => "not-applicable",
        Status::Pending => "unknown",
    };
    json!({
        "schemaVersion": 1,
        "selectorId": approval.id,
        "occurredAt": approval.resolved_at_ms.unwrap_or_default().max(0),
        "action": { "family": approval.kind.as_str(), "operation": "approval" },
        "decision": { "outcome": outcome, "reasonCode": approval.ending.map_or("unknown", Ending::as_str) },
        // Whoever asked carries the decision out; that it did is not ours to say.
        "enforcement": {
            "coverageState": "attribution-only", "policyCount": 0, "grantCount": 0, "contextFieldsUsed": ["runId"],
        },
        "provenance": { "state": "verified", "producer": "operator-approval" },
        "missingEvidence": [],
        "remediation": [],
    })
}

pub(super) fn acts(call: Call) -> Running {
    Box::pin(async move {
        let limit = call
            .params
            .count("limit")
            .unwrap_or(EVENTS_DEFAULT)
            .min(PAGE_MAX);
        let before = call.params.int("before");
        let kind = call.params.word("kind").map(str::to_owned);
        let audit = call.gateway.audit();
        // What is counted belongs to the answer.
        audit.write_refusals().await;
        let rows = audit.list(before, kind, limit).await?;
        let mut answer = json!({ "records": rows.iter().map(act).collect::<Vec<_>>() });
        if let (true, Some(last)) = (rows.len() == limit, rows.last()) {
            answer["nextBefore"] = json!(last.id);
        }
        Ok(Payload::of(&answer))
    })
}

fn act(row: &AuditRow) -> Value {
    let mut value = json!({
        "id": row.id, "at": row.at_ms, "kind": row.kind, "action": row.action, "actor": row.actor,
        "target": row.target, "outcome": row.outcome, "count": row.count,
    });
    if let Some(detail) = &row.detail {
        value["detail"] = detail.clone();
    }
    value
}

pub(super) fn verify(call: Call) -> Running {
    Box::pin(async move {
        let found = call.gateway.audit().verify().await?;
        Ok(Payload::of(&json!({
            "ok": found.broken_at.is_none(), "records": found.rows, "brokenAt": found.broken_at,
        })))
    })
}
