//! `torana sessions`: list, show, reset, archive, delete, compact, clean up.

use serde_json::{Value, json};

use super::operate::{ask, confirmed};
use crate::cli::access::Access;
use crate::cli::args::{SessionKeys, SessionsCommand, SessionsFilter};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::{Client, method};
use crate::cli::words::{age, count as words_count, items_of, number_of, text_of};

/// A summary is written by a model, which may take minutes.
const COMPACT_MS: u64 = 600_000;

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: SessionsCommand,
) -> Result<(), Failure> {
    match command {
        SessionsCommand::List(filter) => list(invocation, filter).await,
        SessionsCommand::Show { key, limit } => show(invocation, &key, limit).await,
        SessionsCommand::Reset { key } => {
            let mut client = invocation.connect().await?;
            let answer = match known(&mut client, &named(&key, None), &key).await {
                Ok(_) => {
                    client
                        .call(method::SESSIONS_RESET, json!({ "key": key }))
                        .await
                }
                Err(failure) => Err(failure),
            };
            client.close().await;
            let answer = answer?;
            let name = answer["key"].as_str().unwrap_or(&key).to_owned();
            invocation.output.either(&answer, || {
                format!("{name} starts with an empty transcript; the old one is in the archive")
            })
        }
        SessionsCommand::Archive(which) => {
            let archived = json!({ "archived": true });
            each(
                invocation,
                &which,
                method::SESSIONS_PATCH,
                &archived,
                "is put aside",
            )
            .await
        }
        SessionsCommand::Delete { which, yes } => {
            let question = format!("remove {}?", which.keys.join(", "));
            if !yes && !which.dry_run && !confirmed(invocation, &question)? {
                return Err(Failure::failed("nothing was removed"));
            }
            let kept = json!({ "deleteTranscript": false });
            let done = "is gone; its transcript is in the archive";
            each(invocation, &which, method::SESSIONS_DELETE, &kept, done).await
        }
        SessionsCommand::Compact {
            key,
            agent,
            max_lines,
        } => compact(invocation, &key, agent, max_lines).await,
        SessionsCommand::Cleanup {
            enforce,
            agent,
            all_agents,
            active_key,
        } => {
            let mut params = json!({ "enforce": enforce });
            if let Some(agent) = agent {
                params["agent"] = json!(agent);
            }
            if all_agents {
                params["allAgents"] = json!(true);
            }
            if let Some(key) = active_key {
                params["activeKey"] = json!(key);
            }
            let answer = ask(invocation, method::SESSIONS_CLEANUP, params).await?;
            invocation.output.either(&answer, || cleaned(&answer))
        }
    }
}

/// The parameters of a session somebody names.
fn named(key: &str, agent: Option<&String>) -> Value {
    let mut params = json!({ "key": key });
    if let Some(agent) = agent {
        params["agentId"] = json!(agent);
    }
    params
}

/// Does the same to each session, and tells of each. One that is not there does not keep the others waiting.
async fn each(
    invocation: &Invocation,
    which: &SessionKeys,
    method: &str,
    with: &Value,
    done: &str,
) -> Result<(), Failure> {
    let mut client = invocation.connect().await?;
    let (outcomes, exit) = outcomes(&mut client, which, method, with).await;
    client.close().await;
    let value = json!({ "ok": exit.is_none(), "sessions": outcomes });
    invocation.output.either(&value, || {
        let lines: Vec<String> = outcomes.iter().map(|outcome| told(outcome, done)).collect();
        lines.join("\n")
    })?;
    exit.map_or(Ok(()), |exit| Err(Failure::said(exit)))
}

