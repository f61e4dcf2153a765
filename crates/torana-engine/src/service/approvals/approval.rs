//! Requests for approval: asked, decided once, looked up afterwards.

use std::sync::Arc;

use serde_json::json;
use torana_core::approval::{Approval, Decision, Ending, Kind, Resolver, Status};
use torana_core::event::Event;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::limit::APPROVAL_PENDING_MAX;
use torana_core::problem::{Code, Problem};

use super::waiting::{
    Approvals, GATEWAY, Stored, bounded_wait, changed, checked_id, checked_size, timed_out,
};
use crate::store::audit::Record;
use crate::store::{approval, audit};

/// How long a shortened id must be to stand for a whole one (decisions-control-and-agents 48).
const PREFIX_CHARS_MIN: usize = 8;

/// A request for approval.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    /// The client that asks, as the audit log names it.
    pub asker: String,
    /// The id its requester chose.
    pub id: Option<String>,
    /// What asks.
    pub kind: Kind,
    /// The question.
    pub request: serde_json::Value,
    /// Which answers are offered.
    pub allowed: Vec<Decision>,
    /// The agent on whose behalf it is asked.
    pub agent: Option<AgentId>,
    /// The session it belongs to.
    pub session: Option<SessionKey>,
    /// How long it waits, milliseconds.
    pub wait_ms: Option<i64>,
    /// Somebody is there to be asked.
    pub routed: bool,
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// This answer was the first.
    pub applied: bool,
    /// The approval as it is now.
    pub approval: Approval,
}

/// The place of a page in the history: moment and id of the row before it.
pub type HistoryPlace = (i64, String);

impl Approvals {
    /// Stores a request and tells everybody who may answer it.
    pub async fn request(&self, new: NewApproval) -> Result<Approval, Problem> {
        checked_size(&new.request)?;
        if new.routed {
            self.may_ask(&new.asker)?;
        } else {
            // Nobody decides it, so it takes nothing from what people may still be asked.
            self.may_ask(&format!("{} without a route", new.asker))?;
        }
        let now_ms = self.engine.world().wall_ms();
        let row = Approval {
            id: checked_id(new.id, &self.engine)?,
            kind: new.kind,
            request: new.request,
            allowed: new.allowed,
            agent: new.agent,
            session: new.session,
            created_at_ms: now_ms,
            expires_at_ms: now_ms + bounded_wait(new.wait_ms),
            status: Status::Pending,
            decision: None,
            ending: None,
            resolved_at_ms: None,
            resolver: None,
        };
        let stored = row.clone();
        self.engine
            .write(move |connection| {
                if approval::count_pending(connection)? >= APPROVAL_PENDING_MAX {
                    return Ok(Stored::Full);
                }
                let new = approval::insert(connection, &stored)?;
                Ok(if new { Stored::Done } else { Stored::Taken })
            })
            .await?
            .check()?;
        self.tell(Event::Approval(Arc::new(row.clone())));
        Ok(row)
    }

    /// Those that wait, oldest first.
    pub async fn pending(&self, kind: Option<Kind>) -> Result<Vec<Approval>, Problem> {
        let now_ms = self.engine.world().wall_ms();
        let mut rows = self.engine.read(approval::pending).await?;
        rows.retain(|row| row.expires_at_ms > now_ms && kind.is_none_or(|kind| row.kind == kind));
        Ok(rows)
    }

    /// One by its id, or by the beginning of the id of one that waits when no other begins the same.
    pub async fn get(&self, id: &str) -> Result<Approval, Problem> {
        let wanted = id.to_owned();
        if let Some(row) = self
            .engine
            .read(move |connection| approval::get(connection, &wanted))
            .await?
        {
            return Ok(row);
        }
        if id.len() < PREFIX_CHARS_MIN {
            return Err(unknown());
        }
        let mut like = self.pending(None).await?;
        like.retain(|row| row.id.starts_with(id));
        match (like.pop(), like.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => Err(unknown()),
        }
    }

    /// Answers one. The first answer wins; a later one finds `applied` false. The actor is the client that speaks, the
    /// resolver whom it names.
    pub async fn resolve(
        &self,
        id: &str,
        decision: Decision,
        resolver: Resolver,
        actor: &str,
    ) -> Result<Resolved, Problem> {
        let row = self.get(id).await?;
        if !row.is_pending() {
            return Ok(Resolved {
                applied: false,
                approval: row,
            });
        }
        if !row.allowed.contains(&decision) {
            let offered: Vec<&str> = row.allowed.iter().map(|one| one.as_str()).collect();
            return Err(Problem::new(
                Code::InvalidRequest,
                format!(
                    "{} is not offered for this approval; there is {}",
                    decision.as_str(),
                    offered.join(", ")
                ),
            ));
        }
        let at_ms = self.engine.world().wall_ms();
        let in_time = at_ms < row.expires_at_ms;
        let (end, actor) = if in_time {
            let end = approval::End {
                status: decision.status(),
                decision: Some(decision),
                ending: Ending::User,
                resolver,
                at_ms,
            };
            (end, actor)
        } else {
            (timed_out(at_ms), GATEWAY)
        };
        let ended = self.end(row.id.clone(), end, actor).await?;
        Ok(match ended {
            Some(approval) => Resolved {
                applied: in_time,
                approval,
            },
            None => Resolved {
                applied: false,
                approval: self.get(&row.id).await?,
            },
        })
    }

