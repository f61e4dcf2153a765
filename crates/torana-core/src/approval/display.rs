//! How text from outside is shown to the person who decides: nothing hidden, nothing that moves other text (S-013).

use std::fmt::Write;

/// Whether a character may be shown as it is. Everything else could hide or reorder what stands beside it.
pub fn is_plain(character: char) -> bool {
    if character == ' ' {
        return true;
    }
    if character.is_control() || character.is_whitespace() {
        return false;
    }
    !matches!(character,
        // Soft hyphen, Arabic and Mongolian format characters, Hangul fillers.
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
        // Zero-width characters, directional marks, embeddings and isolates, invisible operators.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Braille blank, variation selectors, byte order mark, interlinear marks, tags, private use.
        | '\u{2800}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}')
}

/// The text with every character that cannot be seen, or that moves others, written as `\u{…}`. Spaces at either end
/// and runs of spaces are written out too: a person does not see them, and a program reads them.
pub fn shown(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    let mut before_space = true;
    for (at, character) in text.chars().enumerate() {
        let hidden_space = character == ' ' && (before_space || at == last);
        before_space = character == ' ';
        if is_plain(character) && !hidden_space {
            result.push(character);
        } else {
            write!(result, "\\u{{{:X}}}", u32::from(character)).expect("a string takes any text");
        }
    }
    result
}
