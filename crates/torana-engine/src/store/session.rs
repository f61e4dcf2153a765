//! Session rows: settings, counters and status of each session key.

use rusqlite::{Connection, OptionalExtension, Row, params};
use torana_core::key::SessionKey;
use torana_core::message::ReplyTarget;
use torana_core::route::{Expiry, Lifetime, ResetRule};
use torana_core::run::Usage;

use super::StoreError;

/// A stored session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    /// Canonical key.
    pub key: String,
    /// Agent.
    pub agent: String,
    /// Uuid of the current transcript.
    pub session_id: String,
    /// First use of the key, Unix milliseconds.
    pub created_at_ms: i64,
    /// Start of the current transcript.
    pub started_at_ms: i64,
    /// Last message of a person.
    pub last_interaction_at_ms: i64,
    /// Last change of any kind.
    pub updated_at_ms: i64,
    /// `direct`, `group` or `channel`.
    pub chat_type: Option<String>,
    /// Channel it was last used on.
    pub channel: Option<String>,
    /// Title of the chat on its platform.
    pub title: Option<String>,
    /// Name given by a person.
    pub label: Option<String>,
    /// Chosen model, `provider/model`.
    pub model: Option<String>,
    /// Chosen thinking level.
    pub thinking: Option<String>,
    /// Chosen queue mode.
    pub queue_mode: Option<String>,
    /// Hidden from lists.
    pub archived: bool,
    /// Kept on top of lists.
    pub pinned: bool,
    /// Has an answer nobody looked at.
    pub unread: bool,
    /// Lines in the current transcript.
    pub entries: i64,
    /// Beginning of the first message.
    pub first_text: Option<String>,
    /// Beginning of the newest line.
    pub last_text: Option<String>,
    /// `running`, `done`, `failed`, `killed`, `timeout`.
    pub status: Option<String>,
    /// Start of the last run.
    pub run_started_at_ms: Option<i64>,
    /// End of the last run.
    pub run_ended_at_ms: Option<i64>,
    /// All tokens and money since the session began.
    pub usage: Usage,
    /// Tokens in the context at the last answer.
    pub context_tokens: i64,
    /// Provider of the last answer.
    pub last_provider: Option<String>,
    /// Model of the last answer.
    pub last_model: Option<String>,
    /// Where the last message came from.
    pub last_target: Option<ReplyTarget>,
}

const COLUMNS: &str = "key, agent, session_id, created_at, started_at, last_interaction_at, updated_at, chat_type, \
     channel, title, label, model, thinking, queue_mode, archived, pinned, unread, entries, first_text, last_text, \
     status, run_started_at, run_ended_at, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, \
     cost_usd, context_tokens, last_provider, last_model, last_target_json";

fn tokens(row: &Row<'_>, index: usize) -> Result<u64, rusqlite::Error> {
    row.get::<_, i64>(index)
        .map(|value| u64::try_from(value).unwrap_or(0))
}

fn read(row: &Row<'_>) -> Result<SessionRow, StoreError> {
    let target: Option<String> = row.get(31)?;
    let cost: f64 = row.get(27)?;
    Ok(SessionRow {
        key: row.get(0)?,
        agent: row.get(1)?,
        session_id: row.get(2)?,
        created_at_ms: row.get(3)?,
        started_at_ms: row.get(4)?,
        last_interaction_at_ms: row.get(5)?,
        updated_at_ms: row.get(6)?,
        chat_type: row.get(7)?,
        channel: row.get(8)?,
        title: row.get(9)?,
        label: row.get(10)?,
        model: row.get(11)?,
        thinking: row.get(12)?,
        queue_mode: row.get(13)?,
        archived: row.get(14)?,
        pinned: row.get(15)?,
        unread: row.get(16)?,
        entries: row.get(17)?,
        first_text: row.get(18)?,
        last_text: row.get(19)?,
        status: row.get(20)?,
        run_started_at_ms: row.get(21)?,
        run_ended_at_ms: row.get(22)?,
        usage: Usage {
            input: tokens(row, 23)?,
            output: tokens(row, 24)?,
            cache_read: tokens(row, 25)?,
            cache_write: tokens(row, 26)?,
            cost_usd: (cost > 0.0).then_some(cost),
        },
        context_tokens: row.get(28)?,
        last_provider: row.get(29)?,
        last_model: row.get(30)?,
        last_target: target.map(|text| serde_json::from_str(&text)).transpose()?,
    })
}

