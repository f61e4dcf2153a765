//! Looking at sessions without changing them: one row, one transcript, a lookup, previews, a search.

use serde_json::{Value, json};
use torana_core::run::Role;
use torana_engine::service::search::{self as search_service, Hit};
use torana_engine::service::sessions::{self, Lookup};
use torana_engine::store::session::{Archived, Filter, SessionRow};

use super::list::{LIMIT_DEFAULT, LIMIT_MAX, filter};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::{entry_id, key_of, page, session_of};
use crate::openclaw::methods::{Answer, Call, Running};
use crate::openclaw::shape::{self, RowParts};

/// Sessions in one preview call.
const PREVIEWS_MAX: usize = 64;
/// Hits of a search (OpenClaw 2026.9.6).
const HITS_MAX: usize = 25;

pub(in crate::openclaw::methods) fn get(call: Call) -> Running {
    Box::pin(async move {
        let name = if call.params.word("key").is_some() {
            "key"
        } else {
            "sessionKey"
        };
        if call.params.word(name).is_none() {
            return Err(WireError::invalid("key required"));
        }
        let session = session_of(&call, name)?;
        let limit = call
            .params
            .count("limit")
            .unwrap_or(LIMIT_DEFAULT)
            .min(LIMIT_MAX);
        let (messages, _) = page(&call, &session, limit).await?;
        Ok(Payload::of(&json!({ "messages": messages })))
    })
}

pub(in crate::openclaw::methods) fn describe(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let parts = RowParts {
            title: call.params.flag("includeDerivedTitles") == Some(true),
            last_message: call.params.flag("includeLastMessage") == Some(true),
        };
        let view = sessions::get(call.engine(), &session).await?;
        let row = view.map(|view| shape::Rows::new(call.engine()).row(&view, parts));
        Ok(Payload::of(&json!({ "session": row })))
    })
}

pub(in crate::openclaw::methods) fn resolve(call: Call) -> Running {
    Box::pin(async move { find(call).await })
}

async fn find(call: Call) -> Answer {
    let params = &call.params;
    let word = |name: &str| params.word(name).map(str::to_owned);
    let reference = params
        .get("reference")
        .and_then(|reference| reference["key"].as_str())
        .map(str::to_owned);
    let lookup = word("key")
        .or(reference)
        .map(Lookup::Key)
        .or_else(|| {
            word("sessionId")
                .or_else(|| word("shortId"))
                .map(Lookup::SessionId)
        })
        .or_else(|| word("label").map(Lookup::Label))
        .ok_or_else(|| {
            WireError::invalid("Either key, sessionId, label, shortId, or reference is required")
        })?;
    let wanted = match &lookup {
        Lookup::Key(text) | Lookup::SessionId(text) => format!(": {text}"),
        Lookup::Label(text) => format!(" with label: {text}"),
    };
    let mut found = sessions::resolve(call.engine(), lookup, word("agentId")).await?;
    if let Some(parent) = params.word("spawnedBy") {
        let parent = key_of(&call, parent, None)?;
        found.retain(|row| row.parent.as_deref() == Some(parent.as_str()));
    }
    if params.flag("includeGlobal") == Some(false) {
        found.retain(|row| row.key != "global");
    }
    let named = |row: &SessionRow, ok: bool| {
        let mut entry = json!({ "key": row.key, "agentId": row.agent });
        if ok {
            entry["ok"] = json!(true);
        }
        if let Some(name) = shape::display_name(row) {
            entry["displayName"] = json!(name);
        }
        entry
    };
    match found.as_slice() {
        [row] => Ok(Payload::of(&named(row, true))),
        [] if params.flag("allowMissing") == Some(true) => Ok(Payload::of(&json!({ "ok": false }))),
        [] => Err(WireError::invalid(format!("No session found{wanted}"))),
        many => {
            let candidates: Vec<Value> = many.iter().map(|row| named(row, false)).collect();
            Ok(Payload::of(
                &json!({ "ok": false, "candidates": candidates }),
            ))
        }
    }
}

pub(in crate::openclaw::methods) fn preview(call: Call) -> Running {
    Box::pin(async move {
        let keys = call.params.texts("keys");
        if keys.len() > PREVIEWS_MAX {
            return Err(WireError::invalid(format!(
                "invalid sessions.preview params: at /keys: must not have more than {PREVIEWS_MAX} items"
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

pub(in crate::openclaw::methods) fn search(call: Call) -> Running {
    Box::pin(async move { find_words(call).await })
}

async fn find_words(call: Call) -> Answer {
    let params = &call.params;
    let limit = params.count("limit").unwrap_or(HITS_MAX).min(HITS_MAX);
    let scope = params.get("scope").cloned().unwrap_or_else(|| json!({}));
    let nothing = || Payload::of(&json!({ "results": [], "truncated": false }));
    let Some(mut chosen) = filter(&call, &scope)? else {
        return Ok(nothing());
    };
    if let Some(agent) = params.word("agentId") {
        chosen.agents = Some(vec![agent.to_ascii_lowercase()]);
    }
    let keys = params.texts("sessionKeys");
    if !keys.is_empty() {
        let mut canonical = Vec::with_capacity(keys.len());
        for key in &keys {
            canonical.push(
                key_of(&call, key, params.word("agentId"))?
                    .as_str()
                    .to_owned(),
            );
        }
        chosen = Filter {
            keys: Some(canonical),
            archived: Archived::Shown,
            ..chosen
        };
    }
    let query = params.text("query").unwrap_or_default();
    let found = search_service::search(call.engine(), chosen, query, limit).await?;
    let results: Vec<Value> = found.hits.iter().map(hit).collect();
    let mut answer = json!({ "results": results, "truncated": found.is_cut });
    // Quirk: whoever narrows the search down is shown the sessions as well (2026.9.6); its page takes titles from them.
    if params.get("scope").is_some() {
        answer["sessions"] = rows_of(&call, &found.hits).await?.into();
    }
    Ok(Payload::of(&answer))
}

/// The sessions in which something was found.
async fn rows_of(call: &Call, hits: &[Hit]) -> Result<Vec<Value>, WireError> {
    let mut keys: Vec<String> = hits.iter().map(|hit| hit.key.clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    let named = Filter {
        limit: keys.len(),
        keys: Some(keys),
        archived: Archived::Shown,
        ..Filter::default()
    };
    let page = sessions::list(call.engine(), named).await?;
    let shaper = shape::Rows::new(call.engine());
    let parts = RowParts {
        title: true,
        last_message: false,
    };
    let rows = page.sessions.iter();
    Ok(rows.map(|view| shaper.row(view, parts)).collect())
}

fn hit(hit: &Hit) -> Value {
    json!({
        "sessionKey": hit.key,
        "sessionId": hit.line.session_id,
        "messageId": entry_id(&hit.line),
        "role": if hit.role == Role::User { "user" } else { "assistant" },
        "timestamp": hit.at_ms.max(0),
        "snippet": hit.snippet,
        "score": hit.score,
    })
}
