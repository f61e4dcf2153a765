//! The request body of Anthropic's messages format.

use serde::Serialize;
use serde_json::{Value, json};
use torana_core::ask::{Image, ToolChoice, Wishes};
use torana_core::run::Sampling;

use super::failure::ProviderFailure;
use super::request::{File, ModelRequest, Speaker, Utterance};

/// The format demands a limit; this is what every current model can write.
const MAX_TOKENS_DEFAULT: u32 = 8_192;

/// The body of one request. Wishes this format has no field for are refused rather than dropped.
pub(super) fn body(request: &ModelRequest) -> Result<Vec<u8>, ProviderFailure> {
    let wishes = &request.wishes;
    refuse_unknown(&request.sampling, wishes)?;
    let budget = request.thinking.as_deref().and_then(thinking_budget);
    // A thinking model chooses its words its own way; the API refuses both fields then.
    let sampling = Some(&request.sampling).filter(|_| budget.is_none());
    let system = (!request.system.trim().is_empty()).then(|| {
        // The instructions are the same in every turn, so they are what a cache can save.
        [SystemPart {
            kind: "text",
            text: &request.system,
            cache_control: CacheControl { kind: "ephemeral" },
        }]
    });
    let body = Body {
        model: &request.model,
        // The limit includes thinking, so the answer keeps its own share.
        max_tokens: request
            .max_tokens
            .unwrap_or(MAX_TOKENS_DEFAULT)
            .saturating_add(budget.unwrap_or(0)),
        system,
        messages: request.utterances.iter().map(message_of).collect(),
        stream: true,
        thinking: budget.map(|budget_tokens| Thinking {
            kind: "enabled",
            budget_tokens,
        }),
        // The scale ends at 1 here and at 2 in the clients' format.
        temperature: sampling
            .and_then(|sampling| sampling.temperature)
            .map(|temperature| temperature.min(1.0)),
        top_p: sampling.and_then(|sampling| sampling.top_p),
        stop_sequences: &request.sampling.stop,
        tools: tools_of(wishes),
        tool_choice: choice_of(wishes),
    };
    Ok(serde_json::to_vec(&body).expect("strings and numbers are always JSON"))
}

fn refuse_unknown(sampling: &Sampling, wishes: &Wishes) -> Result<(), ProviderFailure> {
    let is_set = |penalty: Option<f64>| penalty.is_some_and(|value| value != 0.0);
    let named = [
        ("response_format", wishes.format.is_some()),
        ("frequency_penalty", is_set(sampling.frequency_penalty)),
        ("presence_penalty", is_set(sampling.presence_penalty)),
        ("seed", sampling.seed.is_some()),
    ];
    match named.iter().find(|(_, is_wanted)| *is_wanted) {
        Some((name, _)) => Err(ProviderFailure::unsupported(name)),
        None => Ok(()),
    }
}

fn message_of(utterance: &Utterance) -> Message<'_> {
    let role = match utterance.speaker {
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    };
    let is_plain = utterance.calls.is_empty()
        && utterance.results.is_empty()
        && utterance.images.is_empty()
        && utterance.files.is_empty();
    if is_plain {
        let content = Content::Text(&utterance.text);
        return Message { role, content };
    }
    // Results come first, or the format refuses them.
    let results = utterance.results.iter().map(
        |result| json!({ "type": "tool_result", "tool_use_id": result.id, "content": result.text }),
    );
    // Pictures stand before the words about them, as the documentation of the format advises.
    let images = utterance.images.iter().map(image_of);
    let files = utterance.files.iter().map(file_of);
    let text = (!utterance.text.trim().is_empty())
        .then(|| json!({ "type": "text", "text": utterance.text }));
    let calls = utterance.calls.iter().map(|call| {
        let input = serde_json::from_str::<Value>(&call.arguments)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| json!({}));
        json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
    });
    let parts = results
        .chain(images)
        .chain(files)
        .chain(text)
        .chain(calls)
        .collect();
    let content = Content::Parts(parts);
    Message { role, content }
}

fn image_of(image: &Image) -> Value {
    let source = json!({ "type": "base64", "media_type": image.kind, "data": image.base64 });
    json!({ "type": "image", "source": source })
}

fn file_of(file: &File) -> Value {
    let kind = if file.mime.starts_with("image/") {
        "image"
    } else {
        "document"
    };
    let source = json!({ "type": "base64", "media_type": file.mime, "data": file.base64() });
    json!({ "type": kind, "source": source })
}

fn tools_of(wishes: &Wishes) -> Vec<Value> {
    let tools = wishes.tools.iter().map(|tool| {
        let mut value = json!({ "name": tool.name, "input_schema": tool.parameters });
        if let Some(description) = &tool.description {
            value["description"] = json!(description);
        }
        value
    });
    tools.collect()
}

fn choice_of(wishes: &Wishes) -> Option<Value> {
    if wishes.tools.is_empty() {
        return None;
    }
    let mut choice = match wishes.tool_choice.as_ref() {
        None if wishes.parallel_tools.is_none() => return None,
        None | Some(ToolChoice::Auto) => json!({ "type": "auto" }),
        Some(ToolChoice::None) => return Some(json!({ "type": "none" })),
        Some(ToolChoice::Required) => json!({ "type": "any" }),
        Some(ToolChoice::Named(name)) => json!({ "type": "tool", "name": name }),
    };
    if let Some(parallel) = wishes.parallel_tools {
        choice["disable_parallel_tool_use"] = json!(!parallel);
    }
    Some(choice)
}

/// Tokens to think with; 1024 is the least the format accepts, each level doubles or quadruples.
pub(super) fn thinking_budget(level: &str) -> Option<u32> {
    match level {
        "minimal" => Some(1_024),
        "low" => Some(2_048),
        "medium" | "adaptive" => Some(8_192),
        "high" => Some(16_384),
        "xhigh" | "max" | "ultra" => Some(32_768),
        _ => None,
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<[SystemPart<'a>; 1]>,
    messages: Vec<Message<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
}

#[derive(Serialize)]
struct SystemPart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    cache_control: CacheControl,
}

#[derive(Serialize)]
struct CacheControl {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Value>),
}

#[derive(Serialize)]
struct Thinking {
    #[serde(rename = "type")]
    kind: &'static str,
    budget_tokens: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn files_come_before_the_words_about_them() {
        let file = |mime: &str| File {
            mime: mime.to_owned(),
            name: None,
            bytes: Bytes::from_static(b"hi"),
        };
        let utterance = Utterance {
            speaker: Speaker::User,
            text: "look".to_owned(),
            calls: Vec::new(),
            results: Vec::new(),
            images: Vec::new(),
            files: vec![file("image/png"), file("application/pdf")],
        };
        assert_eq!(
            serde_json::to_value(message_of(&utterance).content).expect("JSON"),
            json!([
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGk=" } },
                { "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "aGk=" } },
                { "type": "text", "text": "look" },
            ])
        );
    }
}
