//! The life of a session: first message, lines, runs, branches, reset, end.

use rusqlite::{Connection, OptionalExtension, params};
use torana_core::branch::{Path, Tree};
use torana_core::id::{AgentId, RunId, WEBCHAT};
use torana_core::key::SessionKey;
use torana_core::message::ReplyTarget;
use torana_core::route::{Expiry, Lifetime, ResetRule};
use torana_core::run::Usage;

use super::row::{ForkSource, SessionRow, get};
use crate::store::client_key::{self, ANSWER};
use crate::store::{StoreError, transcript};

/// What a message tells about its session.
#[derive(Debug, Clone)]
pub struct Touch {
    /// The session.
    pub key: SessionKey,
    /// The agent.
    pub agent: String,
    /// Uuid for the transcript, when the session is new.
    pub fresh_id: String,
    /// `direct`, `group` or `channel`.
    pub chat_type: &'static str,
    /// Channel.
    pub channel: String,
    /// Title of the chat.
    pub title: Option<String>,
    /// Where replies go.
    pub target: Option<ReplyTarget>,
    /// A session that belongs to a chat already stays there.
    pub stays: bool,
    /// Unix milliseconds.
    pub at_ms: i64,
}

// === impl Touch ===

impl Touch {
    /// A new session of a client that belongs to no chat.
    pub(crate) fn of_client(
        key: SessionKey,
        agent: &AgentId,
        fresh_id: String,
        at_ms: i64,
    ) -> Self {
        Self {
            key,
            agent: agent.to_string(),
            fresh_id,
            chat_type: "direct",
            channel: WEBCHAT.to_owned(),
            title: None,
            target: None,
            stays: false,
            at_ms,
        }
    }
}

/// Creates the session when it is new, records the interaction, and returns the row and whether it is new. A message that
/// came from no chat leaves a session in the chat it belongs to.
pub(crate) fn touch(
    connection: &Connection,
    touch: &Touch,
) -> Result<(SessionRow, bool), StoreError> {
    let target = touch
        .target
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let updated = connection
        .prepare_cached(
            "UPDATE session SET last_interaction_at = ?2, updated_at = ?2,
               channel = iif((?7 OR ?6 IS NULL) AND last_target_json IS NOT NULL, channel, ?3),
               chat_type = iif((?7 OR ?6 IS NULL) AND last_target_json IS NOT NULL, chat_type, ?4),
               title = coalesce(?5, title), archived = 0, archived_at = NULL,
               last_target_json = iif(?7, coalesce(last_target_json, ?6), coalesce(?6, last_target_json))
             WHERE key = ?1",
        )?
        .execute(params![
            touch.key.as_str(),
            touch.at_ms,
            touch.channel,
            touch.chat_type,
            touch.title,
            target,
            touch.stays,
        ])?;
    let created = updated == 0;
    if created {
        connection
            .prepare_cached(
                "INSERT INTO session (key, agent, session_id, created_at, started_at, last_interaction_at, updated_at,
                   chat_type, channel, title, last_target_json, family)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                touch.key.as_str(),
                touch.agent,
                touch.fresh_id,
                touch.at_ms,
                touch.chat_type,
                touch.channel,
                touch.title,
                target,
                touch.key.family().as_str(),
            ])?;
    }
    let row = get(connection, touch.key.as_str())?.ok_or(StoreError::Moved)?;
    Ok((row, created))
}

/// The reset rule that holds for a message about to be stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpiryCheck {
    /// The rule.
    pub rule: ResetRule,
    /// When its current day began, Unix milliseconds.
    pub day_start_ms: i64,
}

/// Gives a session that has expired a fresh transcript, before the message that finds it so is recorded. The fresh id
/// of the touch is used, because the session exists. Returns what expired.
pub(crate) fn expire(
    connection: &Connection,
    touch: &Touch,
    check: ExpiryCheck,
) -> Result<Option<Expiry>, StoreError> {
    if check.rule.is_never() {
        return Ok(None);
    }
    let Some(row) = get(connection, touch.key.as_str())? else {
        return Ok(None);
    };
    let lifetime = Lifetime {
        started_at_ms: row.started_at_ms,
        last_interaction_at_ms: row.last_interaction_at_ms,
    };
    let Some(expiry) = check.rule.expiry(lifetime, touch.at_ms, check.day_start_ms) else {
        return Ok(None);
    };
    if row.entries == 0 {
        // There is nothing to archive; the empty transcript begins now.
        connection
            .prepare_cached("UPDATE session SET started_at = ?2 WHERE key = ?1")?
            .execute(params![touch.key.as_str(), touch.at_ms])?;
        return Ok(None);
    }
    reset(
        connection,
        touch.key.as_str(),
        &touch.fresh_id,
        expiry.as_str(),
        touch.at_ms,
    )?;
    Ok(Some(expiry))
}

