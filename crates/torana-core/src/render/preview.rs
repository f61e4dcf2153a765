//! What may be shown of a reply that is still being written.

use super::directive::{
    DIRECTIVE_BYTES_MAX, Fence, HEARTBEAT_TOKEN, SILENT_TOKEN, bare, strip_directives,
    strip_heartbeat,
};
use super::unclosed::close_styles;

/// A tail this short is a word that happens to start like the heartbeat token.
const TOKEN_TAIL_BYTES_MIN: usize = 4;

/// The text so far, as Markdown that can be shown: no half directive, nothing that may turn out to be
/// a token of silence, and every code fence and style closed. Empty means: show nothing yet.
///
/// ```
/// use torana_core::render::preview;
/// assert_eq!(preview("NO_RE"), "");
/// assert_eq!(preview("No, because [[reply_"), "No, because");
/// assert_eq!(preview("```rust\nlet a"), "```rust\nlet a\n```");
/// assert_eq!(preview("This is **impor"), "This is **impor**");
/// ```
pub fn preview(text_so_far: &str) -> String {
    let (text, _) = strip_directives(without_half_directive(text_so_far));
    if may_be_token(&text) {
        return String::new();
    }
    let (text, _) = strip_heartbeat(&text);
    with_closed_fence(without_half_token(text))
}

fn without_half_directive(text: &str) -> &str {
    let text = text.trim_end();
    if let Some(rest) = text.strip_suffix('[') {
        return rest.strip_suffix('[').unwrap_or(rest);
    }
    let from = text.floor_char_boundary(text.len().saturating_sub(DIRECTIVE_BYTES_MAX));
    match text[from..].rfind("[[") {
        Some(start) if is_half_directive(&text[from + start + 2..]) => &text[..from + start],
        _ => text,
    }
}

fn is_half_directive(inner: &str) -> bool {
    if inner.contains("]]") || inner.contains('\n') {
        return false;
    }
    let inner = inner
        .trim_start()
        .trim_end_matches(']')
        .to_ascii_lowercase();
    let inner = inner.trim_end();
    "reply_to_current".starts_with(inner) || inner.starts_with("reply_to:") || inner == "reply_to :"
}

fn may_be_token(text: &str) -> bool {
    let word = bare(text);
    if word.is_empty() || word.len() > HEARTBEAT_TOKEN.len() {
        return false;
    }
    SILENT_TOKEN.starts_with(&word.to_ascii_uppercase()) || HEARTBEAT_TOKEN.starts_with(word)
}

/// Cuts the beginning of a heartbeat token off the end.
fn without_half_token(text: &str) -> &str {
    let start = text
        .rfind(|ch: char| ch.is_whitespace() || "*`[(".contains(ch))
        .map_or(0, |at| text.ceil_char_boundary(at + 1));
    let tail = &text[start..];
    if tail.len() >= TOKEN_TAIL_BYTES_MIN && HEARTBEAT_TOKEN.starts_with(tail) {
        text[..start]
            .trim_end_matches(['*', '`', '[', '('])
            .trim_end()
    } else {
        text
    }
}

fn with_closed_fence(text: &str) -> String {
    let mut fence = None;
    let (mut last_line, mut read) = (0, 0);
    let mut opened_by_last = false;
    for line in text.split_inclusive('\n') {
        last_line = read;
        read += line.len();
        let before: Option<Fence> = fence;
        fence = Fence::after(line, before);
        opened_by_last = before.is_none() && fence.is_some();
    }
    let tail = text[last_line..].trim();
    let half_marker = matches!(tail, "`" | "``" | "~" | "~~");
    // A fence line at the very end is still being written, whichever way it turns out.
    let shown = if opened_by_last || half_marker {
        text[..last_line].trim_end()
    } else {
        text.trim_end()
    };
    let mut shown = shown.to_owned();
    match fence.filter(|_| !opened_by_last) {
        Some(open) => {
            shown.push('\n');
            shown.extend(std::iter::repeat_n(open.marker, open.length));
        }
        None => close_styles(&mut shown),
    }
    shown
}
