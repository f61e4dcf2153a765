//! The audit log: who changed what, in a chain of digests, and the runs the inbox remembers.
//!
//! Rows are appended and, when there are too many, removed from the beginning. Nothing changes one.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::StoreError;

/// Rows kept: at a hundred administrative acts a day more than a year.
pub(crate) const ROWS_MAX: i64 = 50_000;
/// Removing is done once per so many rows, so that an act costs one insert.
const PRUNE_EVERY: i64 = 64;

/// Something that was done, or refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What it concerns: `config`, `agent`, `channel`, `pairing`, `device`, `auth`, `gateway`, `approval`, `question`.
    pub kind: &'static str,
    /// What was done, such as `config.patch`.
    pub action: String,
    /// Who did it: a device, an address, `operator`.
    pub actor: String,
    /// What it was done to.
    pub target: String,
    /// It was done, not refused.
    pub allowed: bool,
    /// How many times in a row.
    pub count: i64,
    /// Facts without secrets.
    pub detail: Option<Value>,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Its number.
    pub id: i64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What it concerns.
    pub kind: String,
    /// What was done.
    pub action: String,
    /// Who did it.
    pub actor: String,
    /// What it was done to.
    pub target: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// How many times.
    pub count: i64,
    /// Facts without secrets.
    pub detail: Option<Value>,
    /// Digest of the row before.
    pub previous: String,
    /// Digest of this one.
    pub digest: String,
}

/// What a check of the whole chain found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Rows that were looked at.
    pub rows: i64,
    /// The first row that is not what was written, or does not follow the one before it.
    pub broken_at: Option<i64>,
}

const COLUMNS: &str =
    "id, at, kind, action, actor, target, outcome, count, detail_json, previous, digest";

struct Raw {
    row: AuditRow,
    detail: Option<String>,
}

fn raw(row: &Row<'_>) -> Result<Raw, rusqlite::Error> {
    Ok(Raw {
        detail: row.get(8)?,
        row: AuditRow {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            kind: row.get(2)?,
            action: row.get(3)?,
            actor: row.get(4)?,
            target: row.get(5)?,
            outcome: row.get(6)?,
            count: row.get(7)?,
            detail: None,
            previous: row.get(9)?,
            digest: row.get(10)?,
        },
    })
}

/// The digest of a row. Fields are joined as a JSON list, so that no two rows read alike.
fn digest_of(row: &AuditRow, detail: Option<&str>) -> Result<String, StoreError> {
    let fields = serde_json::to_vec(&(
        &row.previous,
        row.id,
        row.at_ms,
        (&row.kind, &row.action, &row.actor, &row.target),
        (&row.outcome, row.count, detail),
    ))?;
    let digest = Sha256::digest(fields);
    Ok(digest.iter().fold(String::with_capacity(64), |text, byte| {
        text + &format!("{byte:02x}")
    }))
}

/// Adds a record at the end and removes the oldest when there are too many. Returns its number.
pub(crate) fn append(connection: &Connection, record: &Record) -> Result<i64, StoreError> {
    let last: Option<(i64, String)> = connection
        .prepare_cached("SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (id, previous) = last.map_or((1, String::new()), |(id, digest)| (id + 1, digest));
    let detail = record
        .detail
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let mut row = AuditRow {
        id,
        at_ms: record.at_ms,
        kind: record.kind.to_owned(),
        action: record.action.clone(),
        actor: record.actor.clone(),
        target: record.target.clone(),
        outcome: if record.allowed { "done" } else { "refused" }.to_owned(),
        count: record.count,
        detail: None,
        previous,
        digest: String::new(),
    };
    row.digest = digest_of(&row, detail.as_deref())?;
    connection
        .prepare_cached(
            "INSERT INTO audit (id, at, kind, action, actor, target, outcome, count, detail_json, previous, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            row.id,
            row.at_ms,
            row.kind,
            row.action,
            row.actor,
            row.target,
            row.outcome,
            row.count,
            detail,
            row.previous,
            row.digest,
        ])?;
    if id % PRUNE_EVERY == 0 {
        connection
            .prepare_cached("DELETE FROM audit WHERE id <= ?1")?
            .execute([id - ROWS_MAX])?;
    }
    Ok(id)
}

