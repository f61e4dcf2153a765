//! Files of an agent's workspace: the notes its prompt is made of, and everything else to look at.

use std::io::ErrorKind;
use std::path::PathBuf;

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use torana_core::id::AgentId;
use torana_host::folder::{Folder, FolderFile};

use super::agent_entries::make_folder;
use super::{Answer, Call, Running};
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;
use crate::site::NOTES;

/// Largest file that is shown or written, bytes: an answer must fit a frame, and notes are read with every turn.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Entries of one listing when no limit is asked for, and at most.
const ENTRIES_DEFAULT: usize = 500;
const ENTRIES_MAX: usize = 2_000;

/// The agent a call is about, and its workspace.
fn agent(call: &Call) -> Result<(AgentId, PathBuf), WireError> {
    let engine = call.engine();
    let name = call.params.word("agentId").unwrap_or_default();
    let agent = engine.agent_of(&engine.parse_key(&format!("agent:{name}:main"))?)?;
    let workspace = call.gateway.context().host.site().workspace(agent.as_str());
    Ok((agent, workspace))
}

fn failure(what: &str, error: &std::io::Error) -> WireError {
    match error.kind() {
        ErrorKind::NotFound => WireError::invalid(format!("{what} not found")),
        ErrorKind::InvalidInput | ErrorKind::FileTooLarge => {
            WireError::invalid(format!("{what}: {error}"))
        }
        kind @ ErrorKind::NotADirectory => WireError::invalid(format!("{what}: {kind}")),
        kind => {
            tracing::warn!(%error, what, "A workspace file could not be used.");
            WireError::new(UNAVAILABLE, format!("{what} cannot be used: {kind}"))
        }
    }
}

fn hash_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |text, byte| {
            text + &format!("{byte:02x}")
        })
}

/// A note as it is listed; `None` stands for a file that is not there.
fn note(workspace: &std::path::Path, name: &str, file: Option<&FolderFile>) -> Value {
    let path = workspace.join(name).display().to_string();
    match file {
        Some(file) => json!({
            "name": name, "path": path, "missing": false, "size": file.bytes.len(),
            "updatedAtMs": file.modified_ms.max(0), "hash": hash_of(&file.bytes),
        }),
        None => json!({ "name": name, "path": path, "missing": true }),
    }
}

fn read_note(workspace: &std::path::Path, name: &str) -> Result<Option<FolderFile>, WireError> {
    let read = Folder::open(workspace).and_then(|folder| folder.read(name, FILE_BYTES_MAX));
    match read {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure(name, &error)),
    }
}

/// Only the notes can be read and written by name.
fn named(call: &Call) -> Result<&'static str, WireError> {
    let wanted = call.params.word("name").unwrap_or_default();
    NOTES
        .iter()
        .find(|name| **name == wanted)
        .copied()
        .ok_or_else(|| {
            let short: String = wanted.chars().take(64).collect();
            WireError::invalid(format!("unsupported file \"{short}\""))
        })
}

pub(super) fn list(call: Call) -> Running {
    Box::pin(async move {
        let (agent, workspace) = agent(&call)?;
        let files = NOTES
            .iter()
            .map(|name| {
                Ok(note(
                    &workspace,
                    name,
                    read_note(&workspace, name)?.as_ref(),
                ))
            })
            .collect::<Result<Vec<_>, WireError>>()?;
        Ok(Payload::of(&json!({
            "agentId": agent.as_str(), "workspace": workspace.display().to_string(), "files": files,
        })))
    })
}

pub(super) fn get(call: Call) -> Running {
    Box::pin(async move {
        let (agent, workspace) = agent(&call)?;
        let name = named(&call)?;
        let file = read_note(&workspace, name)?;
        let mut shown = note(&workspace, name, file.as_ref());
        if let Some(file) = &file {
            shown["content"] = json!(String::from_utf8_lossy(&file.bytes));
        }
        Ok(Payload::of(&json!({
            "agentId": agent.as_str(), "workspace": workspace.display().to_string(), "file": shown,
        })))
    })
}

pub(super) fn set(call: Call) -> Running {
    Box::pin(async move { set_note(call).await })
}