/// Takes the next position in the transcript and keeps a short copy of the line for lists. The line continues the
/// branch in use.
pub(crate) fn next_sequence(
    connection: &Connection,
    key: &str,
    text: &str,
    at_ms: i64,
) -> Result<i64, StoreError> {
    // 160 characters fill a list row and bound the index.
    let short: String = text.chars().take(160).collect();
    position(connection, key, Some(short), at_ms)
}

/// The position of a line that is no part of the conversation: titles and previews do not show it.
pub(crate) fn next_aside(
    connection: &Connection,
    key: &str,
    at_ms: i64,
) -> Result<i64, StoreError> {
    position(connection, key, None, at_ms)
}

fn position(
    connection: &Connection,
    key: &str,
    short: Option<String>,
    at_ms: i64,
) -> Result<i64, StoreError> {
    let (sequence, leaf, session_id): (i64, Option<i64>, String) = connection
        .prepare_cached(
            "UPDATE session SET entries = entries + 1, last_text = coalesce(?2, last_text),
               first_text = coalesce(first_text, ?2), updated_at = ?3 WHERE key = ?1 RETURNING entries, leaf, session_id",
        )?
        .query_row(params![key, short, at_ms], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?
        .ok_or(StoreError::Moved)?;
    if let Some(leaf) = leaf {
        transcript::fork(connection, &session_id, sequence, leaf)?;
        connection
            .prepare_cached("UPDATE session SET leaf = NULL WHERE key = ?1")?
            .execute([key])?;
    }
    Ok(sequence)
}

/// Makes the branch that ends at a line the one in use; 0 goes back to the beginning. Nothing is removed.
pub(crate) fn move_leaf(
    connection: &Connection,
    row: &SessionRow,
    leaf: i64,
    last_text: Option<&str>,
    at_ms: i64,
) -> Result<(), StoreError> {
    let short: Option<String> = last_text.map(|text| text.chars().take(160).collect());
    // Tokens are counted anew with the next answer: the context is another one now.
    connection
        .prepare_cached(
            "UPDATE session SET leaf = ?2, last_text = ?3, updated_at = ?4, context_tokens = 0 WHERE key = ?1",
        )?
        .execute(params![
            row.key,
            (leaf != row.entries).then_some(leaf),
            short,
            at_ms
        ])?;
    Ok(())
}

/// A run began.
pub(crate) fn run_started(
    connection: &Connection,
    key: &str,
    run_id: Option<&RunId>,
    at_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE session SET status = 'running', run_started_at = ?2, run_ended_at = NULL, last_run = ?3,
               last_error = NULL WHERE key = ?1",
        )?
        .execute(params![key, at_ms, run_id.map(RunId::as_str)])?;
    Ok(())
}

/// How a run ended, for the session row.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// `done`, `failed`, `killed` or `timeout`.
    pub status: &'static str,
    /// What it used.
    pub usage: Usage,
    /// Provider that answered.
    pub provider: Option<String>,
    /// Model that answered.
    pub model: Option<String>,
    /// Why it failed, for people.
    pub error: Option<String>,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A run ended: status and counters. Zero leaves the tokens in the context as they were.
pub(crate) fn run_ended(
    connection: &Connection,
    key: &str,
    end: &RunEnd,
    context_tokens: u64,
) -> Result<(), StoreError> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "UPDATE session SET status = ?2, run_ended_at = ?3, updated_at = ?3, unread = 1,
               input_tokens = input_tokens + ?4, output_tokens = output_tokens + ?5,
               cache_read_tokens = cache_read_tokens + ?6, cache_write_tokens = cache_write_tokens + ?7,
               cost_usd = cost_usd + ?8, context_tokens = CASE WHEN ?9 > 0 THEN ?9 ELSE context_tokens END,
               last_provider = coalesce(?10, last_provider), last_model = coalesce(?11, last_model), last_error = ?12
             WHERE key = ?1",
        )?
        .execute(params![
            key,
            end.status,
            end.at_ms,
            count(end.usage.input),
            count(end.usage.output),
            count(end.usage.cache_read),
            count(end.usage.cache_write),
            end.usage.cost_usd.unwrap_or(0.0),
            count(context_tokens),
            end.provider,
            end.model,
            end.error,
        ])?;
    Ok(())
}

