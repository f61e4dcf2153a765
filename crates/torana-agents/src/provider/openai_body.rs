//! The request body of the chat-completions wire format.

use serde::Serialize;
use serde_json::{Value, json};
use torana_core::ask::{AnswerFormat, Image, ToolCall, ToolChoice, Wishes};

use super::request::{File, ModelRequest, Speaker, Utterance};

/// What a server was found to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags {
    /// It takes `stream_options`.
    pub(super) with_stream_options: bool,
    /// It wants `max_completion_tokens`.
    pub(super) new_limit_name: bool,
}

/// The body of one request.
pub(super) fn body(request: &ModelRequest, flags: Flags) -> Vec<u8> {
    let (sampling, wishes) = (&request.sampling, &request.wishes);
    let mut messages = Vec::with_capacity(request.utterances.len() + 1);
    if !request.system.trim().is_empty() {
        messages.push(Message::of("system", Some(Content::Text(&request.system))));
    }
    for utterance in &request.utterances {
        say(utterance, &mut messages);
    }
    let body = Body {
        model: &request.model,
        messages,
        stream: true,
        stream_options: flags.with_stream_options.then_some(StreamOptions {
            include_usage: true,
        }),
        max_tokens: request.max_tokens.filter(|_| !flags.new_limit_name),
        max_completion_tokens: request.max_tokens.filter(|_| flags.new_limit_name),
        reasoning_effort: request.thinking.as_deref().and_then(effort),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        frequency_penalty: sampling.frequency_penalty,
        presence_penalty: sampling.presence_penalty,
        stop: &sampling.stop,
        seed: sampling.seed,
        response_format: wishes.format.as_ref().map(format_of),
        tools: tools_of(wishes),
        tool_choice: wishes.tool_choice.as_ref().map(choice_of),
        parallel_tool_calls: wishes.parallel_tools,
    };
    serde_json::to_vec(&body).expect("strings and numbers are always JSON")
}

fn say<'a>(utterance: &'a Utterance, messages: &mut Vec<Message<'a>>) {
    for result in &utterance.results {
        messages.push(Message {
            tool_call_id: Some(&result.id),
            ..Message::of("tool", Some(Content::Text(&result.text)))
        });
    }
    let text = (!utterance.text.is_empty()).then_some(utterance.text.as_str());
    match utterance.speaker {
        Speaker::Assistant => messages.push(Message {
            tool_calls: utterance.calls.iter().map(call_of).collect(),
            ..Message::of("assistant", text.map(Content::Text))
        }),
        Speaker::User if !(utterance.images.is_empty() && utterance.files.is_empty()) => {
            let text = text.map(|text| json!({ "type": "text", "text": text }));
            let images = utterance.images.iter().map(image_of);
            let files = utterance.files.iter().map(file_of);
            let parts = text.into_iter().chain(images).chain(files).collect();
            messages.push(Message::of("user", Some(Content::Parts(parts))));
        }
        // Results alone need no words beside them.
        Speaker::User => {
            messages.extend(text.map(|text| Message::of("user", Some(Content::Text(text)))))
        }
    }
}

fn image_of(image: &Image) -> Value {
    let url = format!("data:{};base64,{}", image.kind, image.base64);
    json!({ "type": "image_url", "image_url": { "url": url } })
}

fn file_of(file: &File) -> Value {
    let data = file.data_url();
    if file.mime.starts_with("image/") {
        return json!({ "type": "image_url", "image_url": { "url": data } });
    }
    json!({ "type": "file", "file": { "filename": file.name(), "file_data": data } })
}

fn call_of(call: &ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments });
    json!({ "id": call.id, "type": "function", "function": function })
}

fn tools_of(wishes: &Wishes) -> Vec<Value> {
    let tools = wishes.tools.iter().map(|tool| {
        let mut function = json!({ "name": tool.name, "parameters": tool.parameters });
        if let Some(description) = &tool.description {
            function["description"] = json!(description);
        }
        if let Some(strict) = tool.strict {
            function["strict"] = json!(strict);
        }
        json!({ "type": "function", "function": function })
    });
    tools.collect()
}

fn choice_of(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
    }
}

fn format_of(format: &AnswerFormat) -> Value {
    match format {
        AnswerFormat::Json => json!({ "type": "json_object" }),
        AnswerFormat::Schema {
            name,
            schema,
            strict,
        } => {
            let schema = json!({ "name": name, "schema": schema, "strict": strict });
            json!({ "type": "json_schema", "json_schema": schema })
        }
    }
}

/// The levels this wire format knows; ours are finer at both ends.
fn effort(level: &str) -> Option<&'static str> {
    match level {
        "minimal" => Some("minimal"),
        "low" => Some("low"),
        "medium" | "adaptive" => Some("medium"),
        "high" | "xhigh" | "max" | "ultra" => Some("high"),
        _ => None,
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

impl<'a> Message<'a> {
    fn of(role: &'static str, content: Option<Content<'a>>) -> Self {
        Self {
            role,
            content,
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Value>),
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn files_become_parts_and_plain_words_stay_plain() {
        let mut utterance = Utterance {
            speaker: Speaker::User,
            text: "look".to_owned(),
            calls: Vec::new(),
            results: Vec::new(),
            images: Vec::new(),
            files: Vec::new(),
        };
        let shown = |utterance: &Utterance| {
            let mut messages = Vec::new();
            say(utterance, &mut messages);
            serde_json::to_value(&messages).expect("JSON")[0]["content"].clone()
        };
        assert_eq!(shown(&utterance), json!("look"));
        for mime in ["image/png", "application/pdf"] {
            utterance.files.push(File {
                mime: mime.to_owned(),
                name: Some("a".to_owned()),
                bytes: Bytes::from_static(b"hi"),
            });
        }
        assert_eq!(
            shown(&utterance),
            json!([
                { "type": "text", "text": "look" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,aGk=" } },
                { "type": "file", "file": { "filename": "a", "file_data": "data:application/pdf;base64,aGk=" } },
            ])
        );
    }
}
