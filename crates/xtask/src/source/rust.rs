//! A light scanner for Rust text: enough to ignore comments and strings, find tests, functions and words.
//!
//! It is no parser on purpose: the rules ask simple questions, and a scanner of this size answers them
//! without a syntax tree, at the speed of reading the files.

/// What `blank` removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blank {
    Comments,
    CommentsAndStrings,
}

/// One function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// One-based line of the `fn` keyword.
    pub(crate) line: usize,
    /// Lines of the body that hold code; comments and blank lines do not count.
    pub(crate) code_lines: usize,
}

/// Replaces comments (and strings) by spaces; length and line breaks stay the same.
pub(crate) fn blank(text: &str, what: Blank) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (end, erase) = match token_at(bytes, at) {
            Token::Comment(end) => (end, true),
            Token::Literal(end) => (end, what == Blank::CommentsAndStrings),
            Token::Other(end) => (end, false),
        };
        if erase {
            for byte in &mut out[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        at = end;
    }
    String::from_utf8(out).unwrap_or_default()
}

enum Token {
    Comment(usize),
    Literal(usize),
    Other(usize),
}

fn token_at(bytes: &[u8], at: usize) -> Token {
    let next = bytes.get(at + 1).copied();
    match bytes[at] {
        b'/' if next == Some(b'/') => Token::Comment(find(bytes, at, b'\n')),
        b'/' if next == Some(b'*') => Token::Comment(block_comment_end(bytes, at)),
        b'"' => Token::Literal(string_end(bytes, at + 1)),
        b'\'' => match char_end(bytes, at) {
            Some(end) => Token::Literal(end),
            None => Token::Other(at + 1),
        },
        byte if is_ident(byte) => {
            let end = ident_end(bytes, at);
            match &bytes[at..end] {
                b"b" | b"c" if bytes.get(end) == Some(&b'"') => {
                    Token::Literal(string_end(bytes, end + 1))
                }
                b"b" if bytes.get(end) == Some(&b'\'') => {
                    Token::Literal(char_end(bytes, end).unwrap_or(end))
                }
                b"r" | b"br" | b"cr" => match raw_string_end(bytes, end) {
                    Some(end) => Token::Literal(end),
                    None => Token::Other(end),
                },
                _ => Token::Other(end),
            }
        }
        _ => Token::Other(at + 1),
    }
}

fn find(bytes: &[u8], from: usize, wanted: u8) -> usize {
    let from = from.min(bytes.len());
    bytes[from..]
        .iter()
        .position(|byte| *byte == wanted)
        .map_or(bytes.len(), |offset| from + offset)
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], from: usize) -> Option<usize> {
    let hashes = bytes[from..]
        .iter()
        .take_while(|byte| **byte == b'#')
        .count();
    if bytes.get(from + hashes) != Some(&b'"') {
        return None;
    }
    let mut at = from + hashes + 1;
    while at < bytes.len() {
        let closing = bytes[at] == b'"'
            && bytes[at + 1..]
                .iter()
                .take(hashes)
                .filter(|byte| **byte == b'#')
                .count()
                == hashes;
        if closing {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(bytes.len())
}

/// The end of a character literal, or none when the quote starts a lifetime.
fn char_end(bytes: &[u8], at: usize) -> Option<usize> {
    let first = *bytes.get(at + 1)?;
    if first == b'\\' {
        return Some((find(bytes, at + 3, b'\'') + 1).min(bytes.len()));
    }
    let width = match first {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    (bytes.get(at + 1 + width) == Some(&b'\'')).then_some(at + 2 + width)
}

fn is_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn ident_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..]
        .iter()
        .position(|byte| !is_ident(*byte))
        .map_or(bytes.len(), |offset| from + offset)
}

/// The one-based line of a byte offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// Whether `word` stands at `at` with no identifier character on either side.
pub(crate) fn is_word_at(text: &str, at: usize, word: &str) -> bool {
    let bytes = text.as_bytes();
    let before = at
        .checked_sub(1)
        .and_then(|index| bytes.get(index))
        .copied();
    let after = bytes.get(at + word.len()).copied();
    text[at..].starts_with(word) && !before.is_some_and(is_ident) && !after.is_some_and(is_ident)
}

/// Offsets at which `word` stands as a whole word; the word may contain `::`.
pub(crate) fn word_positions<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| is_word_at(text, *at, word))
}

/// Every identifier with its offset.
pub(crate) fn identifiers(code: &str) -> Vec<(usize, &str)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if is_ident(bytes[at]) {
            let end = ident_end(bytes, at);
            found.push((at, &code[at..end]));
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// The offset just after the bracket that closes the one at `open`.
pub(crate) fn match_close(code: &str, open: usize) -> usize {
    let bytes = code.as_bytes();
    let mut depth = 0_usize;
    for (offset, byte) in bytes[open..].iter().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return open + offset + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// Offsets of `#[cfg(test)]` and its relatives, with the offset after the item they guard.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    for marker in [
        "#[cfg(test)]",
        "#[cfg(all(test",
        "#[cfg(any(test",
        "#[test]",
        "#[tokio::test",
    ] {
        for (at, _) in code.match_indices(marker) {
            items.push((at, item_end(code, at)));
        }
    }
    items
}

/// The end of the item that starts with the attribute at `at`.
fn item_end(code: &str, at: usize) -> usize {
    let bytes = code.as_bytes();
    let mut cursor = at;
    while cursor < bytes.len() {
        match bytes[cursor] {
            b'#' => cursor = match_close(code, (cursor + 1).min(bytes.len())),
            b'(' | b'[' => cursor = match_close(code, cursor),
            b'{' => return match_close(code, cursor),
            b';' => return cursor + 1,
            _ => cursor += 1,
        }
    }
    code.len()
}

/// Per line, whether it belongs to an item compiled only for tests.
pub(crate) fn test_lines(code: &str, lines: usize) -> Vec<bool> {
    let mut marks = vec![false; lines];
    for (start, end) in test_items(code) {
        let first = line_of(code, start) - 1;
        let last = line_of(code, end.saturating_sub(1)) - 1;
        for mark in marks.iter_mut().take(last + 1).skip(first) {
            *mark = true;
        }
    }
    marks
}

/// Names of modules declared in other files under `#[cfg(test)]`.
pub(crate) fn test_module_declarations(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (start, end) in test_items(code) {
        let item = &code[start..end];
        if let Some(declaration) = item.strip_suffix(';')
            && let Some((_, name)) = declaration.rsplit_once("mod ")
        {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// All functions that have a body.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for at in word_positions(code, "fn") {
        let rest = &code[at + 2..];
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        if name.is_empty() {
            continue;
        }
        if let Some(open) = body_open(code, at) {
            let body = &code[open + 1..match_close(code, open).saturating_sub(1).max(open + 1)];
            let code_lines = body.lines().filter(|line| !line.trim().is_empty()).count();
            found.push(Function {
                name,
                line: line_of(code, at),
                code_lines,
            });
        }
    }
    found
}

/// The opening brace of the body of the function at `at`; none for a declaration without a body.
fn body_open(code: &str, at: usize) -> Option<usize> {
    let bytes = code.as_bytes();
    let mut cursor = at;
    while cursor < bytes.len() {
        match bytes[cursor] {
            b'(' | b'[' => cursor = match_close(code, cursor),
            b'{' => return Some(cursor),
            b';' | b'}' => return None,
            _ => cursor += 1,
        }
    }
    None
}
