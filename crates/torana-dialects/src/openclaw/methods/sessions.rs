//! The `sessions.*` methods: lists, reads and changes of sessions, decoded, asked of the service, encoded.

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::run::{ModelRef, Role};
use torana_engine::service::sessions::{self, Lookup, SessionView};
use torana_engine::store::session::{Change, Filter};

use super::chat::{page, session_of};
use super::table::PATCH_WRITABLE;
use super::{Answer, Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::shape;

/// Rows of a list when no limit is asked for (OpenClaw 2026.9.6 clients ask for 200).
const LIST_LIMIT_DEFAULT: usize = 200;
/// Rows of a list at most.
const LIST_LIMIT_MAX: usize = 1_000;
/// Sessions in one preview call.
const PREVIEWS_MAX: usize = 64;

fn filter(call: &Call) -> Filter {
    let params = &call.params;
    let archived_only = match params.get("archived") {
        Some(Value::Bool(only)) if *only => Some(true),
        Some(Value::String(_)) => Some(false),
        _ => None,
    };
    let active_since_ms = params
        .int("activeMinutes")
        .map(|minutes| call.now_ms().saturating_sub(minutes.saturating_mul(60_000)));
    Filter {
        agent: params.word("agentId").map(str::to_owned),
        search: params
            .word("search")
            .or_else(|| params.word("label"))
            .map(str::to_owned),
        archived_only,
        active_since_ms,
        offset: params.count("offset").unwrap_or(0),
        limit: params
            .count("limit")
            .unwrap_or(LIST_LIMIT_DEFAULT)
            .min(LIST_LIMIT_MAX),
    }
}

async fn listing(call: &Call) -> Result<Value, WireError> {
    let filter = filter(call);
    let (offset, limit) = (filter.offset, filter.limit);
    let engine = call.engine();
    let page = sessions::list(engine, filter).await?;
    let rows: Vec<Value> = page
        .sessions
        .iter()
        .map(|view| shape::session_row(engine, view))
        .collect();
    let end = offset + rows.len();
    let has_more = end < page.total;
    let settings = engine.settings();
    let agent = settings
        .default_agent()
        .and_then(|agent| settings.agents.get(agent));
    let model = agent.and_then(|agent| agent.model.clone());
    Ok(json!({
        "ts": call.now_ms(),
        "path": "torana.db",
        "count": rows.len(),
        "totalCount": page.total,
        "limitApplied": limit,
        "offset": offset,
        "nextOffset": if has_more { json!(end) } else { Value::Null },
        "hasMore": has_more,
        "owners": [],
        "defaults": {
            "modelProvider": model.as_ref().map(|model| model.provider.as_str()),
            "model": model.as_ref().map(|model| model.model.as_str()),
            "contextTokens": agent.map_or(0, |agent| agent.context_tokens),
        },
        "sessions": rows,
    }))
}

pub(super) fn list(call: Call) -> Running {
    Box::pin(async move { Ok(Payload::of(&listing(&call).await?)) })
}

pub(super) fn get(call: Call) -> Running {
    Box::pin(async move {
        let name = if call.params.word("key").is_some() {
            "key"
        } else {
            "sessionKey"
        };
        if call.params.word(name).is_none() {
            return Err(WireError::invalid(
                "invalid sessions.get params: must have required property 'key'",
            ));
        }
        let session = session_of(&call, name)?;
        let limit = call
            .params
            .count("limit")
            .unwrap_or(LIST_LIMIT_DEFAULT)
            .min(LIST_LIMIT_MAX);
        let (messages, _) = page(&call, &session, limit).await?;
        Ok(Payload::of(&json!({ "messages": messages })))
    })
}

pub(super) fn describe(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let view = sessions::get(call.engine(), &session).await?;
        let row = view.map(|view| shape::session_row(call.engine(), &view));
        Ok(Payload::of(&json!({ "session": row })))
    })
}

pub(super) fn resolve(call: Call) -> Running {
    Box::pin(async move { find(call).await })
}

async fn find(call: Call) -> Answer {
    let params = &call.params;
    let word = |name: &str| params.word(name).map(str::to_owned);
    let lookup = word("key")
        .map(Lookup::Key)
        .or_else(|| {
            word("sessionId")
                .or_else(|| word("shortId"))
                .map(Lookup::SessionId)
        })
        .or_else(|| word("label").map(Lookup::Label))
        .ok_or_else(|| WireError::invalid("key, sessionId or label required"))?;
    let wanted = match &lookup {
        Lookup::Key(text) | Lookup::SessionId(text) | Lookup::Label(text) => text.clone(),
    };
    let found = sessions::resolve(call.engine(), lookup, word("agentId")).await?;
    let entry = |row: &torana_engine::store::session::SessionRow| json!({ "key": row.key, "agentId": row.agent });
    match found.as_slice() {
        [row] => Ok(Payload::of(
            &json!({ "ok": true, "key": row.key, "agentId": row.agent }),
        )),
        [] if params.flag("allowMissing") == Some(true) => Ok(Payload::of(&json!({ "ok": false }))),
        [] => Err(WireError::invalid(format!("No session found: {wanted}"))),
        many => Ok(Payload::of(
            &json!({ "ok": false, "candidates": many.iter().map(entry).collect::<Vec<_>>() }),
        )),
    }
}