async fn set_note(call: Call) -> Answer {
    let (agent, workspace) = agent(&call)?;
    let name = named(&call)?;
    let content = call.params.text("content").unwrap_or_default();
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(WireError::invalid(format!(
            "{name} would have {} bytes; at most {FILE_BYTES_MAX} are kept",
            content.len()
        )));
    }
    let before = read_note(&workspace, name)?;
    if let Some(expected) = call.params.word("expectedHash") {
        let hash = before.as_ref().map(|file| hash_of(&file.bytes));
        if hash.as_deref() != Some(expected.to_ascii_lowercase().as_str()) {
            return Err(WireError::invalid(format!(
                "{name} changed since it was read; load it again"
            ))
            .details(json!({ "code": "FILE_CHANGED", "hash": hash })));
        }
    }
    make_folder(&workspace)?;
    let folder = Folder::open(&workspace).map_err(|error| failure("the workspace", &error))?;
    folder
        .write(name, content.as_bytes())
        .map_err(|error| failure(name, &error))?;
    let site = call.gateway.context().host.site();
    site.workspace_changed().await;
    let size = json!({ "bytes": content.len() });
    let act = call.act("agent", format!("{agent}/{name}"), Some(size));
    call.gateway.audit().keep(act).await;
    let file = read_note(&workspace, name)?;
    Ok(Payload::of(&json!({
        "ok": true, "agentId": agent.as_str(), "workspace": workspace.display().to_string(),
        "file": note(&workspace, name, file.as_ref()),
    })))
}

pub(super) fn browse(call: Call) -> Running {
    Box::pin(async move {
        let (agent, workspace) = agent(&call)?;
        let path = call
            .params
            .text("path")
            .unwrap_or_default()
            .trim_matches('/')
            .to_owned();
        let found = Folder::open(&workspace).and_then(|folder| folder.list(&path));
        let entries = match found {
            Ok(entries) => entries,
            // A workspace that was never used is empty.
            Err(error) if error.kind() == ErrorKind::NotFound && path.is_empty() => Vec::new(),
            Err(error) => return Err(failure("the folder", &error)),
        };
        let offset = call.params.count("offset").unwrap_or(0);
        let limit = call
            .params
            .count("limit")
            .unwrap_or(ENTRIES_DEFAULT)
            .min(ENTRIES_MAX);
        let shown: Vec<Value> = entries
            .iter()
            .skip(offset)
            .take(limit)
            .map(|entry| {
                let mut value = json!({
                    "path": join(&path, &entry.name), "name": entry.name,
                    "kind": if entry.is_folder { "directory" } else { "file" },
                    "updatedAtMs": entry.modified_ms.max(0),
                });
                if !entry.is_folder {
                    value["size"] = json!(entry.size);
                }
                value
            })
            .collect();
        let mut answer = json!({
            "agentId": agent.as_str(), "path": path, "entries": shown, "totalEntries": entries.len(), "offset": offset,
        });
        if !path.is_empty() {
            answer["parentPath"] = json!(path.rsplit_once('/').map_or("", |(parent, _)| parent));
        }
        Ok(Payload::of(&answer))
    })
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

pub(super) fn open(call: Call) -> Running {
    Box::pin(async move {
        let (agent, workspace) = agent(&call)?;
        let path = call
            .params
            .word("path")
            .unwrap_or_default()
            .trim_matches('/')
            .to_owned();
        let file = Folder::open(&workspace)
            .and_then(|folder| folder.read(&path, FILE_BYTES_MAX))
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => WireError::invalid("workspace file not found")
                    .details(json!({ "type": "workspace_file_not_found", "path": path })),
                _ => failure("the file", &error),
            })?;
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let size = file.bytes.len();
        let (encoding, content) = match String::from_utf8(file.bytes) {
            Ok(text) => ("utf8", text),
            Err(error) => {
                let encoder = base64::engine::general_purpose::STANDARD;
                ("base64", encoder.encode(error.as_bytes()))
            }
        };
        Ok(Payload::of(&json!({
            "agentId": agent.as_str(),
            "file": {
                "path": path, "name": name, "size": size, "updatedAtMs": file.modified_ms.max(0),
                "mimeType": mime_of(&name, encoding), "encoding": encoding, "content": content,
            },
        })))
    })
}

/// What a viewer needs to know: pictures by their ending, text by being text.
fn mime_of(name: &str, encoding: &str) -> &'static str {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("md") => "text/markdown",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("pdf") => "application/pdf",
        _ if encoding == "utf8" => "text/plain",
        _ => "application/octet-stream",
    }
}
