//! What both ways of asking share: the agent, the session, and the checks of tools, sampling and images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use torana_core::ask::{
    AnswerFormat, Attached, ClientTool, Image, TOOL_NAME_CHARS_MAX, ToolChoice, Wishes,
    is_tool_name,
};
use torana_core::id::AgentId;
use torana_core::key::{KeyContext, SessionKey, validate_caller_key};
use torana_core::run::{Entry, ModelRef, Role, Sampling};
use torana_engine::Settings;

use crate::front::gate::digest;

/// Images in one request (OpenClaw 2026.9.6).
const IMAGES_MAX: usize = 8;
/// Bytes of one image (OpenClaw 2026.9.6).
const IMAGE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Kinds of images that all vision models read.
const IMAGE_KINDS: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
/// Characters of a `user` that may stand in a session key as they are.
const USER_CHARS_MAX: usize = 64;
/// Stop sequences in one request (OpenAI's own limit).
const STOPS_MAX: usize = 4;
/// Characters of a stop sequence; providers take a few words.
const STOP_CHARS_MAX: usize = 256;
/// Tools in one request (OpenAI's own limit).
const TOOLS_MAX: usize = 128;

/// What is wrong with a request, for the client.
pub(super) type Fault = String;

/// A checked request, however it came.
#[derive(Debug)]
pub(super) struct Ask {
    /// The model as the client named it; answers repeat it.
    pub(super) model: String,
    pub(super) agent: AgentId,
    /// The durable session; `None` for a throw-away one (decision 48).
    pub(super) session: Option<SessionKey>,
    /// Model of the provider, when the client insists.
    pub(super) backend_model: Option<ModelRef>,
    pub(super) system: Option<String>,
    pub(super) history: Vec<Entry>,
    /// The session begins here and takes the history in; one that goes on has its own.
    pub(super) is_history_new: bool,
    pub(super) input: String,
    pub(super) attached: Attached,
    pub(super) sampling: Sampling,
    pub(super) wishes: Wishes,
    pub(super) thinking: Option<String>,
    pub(super) stream: bool,
}

// === Agent and session ===

/// The agent behind a model name; `None` when there is no such.
pub(super) fn choose_agent(settings: &Settings, model: &str) -> Option<AgentId> {
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
    settings.agents.contains_key(&agent).then_some(agent)
}

/// Where a request goes.
pub(super) struct Place {
    pub(super) model: String,
    pub(super) agent: AgentId,
    pub(super) session: Option<SessionKey>,
    pub(super) backend_model: Option<ModelRef>,
}

/// Reads model, headers and `user`. `namespace` keeps the sessions of the two APIs apart.
pub(super) fn place(
    settings: &Settings,
    headers: &HeaderMap,
    model: Option<&str>,
    user: Option<&str>,
    namespace: &str,
) -> Result<Place, Fault> {
    let model = model
        .filter(|model| !model.is_empty())
        .unwrap_or("openclaw")
        .to_owned();
    let chosen = match header(headers, "x-openclaw-agent-id")? {
        Some(agent) => choose_agent(settings, &format!("openclaw/{agent}"))
            .ok_or("Unknown agent in `x-openclaw-agent-id`.")?,
        None => choose_agent(settings, &model)
            .ok_or("Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.")?,
    };
    let session = session(settings, headers, user, &chosen, namespace)?;
    let agent = session
        .as_ref()
        .and_then(SessionKey::agent)
        .and_then(|agent| AgentId::new(agent).ok())
        .unwrap_or(chosen);
    Ok(Place {
        model,
        agent,
        session,
        backend_model: backend_model(headers)?,
    })
}

/// The provider's model that a client insists on.
pub(super) fn backend_model(headers: &HeaderMap) -> Result<Option<ModelRef>, Fault> {
    match header(headers, "x-openclaw-model")? {
        Some(text) => ModelRef::parse(text)
            .map(Some)
            .ok_or_else(|| "Invalid `x-openclaw-model`. Use `provider/model`.".to_owned()),
        None => Ok(None),
    }
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Fault> {
    match headers.get(name).map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(Err(_)) => Err(format!("The header `{name}` cannot be read.")),
    }
}

fn session(
    settings: &Settings,
    headers: &HeaderMap,
    user: Option<&str>,
    agent: &AgentId,
    namespace: &str,
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
        namespace,
        &name,
    )))
}

// === Sampling and shape ===

