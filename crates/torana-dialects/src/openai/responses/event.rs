//! Prints responses: the object in all its states, and the events of a stream in the order clients count on.

use bytes::Bytes;
use serde_json::{Value, json};
use torana_core::ask::ToolCall;
use torana_core::run::{Outcome, RunError, Settled, Usage};

use super::super::flow::Print;
use super::super::shape;
use super::request::Echo;

/// One response being printed. Each event has a number, from 0.
pub(super) struct Printer {
    id: String,
    message_id: String,
    created: i64,
    model: String,
    echo: Echo,
    sequence: u64,
    is_message_open: bool,
}

/// What a response has come to.
pub(super) struct State<'a> {
    pub(super) status: &'static str,
    pub(super) output: Vec<Value>,
    pub(super) usage: Option<&'a Usage>,
    pub(super) error: Option<Value>,
    pub(super) incomplete: Option<&'static str>,
}

impl State<'_> {
    fn running() -> Self {
        Self {
            status: "in_progress",
            output: Vec::new(),
            usage: None,
            error: None,
            incomplete: None,
        }
    }
}

impl Printer {
    pub(super) fn new(
        id: String,
        message_id: String,
        created: i64,
        model: String,
        echo: Echo,
    ) -> Self {
        Self {
            id,
            message_id,
            created,
            model,
            echo,
            sequence: 0,
            is_message_open: false,
        }
    }

    /// The object.
    pub(super) fn object(&self, state: &State<'_>) -> Value {
        json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": state.status,
            "model": self.model,
            "output": state.output,
            "usage": state.usage.map(usage),
            "error": state.error,
            "incomplete_details": state.incomplete.map(|reason| json!({ "reason": reason })),
            "instructions": self.echo.instructions,
            "previous_response_id": self.echo.previous,
            "metadata": self.echo.metadata,
            "tools": self.echo.tools,
            "tool_choice": self.echo.tool_choice,
            "parallel_tool_calls": self.echo.parallel_tool_calls,
            "temperature": self.echo.temperature,
            "top_p": self.echo.top_p,
            "max_output_tokens": self.echo.max_output_tokens,
        })
    }

    /// How a run that has an answer ended.
    pub(super) fn state<'a>(&self, text: &str, settled: &'a Settled) -> State<'a> {
        let (status, incomplete) = match settled.outcome {
            Outcome::Length => ("incomplete", Some("max_output_tokens")),
            Outcome::Refused => ("incomplete", Some("content_filter")),
            Outcome::Cancelled => ("cancelled", None),
            Outcome::Ok | Outcome::Empty | Outcome::ClientTools | Outcome::Error => {
                ("completed", None)
            }
        };
        let mut output = Vec::new();
        if !text.is_empty() || settled.calls.is_empty() {
            let item = if status == "completed" {
                "completed"
            } else {
                "incomplete"
            };
            output.push(self.message(text, item, settled.calls.is_empty()));
        }
        output.extend(
            settled
                .calls
                .iter()
                .map(|call| function_call(call, "completed")),
        );
        State {
            status,
            output,
            usage: Some(&settled.usage),
            error: None,
            incomplete,
        }
    }

    /// How a run that has none ended.
    pub(super) fn failed<'a>(settled: &'a Settled, error: &RunError) -> State<'a> {
        let (_, kind) = shape::failure(error);
        State {
            status: "failed",
            output: Vec::new(),
            usage: Some(&settled.usage),
            error: Some(json!({ "code": kind, "message": error.message })),
            incomplete: None,
        }
    }

    fn message(&self, text: &str, status: &str, is_final: bool) -> Value {
        let phase = if is_final {
            "final_answer"
        } else {
            "commentary"
        };
        json!({
            "type": "message",
            "id": self.message_id,
            "role": "assistant",
            "content": [part(text)],
            "phase": phase,
            "status": status,
        })
    }

    fn event(&mut self, out: &mut Vec<u8>, name: &str, mut fields: Value) {
        fields["type"] = json!(name);
        fields["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        out.extend_from_slice(format!("event: {name}\ndata: {fields}\n\n").as_bytes());
    }

    fn open_message(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_message_open, true) {
            return;
        }
        let item = json!({
            "type": "message",
            "id": self.message_id,
            "role": "assistant",
            "content": [],
            "status": "in_progress",
        });
        let added = json!({ "output_index": 0, "item": item });
        self.event(out, "response.output_item.added", added);
        let added = self.place(json!({ "part": part("") }));
        self.event(out, "response.content_part.added", added);
    }

    /// Adds where in the answer the message's text stands.
    fn place(&self, mut fields: Value) -> Value {
        fields["item_id"] = json!(self.message_id);
        fields["output_index"] = json!(0);
        fields["content_index"] = json!(0);
        fields
    }

    fn call(&mut self, out: &mut Vec<u8>, index: usize, call: &ToolCall) {
        let mut item = function_call(call, "in_progress");
        item["arguments"] = json!("");
        let added = json!({ "output_index": index, "item": item });
        self.event(out, "response.output_item.added", added);
        let id = item["id"].clone();
        let delta = json!({ "item_id": id, "output_index": index, "delta": call.arguments });
        self.event(out, "response.function_call_arguments.delta", delta);
        let done = json!({
            "item_id": id,
            "output_index": index,
            "name": call.name,
            "arguments": call.arguments,
        });
        self.event(out, "response.function_call_arguments.done", done);
        let done = json!({ "output_index": index, "item": function_call(call, "completed") });
        self.event(out, "response.output_item.done", done);
    }
}

