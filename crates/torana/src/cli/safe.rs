//! Text of others, made harmless for a terminal.

use std::borrow::Cow;

use torana_host::logs::escape_text_line;

/// Joins emoji into one; harmless by itself and part of ordinary messages.
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// One line that cannot move the cursor, change colours or reverse text.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{1b}', ZERO_WIDTH_JOINER]) {
        return escape_text_line(text);
    }
    let parts: Vec<String> = text
        .replace('\u{1b}', "\\u{1b}")
        .split(ZERO_WIDTH_JOINER)
        .map(|part| escape_text_line(part).into_owned())
        .collect();
    Cow::Owned(parts.join("\u{200d}"))
}