pub(super) fn preview(call: Call) -> Running {
    Box::pin(async move {
        let keys = call.params.texts("keys");
        if keys.len() > PREVIEWS_MAX {
            return Err(WireError::invalid(format!(
                "invalid sessions.preview params: at /keys: must NOT have more than {PREVIEWS_MAX} items"
            )));
        }
        let limit = call.params.count("limit").unwrap_or(12).min(50);
        let chars_max = call.params.count("maxChars").unwrap_or(240).min(2_000);
        let previews = sessions::preview(call.engine(), keys, limit, chars_max).await?;
        let previews: Vec<Value> = previews
            .into_iter()
            .map(|preview| {
                let status = match &preview.items {
                    None => "missing",
                    Some(items) if items.is_empty() => "empty",
                    Some(_) => "ok",
                };
                let item = |(role, text): (Role, String)| {
                    let role = match role {
                        Role::User => "user",
                        Role::Assistant => "assistant",
                        Role::System => "system",
                    };
                    json!({ "role": role, "text": text })
                };
                let items: Vec<Value> = preview.items.into_iter().flatten().map(item).collect();
                json!({ "key": preview.key, "status": status, "items": items })
            })
            .collect();
        Ok(Payload::of(
            &json!({ "ts": call.now_ms(), "previews": previews }),
        ))
    })
}

/// Write is enough while only everyday settings change.
pub(super) fn scope_of_patch(params: &Value) -> Scope {
    let everyday =
        |key: &String| PATCH_WRITABLE.contains(&key.as_str()) || key.starts_with("expected");
    let keys = params.as_object();
    if keys.is_none_or(|keys| keys.keys().all(everyday)) {
        Scope::Write
    } else {
        Scope::Admin
    }
}

pub(super) fn patch(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let params = &call.params;
        let model = params.nullable("model");
        if let Some(Some(name)) = &model
            && ModelRef::parse(name).is_none()
        {
            return Err(WireError::invalid(format!(
                "invalid model \"{name}\": write provider/model"
            )));
        }
        if let Some(expected) = params.word("expectedSessionId") {
            let current = sessions::get(call.engine(), &session).await?;
            if current.is_none_or(|view| view.row.session_id != expected) {
                return Err(WireError::invalid("session changed; reload and retry"));
            }
        }
        let change = Change {
            label: params.nullable("label"),
            model,
            thinking: params.nullable("thinkingLevel"),
            queue_mode: params.nullable("queueMode"),
            archived: params.flag("archived"),
            pinned: params.flag("pinned"),
            unread: params.flag("unread"),
        };
        let row = call.engine().change_session(&session, change).await?;
        let Some(row) = row else {
            return Err(WireError::invalid(format!("No session found: {session}")));
        };
        Ok(changed(&call, row))
    })
}

fn changed(call: &Call, row: torana_engine::store::session::SessionRow) -> Payload {
    let key = row.key.clone();
    let view = SessionView { row, active: None };
    let entry = shape::session_row(call.engine(), &view);
    Payload::of(&json!({ "ok": true, "path": "torana.db", "key": key, "entry": entry }))
}

pub(super) fn reset(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let reason = if call.params.text("reason") == Some("new") {
            "new"
        } else {
            "reset"
        };
        let row = call.engine().reset_session(&session, reason).await?;
        Ok(changed(&call, row))
    })
}

/// Deleting what is archived already needs less.
pub(super) fn scope_of_delete(params: &Value) -> Scope {
    let narrow = [
        "key",
        "agentId",
        "deleteTranscript",
        "expectedSessionId",
        "archivedOnly",
    ];
    let keys = params.as_object();
    let only_narrow =
        keys.is_some_and(|keys| keys.keys().all(|key| narrow.contains(&key.as_str())));
    if params["archivedOnly"] == json!(true) && only_narrow {
        Scope::Write
    } else {
        Scope::Admin
    }
}

pub(super) fn delete(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let current = sessions::get(call.engine(), &session).await?;
        let expected = call.params.word("expectedSessionId");
        if let Some(view) = &current {
            if expected.is_some_and(|expected| expected != view.row.session_id) {
                return Err(WireError::invalid("session changed; reload and retry"));
            }
            if call.params.flag("archivedOnly") == Some(true) && !view.row.archived {
                return Err(WireError::invalid("session is not archived"));
            }
        }
        let deleted = call.engine().delete_session(&session).await?;
        Ok(Payload::of(
            &json!({ "ok": true, "key": session.as_str(), "deleted": deleted, "archived": [] }),
        ))
    })
}

pub(super) fn subscribe(call: Call) -> Running {
    Box::pin(async move {
        // First the subscription, then the snapshot: nothing between them is lost (decisions-control-and-agents 30).
        call.client.listen_to_lists();
        let mut answer = json!({ "subscribed": true });
        if call.params.keys().next().is_some() {
            answer["list"] = listing(&call).await?;
        }
        Ok(Payload::of(&answer))
    })
}

pub(super) fn listen(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        if !call.client.listen_to(session.clone()) {
            return Err(WireError::invalid(
                "too many sessions are subscribed on this connection",
            ));
        }
        let mut answer = json!({ "subscribed": true, "key": session.as_str() });
        if call.params.flag("includeApprovals") == Some(true) {
            answer["approvalReplay"] = json!({
                "sessionKey": session.as_str(), "updatedAtMs": call.now_ms(), "approvals": [], "truncated": false,
            });
        }
        Ok(Payload::of(&answer))
    })
}

pub(super) fn stop_listening(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        call.client.stop_listening_to(&session);
        Ok(Payload::of(
            &json!({ "subscribed": false, "key": session.as_str() }),
        ))
    })
}
