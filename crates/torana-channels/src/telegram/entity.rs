//! What the entities of a text say about us: mentions and commands, found by their UTF-16 offsets.

use torana_core::message::Addressed;

use super::wire::Entity;

/// Who we are, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// The bot id in the token.
    pub(super) token_id: i64,
    /// The id that `getMe` answered; the same on Telegram, another one on some emulators.
    pub(super) id: Option<i64>,
    /// Our public name, without `@`.
    pub(super) username: Option<String>,
}

impl Own {
    /// True for our own user id.
    pub(super) fn is(&self, id: i64) -> bool {
        id == self.token_id || self.id == Some(id)
    }

    fn is_named(&self, name: &str) -> bool {
        self.username
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The byte range of a stretch given in UTF-16 units; nothing when it is outside the text or cuts a character in half.
pub(super) fn utf16_range(
    text: &str,
    offset: usize,
    length: usize,
) -> Option<std::ops::Range<usize>> {
    let end = offset.checked_add(length)?;
    if text.is_ascii() {
        return (end <= text.len()).then_some(offset..end);
    }
    let mut units = 0;
    let mut start_byte = None;
    for (byte, character) in text.char_indices() {
        if units == offset {
            start_byte = Some(byte);
        }
        if units == end {
            return Some(start_byte?..byte);
        }
        units += character.len_utf16();
    }
    match (units == end, start_byte) {
        (true, Some(start)) => Some(start..text.len()),
        (true, None) if offset == units => Some(text.len()..text.len()),
        _ => None,
    }
}

/// A text with what its entities say about us.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The text; a leading command that names us has lost `@name`, so that `/status@us` is `/status`.
    pub(super) text: String,
    pub(super) addressed: Addressed,
}

/// Reads mentions and commands. Replies are judged elsewhere.
pub(super) fn read(text: String, entities: &[Entity], own: &Own) -> Reading {
    let mut addressed = Addressed::default();
    let mut cut = None;
    for entity in entities {
        match entity.kind.as_str() {
            "mention" => {
                let name = utf16_range(&text, entity.offset, entity.length)
                    .and_then(|range| text.get(range));
                addressed.mention |= name
                    .and_then(|name| name.strip_prefix('@'))
                    .is_some_and(|name| own.is_named(name));
            }
            "text_mention" => {
                addressed.mention |= entity.user.as_ref().is_some_and(|user| own.is(user.id))
            }
            "bot_command" => {
                let Some(range) = utf16_range(&text, entity.offset, entity.length) else {
                    continue;
                };
                let Some((command, name)) = text[range.clone()].split_once('@') else {
                    continue;
                };
                let is_first = range.start == 0;
                if own.is_named(name) {
                    addressed.mention |= !is_first;
                    addressed.command |= is_first;
                    if is_first {
                        cut = Some(command.len()..range.end);
                    }
                } else if is_first {
                    addressed.other_bot = true;
                }
            }
            _ => {}
        }
    }
    let mut text = text;
    if let Some(cut) = cut {
        text.replace_range(cut, "");
    }
    Reading { text, addressed }
}
