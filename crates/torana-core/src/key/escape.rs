//! Escapes inside keys, used only where an id would otherwise be read as structure.
//!
//! Ids are printed as they are, so keys look like those of the systems we replace. The exceptions
//! are written `%XX`: a colon that would form `:thread:` or `:topic:`, any colon of an account, the
//! first letter of an account that equals a word of the grammar, and a percent sign that would read
//! as one of these escapes.

/// Words that give the next segment its meaning.
pub(super) const KEYWORDS: [&str; 10] = [
    "direct", "dm", "group", "channel", "topic", "thread", "slash", "account", "main", "agent",
];

/// Markers that end an id and start a thread.
pub(super) const THREAD_MARKERS: [&str; 2] = [":thread:", ":topic:"];

/// Whether a segment is a word of the grammar.
pub(super) fn is_keyword(segment: &str) -> bool {
    KEYWORDS
        .iter()
        .any(|word| segment.eq_ignore_ascii_case(word))
}

/// An id that may be followed by a thread, or that is one.
pub(super) fn escape_id(id: &str) -> String {
    let mut escaped = escape_percent(id);
    // A marker at either edge can also arise with the colons the key itself adds.
    let framed = format!(":{escaped}:").to_ascii_lowercase();
    if THREAD_MARKERS.iter().any(|marker| framed.contains(marker)) {
        escaped = escaped.replace(':', "%3A");
        for word in ["thread", "topic"] {
            if escaped.eq_ignore_ascii_case(word) {
                escaped = escape_first(&escaped);
            }
        }
    }
    escaped
}

/// An account, which is one segment.
pub(super) fn escape_segment(segment: &str) -> String {
    let escaped = escape_percent(segment).replace(':', "%3A");
    if is_keyword(&escaped) {
        escape_first(&escaped)
    } else {
        escaped
    }
}

fn escape_first(text: &str) -> String {
    match text.bytes().next() {
        Some(byte) if byte.is_ascii() => format!("%{byte:02X}{}", &text[1..]),
        _ => text.to_owned(),
    }
}

fn escape_percent(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        escaped.push_str(&rest[..at]);
        rest = &rest[at..];
        escaped.push_str(if decoded(rest).is_some() { "%25" } else { "%" });
        rest = &rest[1..];
    }
    escaped.push_str(rest);
    escaped
}

/// Undoes the escapes.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        match decoded(rest) {
            Some(ch) => {
                plain.push(ch);
                rest = &rest[3..];
            }
            None => {
                plain.push('%');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The printable character that an escape at the start of a text stands for.
fn decoded(text: &str) -> Option<char> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    byte.is_ascii_graphic().then_some(char::from(byte))
}
