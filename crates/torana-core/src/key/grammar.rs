//! The shapes of session keys, and how each spelling is read and printed.
//!
//! Quirk: OpenClaw 2026.9, pi-gateway (both generations) and SimpleClaw spell the same sessions
//! differently; the tests list them side by side. Agent, channel and grammar words compare without case, ids
//! exactly, because some platforms' ids differ only in case.

use std::fmt::Write as _;

use super::escape::{THREAD_MARKERS, escape_id, escape_segment, is_keyword, unescape};

/// Why a text is not a session key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing was given.
    #[error("a session key cannot be empty")]
    Empty,
    /// The text is longer than the limit.
    #[error("a session key can have at most {max} characters")]
    TooLong {
        /// The limit that applies.
        max: usize,
    },
    /// A control character, which could forge log lines.
    #[error("a session key cannot contain control characters")]
    Control,
    /// A part is missing, as in `agent:main:` or `agent::x`.
    #[error("a part of the session key is empty")]
    EmptyPart,
    /// The agent part is not an agent id.
    #[error("the session key does not name an agent: letters, digits, `-` and `_`, at most 64")]
    BadAgent,
    /// A key inside a key, which could hide a reserved namespace.
    #[error("a session key cannot contain another `agent:` key")]
    Nested,
    /// A character that callers may not use.
    #[error("a session key may use letters, digits and `: . _ @ + / -` only")]
    Alphabet,
    /// A namespace that belongs to the gateway.
    #[error("the session key names a reserved namespace")]
    Reserved,
}

/// A session key taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyParts {
    /// The agent; none for the global session.
    pub agent: Option<String>,
    /// What the session is for.
    pub shape: Shape,
}

/// What a session is for. Ids are as the platform spells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// The agent's main session.
    Main,
    /// The one session of all agents and senders.
    Global,
    /// A person, as far apart from others as the fields say.
    Direct {
        /// Absent: wherever the person writes.
        channel: Option<String>,
        /// Absent: whichever account of ours they write to.
        account: Option<String>,
        /// The person.
        peer: String,
        /// A topic or thread of the chat.
        thread: Option<String>,
    },
    /// A group.
    Group {
        /// The platform.
        channel: String,
        /// The group.
        id: String,
        /// A forum topic or thread in it.
        thread: Option<String>,
    },
    /// A room or broadcast channel.
    Channel {
        /// The platform.
        channel: String,
        /// The room.
        id: String,
        /// A thread in it.
        thread: Option<String>,
    },
    /// Work that no conversation owns, such as `cron:<job>`.
    Namespaced {
        /// One of the known namespaces, in lower case.
        namespace: String,
        /// What follows it.
        rest: String,
    },
    /// A name that a client chose.
    Named {
        /// The whole of it.
        name: String,
    },
}

/// Namespaces with a meaning of their own; the first three may only be entered by the gateway.
const NAMESPACES: [&str; 10] = [
    "subagent",
    "cron",
    "acp",
    "hook",
    "dashboard",
    "openai",
    "openresponses",
    "node",
    "explicit",
    "heartbeat",
];

/// How many of [`NAMESPACES`] are reserved (threat S-041).
const NAMESPACES_RESERVED: usize = 3;

/// Channels whose keys may leave out the word between account and peer (SimpleClaw's spelling). For
/// other first words the same form is a name that a client chose, and stays as it is.
const CHANNELS: [&str; 24] = [
    "agentmail",
    "discord",
    "email",
    "feishu",
    "googlechat",
    "imessage",
    "irc",
    "lark",
    "line",
    "matrix",
    "mattermost",
    "mqtt",
    "msteams",
    "nextcloud",
    "nostr",
    "signal",
    "slack",
    "sms",
    "synology",
    "teams",
    "telegram",
    "webhook",
    "whatsapp",
    "xmpp",
];

/// The account name that some systems print and others leave out.
const DEFAULT_ACCOUNT: &str = "default";

/// Whether a namespace belongs to the gateway.
pub(super) fn is_reserved(namespace: &str) -> bool {
    NAMESPACES[..NAMESPACES_RESERVED].contains(&namespace)
}

