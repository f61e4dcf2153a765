//! Truthful answers about what is not there yet: the reads clients make while loading get the empty value.
//!
//! What would change something absent is no method at all (decisions-control-and-agents 33 to 37).

use serde_json::{Value, json};

use super::{Call, Running};
use crate::front::outgoing::Fate;
use crate::openclaw::error::{FORBIDDEN, WireError};
use crate::openclaw::frame::{self, Payload};

/// Sessions whose pull requests one client may follow; the answer repeats each.
const SESSIONS_MAX: usize = 64;

/// Always the same value.
pub(super) fn empty(value: Value) -> Running {
    Box::pin(async move { Ok(Payload::of(&value)) })
}

pub(super) fn cron_status(call: Call) -> Running {
    let path = call.gateway.context().state_dir.join("torana.db");
    let path = path.display().to_string();
    empty(json!({
        "enabled": false, "triggersEnabled": false, "storePath": path, "storage": "sqlite", "sqlitePath": path,
        "jobs": 0, "nextWakeAtMs": null,
    }))
}

/// An empty page under a name.
fn page(call: &Call, name: &str) -> Value {
    let limit = call.params.count("limit").unwrap_or(50);
    let mut value = json!({
        "total": 0, "offset": call.params.count("offset").unwrap_or(0), "limit": limit, "hasMore": false, "nextOffset": null,
    });
    value[name] = json!([]);
    value
}

pub(super) fn cron_list(call: Call) -> Running {
    let mut value = page(&call, "jobs");
    value["snapshotRevision"] = json!("0");
    empty(value)
}

/// The job a call names, shortened: the name is repeated in the answer.
fn job_of(call: &Call) -> Option<String> {
    let id = call
        .params
        .word("id")
        .or_else(|| call.params.word("jobId"))?;
    Some(id.chars().take(128).collect())
}

fn no_job(id: &str) -> WireError {
    WireError::invalid(format!("cron job not found: {id}"))
        .details(json!({ "code": "CRON_JOB_NOT_FOUND", "jobId": id }))
}

/// An answer that is an error.
fn refused(error: WireError) -> Running {
    Box::pin(async move { Err(error) })
}

pub(super) fn cron_runs(call: Call) -> Running {
    match job_of(&call) {
        Some(id) => refused(no_job(&id)),
        None if call.params.text("scope") == Some("job") => {
            refused(WireError::invalid("invalid cron.runs params: missing id"))
        }
        None => empty(page(&call, "entries")),
    }
}

pub(super) fn cron_get(call: Call) -> Running {
    refused(no_job(&job_of(&call).unwrap_or_default()))
}

pub(super) fn tasks(call: Call) -> Running {
    if call.params.word("cursor").is_some() {
        // No page of tasks ever ended in a cursor.
        return refused(WireError::invalid(
            "invalid or expired tasks.list cursor; restart pagination without a cursor",
        ));
    }
    empty(json!({ "tasks": [] }))
}

pub(super) fn catalogs(call: Call) -> Running {
    if let Some(agent) = call.params.word("agentId") {
        let engine = call.engine();
        let known = engine.parse_key(&format!("agent:{agent}:main"));
        if let Err(problem) = known.and_then(|key| engine.agent_of(&key)) {
            return refused(problem.into());
        }
    }
    if let Some(id) = call.params.word("catalogId") {
        let short: String = id.chars().take(128).collect();
        return refused(WireError::invalid(format!(
            "unknown session catalog: {short}"
        )));
    }
    empty(json!({ "catalogs": [] }))
}

pub(super) fn board(call: Call) -> Running {
    let key = call.params.word("sessionKey").unwrap_or_default();
    empty(json!({ "sessionKey": key, "revision": 0, "tabs": [], "widgets": [] }))
}

pub(super) fn mentions(call: Call) -> Running {
    empty(
        json!({ "gatewayInstanceId": call.gateway.context().boot_id, "revision": 0, "items": [] }),
    )
}

pub(super) fn nobody(_call: Call) -> Running {
    refused(WireError::new(
        FORBIDDEN,
        "users.self requires an authenticated user",
    ))
}

pub(super) fn model_accounts(call: Call) -> Running {
    let profile = call.params.word("profileId").unwrap_or_default();
    empty(json!({ "profileId": profile, "accounts": [], "links": [] }))
}

pub(super) fn proposals(call: Call) -> Running {
    empty(json!({
        "schema": "openclaw.skill-workshop.proposals-manifest.v1",
        "updatedAt": torana_host::moment::rfc3339_ms(call.now_ms()),
        "proposals": [], "installedSkills": [],
    }))
}

pub(super) fn themes(_call: Call) -> Running {
    let theme = json!({
        "id": "claw", "name": "Claw", "description": "The theme of the page.", "source": "builtin", "modes": ["dark", "light"],
    });
    empty(json!({
        "current": { "id": "claw", "mode": "system", "scope": "gateway", "overrides": {} },
        "theme": theme, "themes": [theme],
    }))
}

pub(super) fn members(call: Call) -> Running {
    let key = call.params.word("sessionKey").unwrap_or_default();
    empty(json!({
        "sessionKey": key, "members": [], "identities": [], "role": "admin", "allowedVisibilities": ["shared"],
    }))
}

pub(super) fn github_options(_call: Call) -> Running {
    empty(json!({
        "personal": {
            "state": "disconnected", "generation": null, "account": null, "accessExpiresAtMs": null,
            "refreshState": "not_applicable", "pending": null,
        },
        "shared": null, "pendingPersonal": null, "latestShared": null,
    }))
}

pub(super) fn pull_requests(call: Call) -> Running {
    Box::pin(async move {
        let none = json!({ "pullRequests": [], "rateLimited": false, "status": "ready" });
        let sessions: serde_json::Map<String, Value> = call
            .params
            .texts("sessionKeys")
            .into_iter()
            .take(SESSIONS_MAX)
            .map(|key| (key, none.clone()))
            .collect();
        let event = frame::event(
            "controlUi.sessionPullRequests.changed",
            &json!({ "sessions": sessions }),
        );
        let id = call.client.id;
        call.gateway
            .hub()
            .send(event, Fate::Drop, &|client| client.id == id);
        Ok(Payload::of(&json!({ "subscribed": true })))
    })
}
