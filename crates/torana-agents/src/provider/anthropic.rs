//! The messages wire format of Anthropic, which several gateways and local servers speak too.

use serde::Deserialize;
use torana_core::port::BoxFuture;
use torana_core::run::Usage;
use torana_host::egress::Egress;
use torana_host::json;
use torana_host::sse::SseEvent;

use super::anthropic_body::{body, thinking_budget};
use super::classify::classify_in_stream;
use super::failure::ProviderFailure;
use super::output::CallPiece;
use super::output::Output;
use super::request::{Finish, ModelProvider, ModelRequest};
use super::settings::ProviderSettings;
use super::transport::{Delta, Endpoint, Wire, exchange, fuzz_wire};

/// A provider that speaks the messages format.
#[derive(Debug)]
pub struct AnthropicProvider {
    endpoint: Endpoint,
}

impl AnthropicProvider {
    /// Checks the settings; nothing is sent.
    pub fn new(settings: &ProviderSettings, egress: Egress) -> Result<Self, ProviderFailure> {
        let endpoint = Endpoint::new(settings, egress, messages_path)?;
        Ok(Self { endpoint })
    }
}

impl ModelProvider for AnthropicProvider {
    fn answer<'a>(
        &'a self,
        request: &'a ModelRequest,
        output: &'a mut Output,
    ) -> BoxFuture<'a, Result<Finish, ProviderFailure>> {
        Box::pin(async move {
            let body = body(request)?;
            let thinking = request
                .thinking
                .as_deref()
                .and_then(thinking_budget)
                .is_some();
            let mut wire = AnthropicWire::default();
            exchange(&self.endpoint, body, thinking, &mut wire, output).await
        })
    }
}

/// People write the base with or without `/v1`, or with the whole path.
fn messages_path(path: &str) -> String {
    if path.ends_with("/v1") {
        format!("{path}/messages")
    } else if path.ends_with("/messages") {
        path.to_owned()
    } else {
        format!("{path}/v1/messages")
    }
}

// === What comes back ===

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: Option<Document>,
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    content_block: Option<Block>,
    #[serde(default)]
    delta: Option<EventDelta>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    content: Option<Vec<Block>>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<serde_json::Value>,
}

impl Block {
    /// The call of a block that is one. Streams begin with empty arguments and send them in pieces.
    fn call(&mut self, index: u64) -> Option<Delta> {
        if self.kind != "tool_use" {
            return None;
        }
        let input = self.input.take().filter(|input| {
            input
                .as_object()
                .is_some_and(|arguments| !arguments.is_empty())
        });
        Some(Delta::Call(CallPiece {
            index,
            id: self.id.take().unwrap_or_default(),
            name: self.name.take().unwrap_or_default(),
            arguments: input.map(|input| input.to_string()).unwrap_or_default(),
        }))
    }
}

#[derive(Deserialize)]
struct EventDelta {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    partial_json: Option<String>,
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
}

/// Reads message events.
#[derive(Default)]
pub(crate) struct AnthropicWire {
    usage: Usage,
    finish: Option<Finish>,
    over: bool,
}

impl AnthropicWire {
    /// Later events repeat or complete earlier figures; absent ones stay.
    fn count(&mut self, usage: &WireUsage, deltas: &mut Vec<Delta>) {
        self.usage.input = usage.input_tokens.unwrap_or(self.usage.input);
        self.usage.output = usage.output_tokens.unwrap_or(self.usage.output);
        self.usage.cache_read = usage
            .cache_read_input_tokens
            .unwrap_or(self.usage.cache_read);
        self.usage.cache_write = usage
            .cache_creation_input_tokens
            .unwrap_or(self.usage.cache_write);
        deltas.push(Delta::Usage(self.usage));
    }

    fn stopped(&mut self, reason: &str) {
        self.finish = Some(match reason {
            "max_tokens" | "model_context_window_exceeded" => Finish::Length,
            "refusal" => Finish::Refused,
            "tool_use" => Finish::Calls,
            _ => Finish::Stop,
        });
    }

    fn parse<T: serde::de::DeserializeOwned>(data: &[u8]) -> Result<T, ProviderFailure> {
        json::lenient(data).map_err(|_| {
            ProviderFailure::unreadable("a part of the answer is not in the expected format")
        })
    }
}

fn spoken(text: Option<String>, thinking: Option<String>) -> impl Iterator<Item = Delta> {
    let text = text.filter(|text| !text.is_empty()).map(Delta::Text);
    thinking
        .filter(|text| !text.is_empty())
        .map(Delta::Thinking)
        .into_iter()
        .chain(text)
}

impl Wire for AnthropicWire {
    fn event(&mut self, event: &SseEvent, deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure> {
        let data = event.data.trim();
        if data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let event: Event = Self::parse(data.as_bytes())?;
        if let Some(error) = event.error.filter(|error| !error.is_null()) {
            return Err(classify_in_stream(&error));
        }
        if let Some(usage) = event
            .usage
            .or(event.message.and_then(|message| message.usage))
        {
            self.count(&usage, deltas);
        }
        let index = event.index.unwrap_or(0);
        if let Some(mut block) = event.content_block {
            deltas.extend(block.call(index));
            deltas.extend(spoken(block.text, block.thinking));
        }
        if let Some(delta) = event.delta {
            deltas.extend(spoken(delta.text, delta.thinking));
            let arguments = delta.partial_json.filter(|piece| !piece.is_empty());
            deltas.extend(arguments.map(|arguments| {
                Delta::Call(CallPiece {
                    index,
                    arguments,
                    ..CallPiece::default()
                })
            }));
            if let Some(reason) = delta.stop_reason {
                self.stopped(&reason);
            }
        }
        match event.kind.as_str() {
            "message_stop" => self.over = true,
            "error" => {
                return Err(classify_in_stream(&Self::parse::<serde_json::Value>(
                    data.as_bytes(),
                )?));
            }
            // Pings, block ends, signatures and kinds that do not exist yet carry nothing we need.
            _ => {}
        }
        Ok(())
    }

    fn document(&mut self, body: &[u8], deltas: &mut Vec<Delta>) -> Result<(), ProviderFailure> {
        let document: Document = Self::parse(body)?;
        if let Some(error) = document.error.filter(|error| !error.is_null()) {
            return Err(classify_in_stream(&error));
        }
        let Some(content) = document.content else {
            return Err(ProviderFailure::unreadable(
                "the answer is JSON, but not a model's answer",
            ));
        };
        for (index, mut block) in content.into_iter().enumerate() {
            deltas.extend(block.call(index as u64));
            deltas.extend(spoken(block.text, block.thinking));
        }
        if let Some(usage) = document.usage {
            self.count(&usage, deltas);
        }
        self.stopped(document.stop_reason.as_deref().unwrap_or("end_turn"));
        self.over = true;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn finish(&mut self, _deltas: &mut Vec<Delta>) -> Result<Finish, ProviderFailure> {
        match self.finish {
            Some(finish) => Ok(finish),
            None if self.over => Ok(Finish::Stop),
            None => Err(ProviderFailure::cut_off()),
        }
    }
}

/// Fuzz entry: any event is read or refused, never a panic.
pub fn fuzz_anthropic_event(bytes: &[u8]) {
    fuzz_wire::<AnthropicWire>(bytes);
}