/// Whether a word can be a channel's name inside a key.
pub(super) fn is_channel_word(word: &str) -> bool {
    !word.is_empty() && !word.contains([':', '%']) && !is_keyword(word) && namespace(word).is_none()
}

fn namespace(word: &str) -> Option<&'static str> {
    NAMESPACES
        .into_iter()
        .find(|known| word.eq_ignore_ascii_case(known))
}

// === Reading ===

/// Reads what follows `agent:<id>:`.
pub(super) fn read_shape(rest: &str, main_key: &str) -> Result<Shape, KeyError> {
    let (first, tail) = split(rest);
    if first.is_empty() || tail == Some("") {
        return Err(KeyError::EmptyPart);
    }
    let Some(tail) = tail else {
        return Ok(if is_main(first, main_key) {
            Shape::Main
        } else {
            Shape::Named {
                name: first.to_owned(),
            }
        });
    };
    if first.eq_ignore_ascii_case("agent") {
        return Err(KeyError::Nested);
    }
    if let Some(namespace) = namespace(first) {
        return Ok(Shape::Namespaced {
            namespace: namespace.to_owned(),
            rest: tail.to_owned(),
        });
    }
    // Quirk: pi-gateway 0.x prints the shared session of web clients as `agent:main:main:main`.
    if is_main(first, main_key) && is_main(tail, main_key) {
        return Ok(Shape::Main);
    }
    if is_word(first, &["direct", "dm"]) {
        return direct(None, None, tail);
    }
    let named = || Shape::Named {
        name: rest.to_owned(),
    };
    if !is_channel_word(first) {
        return Ok(named());
    }
    let shape = read_channel(&first.to_ascii_lowercase(), tail, main_key)?;
    Ok(shape.unwrap_or_else(named))
}

/// Reads what follows a channel; none if it is no form we know.
fn read_channel(channel: &str, rest: &str, main_key: &str) -> Result<Option<Shape>, KeyError> {
    let (word, tail) = split(rest);
    let Some(tail) = tail else {
        return Ok(None);
    };
    if tail.is_empty() || word.is_empty() {
        return Err(KeyError::EmptyPart);
    }
    if word.eq_ignore_ascii_case("account") {
        let (account, tail) = split(tail);
        return match tail {
            Some("") => Err(KeyError::EmptyPart),
            Some(tail) if !account.is_empty() => read_account(channel, account, tail, main_key),
            _ => Ok(None),
        };
    }
    if let Some(shape) = read_peer(channel, None, word, tail)? {
        return Ok(Some(shape));
    }
    if is_keyword(word) {
        return Ok(None);
    }
    let (kind, peer) = split(tail);
    match peer {
        Some(peer) if is_word(kind, &["direct", "dm"]) => {
            direct(Some(channel), Some(word), peer).map(Some)
        }
        // Quirk: SimpleClaw's `agent:main:telegram:default:user123` has no word before the peer.
        None if CHANNELS.contains(&channel) => direct(Some(channel), Some(word), tail).map(Some),
        _ => Ok(None),
    }
}

/// Reads pi-gateway's `account:<id>:` forms. An account called `default` is one not named.
fn read_account(
    channel: &str,
    account: &str,
    rest: &str,
    main_key: &str,
) -> Result<Option<Shape>, KeyError> {
    if is_main(rest, main_key) {
        return Ok(Some(Shape::Main));
    }
    let (word, tail) = split(rest);
    match tail {
        None => Ok(None),
        Some("") => Err(KeyError::EmptyPart),
        Some(tail) => {
            let account = (account != DEFAULT_ACCOUNT).then_some(account);
            read_peer(channel, account, word, tail)
        }
    }
}

