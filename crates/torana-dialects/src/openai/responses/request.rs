//! Reads a request: instructions, items, tools, and which session goes on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use torana_core::ask::{Attached, Image, ToolCall, ToolResult, Wishes, is_tool_name};
use torana_core::run::{Entry, Role, Sampling};
use torana_engine::Settings;

use super::super::ask::{self, Ask, Fault};
use crate::front::json;

/// Characters of a file that reach the model (OpenClaw 2026.9.6).
const FILE_CHARS_MAX: usize = 200_000;
/// Kinds of files that are text all through.
const FILE_KINDS: [&str; 5] = [
    "text/plain",
    "text/markdown",
    "text/html",
    "text/csv",
    "application/json",
];

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    input: Option<Input>,
    instructions: Option<String>,
    stream: Option<bool>,
    store: Option<bool>,
    user: Option<String>,
    previous_response_id: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_output_tokens: Option<i64>,
    text: Option<TextOptions>,
    reasoning: Option<Reasoning>,
    background: Option<bool>,
    metadata: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct TextOptions {
    format: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Reasoning {
    effort: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`input` is text or a list of items")]
enum Input {
    Text(String),
    Items(Vec<Item>),
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    role: Option<String>,
    content: Option<Content>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "an item has text or a list of parts as its `content`"
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
    image_url: Option<String>,
    filename: Option<String>,
    file_data: Option<String>,
}

/// A checked request.
#[derive(Debug)]
pub(super) struct ResponseRequest {
    pub(super) ask: Ask,
    /// The answer this one follows.
    pub(super) previous: Option<String>,
    /// Without a session of its own the turn gets one, to be gone on from.
    pub(super) store: bool,
    /// What answers repeat.
    pub(super) echo: Echo,
}

/// Fields of the request that every print of the answer carries again.
#[derive(Debug, Clone)]
pub(super) struct Echo {
    pub(super) instructions: Option<String>,
    pub(super) previous: Option<String>,
    pub(super) metadata: Value,
    pub(super) tools: Value,
    pub(super) tool_choice: Value,
    pub(super) parallel_tool_calls: bool,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) max_output_tokens: Option<i64>,
}

/// Reads headers and body.
pub(super) fn read(
    settings: &Settings,
    headers: &HeaderMap,
    bytes: &[u8],
    now_ms: i64,
) -> Result<ResponseRequest, Fault> {
    let mut body: Body = json::object(bytes).map_err(|fault| fault.to_string())?;
    if body.background == Some(true) {
        return Err("`background` is not available; use `stream` or wait.".to_owned());
    }
    let sampling = sampling(&body)?;
    let wishes = wishes(&body)?;
    let effort = body
        .reasoning
        .as_ref()
        .and_then(|reasoning| reasoning.effort.as_deref());
    let thinking = ask::effort("reasoning.effort", effort)?;
    let user = body.user.as_deref();
    let model = body.model.as_deref();
    let place = ask::place(settings, headers, model, user, "openresponses")?;
    let (mut system, lines) = said(body.input.take(), now_ms)?;
    system.splice(0..0, body.instructions.clone());
    let system: Vec<String> = system.into_iter().filter(|text| !text.is_empty()).collect();
    let (history, input, attached) =
        ask::split(lines).map_err(|fault| fault.replace("`messages`", "`input`"))?;
    let previous = body
        .previous_response_id
        .clone()
        .filter(|id| !id.is_empty());
    let echo = echo(&body, previous.clone(), &wishes);
    let ask = Ask {
        model: place.model,
        agent: place.agent,
        session: place.session,
        backend_model: place.backend_model,
        system: (!system.is_empty()).then(|| system.join("\n\n")),
        history,
        is_history_new: true,
        input,
        attached,
        sampling,
        wishes,
        thinking,
        stream: body.stream.unwrap_or(false),
    };
    Ok(ResponseRequest {
        ask,
        previous,
        store: body.store.unwrap_or(true),
        echo,
    })
}

fn echo(body: &Body, previous: Option<String>, wishes: &Wishes) -> Echo {
    Echo {
        instructions: body.instructions.clone(),
        previous,
        metadata: body
            .metadata
            .clone()
            .filter(Value::is_object)
            .unwrap_or_else(|| serde_json::json!({})),
        tools: body.tools.clone().unwrap_or_default().into(),
        tool_choice: body
            .tool_choice
            .clone()
            .filter(|choice| !choice.is_null())
            .unwrap_or_else(|| "auto".into()),
        parallel_tool_calls: wishes.parallel_tools.unwrap_or(true),
        temperature: body.temperature,
        top_p: body.top_p,
        max_output_tokens: body.max_output_tokens,
    }
}

fn sampling(body: &Body) -> Result<Sampling, Fault> {
    ask::in_range(&[
        ("temperature", body.temperature, 0.0, 2.0),
        ("top_p", body.top_p, 0.0, 1.0),
    ])?;
    Ok(Sampling {
        temperature: body.temperature,
        top_p: body.top_p,
        max_tokens: ask::token_limit("max_output_tokens", body.max_output_tokens)?,
        ..Sampling::default()
    })
}

fn wishes(body: &Body) -> Result<Wishes, Fault> {
    let tools = ask::tools(body.tools.as_deref())?;
    let format = body.text.as_ref().and_then(|text| text.format.as_ref());
    Ok(Wishes {
        format: ask::format(format, "text.format")?,
        tool_choice: ask::tool_choice(body.tool_choice.as_ref(), &tools)?,
        parallel_tools: body.parallel_tool_calls.filter(|_| !tools.is_empty()),
        tools,
    })
}

fn said(input: Option<Input>, now_ms: i64) -> Result<(Vec<String>, Vec<Entry>), Fault> {
    let items = match input {
        None => Vec::new(),
        Some(Input::Text(text)) => {
            let line = ask::line(Role::User, text, Attached::default(), now_ms);
            return Ok((Vec::new(), vec![line]));
        }
        Some(Input::Items(items)) => items,
    };
    let (mut system, mut lines) = (Vec::new(), Vec::<Entry>::new());
    for item in items {
        match item.kind.as_deref().unwrap_or("message") {
            "message" => message(item, now_ms, &mut system, &mut lines)?,
            "function_call" => call(item, now_ms, &mut lines)?,
            "function_call_output" => result(item, now_ms, &mut lines)?,
            // Thoughts of a model are its own; providers make them anew.
            "reasoning" => {}
            kind => {
                return Err(format!(
                    "Items of type `{}` are not available in `input`.",
                    kind.chars().take(32).collect::<String>()
                ));
            }
        }
    }
    Ok((system, lines))
}

fn message(
    item: Item,
    now_ms: i64,
    system: &mut Vec<String>,
    lines: &mut Vec<Entry>,
) -> Result<(), Fault> {
    let (text, images) = words(item.content)?;
    let role = match item.role.as_deref() {
        Some("system" | "developer") => {
            system.push(text);
            return Ok(());
        }
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => {
            return Err(
                "Invalid `role` in `input`. Use system, developer, user or assistant.".to_owned(),
            );
        }
    };
    let attached = Attached {
        images,
        ..Attached::default()
    };
    lines.push(ask::line(role, text, attached, now_ms));
    Ok(())
}

fn call(item: Item, now_ms: i64, lines: &mut Vec<Entry>) -> Result<(), Fault> {
    let (Some(id), Some(name)) = (item.call_id, item.name.filter(|name| is_tool_name(name))) else {
        return Err("A `function_call` needs a `call_id` and a `name`.".to_owned());
    };
    let call = ToolCall {
        id,
        name,
        arguments: item.arguments.unwrap_or_default(),
    };
    // Calls of one step stand together, behind the words of the same step.
    match lines.last_mut() {
        Some(last) if last.role == Role::Assistant => last.attached.calls.push(call),
        _ => {
            let attached = Attached {
                calls: vec![call],
                ..Attached::default()
            };
            lines.push(ask::line(Role::Assistant, String::new(), attached, now_ms));
        }
    }
    Ok(())
}

fn result(item: Item, now_ms: i64, lines: &mut Vec<Entry>) -> Result<(), Fault> {
    let id = item
        .call_id
        .filter(|id| !id.is_empty())
        .ok_or("A `function_call_output` needs a `call_id`.")?;
    let (text, _) = words(item.output)?;
    let result = ToolResult { id, text };
    match lines.last_mut() {
        Some(last) if !last.attached.results.is_empty() => last.attached.results.push(result),
        _ => {
            let attached = Attached {
                results: vec![result],
                ..Attached::default()
            };
            lines.push(ask::line(Role::User, String::new(), attached, now_ms));
        }
    }
    Ok(())
}

fn words(content: Option<Content>) -> Result<(String, Vec<Image>), Fault> {
    let parts = match content {
        None => return Ok((String::new(), Vec::new())),
        Some(Content::Text(text)) => return Ok((text, Vec::new())),
        Some(Content::Parts(parts)) => parts,
    };
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match part.kind.as_str() {
            "input_text" | "output_text" | "text" => texts.extend(part.text),
            "input_image" => {
                let url = part
                    .image_url
                    .ok_or("An `input_image` needs an `image_url`.")?;
                images.push(ask::image(&url)?);
            }
            "input_file" => texts.push(file(part.filename.as_deref(), part.file_data.as_deref())?),
            "refusal" => {}
            kind => {
                return Err(format!(
                    "Parts of type `{}` are not available in `input`.",
                    kind.chars().take(32).collect::<String>()
                ));
            }
        }
    }
    Ok((texts.join("\n"), images))
}

