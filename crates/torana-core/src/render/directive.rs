//! What an agent says to the gateway inside a reply: which message it answers, or that it is silent.
//!
//! Every reply passes [`finalise`] once, on its way to the outbox. While it still streams,
//! `preview` applies the same rules to what is there so far.

/// Longer text between the brackets is no directive: the longest message ids known have 90 bytes.
pub(super) const DIRECTIVE_BYTES_MAX: usize = 160;

/// The whole reply that means "say nothing".
pub(super) const SILENT_TOKEN: &str = "NO_REPLY";

/// The older token of scheduled turns, at either end of a reply.
pub(super) const HEARTBEAT_TOKEN: &str = "HEARTBEAT_OK";

/// Up to this many characters beside [`HEARTBEAT_TOKEN`] are pleasantries, not news; the figure is
/// the one agents' prompts are written for.
const HEARTBEAT_CHARS_MAX: usize = 300;

/// Sent instead of silence to a person who waits in a direct chat.
pub const NOTHING_TO_ADD: &str = "(The agent had nothing to add.)";

/// The message a reply is attached to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReplyTo {
    /// Whatever the channel is configured to do.
    #[default]
    None,
    /// The message that started the turn.
    Current,
    /// A message by the platform's id.
    Id(String),
}

/// Directives found in a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directives {
    /// The first named message wins; `Current` yields to it.
    pub reply_to: ReplyTo,
}

/// What a reply is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplyContext {
    /// A person in a direct chat waits for this reply, so it cannot be silence.
    pub direct: bool,
}

/// Why nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilentReason {
    /// The agent chose silence.
    NoReply,
    /// A scheduled turn found nothing worth telling.
    Heartbeat,
    /// Nothing was left to send.
    Empty,
}

impl SilentReason {
    /// The word stored with the row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoReply => "silent",
            Self::Heartbeat => "heartbeat",
            Self::Empty => "empty",
        }
    }
}

/// A reply ready to be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The Markdown for people; empty when silent.
    pub text: String,
    /// Why nothing is sent, if so.
    pub silent: Option<SilentReason>,
    /// The message this one is attached to.
    pub reply_to: ReplyTo,
}

/// Turns an agent's final text into what people get.
///
/// ```
/// use torana_core::render::{finalise, ReplyContext, ReplyTo, SilentReason};
/// let group = ReplyContext { direct: false };
/// let reply = finalise("[[reply_to_current]] Done.", &group);
/// assert_eq!((reply.text.as_str(), reply.reply_to), ("Done.", ReplyTo::Current));
/// assert_eq!(finalise("no_reply", &group).silent, Some(SilentReason::NoReply));
/// ```
pub fn finalise(text: &str, context: &ReplyContext) -> Reply {
    let (text, directives) = strip_directives(text);
    let (text, beat) = strip_heartbeat(&text);
    let silent = if is_silent(text) {
        Some(SilentReason::NoReply)
    } else if beat && !context.direct && text.chars().count() <= HEARTBEAT_CHARS_MAX {
        Some(SilentReason::Heartbeat)
    } else if text.is_empty() {
        Some(if beat {
            SilentReason::Heartbeat
        } else {
            SilentReason::Empty
        })
    } else {
        None
    };
    let (text, silent) = match silent {
        None => (text.to_owned(), None),
        // An empty answer is a failure of the turn, which the engine explains in its own words.
        Some(SilentReason::NoReply | SilentReason::Heartbeat) if context.direct => {
            (NOTHING_TO_ADD.to_owned(), None)
        }
        Some(reason) => (String::new(), Some(reason)),
    };
    Reply {
        text,
        silent,
        reply_to: directives.reply_to,
    }
}

/// Whether the whole text is the silent token, give or take white space and punctuation.
fn is_silent(text: &str) -> bool {
    bare(text).eq_ignore_ascii_case(SILENT_TOKEN)
}

/// A text without the white space and punctuation around it.
pub(super) fn bare(text: &str) -> &str {
    text.trim_matches(|ch: char| {
        ch.is_whitespace() || ch.is_ascii_punctuation() || "“”‘’«»…。！".contains(ch)
    })
}

// === Heartbeat ===

const WRAPPERS: [char; 8] = ['*', '_', '`', '[', ']', '(', ')', '"'];
const ENDINGS: [char; 13] = [
    '*', '_', '`', '[', ']', '(', ')', '"', '.', '!', ':', ',', ';',
];

/// Removes the heartbeat token from both ends; true if it was there.
pub(super) fn strip_heartbeat(text: &str) -> (&str, bool) {
    let text = text.trim();
    let (text, at_start) = match without_leading_token(text) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    match without_trailing_token(text) {
        Some(rest) => (rest, true),
        None => (text, at_start),
    }
}

