//! Files of messages as pages show them: named, with their bytes left out. A page loads them with `artifacts.download`.

use serde_json::{Value, json};
use torana_core::media::{MediaKind, MediaRef};
use torana_engine::service::artifacts::ArtifactId;
use torana_engine::service::history::Cursor;

use crate::front::path::escaped;

/// Quirk: the official page takes pictures as bytes and everything else from an address; it tells by the beginning of the
/// id, and asks for both with the same words (OpenClaw 2026.9.6).
pub(crate) const BY_ADDRESS: &str = "artifact_managed_media_";

/// Where a line of a transcript stands.
pub(crate) struct Line<'a> {
    /// Key of its session.
    pub(crate) session: &'a str,
    /// Its id: transcript and number.
    pub(crate) id: &'a str,
    /// Its number.
    pub(crate) sequence: i64,
}

/// Files as parts of a message. One that still waits stands on no line yet, so its files are only named.
pub(crate) fn parts(files: &[MediaRef], line: Option<&Line<'_>>) -> Vec<Value> {
    let parts = files.iter().enumerate().map(|(index, file)| match line {
        Some(line) => stored(file, line, index),
        None => named(file),
    });
    parts.collect()
}

fn named(file: &MediaRef) -> Value {
    let is_picture = MediaKind::of(&file.mime) == MediaKind::Image;
    let mut part = json!({
        "type": if is_picture { "image" } else { "file" },
        "mimeType": file.mime, "bytes": file.bytes, "omitted": true,
    });
    if let Some(name) = &file.name {
        part["fileName"] = json!(name);
    }
    part
}

fn stored(file: &MediaRef, line: &Line<'_>, index: usize) -> Value {
    let session_id = line.id.rsplit_once(':').map_or(line.id, |(id, _)| id);
    let id = ArtifactId {
        line: Cursor {
            session_id: session_id.to_owned(),
            sequence: line.sequence,
        },
        index,
    };
    let id = id.to_text();
    if MediaKind::of(&file.mime) == MediaKind::Image {
        let mut part = named(file);
        part["artifactId"] = json!(id);
        return part;
    }
    let group = file.mime.split('/').next();
    let kinds = ["image", "audio", "video"];
    let kind = kinds.into_iter().find(|kind| group == Some(*kind));
    // Quirk: nothing is at this address. The page reads the session out of it, and asks `artifacts.download` for another
    // one (OpenClaw 2026.9.6).
    let session = escaped(line.session);
    json!({ "type": "attachment", "attachment": {
        "artifactId": format!("{BY_ADDRESS}{id}"),
        "url": format!("/api/chat/media/outgoing/{session}/{id}/full"),
        "kind": kind.unwrap_or("document"),
        "label": file.name.as_deref().unwrap_or(&file.mime),
        "mimeType": file.mime,
        "sizeBytes": file.bytes,
    } })
}