/// The words of a file, fenced, so that nobody takes them for the person's own (S-085).
fn file(name: Option<&str>, data: Option<&str>) -> Result<String, Fault> {
    let name: String = name
        .unwrap_or("file")
        .chars()
        .filter(|character| !character.is_control() && *character != '"')
        .take(80)
        .collect();
    let unreadable =
        || format!("The file `{name}` must be text in a `data:` address with `;base64,`.");
    let rest = data
        .and_then(|data| data.strip_prefix("data:"))
        .ok_or_else(unreadable)?;
    let (kind, data) = rest.split_once(";base64,").ok_or_else(unreadable)?;
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !FILE_KINDS.contains(&kind.as_str()) {
        return Err(format!("Files must be one of {}.", FILE_KINDS.join(", ")));
    }
    let bytes = BASE64.decode(data.trim()).map_err(|_| unreadable())?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable())?;
    let shown: String = text.chars().take(FILE_CHARS_MAX).collect();
    let cut = if shown.len() < text.len() {
        "\n[the rest of the file was left out]"
    } else {
        ""
    };
    Ok(format!(
        "[file \"{name}\"]\n{shown}{cut}\n[end of file \"{name}\"]"
    ))
}

/// Fuzz entry: any body is read or refused, never a panic.
#[cfg(test)]
pub(in super::super) fn fuzz_body(bytes: &[u8]) {
    if let Ok(mut body) = json::parse::<Body>(bytes) {
        drop(sampling(&body));
        drop(wishes(&body));
        drop(said(body.input.take(), 0).and_then(|(_, lines)| ask::split(lines)));
    }
}
