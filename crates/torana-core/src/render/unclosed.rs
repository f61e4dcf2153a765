//! Styles that a growing text has begun and not ended yet: bold, italics, strike-through and code.
//!
//! Only the last block can have one, because in Markdown no style goes beyond its block. What is guessed wrong shows
//! one sign too many until the next edit; the finished text is never touched.

/// Styles that may be open at once; a text that nests deeper is not prose.
const DEPTH_MAX: usize = 8;

/// Ends what the last block leaves open, and takes off a sign that is still being written.
pub(super) fn close_styles(text: &mut String) {
    let start = last_block(text);
    let (open, end) = open_runs(&text[start..]);
    let closing: String = open.into_iter().rev().collect();
    let end = text[..start + end].trim_end().len();
    // A style of which nothing is written yet has no text to end after.
    if end <= start {
        return;
    }
    text.truncate(end);
    text.push_str(&closing);
}

/// Where the last paragraph, heading, list item, quoted line or row begins.
fn last_block(text: &str) -> usize {
    let mut start = text.len();
    for line in text.split_inclusive('\n').rev() {
        let words = line.trim();
        if words.is_empty() || words.starts_with("```") || words.starts_with("~~~") {
            break;
        }
        start -= line.len();
        if begins_block(words) {
            break;
        }
    }
    start
}

fn begins_block(line: &str) -> bool {
    let number = line.trim_start_matches(|ch: char| ch.is_ascii_digit());
    let is_numbered = number.len() < line.len() && number.starts_with(['.', ')']);
    is_numbered
        || line.starts_with(['#', '>', '|'])
        || ["- ", "* ", "+ "]
            .iter()
            .any(|bullet| line.starts_with(bullet))
}

/// The runs of signs that are open at the end of a block, outermost first, and where its text ends without a run that
/// is still being written.
fn open_runs(block: &str) -> (Vec<&str>, usize) {
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(found) = block[at..].find(['`', '*', '_', '~', '\\']) {
        let from = at + found;
        let sign = &block[from..=from];
        if sign == "\\" {
            at = block.ceil_char_boundary(from + 2).min(block.len());
            continue;
        }
        let length = block[from..].len() - block[from..].trim_start_matches(sign).len();
        let run = &block[from..from + length];
        at = from + length;
        if sign == "`" {
            match end_of_code(&block[at..], run) {
                Some(past) => at += past,
                None if at == block.len() => return (open, from),
                None => {
                    open.push(run);
                    return (open, block.len());
                }
            }
            continue;
        }
        let sides = (
            block[..from].chars().next_back(),
            block[at..].chars().next(),
        );
        let known = open.iter().rposition(|known| *known == run);
        match known.filter(|_| may_close(sign, sides)) {
            Some(depth) => open.truncate(depth),
            None if at == block.len() => return (open, from),
            None if is_style(sign, length) && may_open(sign, sides) && open.len() < DEPTH_MAX => {
                open.push(run);
            }
            None => {}
        }
    }
    (open, block.len())
}

/// The end of a code span behind a run of the same length.
fn end_of_code(text: &str, run: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let from = at + found;
        let length = text[from..].len() - text[from..].trim_start_matches('`').len();
        at = from + length;
        if length == run.len() {
            return Some(at);
        }
    }
    None
}

fn is_style(sign: &str, length: usize) -> bool {
    if sign == "~" {
        length == 2
    } else {
        length <= 3
    }
}

type Sides = (Option<char>, Option<char>);

fn may_open(sign: &str, (before, after): Sides) -> bool {
    let Some(after) = after.filter(|ch| !ch.is_whitespace()) else {
        return false;
    };
    let after_gap = before.is_none_or(|ch| !ch.is_alphanumeric());
    match sign {
        "_" => after_gap,
        _ => after_gap || after.is_alphanumeric(),
    }
}

fn may_close(sign: &str, (before, after): Sides) -> bool {
    before.is_some_and(|ch| !ch.is_whitespace())
        && (sign != "_" || after.is_none_or(|ch| !ch.is_alphanumeric()))
}
