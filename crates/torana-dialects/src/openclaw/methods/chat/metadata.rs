//! `chat.metadata`: what a chat page offers beside the transcript.

use serde_json::{Value, json};
use torana_core::command::COMMANDS;
use torana_core::id::AgentId;
use torana_engine::service::models as model_service;

use super::session_of;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};
use crate::openclaw::thinking;

pub(in crate::openclaw::methods) fn metadata(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "sessionKey")?;
        let agent = call.engine().agent_of(&session)?;
        Ok(Payload::of(&of(&call, &agent)?))
    })
}

/// Models and commands of an agent.
pub(super) fn of(call: &Call, agent: &AgentId) -> Result<Value, WireError> {
    let found = model_service::list(call.engine(), Some(agent));
    let settings = call.engine().settings();
    let models: Vec<Value> = found
        .models
        .iter()
        .map(|model| {
            let is_default = found.default.as_ref() == Some(&model.reference);
            let mut value = json!({
                "id": model.reference.model, "name": model.name, "provider": model.reference.provider,
                "reasoning": model.reasoning, "available": model.available,
                "tags": if is_default { vec!["default"] } else { Vec::new() },
                "thinkingLevels": thinking::named(settings.thinking_levels(Some(&model.reference))),
                "thinkingDefault": settings.thinking_default(settings.agents.get(agent), Some(&model.reference)),
            });
            if let Some(window) = model.context_tokens.filter(|window| *window > 0) {
                value["contextWindow"] = json!(window);
            }
            value
        })
        .collect();
    let commands: Vec<Value> = COMMANDS
        .iter()
        .map(|spec| {
            let aliases: Vec<String> = [spec.name]
                .iter()
                .chain(spec.aliases)
                .map(|name| format!("/{name}"))
                .collect();
            json!({
                "name": spec.name, "nativeName": spec.name, "textAliases": aliases, "description": spec.summary,
                "category": "session", "source": "native", "scope": "both",
                "acceptsArgs": spec.usage.contains(' '),
            })
        })
        .collect();
    Ok(json!({
        "models": models,
        "commands": commands,
        "swarmEnabled": false,
        "accountSelection": { "kind": "automatic", "label": "Automatic" },
        "runtimeSelectionLocked": true,
    }))
}
