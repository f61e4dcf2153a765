//! Groups that people sort their sessions into: a list with an order, kept beside the sessions themselves.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use torana_core::limit::SESSION_GROUPS_MAX;
use torana_core::problem::{Code, Problem};

use crate::engine::Engine;
use crate::store::StoreError;
use crate::store::session;

/// Name of the setting that holds the list.
const SETTING: &str = "session_groups";

/// The groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Their names, in order.
    pub names: Vec<String>,
    /// Order of all sections of a page, the groups among them.
    #[serde(default)]
    pub sections: Vec<String>,
}

fn load(connection: &Connection) -> Result<Groups, StoreError> {
    let stored: Option<String> = connection
        .prepare_cached("SELECT value_json FROM setting WHERE name = ?1")?
        .query_row([SETTING], |row| row.get(0))
        .optional()?;
    let mut groups: Groups = stored
        .map(|text| serde_json::from_str(&text))
        .transpose()?
        .unwrap_or_default();
    // A session may have been put into a group that nobody listed.
    for name in session::categories(connection)? {
        if !groups.names.contains(&name) && groups.names.len() < SESSION_GROUPS_MAX {
            groups.names.push(name);
        }
    }
    Ok(groups)
}

fn save(connection: &Connection, groups: &Groups) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO setting (name, value_json) VALUES (?1, ?2)")?
        .execute([SETTING, &serde_json::to_string(groups)?])?;
    Ok(())
}

/// The groups, in order.
pub async fn list(engine: &Engine) -> Result<Groups, Problem> {
    engine.read(load).await
}

/// Sets the groups and their order. Sessions in a group that is gone are in none afterwards.
pub async fn put(
    engine: &Engine,
    names: Vec<String>,
    sections: Option<Vec<String>>,
) -> Result<Groups, Problem> {
    let mut unique: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim().to_owned();
        if name.is_empty() || unique.contains(&name) {
            return Err(Problem::invalid(
                "group names must be different and not empty",
            ));
        }
        unique.push(name);
    }
    if unique.len() > SESSION_GROUPS_MAX
        || sections
            .as_ref()
            .is_some_and(|sections| sections.len() > 2 * SESSION_GROUPS_MAX)
    {
        return Err(Problem::invalid(format!(
            "at most {SESSION_GROUPS_MAX} groups are kept"
        )));
    }
    engine
        .write(move |connection| {
            let before = load(connection)?;
            for gone in before.names.iter().filter(|name| !unique.contains(name)) {
                session::clear_category(connection, gone)?;
            }
            let groups = Groups {
                names: unique,
                sections: sections.unwrap_or(before.sections),
            };
            save(connection, &groups)?;
            Ok(groups)
        })
        .await
}

/// Gives a group another name; its sessions stay in it. Also returns how many these are.
pub async fn rename(engine: &Engine, name: String, to: String) -> Result<(Groups, usize), Problem> {
    let to = to.trim().to_owned();
    if to.is_empty() {
        return Err(Problem::invalid("group name required"));
    }
    let wanted = name.clone();
    let renamed = engine
        .write(move |connection| {
            let mut groups = load(connection)?;
            if name != to && groups.names.contains(&to) {
                return Ok(Err(true));
            }
            let Some(place) = groups.names.iter_mut().find(|known| **known == name) else {
                return Ok(Err(false));
            };
            place.clone_from(&to);
            for section in groups.sections.iter_mut().filter(|known| **known == name) {
                section.clone_from(&to);
            }
            let moved = session::rename_category(connection, &name, &to)?;
            save(connection, &groups)?;
            Ok(Ok((groups, moved)))
        })
        .await?;
    renamed.map_err(|taken| {
        if taken {
            Problem::invalid("a group of that name exists")
        } else {
            missing(&wanted)
        }
    })
}

/// Removes a group, if it is there; its sessions stay, in none. Also returns how many these are.
pub async fn delete(engine: &Engine, name: String) -> Result<(Groups, usize), Problem> {
    engine
        .write(move |connection| {
            let mut groups = load(connection)?;
            groups.names.retain(|known| *known != name);
            groups.sections.retain(|known| *known != name);
            let moved = session::clear_category(connection, &name)?;
            save(connection, &groups)?;
            Ok((groups, moved))
        })
        .await
}

fn missing(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("unknown session group: {name}"))
}
