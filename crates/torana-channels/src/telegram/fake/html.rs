//! Telegram's HTML subset, with its own words for what is wrong.

/// Tags Telegram takes.
const TAGS: &[&str] = &[
    "a",
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "code",
    "pre",
    "tg-spoiler",
    "span",
    "blockquote",
    "tg-emoji",
];

/// The text people see, or Telegram's complaint.
pub(super) fn visible_text(source: &str) -> Result<String, String> {
    let bytes = source.as_bytes();
    let mut visible = String::with_capacity(source.len());
    let mut open: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let special = rest.find(['<', '&']).unwrap_or(rest.len());
        visible.push_str(&rest[..special]);
        at += special;
        match bytes.get(at) {
            Some(b'&') => at += entity(&source[at..], &mut visible),
            Some(b'<') if bytes.get(at + 1) == Some(&b'/') => at = end_tag(source, at, &mut open)?,
            Some(b'<') => at = start_tag(source, at, &mut open)?,
            _ => {}
        }
    }
    match open.pop() {
        Some(tag) => Err(complaint(&format!(
            "Can't find end tag corresponding to start tag \"{tag}\""
        ))),
        None => Ok(visible),
    }
}

fn complaint(what: &str) -> String {
    format!("Bad Request: can't parse entities: {what}")
}

/// Decodes one entity and returns how many bytes it took; an unknown one is text.
fn entity(rest: &str, visible: &mut String) -> usize {
    let Some(end) = rest.bytes().take(12).position(|byte| byte == b';') else {
        visible.push('&');
        return 1;
    };
    let name = &rest[1..end];
    let decoded = match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        _ => name.strip_prefix('#').and_then(|number| {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => number.parse().ok(),
            };
            code.and_then(char::from_u32)
        }),
    };
    match decoded {
        Some(character) => {
            visible.push(character);
            end + 1
        }
        None => {
            visible.push('&');
            1
        }
    }
}

fn start_tag(source: &str, begin: usize, open: &mut Vec<String>) -> Result<usize, String> {
    let unclosed = || complaint(&format!("Unclosed start tag at byte offset {begin}"));
    let rest = &source[begin + 1..];
    let name_end = rest
        .find(|c: char| c.is_ascii_whitespace() || c == '>')
        .ok_or_else(unclosed)?;
    let name = rest[..name_end].to_ascii_lowercase();
    if !TAGS.contains(&name.as_str()) {
        return Err(complaint(&format!(
            "Unsupported start tag \"{name}\" at byte offset {begin}"
        )));
    }
    // Attribute values are quoted, and `>` may stand inside the quotes.
    let mut quote = None;
    for (offset, character) in rest[name_end..].char_indices() {
        match (quote, character) {
            (Some(mark), _) if character == mark => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '>') => {
                let attributes = &rest[name_end..name_end + offset];
                if name == "span" && !attributes.contains("tg-spoiler") {
                    return Err(complaint(&format!(
                        "Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"
                    )));
                }
                open.push(name);
                return Ok(begin + 1 + name_end + offset + 1);
            }
            _ => {}
        }
    }
    Err(unclosed())
}

fn end_tag(source: &str, begin: usize, open: &mut Vec<String>) -> Result<usize, String> {
    let rest = &source[begin + 2..];
    let Some(end) = rest.find('>') else {
        return Err(complaint(&format!(
            "Unclosed end tag at byte offset {begin}"
        )));
    };
    let name = rest[..end].trim().to_ascii_lowercase();
    match open.pop() {
        None => Err(complaint(&format!(
            "Unexpected end tag at byte offset {begin}"
        ))),
        Some(expected) if !name.is_empty() && name != expected => Err(complaint(&format!(
            "Unmatched end tag at byte offset {begin}, expected \"</{expected}>\", found \"</{name}>\""
        ))),
        Some(_) => Ok(begin + 2 + end + 1),
    }
}
