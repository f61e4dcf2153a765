//! Adding, changing and removing agents in a document, in whichever spelling it lists them.
//!
//! Values in, value out: the caller writes the result with [`super::edit::rewrite`], which keeps comments.

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::effective::IMPLICIT_AGENT;

/// Why the agents cannot be changed like that.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RosterError {
    /// There is one of this name.
    #[error("agent \"{0}\" already exists")]
    Exists(String),
    /// There is none of this name in the file itself.
    #[error("agent \"{0}\" not found")]
    Missing(String),
    /// Somebody has to answer what no binding takes.
    #[error("agent \"{0}\" answers what no binding takes; make another one the default first")]
    Default(String),
    /// A section is not what it must be.
    #[error("`{0}` is not an object")]
    Malformed(&'static str),
}

/// The id a name becomes: lower case, other characters joined by `-`. `None` when nothing is left.
///
/// ```
/// use torana_core::config::agent_id_of;
///
/// assert_eq!(agent_id_of(" My Böt! 2").as_deref(), Some("my-b-t-2"));
/// assert_eq!(agent_id_of("!?"), None);
/// ```
#[must_use]
pub fn agent_id_of(name: &str) -> Option<String> {
    let mut id = String::new();
    for letter in name.trim().chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() || letter == '_' {
            id.push(letter);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
        // Ids are at most this long in session keys (OpenClaw's own bound).
        if id.len() >= 64 {
            break;
        }
    }
    let id = id.trim_end_matches('-');
    (!id.is_empty()).then(|| id.to_owned())
}

/// Adds an agent. Whoever answered before goes on answering: a lone agent becomes the marked default.
///
/// # Errors
/// When there is one of this id, or the sections cannot hold it.
pub fn add_agent(
    document: &mut Value,
    id: &str,
    entry: Map<String, Value>,
) -> Result<(), RosterError> {
    let known = ids(document);
    let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(id));
    if is_known || (known.is_empty() && id.eq_ignore_ascii_case(IMPLICIT_AGENT)) {
        return Err(RosterError::Exists(id.to_owned()));
    }
    let has_default = known.iter().any(|known| {
        agent_mut(document, known).is_some_and(|agent| agent.get("default") == Some(&json!(true)))
    });
    let agents = section(document)?;
    if known.is_empty() {
        let main = Map::from_iter([("default".to_owned(), json!(true))]);
        insert(agents, IMPLICIT_AGENT, main)?;
    } else if let ([lone], false) = (known.as_slice(), has_default)
        && let Some(agent) = agent_mut(document, lone)
    {
        agent.insert("default".to_owned(), json!(true));
    }
    insert(section(document)?, id, entry)
}

/// Changes keys of an agent; null removes one, objects are merged.
///
/// # Errors
/// When the file itself has no such agent.
pub fn change_agent(
    document: &mut Value,
    id: &str,
    changes: &Map<String, Value>,
) -> Result<(), RosterError> {
    let known = ids(document);
    // The agent that exists without being written down is written down by its first change.
    if known.is_empty() && id == IMPLICIT_AGENT {
        insert(section(document)?, id, Map::new())?;
    }
    let found = known
        .iter()
        .find(|known| known.eq_ignore_ascii_case(id))
        .cloned()
        .unwrap_or_else(|| id.to_owned());
    let agent = agent_mut(document, &found).ok_or_else(|| RosterError::Missing(id.to_owned()))?;
    merge(agent, changes);
    Ok(())
}

fn merge(target: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (key, change) in changes {
        match (target.get_mut(key), change) {
            (_, Value::Null) => {
                target.shift_remove(key);
            }
            (Some(Value::Object(old)), Value::Object(change)) => merge(old, change),
            (_, Value::Object(change)) => {
                let mut fresh = Map::new();
                merge(&mut fresh, change);
                target.insert(key.clone(), Value::Object(fresh));
            }
            _ => {
                target.insert(key.clone(), change.clone());
            }
        }
    }
}

/// Removes an agent and the bindings that choose it. Returns how many those were.
///
/// # Errors
/// When the file itself has no such agent, or it is the one that answers by default.
pub fn remove_agent(document: &mut Value, id: &str) -> Result<usize, RosterError> {
    let known = ids(document);
    let Some(found) = known.iter().find(|known| known.eq_ignore_ascii_case(id)) else {
        return Err(RosterError::Missing(id.to_owned()));
    };
    let is_default =
        agent_mut(document, found).is_some_and(|agent| agent.get("default") == Some(&json!(true)));
    if is_default || known.len() == 1 {
        return Err(RosterError::Default(found.clone()));
    }
    let found = found.clone();
    let agents = section(document)?;
    if let Some(Value::Object(entries)) = agents.get_mut("entries") {
        entries.shift_remove(&found);
    }
    if let Some(Value::Array(list)) = agents.get_mut("list") {
        list.retain(|agent| agent.get("id").and_then(Value::as_str) != Some(found.as_str()));
    }
    let Some(Value::Array(bindings)) = document.get_mut("bindings") else {
        return Ok(0);
    };
    let before = bindings.len();
    bindings.retain(|binding| {
        !binding
            .get("agentId")
            .and_then(Value::as_str)
            .is_some_and(|agent| agent.eq_ignore_ascii_case(&found))
    });
    Ok(before - bindings.len())
}

fn section(document: &mut Value) -> Result<&mut Map<String, Value>, RosterError> {
    document
        .as_object_mut()
        .ok_or(RosterError::Malformed(""))?
        .entry("agents")
        .or_insert_with(|| json!({}))
        .as_object_mut()
        .ok_or(RosterError::Malformed("agents"))
}

fn ids(document: &Value) -> Vec<String> {
    let Some(agents) = document.get("agents") else {
        return Vec::new();
    };
    let entries = agents.get("entries").and_then(Value::as_object);
    let list = agents.get("list").and_then(Value::as_array);
    let listed = list
        .into_iter()
        .flatten()
        .filter_map(|agent| agent.get("id")?.as_str().map(str::to_owned));
    entries
        .into_iter()
        .flatten()
        .map(|(id, _)| id.clone())
        .filter(|id| id != super::include::INCLUDE_KEY)
        .chain(listed)
        .collect()
}

fn agent_mut<'a>(document: &'a mut Value, id: &str) -> Option<&'a mut Map<String, Value>> {
    let agents = document.get_mut("agents")?.as_object_mut()?;
    let is_entry = agents
        .get("entries")
        .is_some_and(|entries| entries.get(id).is_some());
    if is_entry {
        return agents.get_mut("entries")?.get_mut(id)?.as_object_mut();
    }
    agents
        .get_mut("list")?
        .as_array_mut()?
        .iter_mut()
        .find(|agent| agent.get("id").and_then(Value::as_str) == Some(id))?
        .as_object_mut()
}

fn insert(
    agents: &mut Map<String, Value>,
    id: &str,
    mut entry: Map<String, Value>,
) -> Result<(), RosterError> {
    // A file that lists its agents goes on listing them.
    if let Some(Value::Array(list)) = agents
        .get_mut("list")
        .filter(|list| list.as_array().is_some_and(|list| !list.is_empty()))
    {
        let mut item = Map::from_iter([("id".to_owned(), json!(id))]);
        item.append(&mut entry);
        list.push(Value::Object(item));
        return Ok(());
    }
    agents
        .entry("entries")
        .or_insert_with(|| json!({}))
        .as_object_mut()
        .ok_or(RosterError::Malformed("agents.entries"))?
        .insert(id.to_owned(), Value::Object(entry));
    Ok(())
}
