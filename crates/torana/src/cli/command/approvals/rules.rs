//! The rules of what may run: whose they are, how they are changed, and how they are shown.

use serde_json::{Value, json};

use crate::cli::args::{AllowlistEntry, Whose};
use crate::cli::command::node::find_node;
use crate::cli::command::operate::joined;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::{Client, method};
use crate::cli::words::{items_of, text_of};

/// Who keeps the rules, and how they are reached.
pub(crate) struct Owner {
    node: Option<String>,
    pub(crate) get: &'static str,
    set: &'static str,
}

impl Owner {
    pub(crate) async fn of(invocation: &Invocation, whose: &Whose) -> Result<Self, Failure> {
        let Some(node) = &whose.node else {
            return Ok(Self {
                node: None,
                get: method::EXEC_APPROVALS_GET,
                set: method::EXEC_APPROVALS_SET,
            });
        };
        Ok(Self {
            node: Some(find_node(invocation, node).await?),
            get: method::EXEC_APPROVALS_NODE_GET,
            set: method::EXEC_APPROVALS_NODE_SET,
        })
    }

    pub(crate) fn params(&self) -> Value {
        match &self.node {
            Some(node) => json!({ "nodeId": node }),
            None => json!({}),
        }
    }
}

/// What becomes of the rules.
pub(crate) enum Change {
    /// These take their place.
    All(Value),
    /// One entry of the list comes or goes.
    Entry(Edit, AllowlistEntry),
}

/// An edit of a file of rules; nothing when it is so already.
pub(crate) type Edit = fn(Value, &AllowlistEntry) -> Option<Value>;

/// Reads the rules, changes them, and writes them unless somebody else did meanwhile. Asking for what is so already is
/// no failure, and writes nothing (OpenClaw 2026.9.6).
pub(crate) async fn change(
    invocation: &Invocation,
    whose: &Whose,
    change: Change,
) -> Result<(), Failure> {
    let owner = Owner::of(invocation, whose).await?;
    let mut client = invocation.connect().await?;
    let answer = changed(&mut client, &owner, change).await;
    client.close().await;
    let answer = answer?;
    invocation.output.either(&answer, || rules(&answer))
}

async fn changed(client: &mut Client, owner: &Owner, change: Change) -> Result<Value, Failure> {
    let current = client.call(owner.get, owner.params()).await?;
    let mut params = owner.params();
    match (is_native(&current), change) {
        (false, Change::All(file)) => params["file"] = file,
        (false, Change::Entry(edit, entry)) => {
            let Some(file) = edit(current["file"].clone(), &entry) else {
                return Ok(current);
            };
            params["file"] = file;
        }
        (true, Change::All(rules)) => params["native"] = native(&current, rules)?,
        (true, Change::Entry(..)) => {
            return Err(Failure::failed(
                "this node goes by rules of its system, which have no such list",
            )
            .hint("replace them whole with `torana approvals set --node`"));
        }
    }
    // A hash of rules that do not exist yet is nothing to compare with.
    if current["exists"].as_bool() != Some(false) && current["hash"].is_string() {
        params["baseHash"] = current["hash"].clone();
    }
    client.call(owner.set, params).await
}

/// A node whose system has rules of its own, as the companion for Windows, says whether they are on (OpenClaw 2026.9.6).
fn is_native(answer: &Value) -> bool {
    answer["enabled"].is_boolean()
}

/// The rules for such a node, as it takes them.
fn native(current: &Value, mut rules: Value) -> Result<Value, Failure> {
    if current["enabled"].as_bool() == Some(false) {
        return Err(Failure::failed(
            "the rules of this node's system are off, and cannot be set from here",
        )
        .hint("switch them on at that machine first"));
    }
    if !rules["rules"].is_array() {
        return Err(Failure::new(
            Exit::Usage,
            "this node goes by rules of its system, and these name none",
        )
        .hint("write them as `{ defaultAction: 'deny', rules: [{ pattern: 'hostname', action: 'allow' }] }`"));
    }
    // A remark is for whoever reads the file; the protocol has no place for it.
    for rule in rules["rules"].as_array_mut().into_iter().flatten() {
        if let Some(rule) = rule.as_object_mut() {
            rule.remove("description");
        }
    }
    Ok(rules)
}

/// The rules with one entry more.
pub(crate) fn allow(mut file: Value, entry: &AllowlistEntry) -> Option<Value> {
    if !file.is_object() {
        file = json!({ "version": 1 });
    }
    let agents = object(&mut file["agents"]);
    let agent = object(&mut agents[&entry.agent]);
    let list = &mut agent["allowlist"];
    if !list.is_array() {
        *list = json!([]);
    }
    let entries = list.as_array_mut()?;
    let is_known = |known: &Value| text_of(known, "pattern") == entry.pattern;
    if entries.iter().any(is_known) {
        return None;
    }
    entries.push(json!({ "pattern": entry.pattern }));
    Some(file)
}

