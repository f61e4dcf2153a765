//! Questions of agents to a person: asked, answered once or taken back.

use std::sync::Arc;

use serde_json::json;
use torana_core::event::Event;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::limit::APPROVAL_PENDING_MAX;
use torana_core::problem::{Code, Problem};
use torana_core::question::{Question, QuestionStatus};

use super::waiting::{Approvals, Stored, bounded_wait, changed, checked_id, checked_size};
use crate::store::audit::Record;
use crate::store::{audit, question};

/// A question to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct NewQuestion {
    /// The client that asks, as the audit log names it.
    pub asker: String,
    /// The id its requester chose.
    pub id: Option<String>,
    /// One to three questions, checked.
    pub questions: serde_json::Value,
    /// The agent that asks.
    pub agent: Option<AgentId>,
    /// The session it belongs to.
    pub session: Option<SessionKey>,
    /// The run that waits.
    pub run_id: Option<String>,
    /// How long it waits, milliseconds.
    pub wait_ms: Option<i64>,
}

impl Approvals {
    /// Stores a question and tells everybody who may answer it.
    pub async fn ask(&self, new: NewQuestion) -> Result<Question, Problem> {
        checked_size(&new.questions)?;
        self.may_ask(&new.asker)?;
        let now_ms = self.engine.world().wall_ms();
        let row = Question {
            id: checked_id(new.id, &self.engine)?,
            questions: new.questions,
            agent: new.agent,
            session: new.session,
            run_id: new.run_id,
            created_at_ms: now_ms,
            expires_at_ms: now_ms + bounded_wait(new.wait_ms),
            status: QuestionStatus::Pending,
            answers: None,
            resolved_by: None,
            resolution_id: None,
        };
        let stored = row.clone();
        self.engine
            .write(move |connection| {
                if question::pending(connection)?.len() >= APPROVAL_PENDING_MAX {
                    return Ok(Stored::Full);
                }
                let new = question::insert(connection, &stored)?;
                Ok(if new { Stored::Done } else { Stored::Taken })
            })
            .await?
            .check()?;
        self.tell(Event::Question(Arc::new(row.clone())));
        Ok(row)
    }

    /// Questions that wait, oldest first.
    pub async fn questions(&self) -> Result<Vec<Question>, Problem> {
        let now_ms = self.engine.world().wall_ms();
        let mut rows = self.engine.read(question::pending).await?;
        rows.retain(|row| row.expires_at_ms > now_ms);
        Ok(rows)
    }

    /// One question.
    pub async fn question(&self, id: &str) -> Result<Question, Problem> {
        let wanted = id.to_owned();
        self.engine
            .read(move |connection| question::get(connection, &wanted))
            .await?
            .ok_or_else(|| unknown_question(id))
    }

    /// Answers or takes back a question; the first answer wins, and saying the same answer again is no error. The actor
    /// is the client that speaks.
    pub async fn answer(
        &self,
        id: &str,
        end: question::End,
        actor: &str,
    ) -> Result<Question, Problem> {
        let (wanted, given, actor) = (id.to_owned(), end.clone(), actor.to_owned());
        let at_ms = self.engine.world().wall_ms();
        let ended = self
            .engine
            .write(move |connection| {
                let ended = question::end(connection, &wanted, &given)?;
                if let Some(row) = &ended {
                    audit::append(connection, &record_of_question(row, actor, at_ms))?;
                }
                Ok(ended)
            })
            .await?;
        if let Some(row) = ended {
            self.tell(Event::Question(Arc::new(row.clone())));
            return Ok(row);
        }
        let row = self.question(id).await?;
        let same = row.status == end.status
            && row.resolution_id.is_some()
            && row.resolution_id == end.resolution_id;
        if same {
            return Ok(row);
        }
        Err(Problem::new(
            Code::InvalidRequest,
            format!("the question is {} already", row.status.as_str()),
        ))
    }

    /// Waits until a question is not pending any more, at most this long; the row as it is then.
    pub async fn wait_for_answer(&self, id: &str, wait_ms: u64) -> Result<Question, Problem> {
        let mut changes = self.changes.subscribe();
        let deadline = self.engine.world().sleep_ms(wait_ms);
        tokio::pin!(deadline);
        loop {
            changes.mark_unchanged();
            let row = self.question(id).await?;
            if row.status != QuestionStatus::Pending {
                return Ok(row);
            }
            tokio::select! {
                () = &mut deadline => return Ok(row),
                moved = changed(&mut changes) => moved?,
            }
        }
    }
}

fn unknown_question(id: &str) -> Problem {
    let short: String = id.chars().take(64).collect();
    Problem::new(Code::NotFound, format!("question '{short}' was not found"))
        .details(serde_json::json!({ "reason": "QUESTION_NOT_FOUND" }))
}

/// An answer as the audit log keeps it: who gave it, when, and whether it was one; never what was said.
fn record_of_question(row: &Question, actor: String, at_ms: i64) -> Record {
    Record {
        at_ms,
        kind: "question",
        action: "question.resolve".to_owned(),
        actor,
        target: row.id.clone(),
        allowed: row.status == QuestionStatus::Answered,
        count: 1,
        detail: Some(json!({
            "status": row.status.as_str(),
            "resolvedBy": row.resolved_by,
            "agentId": row.agent.as_ref().map(AgentId::as_str),
            "sessionKey": row.session.as_ref().map(SessionKey::as_str),
            "runId": row.run_id,
        })),
    }
}
