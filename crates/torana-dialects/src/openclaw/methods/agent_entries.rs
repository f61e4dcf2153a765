//! Creating, changing and deleting agents: edits of the configuration, plus the folder of a new or given-up agent.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use torana_core::config::{
    RosterError, add_agent, agent_id_of, change_agent, edit, read_text, remove_agent,
};

use super::config::author;
use super::{Answer, Call, Running};
use crate::openclaw::desk::{Base, edit_failure};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;

fn roster_failure(error: &RosterError) -> WireError {
    let failure = WireError::invalid(error.to_string());
    match error {
        RosterError::Missing(id) => {
            failure.details(json!({ "code": "UNKNOWN_AGENT_ID", "agentId": id }))
        }
        RosterError::Exists(_) | RosterError::Default(_) | RosterError::Malformed(_) => failure,
    }
}

/// Makes a change of the agents and tells what `change` found out on the way.
async fn edit_roster<T: Default + Send + 'static>(
    call: &Call,
    method: &'static str,
    change: impl FnOnce(&mut Value) -> Result<T, RosterError> + Send,
) -> Result<T, WireError> {
    let mut found = T::default();
    let outcome = &mut found;
    call.gateway
        .desk()
        .write(
            call.gateway.context().host.config_file(),
            call.gateway.audit(),
            author(call, method),
            Base::Current,
            move |view, _| {
                let text = if view.exists {
                    view.text.as_str()
                } else {
                    "{}\n"
                };
                let mut document = read_text(text).map_err(|error| edit_failure(&error))?;
                *outcome = change(&mut document).map_err(|error| roster_failure(&error))?;
                edit::rewrite(text, &document).map_err(|error| edit_failure(&error))
            },
        )
        .await?;
    call.gateway.tell_config().await;
    Ok(found)
}

/// What the parameters say about an agent, as configuration.
fn entry_of(call: &Call) -> Result<Map<String, Value>, WireError> {
    let mut entry = Map::new();
    if let Some(name) = call.params.word("name") {
        entry.insert("name".to_owned(), json!(name));
    }
    if let Some(workspace) = call.params.word("workspace") {
        let is_absolute = workspace.starts_with('/') || workspace.starts_with("~/");
        if !is_absolute || workspace.split('/').any(|step| step == "..") {
            return Err(WireError::invalid(
                "workspace must be an absolute path, or one below ~/",
            ));
        }
        entry.insert("workspace".to_owned(), json!(workspace));
    }
    match call.params.nullable("model") {
        Some(Some(model)) => {
            entry.insert("model".to_owned(), json!(model));
        }
        Some(None) => {
            entry.insert("model".to_owned(), Value::Null);
        }
        None => {}
    }
    let identity: Map<String, Value> = ["emoji", "avatar"]
        .into_iter()
        .filter_map(|name| {
            let text = call.params.text(name)?.trim();
            // An empty one takes it away.
            let value = (!text.is_empty()).then_some(text);
            Some((name.to_owned(), json!(value)))
        })
        .collect();
    if !identity.is_empty() {
        entry.insert("identity".to_owned(), Value::Object(identity));
    }
    Ok(entry)
}

pub(super) fn create(call: Call) -> Running {
    Box::pin(async move { created(call).await })
}

async fn created(call: Call) -> Answer {
    let name = call.params.word("name").unwrap_or_default().to_owned();
    let id = agent_id_of(&name)
        .ok_or_else(|| WireError::invalid("the name must contain a letter or digit"))?;
    let mut entry = entry_of(&call)?;
    entry.retain(|_, value| !value.is_null());
    if let Some(Value::Object(identity)) = entry.get_mut("identity") {
        identity.retain(|_, value| !value.is_null());
    }
    let added = id.clone();
    edit_roster(&call, "agents.create", move |document| {
        add_agent(document, &added, entry)
    })
    .await?;
    let workspace = call.gateway.context().host.site().workspace(&id);
    make_folder(&workspace)?;
    let mut answer = json!({
        "ok": true, "agentId": id, "name": name, "workspace": workspace.display().to_string(),
    });
    if let Some(model) = call.params.word("model") {
        answer["model"] = json!(model);
    }
    Ok(Payload::of(&answer))
}

/// Creates a workspace; an existing folder keeps its permissions.
pub(super) fn make_folder(folder: &Path) -> Result<(), WireError> {
    if folder.is_dir() {
        return Ok(());
    }
    torana_host::files::private_dir(folder).map_err(|error| {
        tracing::warn!(folder = %folder.display(), %error, "A workspace could not be created.");
        WireError::new(
            crate::openclaw::error::UNAVAILABLE,
            format!("the workspace cannot be created: {}", error.kind()),
        )
    })
}

pub(super) fn update(call: Call) -> Running {
    Box::pin(async move {
        let id = call.params.word("agentId").unwrap_or_default().to_owned();
        let changes = entry_of(&call)?;
        let changed = id.clone();
        edit_roster(&call, "agents.update", move |document| {
            change_agent(document, &changed, &changes)
        })
        .await?;
        Ok(Payload::of(&json!({ "ok": true, "agentId": id })))
    })
}

pub(super) fn delete(call: Call) -> Running {
    Box::pin(async move { deleted(call).await })
}

async fn deleted(call: Call) -> Answer {
    let id = call.params.word("agentId").unwrap_or_default().to_owned();
    let context = call.gateway.context();
    // Asked before: afterwards nobody knows where it was.
    let workspace = context.host.site().workspace(&id);
    let removed = id.clone();
    let bindings = edit_roster(&call, "agents.delete", move |document| {
        remove_agent(document, &removed)
    })
    .await?;
    let mut answer = json!({ "ok": true, "agentId": id, "removedBindings": bindings });
    if call.params.flag("deleteFiles").unwrap_or(true) {
        let path = workspace.display().to_string();
        match give_up(&call, &id, &workspace) {
            Ok(method) => answer["removed"] = json!([{ "path": path, "method": method }]),
            Err(reason) => answer["failed"] = json!([{ "path": path, "reason": reason }]),
        }
    }
    Ok(Payload::of(&answer))
}

/// Moves a workspace out of the way. One outside of the state directory belongs to its owner and stays.
fn give_up(call: &Call, id: &str, workspace: &Path) -> Result<&'static str, String> {
    let context = call.gateway.context();
    if !workspace.exists() {
        return Ok("missing");
    }
    let is_ours = workspace.starts_with(&context.state_dir) && workspace != context.state_dir;
    if !is_ours {
        return Err("it is outside the state directory, so it was left in place".to_owned());
    }
    let trash: PathBuf = context.host.site().trash();
    let moved = torana_host::files::private_dir(&trash).and_then(|()| {
        std::fs::rename(
            workspace,
            trash.join(format!("workspace-{id}-{}", call.now_ms())),
        )
    });
    moved.map(|()| "trash").map_err(|error| {
        tracing::warn!(%error, agent = id, "A workspace could not be moved to the trash.");
        format!("it could not be moved: {}", error.kind())
    })
}
