//! Approvals: those that wait, and how the others ended.

use rusqlite::{Connection, OptionalExtension, Row, params};
use torana_core::approval::{Approval, Decision, Ending, Kind, Resolver, Status};
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::limit::APPROVAL_KEPT_MAX;

use super::StoreError;

const COLUMNS: &str = "id, kind, status, request_json, allowed, agent, session_key, created_at, expires_at, decision, \
                       ending, resolved_at, resolver_kind, resolver_id";

/// How one ends.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// The status it gets.
    pub status: Status,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Why.
    pub ending: Ending,
    /// Who.
    pub resolver: Resolver,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Database(format!("a stored approval has an unknown {what}"))
}

fn read(row: &Row<'_>) -> Result<Approval, StoreError> {
    let word = |index: usize| row.get::<_, String>(index);
    let maybe = |index: usize| row.get::<_, Option<String>>(index);
    let allowed: String = word(4)?;
    let resolver_kind: Option<String> = maybe(12)?;
    let resolver_id = maybe(13)?;
    Ok(Approval {
        id: word(0)?,
        kind: Kind::parse(&word(1)?).ok_or_else(|| unreadable("kind"))?,
        status: Status::parse(&word(2)?).ok_or_else(|| unreadable("status"))?,
        request: serde_json::from_str(&word(3)?)?,
        allowed: allowed.split(',').filter_map(Decision::parse).collect(),
        agent: maybe(5)?.and_then(|id| AgentId::new(id).ok()),
        session: maybe(6)?.and_then(|key| SessionKey::try_from(key).ok()),
        created_at_ms: row.get(7)?,
        expires_at_ms: row.get(8)?,
        decision: maybe(9)?.as_deref().and_then(Decision::parse),
        ending: maybe(10)?.as_deref().and_then(Ending::parse),
        resolved_at_ms: row.get(11)?,
        resolver: resolver_kind.map(|kind| Resolver {
            kind,
            id: resolver_id,
        }),
    })
}

fn collect(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Approval>, StoreError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Stores a new one; `false` when the id is taken.
pub(crate) fn insert(connection: &Connection, approval: &Approval) -> Result<bool, StoreError> {
    let allowed: Vec<&str> = approval.allowed.iter().map(|one| one.as_str()).collect();
    let changed = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO approval (id, kind, status, request_json, allowed, agent, session_key, created_at, expires_at)
             VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            approval.id,
            approval.kind.as_str(),
            serde_json::to_string(&approval.request)?,
            allowed.join(","),
            approval.agent.as_ref().map(AgentId::as_str),
            approval.session.as_ref().map(SessionKey::as_str),
            approval.created_at_ms,
            approval.expires_at_ms,
        ])?;
    Ok(changed == 1)
}

/// How many wait.
pub(crate) fn count_pending(connection: &Connection) -> Result<usize, StoreError> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM approval WHERE status = 'pending'")?
        .query_row([], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// One by its id.
pub(crate) fn get(connection: &Connection, id: &str) -> Result<Option<Approval>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM approval WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(read).transpose()
}

/// Those that wait, oldest first.
pub(crate) fn pending(connection: &Connection) -> Result<Vec<Approval>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM approval WHERE status = 'pending' ORDER BY created_at, id");
    let mut statement = connection.prepare_cached(&sql)?;
    collect(statement.query([])?)
}

/// Ends one that waits; `None` when it does not wait any more, so the first decision wins.
pub(crate) fn end(
    connection: &Connection,
    id: &str,
    end: &End,
) -> Result<Option<Approval>, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE approval SET status = ?2, decision = ?3, ending = ?4, resolved_at = ?5, resolver_kind = ?6, resolver_id = ?7
             WHERE id = ?1 AND status = 'pending'",
        )?
        .execute(params![
            id,
            end.status.as_str(),
            end.decision.map(Decision::as_str),
            end.ending.as_str(),
            end.at_ms,
            end.resolver.kind,
            end.resolver.id,
        ])?;
    if changed == 0 {
        return Ok(None);
    }
    prune(connection)?;
    get(connection, id)
}

/// Forgets the oldest ended ones beyond the bound.
fn prune(connection: &Connection) -> Result<(), StoreError> {
    let oldest: Option<i64> = connection
        .prepare_cached(
            "SELECT resolved_at FROM approval WHERE status <> 'pending' ORDER BY resolved_at DESC, id DESC LIMIT 1 OFFSET ?1",
        )?
        .query_row([APPROVAL_KEPT_MAX], |row| row.get(0))
        .optional()?;
    if let Some(oldest) = oldest {
        connection
            .prepare_cached("DELETE FROM approval WHERE status <> 'pending' AND resolved_at <= ?1")?
            .execute([oldest])?;
    }
    Ok(())
}

/// A page of ended ones that a run asked for, newest first, after a place in that order. Only those that name it count.
pub(crate) fn of_run(
    connection: &Connection,
    run_id: &str,
    after: Option<(i64, &str)>,
    limit: usize,
) -> Result<Vec<Approval>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM approval
         WHERE status <> 'pending' AND (resolved_at, id) < (?2, ?3) AND json_extract(request_json, '$.runId') = ?1
         ORDER BY resolved_at DESC, id DESC LIMIT ?4"
    );
    let (at_ms, id) = after.unwrap_or((i64::MAX, ""));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql)?;
    collect(statement.query(params![run_id, at_ms, id, limit])?)
}

/// A page of ended ones, newest first, after a place in that order.
pub(crate) fn history(
    connection: &Connection,
    kind: Option<Kind>,
    after: Option<(i64, &str)>,
    limit: usize,
) -> Result<Vec<Approval>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM approval
         WHERE status <> 'pending' AND (?1 IS NULL OR kind = ?1) AND (resolved_at, id) < (?2, ?3)
         ORDER BY resolved_at DESC, id DESC LIMIT ?4"
    );
    let (at_ms, id) = after.unwrap_or((i64::MAX, ""));
    let mut statement = connection.prepare_cached(&sql)?;
    collect(statement.query(params![
        kind.map(Kind::as_str),
        at_ms,
        id,
        i64::try_from(limit).unwrap_or(i64::MAX)
    ])?)
}
