//! The two wire formats from the server's side.

use serde_json::{Value, json};

/// Which format a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    OpenAi,
    Anthropic,
}

impl Format {
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or(path);
        if path.ends_with("/chat/completions") {
            Some(Self::OpenAi)
        } else {
            path.ends_with("/messages").then_some(Self::Anthropic)
        }
    }

    /// Before the first piece.
    pub(super) fn opening(self, input_tokens: usize) -> Vec<String> {
        match self {
            Self::OpenAi => {
                vec![data(
                    &json!({"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}),
                )]
            }
            Self::Anthropic => vec![
                named(
                    "message_start",
                    &json!({"type":"message_start","message":{"usage":{"input_tokens":input_tokens,"output_tokens":1,"cache_read_input_tokens":3,"cache_creation_input_tokens":2}}}),
                ),
                named("ping", &json!({"type":"ping"})),
            ],
        }
    }

    pub(super) fn thinking(self, text: &str) -> String {
        match self {
            Self::OpenAi => {
                data(&json!({"choices":[{"index":0,"delta":{"reasoning_content":text}}]}))
            }
            Self::Anthropic => named(
                "content_block_delta",
                &json!({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":text}}),
            ),
        }
    }

    pub(super) fn piece(self, text: &str) -> String {
        match self {
            Self::OpenAi => data(
                &json!({"choices":[{"index":0,"delta":{"content":text},"finish_reason":null}]}),
            ),
            Self::Anthropic => named(
                "content_block_delta",
                &json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":text}}),
            ),
        }
    }

    /// After the last piece; `reason` is one of `stop`, `length`, `refuse`, `tool`.
    pub(super) fn closing(
        self,
        reason: &str,
        input_tokens: usize,
        output_tokens: usize,
        has_marker: bool,
    ) -> Vec<String> {
        match self {
            Self::OpenAi => {
                let reason = match reason {
                    "refuse" => "content_filter",
                    "tool" => "tool_calls",
                    reason => reason,
                };
                let mut events = vec![
                    data(&json!({"choices":[{"index":0,"delta":{},"finish_reason":reason}]})),
                    data(
                        &json!({"choices":[],"usage":{"prompt_tokens":input_tokens,"completion_tokens":output_tokens,"prompt_tokens_details":{"cached_tokens":1}}}),
                    ),
                ];
                if has_marker {
                    events.push("data: [DONE]\n\n".to_owned());
                }
                events
            }
            Self::Anthropic => {
                let reason = match reason {
                    "refuse" => "refusal",
                    "tool" => "tool_use",
                    "length" => "max_tokens",
                    _ => "end_turn",
                };
                let mut events = vec![named(
                    "message_delta",
                    &json!({"type":"message_delta","delta":{"stop_reason":reason},"usage":{"output_tokens":output_tokens}}),
                )];
                if has_marker {
                    events.push(named("message_stop", &json!({"type":"message_stop"})));
                }
                events
            }
        }
    }

    /// A call of a tool, its arguments in two pieces.
    pub(super) fn call(self, name: &str) -> Vec<String> {
        match self {
            Self::OpenAi => vec![
                data(
                    &json!({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_fake","type":"function","function":{"name":name,"arguments":""}}]},"finish_reason":null}]}),
                ),
                data(
                    &json!({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"place\":"}}]},"finish_reason":null}]}),
                ),
                data(
                    &json!({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"here\"}"}}]},"finish_reason":null}]}),
                ),
            ],
            Self::Anthropic => vec![
                named(
                    "content_block_start",
                    &json!({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_fake","name":name,"input":{}}}),
                ),
                named(
                    "content_block_delta",
                    &json!({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"place\":"}}),
                ),
                named(
                    "content_block_delta",
                    &json!({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"here\"}"}}),
                ),
            ],
        }
    }

    pub(super) fn error(self, code: &str) -> String {
        match self {
            Self::OpenAi => data(&json!({"error":{"message":"scripted","code":code}})),
            Self::Anthropic => named(
                "error",
                &json!({"type":"error","error":{"type":code,"message":"scripted"}}),
            ),
        }
    }

    pub(super) fn document(self, text: &str, input_tokens: usize, output_tokens: usize) -> Value {
        match self {
            Self::OpenAi => json!({
                "choices":[{"index":0,"message":{"role":"assistant","content":text},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":input_tokens,"completion_tokens":output_tokens},
            }),
            Self::Anthropic => json!({
                "type":"message","content":[{"type":"text","text":text}],"stop_reason":"end_turn",
                "usage":{"input_tokens":input_tokens,"output_tokens":output_tokens},
            }),
        }
    }
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn named(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}

/// The results a request ends with, if it does.
pub(super) fn last_results(body: &Value) -> Option<String> {
    let last = body.get("messages")?.as_array()?.last()?;
    if last["role"] == "tool" {
        return last["content"].as_str().map(str::to_owned);
    }
    let parts = last["content"].as_array()?.iter();
    let results = parts.filter(|part| part["type"] == "tool_result");
    let texts: Vec<&str> = results
        .filter_map(|part| part["content"].as_str())
        .collect();
    (!texts.is_empty()).then(|| texts.concat())
}

/// The vectors of an embeddings request: one number per text, its length, so that a test can tell them apart.
pub(super) fn embeddings(body: &Value) -> Value {
    let texts: Vec<&str> = match &body["input"] {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            json!({"object":"embedding","index":index,"embedding":[text.len(), 0.5, -1.0]})
        })
        .collect();
    json!({"object":"list","data":data,"model":body["model"],"usage":{"prompt_tokens":texts.len(),"total_tokens":texts.len()}})
}

/// The text of the last user message.
pub(super) fn last_user_text(body: &Value) -> String {
    let messages = body.get("messages").and_then(Value::as_array);
    let last = messages.and_then(|messages| {
        messages
            .iter()
            .rev()
            .find(|message| message["role"] == "user")
    });
    match last.map(|message| &message["content"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}