/// Gives the key a fresh transcript; the old one stays readable in the archive. Returns the new row.
pub(crate) fn reset(
    connection: &Connection,
    key: &str,
    fresh_id: &str,
    reason: &str,
    at_ms: i64,
) -> Result<SessionRow, StoreError> {
    let old = get(connection, key)?.ok_or(StoreError::Moved)?;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO archived_session (session_id, key, agent, started_at, archived_at, reason, leaf)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![old.session_id, key, old.agent, old.started_at_ms, at_ms, reason, old.branch_leaf()])?;
    client_key::forget(connection, ANSWER, &old.session_id)?;
    connection
        .prepare_cached(
            "UPDATE session SET session_id = ?2, started_at = ?3, updated_at = ?3, entries = 0, first_text = NULL,
               last_text = NULL, status = NULL, run_started_at = NULL, run_ended_at = NULL, context_tokens = 0, unread = 0,
               input_tokens = 0, output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0, cost_usd = 0,
               leaf = NULL, last_run = NULL, last_error = NULL, compactions = 0, marked_unread_at = NULL, fork_json = NULL
             WHERE key = ?1",
        )?
        .execute(params![key, fresh_id, at_ms])?;
    get(connection, key)?.ok_or(StoreError::Moved)
}

/// Removes the session row; the transcript stays in the archive.
pub(crate) fn delete(
    connection: &Connection,
    key: &str,
    at_ms: i64,
) -> Result<Option<SessionRow>, StoreError> {
    let Some(old) = get(connection, key)? else {
        return Ok(None);
    };
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO archived_session (session_id, key, agent, started_at, archived_at, reason, leaf)
             VALUES (?1, ?2, ?3, ?4, ?5, 'deleted', ?6)",
        )?
        .execute(params![old.session_id, key, old.agent, old.started_at_ms, at_ms, old.branch_leaf()])?;
    client_key::forget(connection, ANSWER, &old.session_id)?;
    connection
        .prepare_cached("DELETE FROM session WHERE key = ?1")?
        .execute([key])?;
    Ok(Some(old))
}

/// A transcript that a key had before: its agent, and the last line of the branch that was in use.
pub(crate) fn archived(
    connection: &Connection,
    key: &str,
    session_id: &str,
) -> Result<Option<(String, i64)>, StoreError> {
    let found: Option<(String, Option<i64>)> = connection
        .prepare_cached(
            "SELECT agent, leaf FROM archived_session WHERE session_id = ?1 AND key = ?2",
        )?
        .query_row([session_id, key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((agent, leaf)) = found else {
        return Ok(None);
    };
    let leaf = match leaf {
        Some(leaf) => leaf,
        // Archived by a version without branches: all its lines are one.
        None => transcript::last(connection, session_id)?,
    };
    Ok(Some((agent, leaf)))
}

/// Gives a session without lines the lines of a branch of another one, numbered anew.
pub(crate) fn copy_branch(
    connection: &Connection,
    key: &str,
    from: &SessionRow,
    path: &Path,
    at_ms: i64,
) -> Result<SessionRow, StoreError> {
    let row = get(connection, key)?.ok_or(StoreError::Moved)?;
    if row.entries > 0 {
        return Err(StoreError::Moved);
    }
    let lines = transcript::copy(connection, &from.session_id, path, &row.session_id)?;
    let last = transcript::newest(
        connection,
        &row.session_id,
        &Tree::default().path(lines),
        1,
        0,
    )?;
    let last_text: Option<String> = last
        .first()
        .map(|line| line.entry.text.chars().take(160).collect());
    let source = ForkSource {
        key: from.key.clone(),
        session_id: from.session_id.clone(),
        sequence: path.leaf(),
    };
    connection
        .prepare_cached(
            "UPDATE session SET entries = ?2, first_text = ?3, last_text = ?4, fork_json = ?5, updated_at = ?6
             WHERE key = ?1",
        )?
        .execute(params![
            key,
            lines,
            from.first_text.as_ref().filter(|_| lines > 0),
            last_text,
            serde_json::to_string(&source)?,
            at_ms
        ])?;
    get(connection, key)?.ok_or(StoreError::Moved)
}

/// Counts a compaction, after which the context has this many tokens.
pub(crate) fn compacted(
    connection: &Connection,
    key: &str,
    context_tokens: u64,
) -> Result<(), StoreError> {
    let tokens = i64::try_from(context_tokens).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "UPDATE session SET compactions = compactions + 1, context_tokens = ?2 WHERE key = ?1",
        )?
        .execute(params![key, tokens])?;
    Ok(())
}
