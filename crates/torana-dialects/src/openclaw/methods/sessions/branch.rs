//! Branches of a session: list, switch, go back, go on elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use torana_engine::service::branches::{self as service, TakenBack};
use torana_engine::service::history::Cursor;
use torana_host::moment::rfc3339_ms;

use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::{cursor_of, entry_id, session_of};
use crate::openclaw::methods::{Call, Running};

fn entry_of(call: &Call, name: &str) -> Result<Cursor, WireError> {
    let id = call.params.word(name).unwrap_or_default();
    cursor_of(id).ok_or_else(|| {
        let short: String = id.chars().take(64).collect();
        WireError::invalid(format!("message entry not found: {short}"))
    })
}

pub(in crate::openclaw::methods) fn branches(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let found = service::list(call.engine(), &session).await?;
        let branches: Vec<Value> = found
            .iter()
            .map(|branch| {
                json!({
                    "leafEntryId": entry_id(&branch.leaf), "headline": branch.headline, "messageCount": branch.lines,
                    "updatedAt": rfc3339_ms(branch.updated_at_ms), "active": branch.is_active,
                })
            })
            .collect();
        Ok(Payload::of(&json!({ "branches": branches })))
    })
}

pub(in crate::openclaw::methods) fn switch(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let leaf = entry_of(&call, "leafEntryId")?;
        service::switch(call.engine(), &session, leaf).await?;
        Ok(Payload::of(&json!({})))
    })
}

/// What goes back into the editor of a page.
async fn editor(call: &Call, taken: TakenBack) -> Value {
    let mut shown = json!({});
    if let Some(text) = taken.text {
        shown["editorText"] = json!(text);
    }
    let mut files = Vec::new();
    for reference in &taken.media {
        if let Some(bytes) = call.engine().media(reference).await {
            files.push(json!({ "mimeType": reference.mime, "data": STANDARD.encode(&bytes) }));
        }
    }
    if !files.is_empty() {
        shown["editorAttachments"] = json!(files);
    }
    shown
}

pub(in crate::openclaw::methods) fn rewind(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let entry = entry_of(&call, "entryId")?;
        let taken = service::rewind(call.engine(), &session, entry).await?;
        Ok(Payload::of(&editor(&call, taken).await))
    })
}

pub(in crate::openclaw::methods) fn fork(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let entry = entry_of(&call, "entryId")?;
        let (new, taken) = service::fork(call.engine(), &session, entry).await?;
        let mut answer = editor(&call, taken).await;
        answer["sessionKey"] = json!(new.as_str());
        Ok(Payload::of(&answer))
    })
}