/// What became of each session, and how the command ends when not all went well. Without a connection the rest is not
/// tried.
pub(crate) async fn outcomes(
    client: &mut Client,
    which: &SessionKeys,
    method: &str,
    with: &Value,
) -> (Vec<Value>, Option<Exit>) {
    let mut outcomes = Vec::new();
    let mut last: Option<Failure> = None;
    for key in &which.keys {
        let result = match &last {
            Some(lost) if lost.exit == Exit::Unreachable => Err(lost.clone()),
            _ => one(client, which, key, method, with).await,
        };
        outcomes.push(match result {
            Ok(()) if which.dry_run => json!({ "key": key, "ok": true, "dryRun": true }),
            Ok(()) => json!({ "key": key, "ok": true }),
            Err(failure) => {
                let outcome = json!({ "key": key, "ok": false, "error": failure.message });
                last = Some(failure);
                outcome
            }
        });
    }
    let exit = last.map(|failure| match failure.exit {
        Exit::Unreachable => Exit::Unreachable,
        _ => Exit::Failed,
    });
    (outcomes, exit)
}

/// The row of a session. One that is not there is told, not made.
async fn known(client: &mut Client, params: &Value, key: &str) -> Result<Value, Failure> {
    let mut answer = client
        .call(method::SESSIONS_DESCRIBE, params.clone())
        .await?;
    if answer["session"].is_object() {
        return Ok(answer["session"].take());
    }
    Err(Failure::failed(format!("there is no session {key}"))
        .hint("list them with `torana sessions`"))
}

async fn one(
    client: &mut Client,
    which: &SessionKeys,
    key: &str,
    method: &str,
    with: &Value,
) -> Result<(), Failure> {
    let mut params = named(key, which.agent.as_ref());
    let session = known(client, &params, key).await?;
    if which.dry_run {
        return Ok(());
    }
    // The session a person named, not one that begins under its key meanwhile.
    params["expectedSessionId"] = session["sessionId"].clone();
    for (field, value) in with.as_object().into_iter().flatten() {
        params[field] = value.clone();
    }
    client.call(method, params).await.map(drop)
}

fn told(outcome: &Value, done: &str) -> String {
    let key = text_of(outcome, "key");
    match (outcome["ok"].as_bool(), outcome["dryRun"].as_bool()) {
        (Some(true), Some(true)) => format!("{key} is there; nothing was done"),
        (Some(true), _) => format!("{key} {done}"),
        _ => format!("{key}: {}", text_of(outcome, "error")),
    }
}

async fn compact(
    invocation: &Invocation,
    key: &str,
    agent: Option<String>,
    max_lines: Option<u32>,
) -> Result<(), Failure> {
    let mut params = named(key, agent.as_ref());
    if let Some(lines) = max_lines {
        params["maxLines"] = json!(lines);
    }
    let wait_ms = invocation.wait_ms.unwrap_or(COMPACT_MS);
    let mut client = invocation.connect().await?;
    let answer = match known(&mut client, &named(key, agent.as_ref()), key).await {
        Ok(_) => {
            client
                .call_within(method::SESSIONS_COMPACT, params, wait_ms)
                .await
        }
        Err(failure) => Err(failure),
    };
    client.close().await;
    let answer = answer?;
    invocation.output.either(&answer, || {
        let name = answer["key"].as_str().unwrap_or(key);
        if answer["compacted"].as_bool() == Some(true) {
            format!("{name} is shorter now; people still read all of it")
        } else {
            format!("{name} stays as it is: {}", text_of(&answer, "reason"))
        }
    })?;
    if answer["ok"].as_bool() == Some(false) {
        return Err(Failure::said(Exit::Failed));
    }
    Ok(())
}

fn cleaned(answer: &Value) -> String {
    let count = |field| number_of(answer, field).unwrap_or(0);
    let found = words_count(count("missing"), "session");
    if answer["applied"].as_bool() == Some(true) {
        return format!("removed {}", words_count(count("removed"), "session"));
    }
    format!("{found} of agents that are gone; remove them with --enforce")
}