fn read_peer(
    channel: &str,
    account: Option<&str>,
    word: &str,
    tail: &str,
) -> Result<Option<Shape>, KeyError> {
    let channel_name = channel.to_owned();
    Ok(Some(match word.to_ascii_lowercase().as_str() {
        "direct" | "dm" => direct(Some(channel), account, tail)?,
        "group" => {
            let (id, thread) = id_and_thread(tail)?;
            Shape::Group {
                channel: channel_name,
                id,
                thread,
            }
        }
        "channel" => {
            let (id, thread) = id_and_thread(tail)?;
            Shape::Channel {
                channel: channel_name,
                id,
                thread,
            }
        }
        // Quirk: pi-gateway's first generation puts chat and topic behind one word.
        "topic" => match tail.rsplit_once(':') {
            Some((id, thread)) if !id.is_empty() && !thread.is_empty() => Shape::Group {
                channel: channel_name,
                id: unescape(id),
                thread: Some(unescape(thread)),
            },
            Some(_) => return Err(KeyError::EmptyPart),
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn direct(channel: Option<&str>, account: Option<&str>, tail: &str) -> Result<Shape, KeyError> {
    let (peer, thread) = id_and_thread(tail)?;
    Ok(Shape::Direct {
        channel: channel.map(str::to_owned),
        account: account.map(unescape),
        peer,
        thread,
    })
}

fn id_and_thread(text: &str) -> Result<(String, Option<String>), KeyError> {
    let lower = text.to_ascii_lowercase();
    let marker = THREAD_MARKERS
        .iter()
        .filter_map(|marker| Some((lower.rfind(marker)?, marker.len())))
        .max();
    let (id, thread) = match marker {
        Some((at, length)) => (&text[..at], Some(&text[at + length..])),
        None => (text, None),
    };
    if id.is_empty() || thread == Some("") {
        return Err(KeyError::EmptyPart);
    }
    Ok((unescape(id), thread.map(unescape)))
}

fn is_main(word: &str, main_key: &str) -> bool {
    word.eq_ignore_ascii_case("main") || word.eq_ignore_ascii_case(main_key)
}

fn is_word(segment: &str, words: &[&str]) -> bool {
    words.iter().any(|word| segment.eq_ignore_ascii_case(word))
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

// === Printing ===

/// Prints a key in OpenClaw's spelling.
pub(super) fn print(agent: Option<&str>, shape: &Shape) -> String {
    let mut key = match agent {
        Some(agent) => format!("agent:{agent}:"),
        None => String::new(),
    };
    match shape {
        Shape::Main => key.push_str("main"),
        Shape::Global => key.push_str("global"),
        Shape::Direct {
            channel,
            account,
            peer,
            thread,
        } => {
            if let Some(channel) = channel {
                push(&mut key, &[channel.as_str(), ""]);
            }
            if let Some(account) = account {
                push(&mut key, &[escape_segment(account).as_str(), ""]);
            }
            push(&mut key, &["direct", escape_id(peer).as_str()]);
            push_thread(&mut key, "thread", thread.as_deref());
        }
        Shape::Group {
            channel,
            id,
            thread,
        } => {
            push(
                &mut key,
                &[channel.as_str(), "group", escape_id(id).as_str()],
            );
            // Quirk: OpenClaw says `topic` for Telegram's forum topics and `thread` everywhere else.
            let word = if channel == "telegram" {
                "topic"
            } else {
                "thread"
            };
            push_thread(&mut key, word, thread.as_deref());
        }
        Shape::Channel {
            channel,
            id,
            thread,
        } => {
            push(
                &mut key,
                &[channel.as_str(), "channel", escape_id(id).as_str()],
            );
            push_thread(&mut key, "thread", thread.as_deref());
        }
        Shape::Namespaced { namespace, rest } => {
            push(&mut key, &[namespace.as_str(), rest.as_str()])
        }
        Shape::Named { name } => key.push_str(name),
    }
    key
}

fn push(key: &mut String, segments: &[&str]) {
    key.push_str(&segments.join(":"));
}

fn push_thread(key: &mut String, word: &str, thread: Option<&str>) {
    if let Some(thread) = thread {
        // Writing to a string cannot fail.
        write!(key, ":{word}:{}", escape_id(thread)).unwrap_or_default();
    }
}
