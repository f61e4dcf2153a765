//! `secrets.resolve`: what secrets of the configuration in force refer to, for an administrator's own programs.
//!
//! The only call that returns a credential (S-028). Every use is in the audit log, with places and without values.

use serde_json::json;
use torana_core::config::{KeyPath, Segment};
use torana_engine::service::audit::Act;

use super::{Answer, Call, Running};
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;

/// Targets and paths in one call; the official command line asks for about eighty.
const LIST_MAX: usize = 1_024;
/// Characters of a command's name in the audit log.
const NAME_CHARS_MAX: usize = 128;

fn wrong(field: &str) -> WireError {
    WireError::invalid(format!("invalid secrets.resolve params: {field}"))
}

/// A list of texts without blanks and empty ones; `None` when it was not given.
fn texts(call: &Call, name: &str) -> Result<Option<Vec<String>>, WireError> {
    if call.params.get(name).is_none() {
        return Ok(None);
    }
    let texts: Vec<String> = call
        .params
        .texts(name)
        .iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    if texts.len() > LIST_MAX {
        return Err(wrong(name));
    }
    Ok(Some(texts))
}

/// The steps of a place, as clients write them.
fn names(path: &KeyPath) -> Vec<String> {
    let name = |segment: &Segment| match segment {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => index.to_string(),
    };
    path.segments().iter().map(name).collect()
}

/// `models.providers.*.apiKey`, and `list[]` for any item of a list.
fn pattern(target: &str) -> Vec<String> {
    target
        .replace("[]", ".*")
        .split('.')
        .map(str::to_owned)
        .collect()
}

fn fits(pattern: &[String], names: &[String]) -> bool {
    pattern.len() == names.len()
        && pattern
            .iter()
            .zip(names)
            .all(|(wanted, name)| wanted == "*" || wanted == name)
}

pub(super) fn resolve(call: Call) -> Running {
    Box::pin(async move { run(call).await })
}

async fn run(call: Call) -> Answer {
    let command = call.params.word("commandName");
    let command = command.ok_or_else(|| wrong("commandName"))?;
    let command: String = command.chars().take(NAME_CHARS_MAX).collect();
    let targets = texts(&call, "targetIds")?.unwrap_or_default();
    let targets: Vec<Vec<String>> = targets.iter().map(|target| pattern(target)).collect();
    let allowed = texts(&call, "allowedPaths")?;
    let forced = texts(&call, "forcedActivePaths")?.unwrap_or_default();
    let optional = texts(&call, "optionalActivePaths")?.unwrap_or_default();
    let file = call.gateway.context().host.config_file();
    let view = file.view().await?;
    let found = file
        .schema()
        .secret_references(&view.running, &|name| file.variable(name));
    let (mut assignments, mut places) = (Vec::new(), Vec::new());
    let (mut diagnostics, mut inactive) = (Vec::new(), Vec::new());
    let mut missing = None;
    for reference in found {
        let names = names(&reference.path);
        let path = names.join(".");
        let is_wanted = targets.iter().any(|target| fits(target, &names))
            && allowed.as_ref().is_none_or(|paths| paths.contains(&path));
        if !is_wanted {
            continue;
        }
        match reference.value.as_ref().and_then(|value| value.expose()) {
            Some(value) => {
                assignments.push(json!({ "path": path, "pathSegments": names, "value": value }));
                places.push(path);
            }
            None if forced.contains(&path) => missing = missing.or(Some(path)),
            None => {
                if !optional.contains(&path) {
                    diagnostics.push(format!("{path}: the secret it refers to has no value"));
                }
                inactive.push(path);
            }
        }
    }
    // Nothing leaves without a trace: when the log cannot be written, nothing is handed out.
    record(&call, &command, &places, missing.is_none()).await?;
    if let Some(path) = missing {
        return Err(WireError::new(UNAVAILABLE, "secrets.resolve failed")
            .details(json!({ "path": path, "reason": "the secret it refers to has no value" })));
    }
    Ok(Payload::of(&json!({
        "ok": true, "assignments": assignments, "diagnostics": diagnostics, "inactiveRefPaths": inactive,
    })))
}

async fn record(
    call: &Call,
    command: &str,
    places: &[String],
    allowed: bool,
) -> Result<(), WireError> {
    let detail = json!({ "paths": places });
    let act = Act {
        allowed,
        ..call.act("config", command, Some(detail))
    };
    call.gateway.audit().record(act).await?;
    Ok(())
}
