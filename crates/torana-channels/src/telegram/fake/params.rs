//! Parameters of a call, whichever of the ways Telegram takes them: JSON, urlencoded, multipart, query.

use serde_json::{Map, Value};

/// The parameters by name.
#[derive(Debug, Default)]
pub(super) struct Params(Map<String, Value>);

// === impl Params ===

impl Params {
    /// Reads query and body; nothing when the body is not what its type says.
    pub(super) fn read(query: Option<&str>, content_type: &str, body: &[u8]) -> Option<Self> {
        let mut params = Map::new();
        for (key, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            params.insert(key.into_owned(), Value::from(value.into_owned()));
        }
        if content_type.starts_with("application/json") {
            if !body.is_empty() {
                match serde_json::from_slice(body).ok()? {
                    Value::Object(object) => params.extend(object),
                    _ => return None,
                }
            }
        } else if let Some(boundary) = boundary(content_type) {
            multipart(body, boundary, &mut params)?;
        } else {
            for (key, value) in url::form_urlencoded::parse(body) {
                params.insert(key.into_owned(), Value::from(value.into_owned()));
            }
        }
        Some(Self(params))
    }

    /// A text; numbers count as their digits.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A whole number, also when written as text.
    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        match self.0.get(key)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A structured value, also when written as JSON text.
    pub(super) fn structure(&self, key: &str) -> Option<Value> {
        match self.0.get(key)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            value => Some(value.clone()),
        }
    }
}

fn boundary(content_type: &str) -> Option<&str> {
    let parameters = content_type.strip_prefix("multipart/form-data")?;
    let boundary = parameters
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"'))
}

/// Reads the text parts; file parts are left out, as this server keeps no files.
fn multipart(body: &[u8], boundary: &str, params: &mut Map<String, Value>) -> Option<()> {
    let text = String::from_utf8_lossy(body);
    let delimiter = format!("--{boundary}");
    for part in text.split(delimiter.as_str()).skip(1) {
        if part.starts_with("--") {
            break;
        }
        let (head, content) = part.split_once("\r\n\r\n")?;
        let content = content.strip_suffix("\r\n").unwrap_or(content);
        let disposition = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with("content-disposition"))?;
        let name = disposition
            .split(';')
            .find_map(|piece| piece.trim().strip_prefix("name="))?;
        if !disposition.contains("filename=") {
            params.insert(name.trim_matches('"').to_owned(), Value::from(content));
        }
    }
    Some(())
}