fn without_leading_token(text: &str) -> Option<&str> {
    let rest = text
        .trim_start_matches(WRAPPERS)
        .strip_prefix(HEARTBEAT_TOKEN)?;
    let continues = rest.starts_with(|ch: char| ch.is_alphanumeric());
    let underscored = rest.starts_with('_') && rest[1..].starts_with(char::is_alphanumeric);
    (!continues && !underscored).then(|| rest.trim_start_matches(ENDINGS).trim())
}

fn without_trailing_token(text: &str) -> Option<&str> {
    let rest = text
        .trim_end_matches(ENDINGS)
        .strip_suffix(HEARTBEAT_TOKEN)?;
    let bare = rest.trim_end_matches(WRAPPERS);
    let continued = rest.len() == bare.len() && bare.ends_with(char::is_alphanumeric);
    (!continued).then(|| bare.trim())
}

// === Directives ===

/// Removes directives outside code; the text comes back trimmed.
pub fn strip_directives(text: &str) -> (String, Directives) {
    let mut directives = Directives::default();
    if !text.contains("[[") {
        return (text.trim().to_owned(), directives);
    }
    let mut kept = String::with_capacity(text.len());
    let mut fence = None;
    for line in text.split_inclusive('\n') {
        let was_open = fence.is_some();
        fence = Fence::after(line, fence);
        if was_open || fence.is_some() {
            kept.push_str(line);
            continue;
        }
        let start = kept.len();
        if strip_line(line, &mut kept, &mut directives) && kept[start..].trim().is_empty() {
            kept.truncate(start);
        }
    }
    (kept.trim().to_owned(), directives)
}

/// Copies a line without its directives; true if it had one.
fn strip_line(line: &str, kept: &mut String, directives: &mut Directives) -> bool {
    let mut found = false;
    let mut at = 0;
    // Runs of one or two back-ticks that are known to have no partner further on.
    let mut unpaired = [false; 3];
    while let Some(offset) = line[at..].find(['`', '[']) {
        kept.push_str(&line[at..at + offset]);
        at += offset;
        let rest = &line[at..];
        if rest.starts_with('`') {
            let ticks = rest.bytes().take_while(|byte| *byte == b'`').count();
            let code = (ticks < unpaired.len() && !unpaired[ticks])
                .then(|| rest[ticks..].find(&rest[..ticks]))
                .flatten();
            let taken = match code {
                Some(inner) => ticks + inner + ticks,
                None => {
                    if let Some(slot) = unpaired.get_mut(ticks) {
                        *slot = true;
                    }
                    ticks
                }
            };
            kept.push_str(&rest[..taken]);
            at += taken;
        } else if let Some((length, reply_to)) = directive_at(rest) {
            found = true;
            if !matches!(directives.reply_to, ReplyTo::Id(_)) {
                directives.reply_to = reply_to;
            }
            at += length;
            if kept.ends_with([' ', '\n']) || kept.is_empty() {
                at += line[at..].len() - line[at..].trim_start_matches(' ').len();
            }
        } else {
            kept.push('[');
            at += 1;
        }
    }
    kept.push_str(&line[at..]);
    found
}

/// The directive that a text starts with, and its length.
fn directive_at(text: &str) -> Option<(usize, ReplyTo)> {
    let inner = text.strip_prefix("[[")?;
    let end = inner
        .bytes()
        .take(DIRECTIVE_BYTES_MAX)
        .position(|byte| matches!(byte, b'[' | b']'))?;
    inner[end..].starts_with("]]").then_some(())?;
    let body = inner[..end].trim();
    let reply_to = if body.eq_ignore_ascii_case("reply_to_current") {
        ReplyTo::Current
    } else {
        let (name, id) = body.split_once(':')?;
        let id = id.trim();
        let is_id = !id.is_empty() && !id.chars().any(|ch| ch.is_whitespace() || ch.is_control());
        (name.trim().eq_ignore_ascii_case("reply_to") && is_id)
            .then(|| ReplyTo::Id(id.to_owned()))?
    };
    Some((end + 4, reply_to))
}

// === Fences ===

/// An open code fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) marker: char,
    pub(super) length: usize,
}

impl Fence {
    /// The state after a line.
    pub(super) fn after(line: &str, open: Option<Self>) -> Option<Self> {
        let line = line.trim_matches(['\n', '\r', ' ']);
        let Some(marker @ ('`' | '~')) = line.chars().next() else {
            return open;
        };
        let length = line.chars().take_while(|ch| *ch == marker).count();
        let rest = &line[length..];
        match open {
            None => {
                let opens = length >= 3 && !(marker == '`' && rest.contains('`'));
                opens.then_some(Self { marker, length })
            }
            Some(fence) => {
                let closes = marker == fence.marker && length >= fence.length && rest.is_empty();
                (!closes).then_some(fence)
            }
        }
    }
}
