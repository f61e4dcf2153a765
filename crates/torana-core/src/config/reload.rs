//! What a changed configuration needs: nothing, the restart of single accounts, or a restart of the gateway.
//!
//! A plan is a pure value computed from two documents; the engine carries it out. Every key states its own class in
//! the schema (`x-reload`), so a new key cannot be forgotten here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::accepted::{self, Listing};
use super::path::{KeyPath, Segment};
use super::schema::{self, TreeSchema};

/// What has to happen so that a changed configuration takes effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadPlan {
    /// Keys whose readers see the new value at once.
    pub live: Vec<KeyPath>,
    /// Channel accounts to restart, by channel id; no account means every account of the channel.
    pub accounts: BTreeSet<(String, Option<String>)>,
    /// Keys that need a restart of the gateway.
    pub restart: Vec<KeyPath>,
}

/// How far the change of one key reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Live,
    Account,
    Restart,
    /// The key is not built, so a change of it has no effect.
    Nothing,
}

// === impl ReloadPlan ===

impl ReloadPlan {
    /// The plan that leads from one document to another, both as they are written.
    ///
    /// ```
    /// use serde_json::json;
    /// use torana_core::config::{ReloadPlan, TreeSchema};
    ///
    /// let schema = TreeSchema::new(&[]);
    /// let old = json!({ "gateway": { "port": 1 } });
    /// let new = json!({ "gateway": { "port": 2 }, "session": { "scope": "global" } });
    /// let plan = ReloadPlan::between(&schema, &old, &new);
    /// assert_eq!(plan.restart[0].to_string(), "gateway.port");
    /// assert_eq!(plan.live[0].to_string(), "session.scope");
    /// ```
    #[must_use]
    pub fn between(schema: &TreeSchema, old: &Value, new: &Value) -> Self {
        let mut changed = Vec::new();
        differences(old, new, &mut KeyPath::root(), &mut changed);
        let mut plan = Self::default();
        for path in changed {
            match class_of(schema, &path) {
                Class::Live => plan.live.push(path),
                Class::Restart => plan.restart.push(path),
                Class::Account => match account_of(&path) {
                    Some(account) => {
                        plan.accounts.insert(account);
                    }
                    None => plan.live.push(path),
                },
                Class::Nothing => {}
            }
        }
        plan
    }

    /// True when nothing of the change can be applied while the gateway runs.
    #[must_use]
    pub fn is_for_restart_only(&self) -> bool {
        self.live.is_empty() && self.accounts.is_empty()
    }

    /// True when the change has no effect.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.accounts.is_empty() && self.restart.is_empty()
    }
}

/// The deepest paths at which two values differ; lists differ as a whole, because their items have no names.
fn differences(old: &Value, new: &Value, path: &mut KeyPath, found: &mut Vec<KeyPath>) {
    if old == new {
        return;
    }
    let nothing = Map::new();
    let (old_map, new_map) = match (old, new) {
        (Value::Object(old), Value::Object(new)) => (old, new),
        (Value::Object(old), Value::Null) => (old, &nothing),
        (Value::Null, Value::Object(new)) => (&nothing, new),
        _ => {
            found.push(path.clone());
            return;
        }
    };
    if old_map.is_empty() && new_map.is_empty() {
        found.push(path.clone());
        return;
    }
    let added = new_map.keys().filter(|key| !old_map.contains_key(*key));
    for key in old_map.keys().chain(added) {
        path.push(Segment::Key(key.clone()));
        let before = old_map.get(key).unwrap_or(&Value::Null);
        let after = new_map.get(key).unwrap_or(&Value::Null);
        differences(before, after, path, found);
        path.pop();
    }
}

fn class_of(schema: &TreeSchema, path: &KeyPath) -> Class {
    let is_channel =
        matches!(path.segments().first(), Some(Segment::Key(root)) if root == "channels");
    let mut class = None;
    let mut schemas = vec![schema.as_value()];
    let mut is_section = false;
    for segment in path.segments() {
        // A section that is written but empty means the same as one that is not written; an empty entry of a map does not.
        is_section = matches!(segment, Segment::Key(key) if schemas.iter().any(|schema| is_section_of(schema, key)));
        schemas = schemas
            .iter()
            .flat_map(|schema| schema::step(schema, segment))
            .collect();
        if schemas.is_empty() {
            break;
        }
        let written = schemas
            .iter()
            .find_map(|schema| schema.get("x-reload").and_then(Value::as_str));
        class = written.or(class);
    }
    if is_section {
        return Class::Nothing;
    }
    if schemas.is_empty() && accepted::classify(&path.names()) != Listing::Absent {
        return Class::Nothing;
    }
    match class {
        Some("live") => Class::Live,
        Some("account") => Class::Account,
        // The webhook listener of a channel account lives and dies with the account.
        Some("listener") if is_channel => Class::Account,
        Some(_) => Class::Restart,
        // A channel's key without a class may be part of its connection; any other unknown key is safest restarted.
        None if is_channel => Class::Account,
        None => Class::Restart,
    }
}

fn is_section_of(schema: &Value, key: &str) -> bool {
    schema::property(schema, key).is_some_and(|(_, schema)| schema.get("properties").is_some())
}

fn account_of(path: &KeyPath) -> Option<(String, Option<String>)> {
    match path.segments() {
        [
            Segment::Key(root),
            Segment::Key(channel),
            Segment::Key(accounts),
            Segment::Key(account),
            ..,
        ] if root == "channels" && accounts == "accounts" => {
            Some((channel.clone(), Some(account.clone())))
        }
        [Segment::Key(root), Segment::Key(channel), ..]
            if root == "channels" && channel != "defaults" =>
        {
            Some((channel.clone(), None))
        }
        _ => None,
    }
}
