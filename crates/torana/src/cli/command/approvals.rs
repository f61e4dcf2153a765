//! `torana approvals`: what agents may run, and what waits for a decision.

use serde_json::{Value, json};
use torana_core::config::edit::parse_value;

use super::nodes::find_node;
use super::operate::{ask, find, input, joined, short};
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
            let rules = parse_value(&text).ok_or_else(|| {
                Failure::new(Exit::Usage, "the rules are not JSON5")
                    .hint("begin with what `torana approvals get --json` prints under `file`")
            })?;
            change(invocation, &whose, Change::All(rules)).await
        }
        ApprovalsCommand::Allowlist { command } => {
            let (entry, adds) = match command {
                AllowlistCommand::Add { entry } => (entry, true),
                AllowlistCommand::Remove { entry } => (entry, false),
            };
            let whose = entry.whose.clone();
            let edit = if adds { allow } else { disallow };
            change(invocation, &whose, Change::Entry(edit, entry)).await
        }
        ApprovalsCommand::Pending => {
            let mut client = invocation.connect().await?;
            let waiting = waiting(&mut client).await;
            client.close().await;
            let waiting: Vec<Value> = waiting?.iter().map(entry).collect();
            let now_ms = invocation.world.wall_ms();
            invocation
                .output
                .either(&json!({ "approvals": waiting }), || shown(&waiting, now_ms))
        }
        ApprovalsCommand::Grants { command } => {
            standing(invocation, command.unwrap_or_default()).await
        }
        ApprovalsCommand::Resolve {
            id,
            decision,
            reason,
            expires_in_days,
        } => {
            if expires_in_days.is_some() && decision != Decision::AllowAlways {
                return Err(Failure::new(
                    Exit::Usage,
                    "--expires-in-days is for `allow-always`: nothing else lasts",
                ));
            }
            let mut client = invocation.connect().await?;
            let answer = resolve(&mut client, &id, decision, expires_in_days).await;
            client.close().await;
            let (id, mut answer) = answer?;
            if let Some(reason) = &reason {
                answer["cliReason"] = json!(reason);
            }
            settled(invocation, &id, decision, &answer)
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

/// What becomes of the rules.
enum Change {
    /// These take their place.
    All(Value),
    /// One entry of the list comes or goes.
    Entry(Edit, AllowlistEntry),
}

/// An edit of a file of rules; nothing when it is so already.
type Edit = fn(Value, &AllowlistEntry) -> Option<Value>;

/// Reads the rules, changes them, and writes them unless somebody else did meanwhile. Asking for what is so already is
/// no failure, and writes nothing (OpenClaw 2026.9.6).
async fn change(invocation: &Invocation, whose: &Whose, change: Change) -> Result<(), Failure> {
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

fn allow(mut file: Value, entry: &AllowlistEntry) -> Option<Value> {
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

fn disallow(mut file: Value, entry: &AllowlistEntry) -> Option<Value> {
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

fn rules(answer: &Value) -> String {
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

/// Everything that waits. A kind the gateway does not know has nothing that could wait.
pub(super) async fn waiting(client: &mut Client) -> Result<Vec<Value>, Failure> {
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

/// One approval that waits, under the names of the official command line (OpenClaw 2026.9.6).
fn entry(item: &Value) -> Value {
    let request = &item["request"];
    let text = |names: &[&str]| {
        let texts = names.iter().map(|name| text_of(request, name));
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    let command = text(&["command", "commandText"]);
    let mut summary = text(&["title", "description"]).join(": ");
    if let Some(command) = command.first() {
        summary = match text_of(item, "approvalKind") {
            "plugin" if !summary.is_empty() => format!("{summary} — Command: {command}"),
            _ => (*command).to_owned(),
        };
    }
    json!({
        "id": item["id"], "kind": item["approvalKind"], "agentId": request["agentId"],
        "sessionKey": request["sessionKey"], "createdAtMs": item["createdAtMs"],
        "expiresAtMs": item["expiresAtMs"], "cwd": request["cwd"], "summary": summary,
    })
}

fn shown(waiting: &[Value], now_ms: i64) -> String {
    if waiting.is_empty() {
        return "nothing waits for a decision".to_owned();
    }
    let rows = waiting.iter().map(|item| {
        let left_ms = number_of(item, "expiresAtMs")
            .unwrap_or(now_ms)
            .saturating_sub(now_ms)
            .max(0);
        [
            short(text_of(item, "id")),
            text_of(item, "kind").to_owned(),
            text_of(item, "agentId").to_owned(),
            text_of(item, "summary").to_owned(),
            text_of(item, "cwd").to_owned(),
            span(left_ms.unsigned_abs() / 1_000),
        ]
    });
    // Nobody should allow what a column cut short, or what a line break in it pretends to be (S-013).
    let whole: String = waiting
        .iter()
        .map(|item| {
            let summary = text_of(item, "summary").replace('\n', "\\n");
            format!("\n  {}  {summary}", short(text_of(item, "id")))
        })
        .collect();
    format!(
        "decide with `torana approvals resolve <id> allow-once|allow-always|deny`\n{}\n\nin full{whole}",
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

/// Decides; what was decided before under the same id is told as well.
async fn resolve(
    client: &mut Client,
    wanted: &str,
    decision: Decision,
    expires_in_days: Option<u16>,
) -> Result<(String, Value), Failure> {
    let all = waiting(client).await?;
    let ids = all.iter().map(|item| text_of(item, "id"));
    let id = match find(ids, wanted, "torana approvals pending") {
        Ok(id) => id,
        // A whole id may be one that was decided already.
        Err(failure)
            if all
                .iter()
                .all(|item| !text_of(item, "id").starts_with(wanted)) =>
        {
            let known = client
                .call(method::APPROVAL_GET, json!({ "id": wanted }))
                .await;
            known.map_err(|_| failure)?;
            wanted.to_owned()
        }
        Err(failure) => return Err(failure),
    };
    let known = client
        .call(method::APPROVAL_GET, json!({ "id": id }))
        .await?;
    let presentation = &known["approval"]["presentation"];
    let decision = word(decision);
    let allowed = items_of(presentation, "allowedDecisions");
    let is_pending = text_of(&known["approval"], "status") == "pending";
    if is_pending && !allowed.is_empty() && allowed.iter().all(|one| one != decision) {
        return Err(
            Failure::failed(format!("`{decision}` is no decision for this")).hint(format!(
                "decide one of: {}",
                joined(presentation, "allowedDecisions")
            )),
        );
    }
    let mut params =
        json!({ "id": id, "kind": text_of(presentation, "kind"), "decision": decision });
    if let Some(days) = expires_in_days {
        params["grantExpiresInDays"] = json!(days);
    }
    let answer = client.call(method::APPROVAL_RESOLVE, params).await?;
    Ok((id, answer))
}

/// Says what holds now. Somebody else may have been first, with the same decision or another.
fn settled(
    invocation: &Invocation,
    id: &str,
    decision: Decision,
    answer: &Value,
) -> Result<(), Failure> {
    let (id, wanted) = (short(id), word(decision));
    let was_first = answer["applied"].as_bool() == Some(true);
    let approval = &answer["approval"];
    match text_of(approval, "decision") {
        held if held == wanted => {
            let mut value = answer.clone();
            value["alreadyResolved"] = json!(!was_first);
            invocation.output.either(&value, || {
                let before = if was_first { "" } else { " already" };
                let remark = text_of(answer, "cliReason");
                let remark = if remark.is_empty() {
                    String::new()
                } else {
                    format!(" ({remark})")
                };
                format!("{id}: {wanted}{before}{remark}")
            })
        }
        "" => Err(Failure::failed(format!(
            "{id} was not decided: it is {}",
            text_of(approval, "status")
        ))),
        held => Err(Failure::failed(format!("{id} was decided already: {held}"))),
    }
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

    #[test]
    fn what_is_to_be_allowed_is_shown_whole_and_on_one_line() {
        let command = format!("echo {}\nrm -rf /srv", "x".repeat(80));
        let item = json!({
            "id": "abcdef", "approvalKind": "exec", "createdAtMs": 1, "expiresAtMs": 61_000,
            "request": { "command": command, "agentId": "main" },
        });
        let entry = entry(&item);
        assert_eq!(entry["summary"], json!(command), "for programs as it is");
        let text = shown(&[entry], 1_000);
        let whole = format!("  abcdef  {}", command.replace('\n', "\\n"));
        assert!(text.ends_with(&whole), "{text}");
    }
}