/// A session by its canonical key.
pub fn get(connection: &Connection, key: &str) -> Result<Option<SessionRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM session WHERE key = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([key])?;
    rows.next()?.map(read).transpose()
}

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
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Creates the session when it is new, records the interaction, and returns the row and whether it is new.
pub fn touch(connection: &Connection, touch: &Touch) -> Result<(SessionRow, bool), StoreError> {
    let target = touch
        .target
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let updated = connection
        .prepare_cached(
            "UPDATE session SET last_interaction_at = ?2, updated_at = ?2, channel = ?3, chat_type = ?4,
               title = coalesce(?5, title), last_target_json = coalesce(?6, last_target_json), archived = 0
             WHERE key = ?1",
        )?
        .execute(params![touch.key.as_str(), touch.at_ms, touch.channel, touch.chat_type, touch.title, target])?;
    let created = updated == 0;
    if created {
        connection
            .prepare_cached(
                "INSERT INTO session (key, agent, session_id, created_at, started_at, last_interaction_at, updated_at,
                   chat_type, channel, title, last_target_json)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                touch.key.as_str(),
                touch.agent,
                touch.fresh_id,
                touch.at_ms,
                touch.chat_type,
                touch.channel,
                touch.title,
                target
            ])?;
    }
    let row = get(connection, touch.key.as_str())?.ok_or(StoreError::Moved)?;
    Ok((row, created))
}

/// The reset rule that holds for a message about to be stored.
#[derive(Debug, Clone, Copy)]
pub struct ExpiryCheck {
    /// The rule.
    pub rule: ResetRule,
    /// When its current day began, Unix milliseconds.
    pub day_start_ms: i64,
}

/// Gives a session that has expired a fresh transcript, before the message that finds it so is recorded. The fresh id
/// of the touch is used, because the session exists. Returns what expired.
pub fn expire(
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

/// Takes the next position in the transcript and keeps a short copy of the line for lists.
pub fn next_sequence(
    connection: &Connection,
    key: &str,
    text: &str,
    at_ms: i64,
) -> Result<i64, StoreError> {
    // 160 characters fill a list row and bound the index.
    let short: String = text.chars().take(160).collect();
    connection
        .prepare_cached(
            "UPDATE session SET entries = entries + 1, last_text = ?2, first_text = coalesce(first_text, ?2),
               updated_at = ?3 WHERE key = ?1 RETURNING entries",
        )?
        .query_row(params![key, short, at_ms], |row| row.get(0))
        .optional()?
        .ok_or(StoreError::Moved)
}

/// A run began.
pub fn run_started(connection: &Connection, key: &str, at_ms: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE session SET status = 'running', run_started_at = ?2, run_ended_at = NULL WHERE key = ?1")?
        .execute(params![key, at_ms])?;
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
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A run ended: status and counters.
pub fn run_ended(connection: &Connection, key: &str, end: &RunEnd) -> Result<(), StoreError> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "UPDATE session SET status = ?2, run_ended_at = ?3, updated_at = ?3, unread = 1,
               input_tokens = input_tokens + ?4, output_tokens = output_tokens + ?5,
               cache_read_tokens = cache_read_tokens + ?6, cache_write_tokens = cache_write_tokens + ?7,
               cost_usd = cost_usd + ?8, context_tokens = CASE WHEN ?9 > 0 THEN ?9 ELSE context_tokens END,
               last_provider = coalesce(?10, last_provider), last_model = coalesce(?11, last_model)
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
            count(end.usage.total()),
            end.provider,
            end.model,
        ])?;
    Ok(())
}

/// Counts a call in the day's usage.
pub fn count_usage(
    connection: &Connection,
    day: &str,
    agent: &str,
    end: &RunEnd,
) -> Result<(), StoreError> {
    let (Some(provider), Some(model)) = (&end.provider, &end.model) else {
        return Ok(());
    };
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO usage_day (day, agent, provider, model, calls, input, output, cache_read, cache_write, cost_usd)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (day, agent, provider, model) DO UPDATE SET calls = calls + 1, input = input + excluded.input,
               output = output + excluded.output, cache_read = cache_read + excluded.cache_read,
               cache_write = cache_write + excluded.cache_write, cost_usd = cost_usd + excluded.cost_usd",
        )?
        .execute(params![
            day,
            agent,
            provider,
            model,
            count(end.usage.input),
            count(end.usage.output),
            count(end.usage.cache_read),
            count(end.usage.cache_write),
            end.usage.cost_usd.unwrap_or(0.0),
        ])?;
    Ok(())
}

/// Gives the key a fresh transcript; the old one stays readable in the archive. Returns the new row.
pub fn reset(
    connection: &Connection,
    key: &str,
    fresh_id: &str,
    reason: &str,
    at_ms: i64,
) -> Result<SessionRow, StoreError> {
    let old = get(connection, key)?.ok_or(StoreError::Moved)?;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO archived_session (session_id, key, agent, started_at, archived_at, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![old.session_id, key, old.agent, old.started_at_ms, at_ms, reason])?;
    connection
        .prepare_cached(
            "UPDATE session SET session_id = ?2, started_at = ?3, updated_at = ?3, entries = 0, first_text = NULL,
               last_text = NULL, status = NULL, run_started_at = NULL, run_ended_at = NULL, context_tokens = 0, unread = 0,
               input_tokens = 0, output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0, cost_usd = 0
             WHERE key = ?1",
        )?
        .execute(params![key, fresh_id, at_ms])?;
    get(connection, key)?.ok_or(StoreError::Moved)
}

