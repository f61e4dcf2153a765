//! Reads a chat completion request: what is said, by whom, to which agent, in which session.

use hyper::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use torana_core::id::AgentId;
use torana_core::key::{KeyContext, SessionKey, validate_caller_key};
use torana_core::run::{Entry, ModelRef, Role};
use torana_engine::Settings;

use crate::front::gate::digest;
use crate::front::json;

/// Images in one request (OpenClaw 2026.9.6).
const IMAGES_MAX: usize = 8;
/// Characters of a `user` that may stand in a session key as they are.
const USER_CHARS_MAX: usize = 64;
/// Stop sequences in one request (OpenAI's own limit).
const STOPS_MAX: usize = 4;

/// What is wrong with a request, for the client.
pub(super) type Fault = String;

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    user: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    n: Option<i64>,
    stop: Option<Stop>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    text: Option<String>,
}

/// A checked request.
#[derive(Debug)]
pub(super) struct ChatRequest {
    /// The model as the client named it; answers repeat it.
    pub(super) model: String,
    pub(super) agent: AgentId,
    /// The durable session; `None` for a throw-away one (decision 48).
    pub(super) session: Option<SessionKey>,
    /// Model of the provider, when the client insists.
    pub(super) backend_model: Option<ModelRef>,
    pub(super) system: Option<String>,
    pub(super) history: Vec<Entry>,
    pub(super) input: String,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

/// An agent found by a model name.
pub(super) struct AgentChoice {
    pub(super) agent: AgentId,
}

/// The agent behind a model name; `None` when there is no such.
pub(super) fn choose_agent(settings: &Settings, model: &str) -> Option<AgentChoice> {
    let name = ["openclaw/", "openclaw:", "agent:"]
        .iter()
        .find_map(|prefix| model.strip_prefix(prefix));
    let agent = match name {
        None if model == "openclaw" => settings.default_agent().cloned()?,
        None => return None,
        Some("default") if !settings.agents.contains_key("default") => {
            settings.default_agent().cloned()?
        }
        Some(name) => AgentId::new(name.to_ascii_lowercase()).ok()?,
    };
    settings
        .agents
        .contains_key(&agent)
        .then_some(AgentChoice { agent })
}

/// Reads headers and body.
pub(super) fn read(
    settings: &Settings,
    headers: &HeaderMap,
    bytes: &[u8],
    now_ms: i64,
) -> Result<ChatRequest, Fault> {
    let body: Body = json::parse(bytes).map_err(|fault| fault.to_string())?;
    check_options(&body)?;
    let model = body
        .model
        .clone()
        .filter(|model| !model.is_empty())
        .unwrap_or_else(|| "openclaw".to_owned());
    let chosen = match header(headers, "x-openclaw-agent-id")? {
        Some(agent) => choose_agent(settings, &format!("openclaw/{agent}"))
            .ok_or("Unknown agent in `x-openclaw-agent-id`.")?,
        None => choose_agent(settings, &model)
            .ok_or("Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.")?,
    };
    let session = session(settings, headers, body.user.as_deref(), &chosen.agent)?;
    let agent = session
        .as_ref()
        .and_then(SessionKey::agent)
        .and_then(|agent| AgentId::new(agent).ok())
        .unwrap_or(chosen.agent);
    let backend_model = match header(headers, "x-openclaw-model")? {
        Some(text) => {
            Some(ModelRef::parse(text).ok_or("Invalid `x-openclaw-model`. Use `provider/model`.")?)
        }
        None => None,
    };
    let include_usage = body
        .stream_options
        .as_ref()
        .and_then(|options| options.include_usage)
        .unwrap_or(false);
    let stream = body.stream.unwrap_or(false);
    let said = said(body.messages, now_ms)?;
    let Said {
        system,
        history,
        input,
    } = said;
    Ok(ChatRequest {
        model,
        agent,
        session,
        backend_model,
        system,
        history,
        input,
        stream,
        include_usage,
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Fault> {
    match headers.get(name).map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(Err(_)) => Err(format!("The header `{name}` cannot be read.")),
    }
}

fn check_options(body: &Body) -> Result<(), Fault> {
    let has_tools = body.tools.as_ref().is_some_and(|tools| !tools.is_empty());
    let asks_for_tools = body
        .tool_choice
        .as_ref()
        .is_some_and(|choice| !choice.is_null() && choice != "none" && choice != "auto");
    if has_tools || asks_for_tools {
        return Err(
            "`tools` are not available in this build; send the request without them.".to_owned(),
        );
    }
    let ranges = [
        ("temperature", body.temperature, 0.0, 2.0),
        ("top_p", body.top_p, 0.0, 1.0),
        ("frequency_penalty", body.frequency_penalty, -2.0, 2.0),
        ("presence_penalty", body.presence_penalty, -2.0, 2.0),
    ];
    for (name, value, min, max) in ranges {
        if value.is_some_and(|value| !(min..=max).contains(&value)) {
            return Err(format!(
                "Invalid `{name}`. Use a number from {min} to {max}."
            ));
        }
    }
    for (name, value) in [
        ("max_tokens", body.max_tokens),
        ("max_completion_tokens", body.max_completion_tokens),
    ] {
        if value.is_some_and(|value| value < 1) {
            return Err(format!("Invalid `{name}`. Use a whole number from 1."));
        }
    }
    if body.n.is_some_and(|n| n != 1) {
        return Err("Invalid `n`. Only one answer is made.".to_owned());
    }
    let stops = match &body.stop {
        Some(Stop::Many(stops)) => stops.len(),
        Some(Stop::One(stop)) => usize::from(!stop.is_empty()),
        None => 0,
    };
    if stops > STOPS_MAX {
        Err(format!(
            "Invalid `stop`. At most {STOPS_MAX} sequences are allowed."
        ))
    } else {
        Ok(())
    }
}

fn session(
    settings: &Settings,
    headers: &HeaderMap,
    user: Option<&str>,
    agent: &AgentId,
) -> Result<Option<SessionKey>, Fault> {
    if let Some(text) = header(headers, "x-openclaw-session-key")? {
        let context = KeyContext {
            default_agent: agent.as_str(),
            main_key: &settings.routing.main_key,
        };
        let key = validate_caller_key(text, &context)
            .map_err(|error| format!("Invalid `x-openclaw-session-key`: {error}."))?;
        let is_known = key
            .agent()
            .is_some_and(|agent| settings.agents.contains_key(agent));
        return if is_known {
            Ok(Some(key))
        } else {
            Err("Unknown agent in `x-openclaw-session-key`.".to_owned())
        };
    }
    let Some(user) = user.map(str::trim).filter(|user| !user.is_empty()) else {
        return Ok(None);
    };
    let is_plain = user.len() <= USER_CHARS_MAX
        && user
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let name = if is_plain {
        user.to_owned()
    } else {
        digest(user)
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    Ok(Some(SessionKey::namespaced(
        agent.as_str(),
        "openai",
        &name,
    )))
}

struct Said {
    system: Option<String>,
    history: Vec<Entry>,
    input: String,
}

fn said(messages: Vec<Message>, now_ms: i64) -> Result<Said, Fault> {
    let (mut system, mut lines, mut images) = (Vec::new(), Vec::new(), 0);
    for message in messages {
        let text = words(message.content, &mut images);
        let role =
            match message.role.as_str() {
                "system" | "developer" => {
                    system.extend(Some(text).filter(|text| !text.is_empty()));
                    continue;
                }
                "user" => Role::User,
                "assistant" => Role::Assistant,
                "tool" | "function" => return Err(
                    "Messages of role `tool` need client tools, which this build does not have."
                        .to_owned(),
                ),
                _ => {
                    return Err(
                        "Invalid `role` in `messages`. Use system, developer, user or assistant."
                            .to_owned(),
                    );
                }
            };
        lines.push(Entry {
            role,
            text,
            at_ms: now_ms,
            run_id: None,
            sender: None,
            model: None,
            usage: None,
            outcome: None,
        });
    }
    if images > IMAGES_MAX {
        return Err(format!(
            "At most {IMAGES_MAX} images are allowed in one request."
        ));
    }
    let last = lines
        .iter()
        .rposition(|line| line.role == Role::User && !line.text.trim().is_empty());
    let Some(last) = last else {
        return Err("Missing user message in `messages`.".to_owned());
    };
    let input = lines.remove(last).text;
    let history = lines
        .into_iter()
        .filter(|line| !line.text.is_empty())
        .collect();
    let system = (!system.is_empty()).then(|| system.join("\n\n"));
    Ok(Said {
        system,
        history,
        input,
    })
}

/// The text of a message; an image leaves a note, so that the agent can say what it did not see (decision 53).
fn words(content: Option<Content>, images: &mut usize) -> String {
    match content {
        None => String::new(),
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => {
            let mut texts = Vec::new();
            for part in parts {
                match (part.kind.as_str(), part.text) {
                    ("image_url" | "input_image" | "image", _) => {
                        *images += 1;
                        texts.push("(an image was attached; images cannot be read yet)".to_owned());
                    }
                    (_, Some(text)) => texts.push(text),
                    (_, None) => {}
                }
            }
            texts.join("\n")
        }
    }
}
