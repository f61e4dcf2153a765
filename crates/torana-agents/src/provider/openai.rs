//! The chat-completions wire format, as OpenAI defines it and as many others speak it with small differences.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use torana_core::port::BoxFuture;
use torana_core::run::Usage;
use torana_host::egress::Egress;
use torana_host::json;
use torana_host::sse::SseEvent;

use super::classify::classify_in_stream;
use super::failure::{ProviderFailure, RejectedField};
use super::openai_body::{Flags, body};
use super::output::CallPiece;
use super::output::Output;
use super::request::{Finish, ModelProvider, ModelRequest};
use super::settings::ProviderSettings;
use super::think::{Piece, ThinkSplitter};
use super::transport::{Delta, Endpoint, Wire, exchange, fuzz_wire};

/// A provider that speaks chat completions.
#[derive(Debug)]
pub struct OpenAiProvider {
    endpoint: Endpoint,
    // What this server turned out not to know; learned from its refusals, kept while the settings stay.
    without_stream_options: AtomicBool,
    max_completion_tokens: AtomicBool,
}

impl OpenAiProvider {
    /// Checks the settings; nothing is sent.
    pub fn new(settings: &ProviderSettings, egress: Egress) -> Result<Self, ProviderFailure> {
        let endpoint = Endpoint::new(settings, egress, completions_path)?;
        // OpenAI's own newer models refuse the old name of the limit; most others know only that one.
        let is_openai = endpoint.url.host_str() == Some("api.openai.com");
        Ok(Self {
            endpoint,
            without_stream_options: AtomicBool::new(false),
            max_completion_tokens: AtomicBool::new(is_openai),
        })
    }

    fn body(&self, request: &ModelRequest) -> Vec<u8> {
        let flags = Flags {
            with_stream_options: !self.without_stream_options.load(Ordering::Relaxed),
            new_limit_name: self.max_completion_tokens.load(Ordering::Relaxed),
        };
        body(request, flags)
    }

    async fn attempt(
        &self,
        request: &ModelRequest,
        output: &mut Output,
    ) -> Result<Finish, ProviderFailure> {
        loop {
            let thinking = request
                .thinking
                .as_deref()
                .is_some_and(|level| level != "off");
            let mut wire = OpenAiWire::default();
            let result = exchange(
                &self.endpoint,
                self.body(request),
                thinking,
                &mut wire,
                output,
            )
            .await;
            let flag = match result.as_ref().err().and_then(|failure| failure.rejected) {
                Some(RejectedField::StreamOptions) => &self.without_stream_options,
                Some(RejectedField::MaxTokens) => &self.max_completion_tokens,
                None => return result,
            };
            // Each field is left out once, so this ends after at most two refusals.
            if flag.swap(true, Ordering::Relaxed) {
                return result;
            }
        }
    }
}

impl ModelProvider for OpenAiProvider {
    fn answer<'a>(
        &'a self,
        request: &'a ModelRequest,
        output: &'a mut Output,
    ) -> BoxFuture<'a, Result<Finish, ProviderFailure>> {
        Box::pin(self.attempt(request, output))
    }
}

/// People write the base with `/v1`, without any path, or with the whole path.
fn completions_path(path: &str) -> String {
    if path.is_empty() {
        "/v1/chat/completions".to_owned()
    } else if path.ends_with("/chat/completions") {
        path.to_owned()
    } else {
        format!("{path}/chat/completions")
    }
}

// === What comes back ===

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    // Groq reports usage under a name of its own.
    #[serde(default)]
    x_groq: Option<GroqPart>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct GroqPart {
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default, alias = "message")]
    delta: Option<Part>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    reasoning_content: Option<String>,
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
struct WireCall {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<WireFunction>,
}