impl Print for Printer {
    fn opening(&mut self) -> Bytes {
        let mut out = Vec::new();
        for name in ["response.created", "response.in_progress"] {
            let response = self.object(&State::running());
            self.event(&mut out, name, json!({ "response": response }));
        }
        out.into()
    }

    fn text(&mut self, text: &str) -> Bytes {
        let mut out = Vec::new();
        self.open_message(&mut out);
        let delta = self.place(json!({ "delta": text, "logprobs": [] }));
        self.event(&mut out, "response.output_text.delta", delta);
        out.into()
    }

    fn ending(&mut self, text: &str, settled: &Settled) -> Bytes {
        let mut out = Vec::new();
        let state = self.state(text, settled);
        if !text.is_empty() || settled.calls.is_empty() {
            self.open_message(&mut out);
            let done = self.place(json!({ "text": text, "logprobs": [] }));
            self.event(&mut out, "response.output_text.done", done);
            let done = self.place(json!({ "part": part(text) }));
            self.event(&mut out, "response.content_part.done", done);
            let done = json!({ "output_index": 0, "item": state.output.first() });
            self.event(&mut out, "response.output_item.done", done);
        }
        let first = state.output.len() - settled.calls.len();
        for (position, call) in settled.calls.iter().enumerate() {
            self.call(&mut out, first + position, call);
        }
        let name = match state.status {
            "completed" => "response.completed",
            _ => "response.incomplete",
        };
        let response = self.object(&state);
        self.event(&mut out, name, json!({ "response": response }));
        out.extend_from_slice(b"data: [DONE]\n\n");
        out.into()
    }

    fn broken(&mut self, settled: &Settled, error: &RunError) -> Bytes {
        let mut out = Vec::new();
        let response = self.object(&Self::failed(settled, error));
        self.event(&mut out, "response.failed", json!({ "response": response }));
        out.extend_from_slice(b"data: [DONE]\n\n");
        out.into()
    }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [] })
}

fn function_call(call: &ToolCall, status: &str) -> Value {
    json!({
        "type": "function_call",
        "id": format!("fc_{}", call.id),
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    })
}

fn usage(usage: &Usage) -> Value {
    json!({
        "input_tokens": usage.input + usage.cache_read + usage.cache_write,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        // Providers report thinking as part of what was written.
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": usage.total(),
    })
}
