//! `artifacts.*`: files of a conversation, listed and handed out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use torana_core::key::SessionKey;
use torana_engine::service::artifacts::{self, ARTIFACTS_MAX, Artifact, ArtifactId, Wanted};
use torana_host::moment::rfc3339_ms;

use super::chat::key_of;
use super::{Answer, Call, Running};
use crate::openclaw::attached::BY_ADDRESS;
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;

/// Pictures on a page when no number is asked for, and at most (OpenClaw 2026.9.6).
const PICTURES_MAX: usize = 4;

fn failure(kind: &str, message: &str) -> WireError {
    WireError::invalid(message).details(json!({ "type": kind }))
}

fn not_found(call: &Call) -> WireError {
    let id = call.params.word("artifactId").unwrap_or_default();
    let id: String = id.chars().take(128).collect();
    let details = json!({ "type": "artifact_not_found", "artifactId": id });
    WireError::invalid("artifact not found").details(details)
}

fn no_scope() -> WireError {
    failure(
        "artifact_scope_not_found",
        "no session found for artifact query",
    )
}

/// The session a call is about. An agent that is named too must be the session's.
async fn session(call: &Call) -> Result<SessionKey, WireError> {
    let unsupported = |message| failure("artifact_query_unsupported", message);
    if call.params.word("taskId").is_some() {
        return Err(unsupported("artifacts of tasks are not kept apart"));
    }
    let agent = call.params.word("agentId");
    let engine = call.engine();
    let key = match (call.params.word("sessionKey"), call.params.word("runId")) {
        (Some(key), _) => key_of(call, key, agent)?,
        (None, Some(run_id)) => {
            let found = artifacts::session_of_run(engine, run_id).await?;
            engine.parse_key(&found.ok_or_else(no_scope)?)?
        }
        (None, None) => return Err(unsupported("artifacts require sessionKey or runId")),
    };
    match agent {
        Some(agent) if engine.agent_of(&key)?.as_str() != agent => Err(no_scope()),
        _ => Ok(key),
    }
}

fn wanted(call: &Call) -> Wanted {
    Wanted {
        run_id: call.params.word("runId").map(str::to_owned),
        by_agent: call.params.word("messageRole") == Some("assistant"),
        limit: ARTIFACTS_MAX,
        ..Wanted::default()
    }
}

fn kind(mime: &str) -> &'static str {
    match mime.split('/').next() {
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        _ => "file",
    }
}

fn summary(key: &SessionKey, artifact: &Artifact) -> Value {
    let media = &artifact.media;
    let mut value = json!({
        "id": artifact.id.to_text(),
        "type": kind(&media.mime),
        "mimeType": media.mime,
        "sizeBytes": media.bytes,
        "sessionKey": key.as_str(),
        "messageSeq": artifact.id.line.sequence,
        "source": "session-transcript",
        "download": { "mode": if artifact.is_kept { "bytes" } else { "unsupported" } },
    });
    if let Some(run_id) = &artifact.run_id {
        value["runId"] = json!(run_id);
    }
    value
}

pub(super) fn list(call: Call) -> Running {
    Box::pin(async move {
        if call.params.word("type") == Some("image") {
            return pictures(&call).await;
        }
        if call.params.get("limit").is_some() || call.params.get("cursor").is_some() {
            return Err(failure(
                "artifact_query_unsupported",
                "limit and cursor require type image",
            ));
        }
        let key = session(&call).await?;
        let (found, _) = artifacts::list(call.engine(), &key, wanted(&call)).await?;
        // The newest are kept when there are too many, and told in the order of the conversation.
        let shown: Vec<Value> = found
            .iter()
            .rev()
            .map(|artifact| summary(&key, artifact))
            .collect();
        Ok(Payload::of(&json!({ "artifacts": shown })))
    })
}

/// A page of pictures, the newest first, each with an address a page can show it from.
async fn pictures(call: &Call) -> Answer {
    let key = session(call).await?;
    let before = match call.params.word("cursor") {
        None => None,
        Some(cursor) => Some(ArtifactId::parse(cursor).ok_or_else(|| {
            WireError::invalid("invalid artifacts.list params: at /cursor: is not one of ours")
        })?),
    };
    let wanted = Wanted {
        pictures: true,
        before,
        limit: call.params.count("limit").unwrap_or(PICTURES_MAX),
        ..wanted(call)
    };
    let (found, has_more) = artifacts::list(call.engine(), &key, wanted).await?;
    let shown: Vec<Value> = found
        .iter()
        .map(|artifact| {
            let mut value = summary(&key, artifact);
            let surfaces = call.gateway.surfaces();
            let address = artifact
                .is_kept
                .then(|| surfaces.open_download(call.client.id, artifact.media.clone()))
                .flatten();
            if let Some(address) = address {
                value["image"] = json!({ "url": address.url });
            }
            value
        })
        .collect();
    let mut answer = json!({ "artifacts": shown });
    if let (true, Some(last)) = (has_more, found.last()) {
        answer["nextCursor"] = json!(last.id.to_text());
    }
    Ok(Payload::of(&answer))
}

async fn one(call: &Call) -> Result<(SessionKey, Artifact), WireError> {
    let key = session(call).await?;
    let id = call.params.word("artifactId").unwrap_or_default();
    let id = ArtifactId::parse(id.strip_prefix(BY_ADDRESS).unwrap_or(id));
    let id = id.ok_or_else(|| not_found(call))?;
    let found = artifacts::get(call.engine(), &key, id, wanted(call)).await?;
    Ok((key, found.ok_or_else(|| not_found(call))?))
}

pub(super) fn get(call: Call) -> Running {
    Box::pin(async move {
        let (key, artifact) = one(&call).await?;
        Ok(Payload::of(
            &json!({ "artifact": summary(&key, &artifact) }),
        ))
    })
}

/// Whether a client wants an address instead of the bytes.
fn is_by_address(call: &Call) -> bool {
    let id = call.params.word("artifactId").unwrap_or_default();
    call.params.word("transport") == Some("http") || id.starts_with(BY_ADDRESS)
}

pub(super) fn download(call: Call) -> Running {
    Box::pin(async move {
        let (key, artifact) = one(&call).await?;
        let gone = || {
            let id = artifact.id.to_text();
            WireError::invalid("artifact download is unsupported").details(json!({
                "type": "artifact_download_unsupported", "artifactId": id,
                "hint": "the file was removed to make room for newer ones",
            }))
        };
        if !artifact.is_kept {
            return Err(gone());
        }
        let mut shown = summary(&key, &artifact);
        if is_by_address(&call) {
            let surfaces = call.gateway.surfaces();
            let Some(address) = surfaces.open_download(call.client.id, artifact.media.clone())
            else {
                let error = WireError::new(UNAVAILABLE, "too many addresses are in use");
                return Err(error.retry_after(5_000));
            };
            shown["download"] = json!({ "mode": "url" });
            return Ok(Payload::of(&json!({
                "artifact": shown, "url": address.url, "expiresAt": rfc3339_ms(address.expires_at_ms),
            })));
        }
        let bytes = call.engine().media(&artifact.media).await;
        let bytes = bytes.ok_or_else(gone)?;
        Ok(Payload::of(&json!({
            "artifact": shown, "encoding": "base64", "data": STANDARD.encode(&bytes),
        })))
    })
}