/// Removes the session row; the transcript stays in the archive.
pub fn delete(connection: &Connection, key: &str, at_ms: i64) -> Result<bool, StoreError> {
    let Some(old) = get(connection, key)? else {
        return Ok(false);
    };
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO archived_session (session_id, key, agent, started_at, archived_at, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, 'deleted')",
        )?
        .execute(params![old.session_id, key, old.agent, old.started_at_ms, at_ms])?;
    Ok(connection
        .prepare_cached("DELETE FROM session WHERE key = ?1")?
        .execute([key])?
        == 1)
}

/// Settings of a session that a person can change; the outer `None` leaves a value as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Name.
    pub label: Option<Option<String>>,
    /// Model, `provider/model`.
    pub model: Option<Option<String>>,
    /// Thinking level.
    pub thinking: Option<Option<String>>,
    /// Queue mode.
    pub queue_mode: Option<Option<String>>,
    /// Archived.
    pub archived: Option<bool>,
    /// Pinned.
    pub pinned: Option<bool>,
    /// Unread.
    pub unread: Option<bool>,
}

/// Applies a change and returns the row; `None` when there is no such session.
pub fn change(
    connection: &Connection,
    key: &str,
    change: &Change,
    at_ms: i64,
) -> Result<Option<SessionRow>, StoreError> {
    let Some(mut row) = get(connection, key)? else {
        return Ok(None);
    };
    let replace = |slot: &mut Option<String>, value: &Option<Option<String>>| {
        if let Some(value) = value {
            slot.clone_from(value);
        }
    };
    replace(&mut row.label, &change.label);
    replace(&mut row.model, &change.model);
    replace(&mut row.thinking, &change.thinking);
    replace(&mut row.queue_mode, &change.queue_mode);
    row.archived = change.archived.unwrap_or(row.archived);
    row.pinned = change.pinned.unwrap_or(row.pinned);
    row.unread = change.unread.unwrap_or(row.unread);
    row.updated_at_ms = at_ms;
    connection
        .prepare_cached(
            "UPDATE session SET label = ?2, model = ?3, thinking = ?4, queue_mode = ?5, archived = ?6, pinned = ?7,
               unread = ?8, updated_at = ?9 WHERE key = ?1",
        )?
        .execute(params![
            key,
            row.label,
            row.model,
            row.thinking,
            row.queue_mode,
            row.archived,
            row.pinned,
            row.unread,
            at_ms
        ])?;
    Ok(Some(row))
}

/// Which sessions a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this agent.
    pub agent: Option<String>,
    /// Words in key, label, title or first message.
    pub search: Option<String>,
    /// `None` hides archived ones; `Some(true)` shows only them; `Some(false)` shows all.
    pub archived_only: Option<bool>,
    /// Changed at or after, Unix milliseconds.
    pub active_since_ms: Option<i64>,
    /// Rows to skip.
    pub offset: usize,
    /// Rows to return.
    pub limit: usize,
}

/// Sessions, most recently changed first, and how many match in all.
pub fn list(
    connection: &Connection,
    filter: &Filter,
) -> Result<(Vec<SessionRow>, i64), StoreError> {
    let condition = "(?1 IS NULL OR agent = ?1)
         AND (?2 IS NULL OR key LIKE ?2 ESCAPE '\\' OR label LIKE ?2 ESCAPE '\\' OR title LIKE ?2 ESCAPE '\\'
              OR first_text LIKE ?2 ESCAPE '\\')
         AND (?3 = 2 OR archived = ?3) AND updated_at >= ?4";
    let search = filter.search.as_ref().map(|words| {
        let escaped = words
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        format!("%{escaped}%")
    });
    let archived = match filter.archived_only {
        None => 0,
        Some(true) => 1,
        Some(false) => 2,
    };
    let since = filter.active_since_ms.unwrap_or(0);
    let sql = format!(
        "SELECT {COLUMNS} FROM session INDEXED BY session_updated WHERE {condition} ORDER BY updated_at DESC, key LIMIT ?5 OFFSET ?6"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let offset = i64::try_from(filter.offset).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![
        filter.agent,
        search,
        archived,
        since,
        limit,
        offset
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    let sql = format!("SELECT count(*) FROM session WHERE {condition}");
    let total = connection
        .prepare_cached(&sql)?
        .query_row(params![filter.agent, search, archived, since], |row| {
            row.get(0)
        })?;
    Ok((found, total))
}