#[derive(Deserialize)]
struct WireFunction {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Arguments>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Arguments {
    Text(String),
    // Some local servers send the object itself.
    Object(serde_json::Value),
}

impl Arguments {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Object(value) if value.is_null() => String::new(),
            Self::Object(value) => value.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    // Mistral's reasoning models send typed parts.
    Parts(Vec<ContentPart>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct ContentPart {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thinking: Option<Vec<ThinkingPart>>,
}

#[derive(Deserialize)]
struct ThinkingPart {
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    // DeepSeek's name for cached tokens.
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

impl WireUsage {
    fn to_usage(&self) -> Usage {
        let details = self
            .prompt_tokens_details
            .as_ref()
            .and_then(|details| details.cached_tokens);
        let cache_read = details.or(self.prompt_cache_hit_tokens).unwrap_or(0);
        Usage {
            input: self.prompt_tokens.unwrap_or(0).saturating_sub(cache_read),
            output: self.completion_tokens.unwrap_or(0),
            cache_read,
            cache_write: 0,
            cost_usd: None,
        }
    }
}

/// Reads chat-completion chunks.
#[derive(Default)]
pub(crate) struct OpenAiWire {
    splitter: ThinkSplitter,
    pieces: Vec<Piece>,
    finish: Option<Finish>,
    done: bool,
    // At least one choice has come.
    answered: bool,
    refused: bool,
}

impl OpenAiWire {
    fn read(&mut self, data: &[u8], deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure> {
        let chunk: Chunk = json::lenient(data).map_err(|_| {
            ProviderFailure::unreadable("a part of the answer is not in the expected format")
        })?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(classify_in_stream(&error));
        }
        // Only one choice is asked for; a server that sends more must not mix them up.
        for choice in chunk
            .choices
            .into_iter()
            .flatten()
            .filter(|choice| choice.index.unwrap_or(0) == 0)
        {
            self.answered = true;
            if let Some(part) = choice.delta {
                self.part(part, deltas);
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finish = Some(match reason.as_str() {
                    "length" | "model_length" | "max_tokens" => Finish::Length,
                    "content_filter" => Finish::Refused,
                    "tool_calls" | "function_call" => Finish::Calls,
                    // OpenRouter's way to say that the model behind it broke off.
                    "error" => return Err(ProviderFailure::cut_off()),
                    _ => Finish::Stop,
                });
            }
        }
        if let Some(usage) = chunk.usage.or(chunk.x_groq.and_then(|part| part.usage)) {
            deltas.push(Delta::Usage(usage.to_usage()));
        }
        Ok(())
    }

    fn part(&mut self, part: Part, deltas: &mut Vec<Delta>) {
        let thinking = part
            .reasoning_content
            .or(part.reasoning)
            .filter(|text| !text.is_empty());
        deltas.extend(thinking.map(Delta::Thinking));
        match part.content {
            Some(Content::Text(text)) => self.text(&text, deltas),
            Some(Content::Parts(parts)) => {
                for part in parts {
                    let thoughts = part
                        .thinking
                        .into_iter()
                        .flatten()
                        .filter_map(|part| part.text);
                    deltas.extend(thoughts.map(Delta::Thinking));
                    self.text(part.text.as_deref().unwrap_or(""), deltas);
                }
            }
            Some(Content::Other(_)) | None => {}
        }
        for (position, call) in part.tool_calls.into_iter().flatten().enumerate() {
            let (name, arguments) = call
                .function
                .map_or((None, None), |function| (function.name, function.arguments));
            deltas.push(Delta::Call(CallPiece {
                index: call.index.unwrap_or(position as u64),
                id: call.id.unwrap_or_default(),
                name: name.unwrap_or_default(),
                arguments: arguments.map(Arguments::into_text).unwrap_or_default(),
            }));
        }
        if let Some(refusal) = part.refusal.filter(|text| !text.is_empty()) {
            self.refused = true;
            deltas.push(Delta::Text(refusal));
        }
    }

    fn text(&mut self, text: &str, deltas: &mut Vec<Delta>) {
        self.splitter.push(text, &mut self.pieces);
        deltas.extend(self.pieces.drain(..).map(to_delta));
    }
}

fn to_delta(piece: Piece) -> Delta {
    match piece {
        Piece::Text(text) => Delta::Text(text),
        Piece::Thinking(text) => Delta::Thinking(text),
    }
}

impl Wire for OpenAiWire {
    fn event(&mut self, event: &SseEvent, deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        self.read(data.as_bytes(), deltas)
    }

    fn document(&mut self, body: &[u8], deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure> {
        self.read(body, deltas)?;
        if !self.answered {
            return Err(ProviderFailure::unreadable(
                "the answer is JSON, but not a model's answer",
            ));
        }
        // A document is whole by being parsed, even without a reason for its end.
        self.done = true;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.done
    }

    fn finish(&mut self, deltas: &mut Vec<Delta>) -> Result<Finish, ProviderFailure> {
        std::mem::take(&mut self.splitter).finish(&mut self.pieces);
        deltas.extend(self.pieces.drain(..).map(to_delta));
        match self.finish {
            _ if self.refused => Ok(Finish::Refused),
            Some(finish) => Ok(finish),
            None if self.done => Ok(Finish::Stop),
            // Neither a reason nor `[DONE]`: the answer was cut off, even if the connection closed politely.
            None => Err(ProviderFailure::cut_off()),
        }
    }
}

/// Fuzz entry: any event is read or refused, never a panic.
pub fn fuzz_openai_chunk(bytes: &[u8]) {
    fuzz_wire::<OpenAiWire>(bytes);
}
