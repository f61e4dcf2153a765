//! `canvas.document.*`: documents for the page to show, and where it may run them.

use serde_json::json;
use torana_host::served::{PIECE_BYTES, ServedFile};

use super::{Answer, Call, Running};
use crate::front::{stage, surface};
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;

/// Largest document, bytes (OpenClaw 2026.9.6).
pub(super) const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The file of a document that is shown.
const INDEX: &str = "index.html";

/// A document that an agent put into its canvas.
pub(super) fn view(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("docId").unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if matches!(id, "." | "..") || !id.bytes().all(is_name) {
            let message =
                "invalid canvas.document.view params: at /docId: is not the name of a document";
            return Err(WireError::invalid(message));
        }
        let unavailable = |why: &str| WireError::new(UNAVAILABLE, format!("document {id:?} {why}"));
        let path = format!("documents/{id}/{INDEX}");
        let context = call.gateway.context();
        let found = surface::find(context, &path).await;
        let file = found
            .map_err(|_| unavailable("cannot be read now"))?
            .ok_or_else(|| unavailable("does not exist"))?;
        if file.size() > DOCUMENT_BYTES_MAX as u64 {
            return Err(unavailable("is larger than 2 MiB"));
        }
        let bytes = read(&file).await;
        let html = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let html = html.ok_or_else(|| unavailable("cannot be read as text"))?;
        staged(&call, &html)
    })
}

/// A document that the caller has already.
pub(super) fn preview(call: Call) -> Running {
    Box::pin(async move {
        let html = call.params.text("html").unwrap_or_default();
        if html.len() > DOCUMENT_BYTES_MAX {
            let message =
                "invalid canvas.document.preview params: at /html: has more than 2 MiB of UTF-8";
            return Err(WireError::invalid(message));
        }
        staged(&call, html)
    })
}

/// A document with the place to run it in.
fn staged(call: &Call, html: &str) -> Answer {
    let opened = call.gateway.stage().open();
    let port = opened.map_err(|error| {
        let message = format!("documents cannot be shown: {error}");
        WireError::new(UNAVAILABLE, message)
    })?;
    Ok(Payload::of(&json!({
        "html": html, "sandboxUrl": stage::PATH, "sandboxPort": port,
    })))
}

/// The whole file; `None` when it cannot be read, or grew beyond what a document may be.
async fn read(file: &std::sync::Arc<ServedFile>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let piece = file.piece(bytes.len() as u64, PIECE_BYTES).await.ok()?;
        if piece.is_empty() {
            return Some(bytes);
        }
        bytes.extend_from_slice(&piece);
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return None;
        }
    }
}
