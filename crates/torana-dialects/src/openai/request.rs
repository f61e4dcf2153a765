//! Reads a chat completion request: what is said, by whom, to which agent, in which session.

use hyper::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use torana_core::ask::{Attached, ToolCall, ToolResult, Wishes, is_tool_name};
use torana_core::run::{Entry, Role, Sampling};
use torana_engine::Settings;

use super::ask::{self, Ask, Fault, Stop};
use crate::front::json;

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    user: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    seed: Option<i64>,
    n: Option<i64>,
    stop: Option<Stop>,
    response_format: Option<Value>,
    reasoning_effort: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
    tool_calls: Option<Vec<Call>>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "a message has text or a list of parts as its `content`"
)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    text: Option<String>,
    image_url: Option<ImageUrl>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "`image_url` is an address or an object with `url`"
)]
enum ImageUrl {
    Plain(String),
    Object { url: String },
}

#[derive(Debug, Deserialize)]
struct Call {
    #[serde(default)]
    id: String,
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    #[serde(default)]
    name: String,
    #[serde(default)]
    arguments: String,
}

/// A checked chat completion request.
#[derive(Debug)]
pub(super) struct ChatRequest {
    pub(super) ask: Ask,
    pub(super) include_usage: bool,
}

/// Reads headers and body.
pub(super) fn read(
    settings: &Settings,
    headers: &HeaderMap,
    bytes: &[u8],
    now_ms: i64,
) -> Result<ChatRequest, Fault> {
    let mut body: Body = json::object(bytes).map_err(|fault| fault.to_string())?;
    let sampling = sampling(&mut body)?;
    let wishes = wishes(&body)?;
    let thinking = ask::effort("reasoning_effort", body.reasoning_effort.as_deref())?;
    let user = body.user.as_deref();
    let place = ask::place(settings, headers, body.model.as_deref(), user, "openai")?;
    let include_usage = body
        .stream_options
        .as_ref()
        .and_then(|options| options.include_usage)
        .unwrap_or(false);
    let stream = body.stream.unwrap_or(false);
    let (system, lines) = said(body.messages, now_ms)?;
    let (history, input, attached) = ask::split(lines)?;
    let ask = Ask {
        model: place.model,
        agent: place.agent,
        session: place.session,
        backend_model: place.backend_model,
        system,
        history,
        is_history_new: false,
        input,
        attached,
        sampling,
        wishes,
        thinking,
        stream,
    };
    Ok(ChatRequest { ask, include_usage })
}

fn sampling(body: &mut Body) -> Result<Sampling, Fault> {
    ask::in_range(&[
        ("temperature", body.temperature, 0.0, 2.0),
        ("top_p", body.top_p, 0.0, 1.0),
        ("frequency_penalty", body.frequency_penalty, -2.0, 2.0),
        ("presence_penalty", body.presence_penalty, -2.0, 2.0),
    ])?;
    if body.n.is_some_and(|n| n != 1) {
        return Err("Invalid `n`. Only one answer is made.".to_owned());
    }
    let old = ask::token_limit("max_tokens", body.max_tokens)?;
    let new = ask::token_limit("max_completion_tokens", body.max_completion_tokens)?;
    Ok(Sampling {
        temperature: body.temperature,
        top_p: body.top_p,
        frequency_penalty: body.frequency_penalty,
        presence_penalty: body.presence_penalty,
        max_tokens: new.or(old),
        stop: ask::stops(body.stop.take())?,
        seed: body.seed,
    })
}

fn wishes(body: &Body) -> Result<Wishes, Fault> {
    let tools = ask::tools(body.tools.as_deref())?;
    Ok(Wishes {
        format: ask::format(body.response_format.as_ref(), "response_format")?,
        tool_choice: ask::tool_choice(body.tool_choice.as_ref(), &tools)?,
        parallel_tools: body.parallel_tool_calls.filter(|_| !tools.is_empty()),
        tools,
    })
}