/// Checks that numbers lie where the API says.
pub(super) fn in_range(ranges: &[(&str, Option<f64>, f64, f64)]) -> Result<(), Fault> {
    for (name, value, min, max) in ranges {
        if value.is_some_and(|value| !(*min..=*max).contains(&value)) {
            return Err(format!(
                "Invalid `{name}`. Use a number from {min} to {max}."
            ));
        }
    }
    Ok(())
}

/// A limit of tokens.
pub(super) fn token_limit(name: &str, value: Option<i64>) -> Result<Option<u32>, Fault> {
    match value {
        None => Ok(None),
        Some(value) if value < 1 => Err(format!("Invalid `{name}`. Use a whole number from 1.")),
        Some(value) => Ok(Some(u32::try_from(value).unwrap_or(u32::MAX))),
    }
}

/// One stop sequence or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`stop` is text or a list of texts")]
pub(super) enum Stop {
    One(String),
    Many(Vec<String>),
}

/// Stop sequences; empty ones mean nothing and are left out.
pub(super) fn stops(stop: Option<Stop>) -> Result<Vec<String>, Fault> {
    let stops = match stop {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Many(stops)) => stops,
    };
    if stops.len() > STOPS_MAX {
        return Err(format!(
            "Invalid `stop`. At most {STOPS_MAX} sequences are allowed."
        ));
    }
    if stops
        .iter()
        .any(|stop| stop.chars().count() > STOP_CHARS_MAX)
    {
        return Err(format!(
            "Invalid `stop`. A sequence has at most {STOP_CHARS_MAX} characters."
        ));
    }
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

/// How much the model should think; `none` switches it off.
pub(super) fn effort(name: &str, value: Option<&str>) -> Result<Option<String>, Fault> {
    match value {
        None => Ok(None),
        Some("none") => Ok(Some("off".to_owned())),
        Some(level @ ("minimal" | "low" | "medium" | "high" | "xhigh")) => {
            Ok(Some(level.to_owned()))
        }
        Some(_) => Err(format!(
            "Invalid `{name}`. Use none, minimal, low, medium, high or xhigh."
        )),
    }
}

/// The shape of an answer. Chat completions keep the schema's fields one level deeper than responses do.
pub(super) fn format(value: Option<&Value>, name: &str) -> Result<Option<AnswerFormat>, Fault> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    match value["type"].as_str() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(AnswerFormat::Json)),
        Some("json_schema") => {
            let inner = value
                .get("json_schema")
                .filter(|inner| inner.is_object())
                .unwrap_or(value);
            let label = inner["name"].as_str().filter(|label| is_tool_name(label));
            match (
                label,
                inner.get("schema").filter(|schema| schema.is_object()),
            ) {
                (Some(label), Some(schema)) => Ok(Some(AnswerFormat::Schema {
                    name: label.to_owned(),
                    schema: schema.clone(),
                    strict: inner["strict"].as_bool().unwrap_or(false),
                })),
                _ => Err(format!(
                    "Invalid `{name}`. A JSON schema needs a `name` and a `schema`."
                )),
            }
        }
        _ => Err(format!(
            "Invalid `{name}`. Use the type text, json_object or json_schema."
        )),
    }
}

// === Tools ===

/// The client's tools. Chat completions wrap them in `function`, responses do not.
pub(super) fn tools(values: Option<&[Value]>) -> Result<Vec<ClientTool>, Fault> {
    let values = values.unwrap_or_default();
    if values.len() > TOOLS_MAX {
        return Err(format!("At most {TOOLS_MAX} `tools` are allowed."));
    }
    let mut tools: Vec<ClientTool> = Vec::with_capacity(values.len());
    for value in values {
        if value["type"].as_str() != Some("function") {
            return Err("Invalid `tools`. Only tools of type `function` are available.".to_owned());
        }
        let function = value
            .get("function")
            .filter(|inner| inner.is_object())
            .unwrap_or(value);
        let name = function["name"].as_str().unwrap_or_default();
        if !is_tool_name(name) {
            return Err(format!(
                "Invalid `tools`. A name has 1 to {TOOL_NAME_CHARS_MAX} letters, digits, `_` and `-`."
            ));
        }
        if tools.iter().any(|known| known.name == name) {
            return Err(format!("Invalid `tools`. `{name}` is there twice."));
        }
        let parameters = match function.get("parameters") {
            None | Some(Value::Null) => json!({ "type": "object", "properties": {} }),
            Some(schema) if schema.is_object() => schema.clone(),
            Some(_) => {
                return Err(format!(
                    "Invalid `tools`. The `parameters` of `{name}` must be a JSON Schema."
                ));
            }
        };
        tools.push(ClientTool {
            name: name.to_owned(),
            description: function["description"].as_str().map(str::to_owned),
            parameters,
            strict: function["strict"].as_bool(),
        });
    }
    Ok(tools)
}

