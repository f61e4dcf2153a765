//! What the fake server does with each request.

use std::collections::VecDeque;

/// One way to answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// A proper streamed answer.
    #[default]
    Answer,
    /// A proper answer as one JSON document, without streaming.
    Document,
    /// A refusal with this status.
    Status {
        /// HTTP status.
        status: u16,
        /// `Retry-After` header.
        retry_after: Option<String>,
        /// Body.
        body: String,
    },
    /// The connection is reset after this many chunks.
    Reset(usize),
    /// The stream ends politely but early, after this many chunks.
    Truncate(usize),
    /// Nothing more comes after this many chunks.
    Stall(usize),
    /// Not even the head comes.
    Silent,
    /// Events that are not JSON.
    Malformed,
    /// A web page.
    Html,
    /// An error object in the middle of the stream, after one chunk.
    ErrorEvent(String),
    /// The stream has no last marker (`[DONE]`, `message_stop`).
    NoMarker,
    /// The answer ends at the output limit.
    Length,
    /// The model declines.
    Refuse,
    /// An answer without any text.
    Empty,
    /// One endless line.
    Flood,
    /// A redirect to another address.
    Redirect(String),
    /// A call of this tool, with arguments `{"place":"here"}`, unless results came with the request: then a proper
    /// answer that repeats them.
    Tool(String),
}

impl Behaviour {
    /// Reads `ok`, a status such as `503` or `429:7` (with `Retry-After`), `reset:2`, `stall:1`, `silent` and so on.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, argument) = text
            .split_once(':')
            .map_or((text, None), |(word, rest)| (word, Some(rest)));
        let count = || argument.unwrap_or("1").parse().ok();
        Some(match word {
            "ok" => Self::Answer,
            "document" => Self::Document,
            "reset" => Self::Reset(count()?),
            "truncate" => Self::Truncate(count()?),
            "stall" => Self::Stall(count()?),
            "silent" => Self::Silent,
            "malformed" => Self::Malformed,
            "html" => Self::Html,
            "error" => Self::ErrorEvent(argument.unwrap_or("overloaded_error").to_owned()),
            "nomarker" => Self::NoMarker,
            "length" => Self::Length,
            "refuse" => Self::Refuse,
            "empty" => Self::Empty,
            "flood" => Self::Flood,
            "redirect" => Self::Redirect(argument?.to_owned()),
            "tool" => Self::Tool(argument?.to_owned()),
            status => Self::Status {
                status: status
                    .parse()
                    .ok()
                    .filter(|status| (300..600).contains(status))?,
                retry_after: argument.map(str::to_owned),
                body: r#"{"error":{"message":"scripted","type":"scripted"}}"#.to_owned(),
            },
        })
    }

    /// A bare status.
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after: None,
            body: String::new(),
        }
    }
}

/// The behaviour of the server: `next` is used up first, then `then` repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Used once each, in order.
    pub next: VecDeque<Behaviour>,
    /// Used ever after.
    pub then: Behaviour,
    /// The answer; absent echoes the last user message.
    pub text: Option<String>,
    /// Reasoning before the answer.
    pub thinking: Option<String>,
    /// Pieces of the answer.
    pub chunks: usize,
    /// Pause before each piece, milliseconds.
    pub delay_ms: u64,
    /// Pause before the first byte, milliseconds.
    pub first_delay_ms: u64,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            next: VecDeque::new(),
            then: Behaviour::Answer,
            text: None,
            thinking: None,
            chunks: 4,
            delay_ms: 0,
            first_delay_ms: 0,
        }
    }
}

impl Script {
    /// These behaviours in order, then proper answers.
    pub fn of(next: impl IntoIterator<Item = Behaviour>) -> Self {
        Self {
            next: next.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Always this behaviour.
    pub fn always(then: Behaviour) -> Self {
        Self {
            then,
            ..Self::default()
        }
    }

    /// Reads the body of `POST /control`: `{"next":["500","ok"],"then":"ok","text":…,"chunks":20,"delayMs":5,"firstDelayMs":0}`.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let mut script = Self::default();
        if let Some(next) = value.get("next").and_then(|next| next.as_array()) {
            script.next = next
                .iter()
                .map(|item| Behaviour::parse(item.as_str()?))
                .collect::<Option<_>>()?;
        }
        if let Some(then) = value.get("then") {
            script.then = Behaviour::parse(then.as_str()?)?;
        }
        let text = |name: &str| {
            value
                .get(name)
                .and_then(|text| text.as_str())
                .map(str::to_owned)
        };
        let number = |name: &str| value.get(name).and_then(serde_json::Value::as_u64);
        (script.text, script.thinking) = (text("text"), text("thinking"));
        script.chunks = number("chunks")
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or(script.chunks);
        (script.delay_ms, script.first_delay_ms) = (
            number("delayMs").unwrap_or(0),
            number("firstDelayMs").unwrap_or(0),
        );
        Some(script)
    }

    /// Takes the behaviour of one request; the rest of the script stays as it is, changed by a model id such as
    /// `chunks=20,delay=5,first=10,do=reset:2`.
    pub(super) fn take(&mut self, model: &str) -> (Behaviour, Self) {
        let mut behaviour = self.next.pop_front();
        let mut plan = Self {
            next: VecDeque::new(),
            ..self.clone()
        };
        for (name, value) in model.split(',').filter_map(|part| part.split_once('=')) {
            match name {
                "chunks" => plan.chunks = value.parse().unwrap_or(plan.chunks),
                "delay" => plan.delay_ms = value.parse().unwrap_or(plan.delay_ms),
                "first" => plan.first_delay_ms = value.parse().unwrap_or(plan.first_delay_ms),
                "do" => behaviour = behaviour.or_else(|| Behaviour::parse(value)),
                _ => {}
            }
        }
        (behaviour.unwrap_or_else(|| self.then.clone()), plan)
    }

    /// The answer in as many pieces as asked for; dots fill up a text that is too short to be cut so often.
    pub(super) fn pieces(&self, echo: &str) -> Vec<String> {
        let text = self.text.as_deref().unwrap_or(echo);
        let count = self.chunks.max(1);
        let characters: Vec<char> = text.chars().collect();
        let cut = |index: usize| index * characters.len() / count;
        let mut pieces: Vec<String> = (0..count)
            .map(|index| characters[cut(index)..cut(index + 1)].iter().collect())
            .collect();
        for piece in pieces.iter_mut().filter(|piece| piece.is_empty()) {
            piece.push('.');
        }
        pieces
    }
}