/// A place for members. A node may have sent anything, and what is no object has none to lose.
fn object(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    value
}

/// The rules with one entry less.
pub(crate) fn disallow(mut file: Value, entry: &AllowlistEntry) -> Option<Value> {
    let list = file
        .get_mut("agents")?
        .get_mut(&entry.agent)?
        .get_mut("allowlist")?
        .as_array_mut()?;
    let before = list.len();
    list.retain(|known| text_of(known, "pattern") != entry.pattern);
    (list.len() < before).then_some(file)
}

fn native_rules(answer: &Value) -> String {
    let is_on = answer["enabled"].as_bool() == Some(true);
    let told = [
        ("Rules of", "the node's system"),
        ("On", if is_on { "yes" } else { "no" }),
        ("Else", text_of(answer, "defaultAction")),
        ("Remark", text_of(answer, "message")),
    ];
    let told = told.into_iter().filter(|(_, text)| !text.is_empty());
    let text = facts(told.map(|(name, text)| (name, text.to_owned())));
    let rows = items_of(answer, "rules").iter().map(|rule| {
        [
            text_of(rule, "pattern").to_owned(),
            text_of(rule, "action").to_owned(),
            joined(rule, "shells"),
            if rule["enabled"].as_bool() == Some(false) {
                "no"
            } else {
                "yes"
            }
            .to_owned(),
        ]
    });
    if rows.len() == 0 {
        return text;
    }
    format!(
        "{text}\n\n{}",
        table(["pattern", "then", "shells", "on"], rows)
    )
}

/// Rules, for people.
pub(crate) fn rules(answer: &Value) -> String {
    if is_native(answer) {
        return native_rules(answer);
    }
    let file = &answer["file"];
    let defaults = |name: &str| {
        [
            text_of(&file["defaults"], name),
            text_of(&answer["resolvedDefaults"], name),
        ]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or("-")
        .to_owned()
    };
    let mut text = facts([
        ("File", text_of(answer, "path").to_owned()),
        ("Security", defaults("security")),
        ("Ask", defaults("ask")),
        ("Else", defaults("askFallback")),
    ]);
    let rows: Vec<[String; 3]> = file["agents"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(agent, rules)| {
            items_of(rules, "allowlist").iter().map(move |entry| {
                let last = text_of(entry, "lastUsedCommand");
                [
                    agent.clone(),
                    text_of(entry, "pattern").to_owned(),
                    last.to_owned(),
                ]
            })
        })
        .collect();
    if !rows.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(["agent", "may run", "last used for"], rows));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_edited_without_touching_the_rest() {
        let entry = AllowlistEntry {
            pattern: "/usr/bin/rg".into(),
            agent: "main".into(),
            whose: Default::default(),
        };
        let file = json!({ "version": 1, "defaults": { "ask": "always" } });
        let added_to_nothing = allow(json!({}), &entry).expect("added");
        let added = allow(file, &entry).expect("added");
        assert_eq!(allow(added.clone(), &entry), None, "it is there");
        assert_eq!(
            added["agents"]["main"]["allowlist"],
            json!([{ "pattern": "/usr/bin/rg" }])
        );
        assert_eq!(added["defaults"]["ask"], "always");
        let removed = disallow(added, &entry).expect("removed");
        assert_eq!(removed["agents"]["main"]["allowlist"], json!([]));
        assert_eq!(disallow(removed, &entry), None, "it is not there any more");
        assert_eq!(allow(Value::Null, &entry).expect("made")["version"], 1);
        for odd in [
            json!({ "agents": "x" }),
            json!({ "agents": ["x"] }),
            json!({ "agents": { "main": 1 } }),
        ] {
            let made = allow(odd, &entry).expect("made");
            assert_eq!(made["agents"], added_to_nothing["agents"]);
        }
    }

    #[test]
    fn rules_of_a_system_are_taken_whole_and_only_when_they_are_on() {
        let on = json!({ "enabled": true, "hash": "h", "rules": [] });
        assert!(is_native(&on) && !is_native(&json!({ "file": {}, "hash": "h" })));
        let given =
            json!({ "rules": [{ "pattern": "x", "action": "allow", "description": "why" }] });
        let sent = native(&on, given.clone()).expect("rules");
        assert_eq!(
            sent,
            json!({ "rules": [{ "pattern": "x", "action": "allow" }] })
        );
        let off = native(&json!({ "enabled": false }), given);
        assert!(off.is_err_and(|failure| failure.message.contains("are off")));
        let file = native(&on, json!({ "version": 1 }));
        assert_eq!(file.map_err(|failure| failure.exit), Err(Exit::Usage));
    }
}
