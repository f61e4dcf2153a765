//! Attachments of a message: decoded from the frame, checked and kept by the engine.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use serde_json::Value;
use torana_core::key::SessionKey;
use torana_core::media::MediaRef;
use torana_engine::Upload;

use crate::openclaw::error::WireError;
use crate::openclaw::methods::Call;
use crate::openclaw::quirks::ATTACHMENT_BYTES_MAX;

/// Takes the attachments of a call out of its parameters and keeps them. When this returns they are on disk.
pub(in crate::openclaw::methods) async fn accept(
    call: &mut Call,
    session: &SessionKey,
) -> Result<Vec<MediaRef>, WireError> {
    let Some(Value::Array(attachments)) = call.params.take("attachments") else {
        return Ok(Vec::new());
    };
    if attachments.is_empty() {
        return Ok(Vec::new());
    }
    let mut uploads = Vec::with_capacity(attachments.len());
    let mut total: u64 = 0;
    for (index, attachment) in attachments.into_iter().enumerate() {
        let upload = decode(attachment)
            .map_err(|why| WireError::invalid(format!("attachment {}: {why}", index + 1)))?;
        total += upload.bytes.len() as u64;
        uploads.push(upload);
    }
    if total > ATTACHMENT_BYTES_MAX {
        return Err(WireError::invalid(format!(
            "attachments have {total} bytes together; {ATTACHMENT_BYTES_MAX} are allowed"
        )));
    }
    let agent = call.engine().agent_of(session)?;
    Ok(call.engine().accept_media(&agent, uploads).await?)
}

/// One attachment: `content` is base64, alone, as a `data:` URL, or inside `source`.
fn decode(mut attachment: Value) -> Result<Upload, &'static str> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (mut mime, name) = (text(&attachment["mimeType"]), text(&attachment["fileName"]));
    let content = match attachment["content"].take() {
        Value::String(content) => content,
        // Quirk: some clients send the Anthropic shape `{source:{type:"base64",media_type,data}}` (2026.9.6).
        Value::Object(mut map) => {
            let mut source = match map.remove("source") {
                Some(Value::Object(source)) => source,
                _ => map,
            };
            mime = mime.or_else(|| source.get("media_type").and_then(text));
            match source.remove("data") {
                Some(Value::String(data)) => data,
                _ => return Err("content must be base64"),
            }
        }
        _ => return Err("content must be base64"),
    };
    let encoded = match content
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','))
    {
        Some((head, data)) => {
            let Some(named) = head.strip_suffix(";base64") else {
                return Err("content must be base64");
            };
            mime = mime.or_else(|| Some(named.to_owned()));
            data
        }
        None => content.as_str(),
    };
    let encoded = encoded.trim();
    let bytes = STANDARD
        .decode(encoded)
        .or_else(|_| STANDARD_NO_PAD.decode(encoded))
        .map_err(|_| "content must be base64")?;
    Ok(Upload {
        mime,
        name,
        bytes: Bytes::from(bytes),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn base64_is_found_in_every_shape_clients_send() {
        for content in [
            json!("aGVsbG8="),
            json!("aGVsbG8"),
            json!("data:text/plain;base64,aGVsbG8="),
            json!({ "type": "base64", "media_type": "text/plain", "data": "aGVsbG8=" }),
            json!({ "source": { "type": "base64", "media_type": "text/plain", "data": "aGVsbG8=" } }),
        ] {
            let upload =
                decode(json!({ "fileName": "a.txt", "content": content })).expect("decoded");
            assert_eq!(&upload.bytes[..], b"hello");
            assert_eq!(upload.name.as_deref(), Some("a.txt"));
        }
        for content in [
            json!(null),
            json!("!!"),
            json!({}),
            json!("data:text/plain,hello"),
        ] {
            assert!(decode(json!({ "content": content })).is_err(), "{content}");
        }
    }
}
