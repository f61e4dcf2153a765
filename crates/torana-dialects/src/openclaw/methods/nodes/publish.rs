//! What a node publishes: skills, tools, and the programs it could run agents with.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use torana_engine::service::nodes::{NodeTool, Skill};

use super::caller::caller;
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

/// Skills a node may publish (OpenClaw 2026.9.6).
const SKILLS_MAX: usize = 64;
/// Tools a node may publish: twice what models are usually given.
const TOOLS_MAX: usize = 128;
/// Bytes of all tools of a node, so that a list of nodes stays an answer.
const PUBLISHED_BYTES_MAX: usize = 256 * 1024;
/// Words about runners, and bytes of each (OpenClaw 2026.9.6 sends one of about thirty).
const FEATURES_MAX: usize = 16;
const FEATURE_BYTES_MAX: usize = 128;
/// Bytes of everything a node says about runners.
const RUNNERS_BYTES_MAX: usize = 16 * 1024;

fn wrong(call: &Call, name: &str, what: &str) -> WireError {
    WireError::invalid(format!(
        "invalid {} params: at /{name}: {what}",
        call.method
    ))
}

/// What is published, within its bound.
fn items<'a>(call: &'a Call, name: &str, items_max: usize) -> Result<&'a [Value], WireError> {
    let items = call.params.get(name).and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    if items.len() > items_max {
        let what = format!("must not have more than {items_max} items");
        return Err(wrong(call, name, &what));
    }
    Ok(items)
}

/// Lower-case words joined by single hyphens (OpenClaw 2026.9.6).
fn is_skill_name(name: &str) -> bool {
    !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

pub(in crate::openclaw::methods) fn skills(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let wrong = |what: &str| wrong(&call, "skills", what);
        let items = items(&call, "skills", SKILLS_MAX)?;
        let mut skills: Vec<Skill> = Vec::new();
        for item in items {
            let name = item["name"].as_str().unwrap_or_default();
            if !is_skill_name(name) || skills.iter().any(|skill| skill.name == name) {
                return Err(wrong("names must be unique lower-case words with hyphens"));
            }
            skills.push(Skill {
                name: name.to_owned(),
                content: item["content"].as_str().unwrap_or_default().to_owned(),
            });
        }
        let count = skills.len();
        let nodes = call.gateway.nodes();
        if !nodes.publish_skills(&device, call.client.id, skills) {
            return Err(replaced());
        }
        Ok(Payload::of(
            &json!({ "ok": true, "nodeId": device.as_str(), "skills": count }),
        ))
    })
}

fn replaced() -> WireError {
    WireError::new(UNAVAILABLE, "a newer connection of this node took over")
}

/// The words of one tool's name: a letter, then letters, digits, hyphens and underscores (OpenClaw 2026.9.6).
fn is_tool_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

pub(in crate::openclaw::methods) fn tools(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let wrong = |what: &str| wrong(&call, "tools", what);
        let items = items(&call, "tools", TOOLS_MAX)?;
        let (mut tools, mut names, mut bytes) = (Vec::new(), BTreeSet::new(), 0);
        for item in items {
            let name = item["name"].as_str().unwrap_or_default();
            if !is_tool_name(name) || !names.insert((item["pluginId"].as_str(), name)) {
                return Err(wrong(
                    "names must be words of letters, digits, hyphens and underscores, unique per plugin",
                ));
            }
            bytes += item.to_string().len();
            tools.push(NodeTool {
                command: item["command"].as_str().map(str::to_owned),
                descriptor: item.clone(),
            });
        }
        if bytes > PUBLISHED_BYTES_MAX {
            return Err(wrong("is too large"));
        }
        let nodes = call.gateway.nodes();
        if !nodes.publish_tools(&device, call.client.id, tools) {
            return Err(replaced());
        }
        Ok(Payload::of(
            &json!({ "nodeId": device.as_str(), "tools": items }),
        ))
    })
}

/// What a node says about the programs it could run agents with. It is kept and shown; this build runs agents itself.
pub(in crate::openclaw::methods) fn runners(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let value = call.params.value();
        let is_word = |word: &Value| {
            word.as_str()
                .is_some_and(|word| !word.is_empty() && word.len() <= FEATURE_BYTES_MAX)
        };
        let features = value["protocolFeatures"].as_array();
        let is_fit = features
            .is_some_and(|features| features.len() <= FEATURES_MAX && features.iter().all(is_word))
            && value.to_string().len() <= RUNNERS_BYTES_MAX;
        if !is_fit {
            return Err(WireError::invalid("invalid node runner inventory"));
        }
        let nodes = call.gateway.nodes();
        if !nodes.publish_runners(&device, call.client.id, value) {
            return Err(replaced());
        }
        Ok(Payload::of(&json!({ "nodeId": device.as_str() })))
    })
}
