//! `torana approvals`: what agents may run, and what waits for a decision.

use serde_json::{Value, json};

use super::nodes::find_node;
use super::operate::{ask, find, input, short};
use crate::cli::args::{
    AllowlistCommand, AllowlistEntry, ApprovalsCommand, Decision, GrantsCommand, Whose,
};
use crate::cli::failure::{Exit, Failure, Reason};
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::{Client, method};
use crate::cli::words::{age, items_of, number_of, span, text_of};

/// Kinds of approvals and the method that lists each.
const LISTS: [(&str, &str); 3] = [
    ("exec", method::EXEC_APPROVAL_LIST),
    ("plugin", method::PLUGIN_APPROVAL_LIST),
    ("system-agent", method::OPENCLAW_APPROVAL_LIST),
];
/// Bytes of a file with rules; a long one has some thousand entries.
const RULES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: ApprovalsCommand,
) -> Result<(), Failure> {
    match command {
        ApprovalsCommand::Get { whose } => {
            let owner = Owner::of(invocation, &whose).await?;
            let answer = ask(invocation, owner.get, owner.params()).await?;
            invocation.output.either(&answer, || rules(&answer))
        }
        ApprovalsCommand::Set { file, whose, .. } => {
            let file = file.filter(|file| file.as_os_str() != "-");
            let text = if let Some(file) = file {
                let bytes =
                    torana_host::files::read_capped(&file, RULES_BYTES_MAX).map_err(|error| {
                        Failure::failed(format!("{} cannot be read: {error}", file.display()))
                    })?;
                String::from_utf8_lossy(&bytes).into_owned()
            } else {
                input()?
            };
            let rules: Value = serde_json::from_str(&text).map_err(|error| {
                Failure::new(Exit::Usage, format!("the rules are not JSON: {error}"))
                    .hint("begin with what `torana approvals get --json` prints under `file`")
            })?;
            change(invocation, &whose, |_| Ok(rules)).await
        }
        ApprovalsCommand::Allowlist { command } => {
            let (entry, adds) = match command {
                AllowlistCommand::Add { entry } => (entry, true),
                AllowlistCommand::Remove { entry } => (entry, false),
            };
            let whose = entry.whose.clone();
            change(invocation, &whose, |file| {
                if adds {
                    allow(file, &entry)
                } else {
                    disallow(file, &entry)
                }
            })
            .await
        }
        ApprovalsCommand::Pending => {
            let mut client = invocation.connect().await?;
            let waiting = waiting(&mut client).await;
            client.close().await;
            let waiting = Value::Array(waiting?);
            let now_ms = invocation.world.wall_ms();
            invocation
                .output
                .either(&waiting, || shown(&waiting, now_ms))
        }
        ApprovalsCommand::Grants { command } => {
            standing(invocation, command.unwrap_or_default()).await
        }
        ApprovalsCommand::Resolve {
            id,
            decision,
            reason,
        } => {
            let mut client = invocation.connect().await?;
            let answer = resolve(&mut client, &id, decision).await;
            client.close().await;
            let (id, answer) = answer?;
            invocation.output.either(&answer, || {
                let remark = reason.map(|reason| format!(" ({reason})"));
                format!(
                    "{}: {}{}",
                    short(&id),
                    word(decision),
                    remark.unwrap_or_default()
                )
            })
        }
    }
}

/// Standing permissions.
async fn standing(invocation: &Invocation, command: GrantsCommand) -> Result<(), Failure> {
    match command {
        GrantsCommand::List { limit } => {
            let params = limit.map_or_else(|| json!({}), |limit| json!({ "limit": limit }));
            let answer = ask(invocation, method::EXEC_APPROVAL_GRANTS_LIST, params).await?;
            let now_ms = invocation.world.wall_ms();
            invocation
                .output
                .either(&answer, || grants(&answer, now_ms))
        }
        GrantsCommand::Revoke { grant } => {
            let params = json!({ "grantId": grant });
            let answer = ask(invocation, method::EXEC_APPROVAL_GRANTS_REVOKE, params).await?;
            match text_of(&answer, "outcome") {
                "not-found" => Err(Failure::failed(format!("there is no grant {grant}"))
                    .hint("list them with `torana approvals grants`")),
                outcome => invocation.output.either(&answer, || {
                    let was = if outcome == "already-revoked" {
                        "was taken back before"
                    } else {
                        "is taken back"
                    };
                    format!("{grant} {was}; the next time it is asked again")
                }),
            }
        }
    }
}

/// Who keeps the rules, and how they are reached.
struct Owner {
    node: Option<String>,
    get: &'static str,
    set: &'static str,
}

// === impl Owner ===