fn said(messages: Vec<Message>, now_ms: i64) -> Result<(Option<String>, Vec<Entry>), Fault> {
    let (mut system, mut lines) = (Vec::new(), Vec::<Entry>::new());
    for message in messages {
        let (text, images) = words(message.content)?;
        let (role, attached) = match message.role.as_str() {
            "system" | "developer" => {
                system.extend(Some(text).filter(|text| !text.is_empty()));
                continue;
            }
            "user" => (
                Role::User,
                Attached {
                    images,
                    ..Attached::default()
                },
            ),
            "assistant" => (
                Role::Assistant,
                Attached {
                    calls: calls(message.tool_calls)?,
                    ..Attached::default()
                },
            ),
            "tool" => {
                let id = message
                    .tool_call_id
                    .filter(|id| !id.is_empty())
                    .ok_or("A message of role `tool` needs a `tool_call_id`.")?;
                let result = ToolResult { id, text };
                // The results of one step stand together.
                match lines.last_mut() {
                    Some(last) if !last.attached.results.is_empty() => {
                        last.attached.results.push(result);
                    }
                    _ => {
                        let attached = Attached {
                            results: vec![result],
                            ..Attached::default()
                        };
                        lines.push(ask::line(Role::User, String::new(), attached, now_ms));
                    }
                }
                continue;
            }
            _ => {
                return Err(
                    "Invalid `role` in `messages`. Use system, developer, user, assistant or tool."
                        .to_owned(),
                );
            }
        };
        lines.push(ask::line(role, text, attached, now_ms));
    }
    let system = (!system.is_empty()).then(|| system.join("\n\n"));
    Ok((system, lines))
}

fn calls(calls: Option<Vec<Call>>) -> Result<Vec<ToolCall>, Fault> {
    let read = calls.into_iter().flatten().map(|call| {
        let function = call
            .function
            .filter(|function| is_tool_name(&function.name) && !call.id.is_empty())
            .ok_or("Invalid `tool_calls`. Each needs an `id` and a `function` with a `name`.")?;
        Ok(ToolCall {
            id: call.id,
            name: function.name,
            arguments: function.arguments,
        })
    });
    read.collect()
}

fn words(content: Option<Content>) -> Result<(String, Vec<torana_core::ask::Image>), Fault> {
    let parts = match content {
        None => return Ok((String::new(), Vec::new())),
        Some(Content::Text(text)) => return Ok((text, Vec::new())),
        Some(Content::Parts(parts)) => parts,
    };
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match (part.kind.as_str(), part.text, part.image_url) {
            ("image_url" | "input_image", _, Some(url)) => {
                let (ImageUrl::Plain(url) | ImageUrl::Object { url }) = url;
                images.push(ask::image(&url)?);
            }
            ("text" | "input_text" | "", Some(text), _) => texts.push(text),
            ("refusal", _, _) => {}
            (kind, _, _) => {
                return Err(format!(
                    "Parts of type `{}` are not available in `messages`.",
                    kind.chars().take(32).collect::<String>()
                ));
            }
        }
    }
    Ok((texts.join("\n"), images))
}

/// Fuzz entry: any body is read or refused, never a panic.
#[cfg(test)]
pub(super) fn fuzz_body(bytes: &[u8]) {
    if let Ok(mut body) = json::parse::<Body>(bytes) {
        drop(sampling(&mut body));
        drop(wishes(&body));
        drop(said(body.messages, 0).and_then(|(_, lines)| ask::split(lines)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_go_to_the_model_and_the_newer_name_of_the_limit_wins() {
        let body = r#"{"temperature":0.5,"top_p":0.9,"frequency_penalty":1,"presence_penalty":-1,"max_tokens":9,
            "max_completion_tokens":5,"stop":["a",""],"seed":-3}"#;
        let mut body: Body = json::parse(body.as_bytes()).expect("a body");
        let expected = Sampling {
            temperature: Some(0.5),
            top_p: Some(0.9),
            frequency_penalty: Some(1.0),
            presence_penalty: Some(-1.0),
            max_tokens: Some(5),
            stop: vec!["a".to_owned()],
            seed: Some(-3),
        };
        assert_eq!(sampling(&mut body).expect("sound"), expected);
        let mut nothing: Body = json::parse(b"{}").expect("a body");
        assert!(sampling(&mut nothing).expect("sound").is_default());
    }
}