async fn list(invocation: &Invocation, filter: SessionsFilter) -> Result<(), Failure> {
    let limit = filter.limit.clamp(1, 1_000);
    let answer = match invocation.access().await? {
        Access::Gateway(mut client) => {
            let mut params = json!({
                "limit": limit, "archived": "all", "includeDerivedTitles": true,
            });
            if let Some(agent) = filter.agent {
                params["agentId"] = json!(agent);
            }
            if let Some(search) = filter.search {
                params["search"] = json!(search);
            }
            if let Some(minutes) = filter.active {
                params["activeMinutes"] = json!(minutes);
            }
            let answer = client.call(method::SESSIONS_LIST, params).await?;
            client.close().await;
            answer
        }
        Access::Store(store) => {
            let since_ms = filter.active.map(|minutes| {
                let ago_ms = i64::from(minutes).saturating_mul(60_000);
                invocation.world.wall_ms().saturating_sub(ago_ms)
            });
            store
                .sessions(filter.agent, filter.search, since_ms, limit)
                .await?
        }
    };
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&answer, || {
        let sessions = items_of(&answer, "sessions");
        if sessions.is_empty() {
            return "no sessions yet; say something with `torana chat`".to_owned();
        }
        let total = number_of(&answer, "totalCount").unwrap_or(0);
        let shown = i64::try_from(sessions.len()).unwrap_or(i64::MAX);
        let mut text = rows(sessions, now_ms);
        if total > shown {
            text.push_str(&format!("\n\n{shown} of {total}; see more with `--limit`"));
        }
        text
    })
}

/// Sessions as a table.
pub(super) fn rows(sessions: &[Value], now_ms: i64) -> String {
    let rows = sessions.iter().map(|session| {
        let title = ["label", "displayName", "derivedTitle"]
            .iter()
            .map(|field| text_of(session, field))
            .find(|text| !text.is_empty());
        let updated = number_of(session, "updatedAt")
            .map(|at_ms| age(now_ms, at_ms))
            .unwrap_or_default();
        let tokens = number_of(session, "inputTokens").unwrap_or(0)
            + number_of(session, "outputTokens").unwrap_or(0);
        let cost = session["estimatedCostUsd"]
            .as_f64()
            .filter(|cost| *cost > 0.0)
            .map(|cost| format!(" (${cost:.4})"));
        [
            text_of(session, "key").to_owned(),
            updated,
            text_of(session, "status").to_owned(),
            text_of(session, "model").to_owned(),
            format!("{tokens}{}", cost.unwrap_or_default()),
            title.unwrap_or_default().to_owned(),
        ]
    });
    table(
        ["session", "age", "state", "model", "tokens", "title"],
        rows,
    )
}

async fn show(invocation: &Invocation, key: &str, limit: usize) -> Result<(), Failure> {
    let limit = limit.clamp(1, 1_000);
    let history = match invocation.access().await? {
        Access::Gateway(mut client) => {
            let history = client
                .call(
                    method::CHAT_HISTORY,
                    json!({ "sessionKey": key, "limit": limit }),
                )
                .await?;
            client.close().await;
            history
        }
        Access::Store(store) => store.history(key, limit).await?,
    };
    let session = &history["sessionInfo"];
    if !session.is_object() {
        return Err(Failure::failed(format!("there is no session {key}"))
            .hint("list them with `torana sessions`"));
    }
    let now_ms = invocation.world.wall_ms();
    invocation.output.either(&history, || {
        let mut text = facts([
            ("Session", text_of(session, "key").to_owned()),
            ("Agent", text_of(session, "agentId").to_owned()),
            (
                "Changed",
                number_of(session, "updatedAt")
                    .map(|at_ms| age(now_ms, at_ms))
                    .unwrap_or_default(),
            ),
            (
                "Messages",
                number_of(&history, "totalMessages")
                    .unwrap_or(0)
                    .to_string(),
            ),
        ]);
        for message in items_of(&history, "messages") {
            let at = number_of(message, "timestamp")
                .map(|at_ms| age(now_ms, at_ms))
                .unwrap_or_default();
            text.push_str(&format!(
                "\n\n{} · {at}\n{}",
                text_of(message, "role"),
                words(message)
            ));
        }
        text
    })
}

/// The text of a message, whose content is a string or a list of parts.
pub(super) fn words(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}
