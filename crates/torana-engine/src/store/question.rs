//! Questions to people, and their answers.

use rusqlite::{Connection, Row, params};
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::limit::APPROVAL_KEPT_MAX;
use torana_core::question::{Question, QuestionStatus};

use super::StoreError;

const COLUMNS: &str = "id, status, questions_json, agent, session_key, run_id, created_at, expires_at, answers_json, \
                       resolved_by, resolution_id";

fn read(row: &Row<'_>) -> Result<Question, StoreError> {
    let status: String = row.get(1)?;
    let questions: String = row.get(2)?;
    let answers: Option<String> = row.get(8)?;
    let maybe = |index: usize| row.get::<_, Option<String>>(index);
    Ok(Question {
        id: row.get(0)?,
        status: QuestionStatus::parse(&status).ok_or_else(|| {
            StoreError::Database("a stored question has an unknown status".to_owned())
        })?,
        questions: serde_json::from_str(&questions)?,
        agent: maybe(3)?.and_then(|id| AgentId::new(id).ok()),
        session: maybe(4)?.and_then(|key| SessionKey::try_from(key).ok()),
        run_id: maybe(5)?,
        created_at_ms: row.get(6)?,
        expires_at_ms: row.get(7)?,
        answers: answers
            .map(|text| serde_json::from_str(&text))
            .transpose()?,
        resolved_by: maybe(9)?,
        resolution_id: maybe(10)?,
    })
}

/// Stores a new one; `false` when the id is taken.
pub(crate) fn insert(connection: &Connection, question: &Question) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO question (id, status, questions_json, agent, session_key, run_id, created_at, expires_at)
             VALUES (?1, 'pending', ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            question.id,
            serde_json::to_string(&question.questions)?,
            question.agent.as_ref().map(AgentId::as_str),
            question.session.as_ref().map(SessionKey::as_str),
            question.run_id,
            question.created_at_ms,
            question.expires_at_ms,
        ])?;
    Ok(changed == 1)
}

/// One by its id.
pub(crate) fn get(connection: &Connection, id: &str) -> Result<Option<Question>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM question WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(read).transpose()
}

/// Those that wait, oldest first.
pub(crate) fn pending(connection: &Connection) -> Result<Vec<Question>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM question WHERE status = 'pending' ORDER BY created_at, id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// How one ends.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// The status it gets.
    pub status: QuestionStatus,
    /// The answers by question.
    pub answers: Option<serde_json::Value>,
    /// Who, as he called himself.
    pub resolved_by: Option<String>,
    /// Names this answer.
    pub resolution_id: Option<String>,
}

/// Ends one that waits; `None` when it does not wait any more, so the first answer wins.
pub(crate) fn end(
    connection: &Connection,
    id: &str,
    end: &End,
) -> Result<Option<Question>, StoreError> {
    let answers = end
        .answers
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    let changed = connection
        .prepare_cached(
            "UPDATE question SET status = ?2, answers_json = ?3, resolved_by = ?4, resolution_id = ?5
             WHERE id = ?1 AND status = 'pending'",
        )?
        .execute(params![id, end.status.as_str(), answers, end.resolved_by, end.resolution_id])?;
    if changed == 0 {
        return Ok(None);
    }
    connection
        .prepare_cached(
            "DELETE FROM question WHERE status <> 'pending' AND created_at <
               (SELECT created_at FROM question WHERE status <> 'pending' ORDER BY created_at DESC LIMIT 1 OFFSET ?1)",
        )?
        .execute([APPROVAL_KEPT_MAX])?;
    get(connection, id)
}
