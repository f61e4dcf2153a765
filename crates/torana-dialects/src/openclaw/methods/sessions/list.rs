//! `sessions.list`, and the filters that other methods share with it.

use serde_json::{Value, json};
use torana_core::key::Family;
use torana_engine::service::sessions;
use torana_engine::store::session::{Archived, Filter, Order};

use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::key_of;
use crate::openclaw::methods::{Call, Running};
use crate::openclaw::params::whole;
use crate::openclaw::shape::{self, RowParts};

/// Rows of a list when no limit is asked for (OpenClaw 2026.9.6 clients ask for 200).
pub(super) const LIMIT_DEFAULT: usize = 200;
/// Rows of a list at most.
pub(super) const LIMIT_MAX: usize = 1_000;

/// Filters over what this gateway does not have: projects, boards, several people. Nothing has them, so asking for one
/// finds nothing, and asking for those without finds everything.
fn asks_for_absent(value: &Value) -> bool {
    let named = [
        "projectId",
        "workspaceDir",
        "creatorId",
        "ownerId",
        "profileRelation",
        "involvingProfileId",
    ];
    named.iter().any(|name| !value[*name].is_null())
        || value["hasBoard"] == json!(true)
        || value["boardFace"] == json!("dashboard")
        || value["involvingMe"] == json!(true)
}

/// Reads a filter; `None` when nothing can fit it.
pub(super) fn filter(call: &Call, value: &Value) -> Result<Option<Filter>, WireError> {
    if asks_for_absent(value) {
        return Ok(None);
    }
    let word = |name: &str| {
        value[name]
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let flag = |name: &str| value[name].as_bool();
    let number = |name: &str| match &value[name] {
        Value::Number(number) => whole(number),
        _ => None,
    };
    let engine = call.engine();
    let configured = || {
        let settings = engine.settings();
        settings
            .agents
            .keys()
            .map(|agent| agent.to_string())
            .collect()
    };
    let mut hidden = Vec::new();
    // Quirk: shared and unknown sessions are left out of a list only when it says so with `false` (2026.9.6).
    for (off, family) in [
        (flag("includeGlobal") == Some(false), Family::Global),
        (flag("excludeSubagents") == Some(true), Family::Subagent),
        (flag("excludeCron") == Some(true), Family::Cron),
        (flag("excludeSystem") == Some(true), Family::System),
    ] {
        if off {
            hidden.push(family.as_str());
        }
    }
    let parent = match word("spawnedBy") {
        Some(parent) => Some(key_of(call, &parent, None)?.as_str().to_owned()),
        None => None,
    };
    let active_since_ms = number("activeMinutes")
        .map(|minutes| call.now_ms().saturating_sub(minutes.saturating_mul(60_000)));
    // Quirk: sorted by activity, the minutes count from the last message of a person (2026.9.6).
    let by_activity = value["sortBy"] == json!("activity");
    let agents = match word("agentId") {
        Some(agent) => Some(vec![agent.to_ascii_lowercase()]),
        None if flag("configuredAgentsOnly") == Some(true) => Some(configured()),
        None => None,
    };
    Ok(Some(Filter {
        agents,
        families_hidden: hidden,
        search: word("search"),
        label: word("label"),
        category: value["group"].as_str().map(|group| group.trim().to_owned()),
        parent,
        pinned: flag("pinned"),
        archived: match &value["archived"] {
            Value::Bool(true) => Archived::Only,
            Value::String(_) => Archived::Shown,
            _ => Archived::Hidden,
        },
        active_since_ms: active_since_ms.filter(|_| !by_activity),
        spoken_since_ms: active_since_ms.filter(|_| by_activity),
        // A session that was made and never used has had no interaction but its making.
        with_lines: flag("requireLastInteraction") == Some(true),
        keys: (flag("activeOnly") == Some(true)).then(|| sessions::active_keys(engine)),
        order: match value["sortBy"].as_str() {
            Some("lastInteractionAt" | "activity") => Order::Interaction,
            _ => Order::Updated,
        },
        offset: 0,
        limit: 0,
    }))
}

/// A page, as `sessions.list` answers it and `sessions.subscribe` repeats it.
pub(super) async fn listing(call: &Call) -> Result<Value, WireError> {
    let params = &call.params;
    let engine = call.engine();
    let offset = params.count("offset").unwrap_or(0);
    let limit = params
        .count("limit")
        .unwrap_or(LIMIT_DEFAULT)
        .min(LIMIT_MAX);
    let parts = RowParts {
        title: params.flag("includeDerivedTitles") == Some(true),
        last_message: params.flag("includeLastMessage") == Some(true),
    };
    let main = engine.parse_key("main")?;
    let (rows, total) = match filter(call, &params.value())? {
        None => (Vec::new(), 0),
        Some(found) => {
            let page = sessions::list(
                engine,
                Filter {
                    offset,
                    limit,
                    ..found
                },
            )
            .await?;
            let shaper = shape::Rows::beside(engine, &main);
            let rows: Vec<Value> = page
                .sessions
                .iter()
                .map(|view| shaper.row(view, parts))
                .collect();
            (rows, page.total)
        }
    };
    let end = offset + rows.len();
    let has_more = end < total;
    let mut answer = json!({
        "ts": call.now_ms(),
        "path": "torana.db",
        "count": rows.len(),
        "totalCount": total,
        "limitApplied": limit,
        "offset": offset,
        "nextOffset": if has_more { json!(end) } else { Value::Null },
        "hasMore": has_more,
        "owners": [],
        "defaults": shape::defaults(engine, &main),
        "sessions": rows,
    });
    if params.flag("includePeople") == Some(true) {
        answer["people"] = json!([]);
    }
    Ok(answer)
}

pub(in crate::openclaw::methods) fn list(call: Call) -> Running {
    Box::pin(async move { Ok(Payload::of(&listing(&call).await?)) })
}