    pub(super) async fn end(
        &self,
        id: String,
        end: approval::End,
        actor: &str,
    ) -> Result<Option<Approval>, Problem> {
        let actor = actor.to_owned();
        let ended = self
            .engine
            .write(move |connection| {
                let ended = approval::end(connection, &id, &end)?;
                // In one commit: no decision without its record, and none that is told before. Where nobody could be
                // asked, nobody decided.
                let decided = |row: &&Approval| row.ending != Some(Ending::NoRoute);
                if let Some(row) = ended.as_ref().filter(decided) {
                    audit::append(connection, &record_of(row, actor, end.at_ms))?;
                }
                Ok(ended)
            })
            .await?;
        if let Some(row) = &ended {
            self.tell(Event::Approval(Arc::new(row.clone())));
        }
        Ok(ended)
    }

    /// Ends one that nobody could be asked about. `None` when it ended meanwhile.
    pub async fn end_without_route(&self, id: &str) -> Result<Option<Approval>, Problem> {
        let end = approval::End {
            status: Ending::NoRoute.status(),
            decision: None,
            ending: Ending::NoRoute,
            resolver: Resolver {
                kind: "system".to_owned(),
                id: Some("no-approval-route".to_owned()),
            },
            at_ms: self.engine.world().wall_ms(),
        };
        self.end(id.to_owned(), end, GATEWAY).await
    }

    /// Waits until one is decided, expired or cancelled.
    pub async fn wait(&self, id: &str) -> Result<Approval, Problem> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let row = self.get(id).await?;
            if !row.is_pending() {
                return Ok(row);
            }
            changed(&mut changes).await?;
        }
    }

    /// A page of ended ones, newest first, and the place of the next page.
    pub async fn history(
        &self,
        kind: Option<Kind>,
        after: Option<HistoryPlace>,
        limit: usize,
    ) -> Result<(Vec<Approval>, Option<HistoryPlace>), Problem> {
        let rows = self
            .engine
            .read(move |connection| {
                let after = after.as_ref().map(|(at_ms, id)| (*at_ms, id.as_str()));
                approval::history(connection, kind, after, limit + 1)
            })
            .await?;
        Ok(page(rows, limit))
    }

    /// The same of those that one run asked for.
    pub async fn of_run(
        &self,
        run_id: String,
        after: Option<HistoryPlace>,
        limit: usize,
    ) -> Result<(Vec<Approval>, Option<HistoryPlace>), Problem> {
        let rows = self
            .engine
            .read(move |connection| {
                let after = after.as_ref().map(|(at_ms, id)| (*at_ms, id.as_str()));
                approval::of_run(connection, &run_id, after, limit + 1)
            })
            .await?;
        Ok(page(rows, limit))
    }
}

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "unknown or expired approval id").details(serde_json::json!({
        "reason": "APPROVAL_NOT_FOUND",
        "remediation": "List what waits and answer with one of those ids.",
    }))
}

/// Cuts a page off rows of which one more than fits was read, with the place of the next page.
fn page(mut rows: Vec<Approval>, limit: usize) -> (Vec<Approval>, Option<HistoryPlace>) {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let place = rows
        .last()
        .filter(|_| more)
        .map(|row| (row.resolved_at_ms.unwrap_or_default(), row.id.clone()));
    (rows, place)
}

/// A decision as the audit log keeps it: who, about what kind of thing, when and how; never what was asked, which may
/// hold secrets. Who was named as deciding is beside it, because a client may name anybody.
fn record_of(row: &Approval, actor: String, at_ms: i64) -> Record {
    Record {
        at_ms,
        kind: "approval",
        action: format!("{}.approval", row.kind.as_str()),
        actor,
        target: row.id.clone(),
        allowed: row.status == Status::Allowed,
        count: 1,
        detail: Some(json!({
            "status": row.status.as_str(),
            "decision": row.decision.map(Decision::as_str),
            "reason": row.ending.map(Ending::as_str),
            "resolvedBy": row.resolver.as_ref().and_then(|resolver| resolver.id.as_deref()),
            "agentId": row.agent.as_ref().map(AgentId::as_str),
            "sessionKey": row.session.as_ref().map(SessionKey::as_str),
        })),
    }
}
