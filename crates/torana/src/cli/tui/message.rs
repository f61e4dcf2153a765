//! Messages of a transcript, and other answers, as text.

use serde_json::Value;

use super::log::{CardState, Ending, Entry, Log, Progress};
use super::state::State;
use crate::cli::words::{bytes, items_of, number_of, text_of};

/// Text of a message, or of a tool's result: its content is one text or a list of parts.
pub(crate) fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<String> = parts.iter().filter_map(part).collect();
            texts.join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// What is shown of a part: its text, or a line about a file, for a terminal shows no pictures.
fn part(part: &Value) -> Option<String> {
    match text_of(part, "type") {
        "text" => Some(text_of(part, "text").to_owned()),
        kind @ ("image" | "audio" | "video" | "file" | "document") => Some(file(kind, part)),
        "input_image" | "image_url" => Some(file("image", part)),
        "input_audio" => Some(file("audio", part)),
        "attachment" => {
            let inner = &part["attachment"];
            let kind = Some(text_of(inner, "kind")).filter(|kind| !kind.is_empty());
            Some(file(kind.unwrap_or("file"), inner))
        }
        _ => None,
    }
}

/// `[image "door.png", image/png, 12 KiB]`, as far as it is known. Addresses and bytes are left out.
fn file(kind: &str, facts: &Value) -> String {
    let name = ["fileName", "name", "label", "alt"]
        .iter()
        .map(|field| text_of(facts, field))
        .find(|text| !text.is_empty())
        .map(|name| format!(" \"{name}\""))
        .unwrap_or_default();
    let mut known = vec![format!("{kind}{name}")];
    let mime = text_of(facts, "mimeType");
    if !mime.is_empty() {
        known.push(mime.to_owned());
    }
    let size = ["bytes", "sizeBytes"];
    if let Some(size) = size.iter().find_map(|field| facts[field].as_u64()) {
        known.push(bytes(size));
    }
    super::clean::line(&format!("[{}]", known.join(", ")))
}

/// Puts a stored message on the screen.
pub(crate) fn push(log: &mut Log, message: &Value) {
    let meta = &message["__openclaw"];
    let first = |names: [&str; 2]| {
        [text_of(message, names[0]), text_of(meta, names[1])]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned()
    };
    match text_of(message, "role") {
        "user" => log.push(Entry::User {
            text: text(message),
            key: Some(first(["idempotencyKey", "runId"])).filter(|key| !key.is_empty()),
            progress: Progress::Accepted,
        }),
        "assistant" => {
            let run = first(["runId", "runId"]);
            for part in items_of(message, "content") {
                match text_of(part, "type") {
                    "thinking" => log.push(Entry::Thinking {
                        run: run.clone(),
                        text: text_of(part, "thinking").to_owned(),
                    }),
                    "toolCall" | "tool_use" => {
                        if let Some(card) =
                            log.card(&run, text_of(part, "id"), text_of(part, "name"))
                        {
                            card.state = CardState::Done;
                            card.summary = ["arguments", "input"]
                                .iter()
                                .map(|name| &part[*name])
                                .find(|value| !value.is_null())
                                .map(ToString::to_string)
                                .unwrap_or_default();
                        }
                    }
                    _ => {}
                }
            }
            let text = text(message);
            if !text.is_empty() {
                let ending = match text_of(message, "stopReason") {
                    "aborted" => Ending::Stopped,
                    "error" => Ending::Failed,
                    _ => Ending::Whole,
                };
                log.push(Entry::Answer {
                    run,
                    text,
                    ending: Some(ending),
                });
            }
        }
        "toolResult" | "tool" => {
            let call = first(["toolCallId", "toolCallId"]);
            if let Some(card) = log.card("", &call, text_of(message, "toolName")) {
                let is_error = message["isError"].as_bool() == Some(true);
                card.state = if is_error {
                    CardState::Failed
                } else {
                    CardState::Done
                };
                card.set_output(&text(message));
            }
        }
        _ => {}
    }
}

/// What `/gateway-status` says.
pub(crate) fn gateway(state: &State, answer: &Value) -> String {
    let mut lines = vec![
        format!("gateway   {}", state.settings.place),
        format!("speaks as {}", state.version),
    ];
    let runtime = text_of(answer, "runtimeVersion");
    if !runtime.is_empty() && runtime != state.version {
        lines.push(format!("runs      {runtime}"));
    }
    for channel in items_of(answer, "channelSummary") {
        let text = channel
            .as_str()
            .map_or_else(|| channel.to_string(), str::to_owned);
        lines.push(format!("channel   {}", super::clean::line(&text)));
    }
    if let Some(count) = number_of(&answer["sessions"], "count") {
        lines.push(format!("sessions  {count}, archived ones included"));
    }
    lines.push(format!(
        "waiting   {} to decide, {} to answer",
        state.approvals.len(),
        state.questions.len()
    ));
    lines.join("\n")
}
