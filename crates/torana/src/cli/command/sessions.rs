//! `torana sessions`: list, show, reset, delete.

use serde_json::{Value, json};

use crate::cli::args::SessionsCommand;
use crate::cli::failure::Failure;
use crate::cli::invocation::{Access, Invocation};
use crate::cli::output::{facts, table};
use crate::cli::rpc::method;
use crate::cli::words::{age, items_of, number_of, text_of};

/// Runs one of the commands.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: SessionsCommand,
) -> Result<(), Failure> {
    match command {
        SessionsCommand::List {
            agent,
            search,
            limit,
        } => list(invocation, agent, search, limit).await,
        SessionsCommand::Show { key, limit } => show(invocation, &key, limit).await,
        SessionsCommand::Reset { key } => {
            let answer = ask(invocation, method::SESSIONS_RESET, json!({ "key": key })).await?;
            let name = answer["key"].as_str().unwrap_or(&key).to_owned();
            invocation.output.either(&answer, || {
                format!("{name} starts with an empty transcript; the old one is in the archive")
            })
        }
        SessionsCommand::Delete { key } => {
            let answer = ask(
                invocation,
                method::SESSIONS_DELETE,
                json!({ "key": key, "deleteTranscript": false }),
            )
            .await?;
            if answer["deleted"].as_bool() == Some(false) {
                return Err(Failure::failed(format!("there is no session {key}"))
                    .hint("list them with `torana sessions`"));
            }
            invocation.output.either(&answer, || {
                format!("{key} is gone; its transcript is in the archive")
            })
        }
    }
}

async fn ask(invocation: &Invocation, method: &str, params: Value) -> Result<Value, Failure> {
    let mut client = invocation.connect().await?;
    let answer = client.call(method, params).await;
    client.close().await;
    answer
}

async fn list(
    invocation: &Invocation,
    agent: Option<String>,
    search: Option<String>,
    limit: usize,
) -> Result<(), Failure> {
    let limit = limit.clamp(1, 1_000);
    let answer = match invocation.access().await? {
        Access::Gateway(mut client) => {
            let mut params = json!({ "limit": limit, "archived": "all" });
            if let Some(agent) = agent {
                params["agentId"] = json!(agent);
            }
            if let Some(search) = search {
                params["search"] = json!(search);
            }
            let answer = client.call(method::SESSIONS_LIST, params).await?;
            client.close().await;
            answer
        }
        Access::Store(store) => store.sessions(agent, search, limit).await?,
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