/// Whether and which tool the model must call.
pub(super) fn tool_choice(
    value: Option<&Value>,
    tools: &[ClientTool],
) -> Result<Option<ToolChoice>, Fault> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let choice = match value.as_str() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required") => ToolChoice::Required,
        Some(_) => return Err(unknown_choice()),
        None => {
            let name = value["function"]["name"]
                .as_str()
                .or_else(|| value["name"].as_str());
            match name.filter(|_| value["type"].as_str() == Some("function")) {
                Some(name) => ToolChoice::Named(name.to_owned()),
                None => return Err(unknown_choice()),
            }
        }
    };
    match &choice {
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name == *name) => Err(format!(
            "Invalid `tool_choice`. `{name}` is not among the `tools`."
        )),
        ToolChoice::Required if tools.is_empty() => {
            Err("Invalid `tool_choice`. There are no `tools` to call.".to_owned())
        }
        // Without tools there is nothing to choose, and providers refuse the field alone.
        _ if tools.is_empty() => Ok(None),
        _ => Ok(Some(choice)),
    }
}

fn unknown_choice() -> Fault {
    "Invalid `tool_choice`. Use auto, none, required or one function.".to_owned()
}

// === Images ===

/// Reads the image of a `data:` address. Others are not fetched: that would be a request by somebody else's choice (S-022).
pub(super) fn image(url: &str) -> Result<Image, Fault> {
    let Some(rest) = url.strip_prefix("data:") else {
        return Err("Images must be sent as `data:` addresses; others are not fetched.".to_owned());
    };
    let (kind, data) = rest
        .split_once(";base64,")
        .ok_or("An image must be a `data:` address with `;base64,`.")?;
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !IMAGE_KINDS.contains(&kind.as_str()) {
        return Err(format!("Images must be one of {}.", IMAGE_KINDS.join(", ")));
    }
    let bytes = BASE64
        .decode(data.trim())
        .map_err(|_| "An image is not valid base64.")?;
    if bytes.is_empty() || bytes.len() > IMAGE_BYTES_MAX {
        return Err(format!("An image has 1 to {IMAGE_BYTES_MAX} bytes."));
    }
    Ok(Image {
        kind,
        base64: data.trim().to_owned(),
    })
}

/// Refuses too many images.
pub(super) fn check_images(entries: &[Entry]) -> Result<(), Fault> {
    let count: usize = entries
        .iter()
        .map(|entry| entry.attached.images.len())
        .sum();
    if count > IMAGES_MAX {
        return Err(format!(
            "At most {IMAGES_MAX} images are allowed in one request."
        ));
    }
    Ok(())
}

// === Conversation ===

/// A line of the conversation a client sent.
pub(super) fn line(role: Role, text: String, attached: Attached, at_ms: i64) -> Entry {
    Entry {
        attached,
        ..Entry::new(role, text, at_ms)
    }
}

/// Takes out what is said now: the results the lines end with, or the last words of the person.
pub(super) fn split(mut lines: Vec<Entry>) -> Result<(Vec<Entry>, String, Attached), Fault> {
    check_images(&lines)?;
    let speaks = |line: &Entry| {
        line.role == Role::User && (!line.text.trim().is_empty() || !line.attached.is_empty())
    };
    let Some(last) = lines.iter().rposition(speaks) else {
        return Err("Missing user message in `messages`.".to_owned());
    };
    let mut said = lines.remove(last);
    // Results of calls belong to what is said now, also when words follow them.
    if let Some(before) = last.checked_sub(1)
        && lines
            .get(before)
            .is_some_and(|line| line.text.is_empty() && !line.attached.results.is_empty())
    {
        let results = lines.remove(before).attached.results;
        said.attached.results.splice(0..0, results);
    }
    lines.retain(|line| !line.text.is_empty() || !line.attached.is_empty());
    Ok((lines, said.text, said.attached))
}