/// Records before a number, newest first; of one kind when given.
pub(crate) fn page(
    connection: &Connection,
    before: Option<i64>,
    kind: Option<&str>,
    limit: usize,
) -> Result<Vec<AuditRow>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let before = before.unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM audit WHERE id < ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY id DESC LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![before, kind, limit], raw)?;
    rows.map(|row| {
        let Raw { mut row, detail } = row?;
        row.detail = detail.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(row)
    })
    .collect()
}

/// Reads the whole chain. The oldest row kept is where it begins.
pub(crate) fn verify(connection: &Connection) -> Result<Verified, StoreError> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY id"))?;
    let mut found = Verified {
        rows: 0,
        broken_at: None,
    };
    let mut last: Option<(i64, String)> = None;
    for row in statement.query_map([], raw)? {
        let Raw { row, detail } = row?;
        found.rows += 1;
        let follows = last
            .as_ref()
            .is_none_or(|(id, digest)| row.id == id + 1 && row.previous == *digest);
        if found.broken_at.is_none()
            && !(follows && digest_of(&row, detail.as_deref())? == row.digest)
        {
            found.broken_at = Some(row.id);
        }
        last = Some((row.id, row.digest));
    }
    Ok(found)
}

/// Which runs of the inbox.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this session.
    pub session: Option<String>,
    /// Of this turn.
    pub run_id: Option<String>,
    /// That began at or after, Unix milliseconds.
    pub after_ms: Option<i64>,
    /// That began before, Unix milliseconds.
    pub before_ms: Option<i64>,
    /// With a row number of at most this.
    pub row_max: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A turn as the inbox remembers it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Row number of the message that caused it.
    pub id: i64,
    /// Wire id.
    pub run_id: String,
    /// The agent.
    pub agent: String,
    /// The session.
    pub session: Option<String>,
    /// State of the message.
    pub state: String,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// What became of the turn.
    pub result: Option<Value>,
    /// When the message came, Unix milliseconds.
    pub received_at_ms: i64,
    /// When the row last changed, Unix milliseconds.
    pub updated_at_ms: i64,
}

/// Turns, newest first.
pub(crate) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, run_id, agent, session, state, reason, result_json, received_at, updated_at FROM inbox
         WHERE id <= ?1 AND run_id IS NOT NULL AND agent IS NOT NULL AND merged_into IS NULL
           AND state IN ('adopted', 'done', 'parked') AND attempt > 0
           AND (?2 IS NULL OR agent = ?2) AND (?3 IS NULL OR session = ?3) AND (?4 IS NULL OR run_id = ?4)
           AND received_at >= ?5 AND received_at < ?6
         ORDER BY id DESC LIMIT ?7",
    )?;
    let rows = statement.query_map(
        params![
            filter.row_max.unwrap_or(i64::MAX),
            filter.agent,
            filter.session,
            filter.run_id,
            filter.after_ms.unwrap_or(i64::MIN),
            filter.before_ms.unwrap_or(i64::MAX),
            i64::try_from(filter.limit).unwrap_or(i64::MAX),
        ],
        |row| {
            let result: Option<String> = row.get(6)?;
            Ok((
                RunRow {
                    id: row.get(0)?,
                    run_id: row.get(1)?,
                    agent: row.get(2)?,
                    session: row.get(3)?,
                    state: row.get(4)?,
                    reason: row.get(5)?,
                    result: None,
                    received_at_ms: row.get(7)?,
                    updated_at_ms: row.get(8)?,
                },
                result,
            ))
        },
    )?;
    rows.map(|row| {
        let (mut row, result) = row?;
        row.result = result.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(row)
    })
    .collect()
}