impl Owner {
    async fn of(invocation: &Invocation, whose: &Whose) -> Result<Self, Failure> {
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

    fn params(&self) -> Value {
        match &self.node {
            Some(node) => json!({ "nodeId": node }),
            None => json!({}),
        }
    }
}

/// Reads the rules, changes them, and writes them unless somebody else did meanwhile.
async fn change(
    invocation: &Invocation,
    whose: &Whose,
    edit: impl FnOnce(Value) -> Result<Value, Failure>,
) -> Result<(), Failure> {
    let owner = Owner::of(invocation, whose).await?;
    let mut client = invocation.connect().await?;
    let current = client.call(owner.get, owner.params()).await?;
    let mut params = owner.params();
    params["file"] = edit(current["file"].clone())?;
    // A hash of rules that do not exist yet is nothing to compare with.
    if current["exists"].as_bool() != Some(false) && current["hash"].is_string() {
        params["baseHash"] = current["hash"].clone();
    }
    let answer = client.call(owner.set, params).await;
    client.close().await;
    let answer = answer?;
    invocation.output.either(&answer, || rules(&answer))
}

fn allow(mut file: Value, entry: &AllowlistEntry) -> Result<Value, Failure> {
    if !file.is_object() {
        file = json!({ "version": 1 });
    }
    let agent = &mut file["agents"][&entry.agent];
    if !agent.is_object() {
        *agent = json!({});
    }
    let list = &mut agent["allowlist"];
    if !list.is_array() {
        *list = json!([]);
    }
    let known = list
        .as_array()
        .into_iter()
        .flatten()
        .any(|known| text_of(known, "pattern") == entry.pattern);
    if !known && let Some(entries) = list.as_array_mut() {
        entries.push(json!({ "pattern": entry.pattern }));
    }
    Ok(file)
}

fn disallow(mut file: Value, entry: &AllowlistEntry) -> Result<Value, Failure> {
    let list = file
        .get_mut("agents")
        .and_then(|agents| agents.get_mut(&entry.agent))
        .and_then(|agent| agent.get_mut("allowlist"))
        .and_then(Value::as_array_mut);
    let before = list.as_ref().map_or(0, |list| list.len());
    if let Some(list) = list {
        list.retain(|known| text_of(known, "pattern") != entry.pattern);
        if list.len() < before {
            return Ok(file);
        }
    }
    Err(Failure::failed(format!(
        "`{}` is not on the list of `{}`",
        entry.pattern, entry.agent
    ))
    .hint("look at `torana approvals get`"))
}

fn rules(answer: &Value) -> String {
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

/// Everything that waits. A kind the gateway does not know has nothing that could wait.
async fn waiting(client: &mut Client) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    let mut offered = 0;
    let mut missing = None;
    for (kind, list) in LISTS {
        match client.call(list, json!({})).await {
            Ok(Value::Array(items)) => {
                offered += 1;
                all.extend(items.into_iter().map(|mut item| {
                    if item["approvalKind"].is_null() {
                        item["approvalKind"] = json!(kind);
                    }
                    item
                }));
            }
            Ok(_) => {
                return Err(Failure::failed(format!(
                    "`{list}` was not answered with a list"
                )));
            }
            Err(failure) if failure.reason == Reason::NotOffered => {
                missing = missing.or(Some(failure))
            }
            Err(failure) => return Err(failure),
        }
    }
    match missing {
        Some(failure) if offered == 0 => Err(failure),
        _ => Ok(all),
    }
}

fn shown(waiting: &Value, now_ms: i64) -> String {
    let items = waiting.as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return "nothing waits for a decision".to_owned();
    }
    let rows = items.iter().map(|item| {
        let request = &item["request"];
        let subject = ["command", "commandText", "title", "description"]
            .iter()
            .map(|name| text_of(request, name))
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        let left_ms = number_of(item, "expiresAtMs")
            .unwrap_or(now_ms)
            .saturating_sub(now_ms)
            .max(0);
        [
            short(text_of(item, "id")),
            text_of(item, "approvalKind").to_owned(),
            text_of(request, "agentId").to_owned(),
            subject.to_owned(),
            text_of(request, "cwd").to_owned(),
            span(left_ms.unsigned_abs() / 1_000),
        ]
    });
    format!(
        "decide with `torana approvals resolve <id> allow-once|allow-always|deny`\n{}",
        table(["id", "kind", "agent", "wants", "in", "valid for"], rows)
    )
}

fn grants(answer: &Value, now_ms: i64) -> String {
    let grants = items_of(answer, "grants");
    if grants.is_empty() {
        return "no automation has a standing permission".to_owned();
    }
    let rows = grants.iter().map(|grant| {
        let subject = ["command", "commandText", "pattern"]
            .iter()
            .map(|name| text_of(grant, name))
            .find(|text| !text.is_empty());
        [
            short(text_of(grant, "id")),
            text_of(grant, "agentId").to_owned(),
            subject.unwrap_or_default().to_owned(),
            number_of(grant, "createdAtMs")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default(),
        ]
    });
    table(["grant", "agent", "may", "age"], rows)
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::AllowOnce => "allow-once",
        Decision::AllowAlways => "allow-always",
        Decision::Deny => "deny",
    }
}

async fn resolve(
    client: &mut Client,
    wanted: &str,
    decision: Decision,
) -> Result<(String, Value), Failure> {
    let all = waiting(client).await?;
    let id = find(
        all.iter().map(|item| text_of(item, "id")),
        wanted,
        "torana approvals pending",
    )?;
    let kind = all
        .iter()
        .find(|item| text_of(item, "id") == id)
        .map_or("exec", |item| text_of(item, "approvalKind"));
    let decision = word(decision);
    let params = json!({ "id": id, "decision": decision });
    let answer = match kind {
        "exec" => client.call(method::EXEC_APPROVAL_RESOLVE, params).await?,
        "plugin" => client.call(method::PLUGIN_APPROVAL_RESOLVE, params).await?,
        other => {
            let params = json!({ "id": id, "kind": other, "decision": decision });
            client.call(method::APPROVAL_RESOLVE, params).await?
        }
    };
    Ok((id, answer))
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
        let added = allow(file, &entry).expect("added");
        let again = allow(added.clone(), &entry).expect("the same");
        assert_eq!(added, again);
        assert_eq!(
            added["agents"]["main"]["allowlist"],
            json!([{ "pattern": "/usr/bin/rg" }])
        );
        assert_eq!(added["defaults"]["ask"], "always");
        let removed = disallow(added, &entry).expect("removed");
        assert_eq!(removed["agents"]["main"]["allowlist"], json!([]));
        assert!(
            disallow(removed, &entry).is_err(),
            "it is not there any more"
        );
        assert_eq!(allow(Value::Null, &entry).expect("made")["version"], 1);
    }
}
