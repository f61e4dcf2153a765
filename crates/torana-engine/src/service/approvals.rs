//! Approvals and questions: what waits for a person's word.
//!
//! Both are rows, so they survive a restart and stay answerable until they expire. The first answer wins because
//! ending a row is one conditional update; everybody who waits is woken and looks at the row again.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;
use torana_core::approval::{Approval, Decision, Ending, Kind, Resolver, Status};
use torana_core::event::Event;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::limit::{
    APPROVAL_BYTES_MAX, APPROVAL_PENDING_MAX, APPROVAL_WAIT_MAX_MS, APPROVAL_WAIT_MS,
};
use torana_core::problem::{Code, Problem};
use torana_core::question::{Question, QuestionStatus};

use super::asking::Asking;
use crate::engine::Engine;
use crate::store::audit::Record;
use crate::store::{approval, audit, question};

/// How long a shortened id must be to stand for a whole one (decisions-control-and-agents 48).
const PREFIX_CHARS_MIN: usize = 8;
/// Longest id a requester may choose; ours are 36 characters.
const ID_CHARS_MAX: usize = 128;
/// The longest sleep between two looks for expired rows, milliseconds: a stepped wall clock is noticed within it.
const EXPIRY_SLEEP_MAX_MS: u64 = 30_000;
/// Who ends what nobody answered, as the audit log names it.
const GATEWAY: &str = "gateway";

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
}

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

/// Approvals and questions. Cheap to clone.
#[derive(Clone)]
pub struct Approvals {
    engine: Engine,
    /// Counts changes; whoever waits looks again when it moves.
    changes: Arc<watch::Sender<u64>>,
    /// What each client may still ask.
    asking: Arc<Asking>,
}

fn unknown() -> Problem {
    Problem::new(Code::NotFound, "unknown or expired approval id").details(serde_json::json!({
        "reason": "APPROVAL_NOT_FOUND",
        "remediation": "List what waits and answer with one of those ids.",
    }))
}

fn unknown_question(id: &str) -> Problem {
    let short: String = id.chars().take(64).collect();
    Problem::new(Code::NotFound, format!("question '{short}' was not found"))
        .details(serde_json::json!({ "reason": "QUESTION_NOT_FOUND" }))
}

fn bounded_wait(wait_ms: Option<i64>) -> i64 {
    wait_ms
        .unwrap_or(APPROVAL_WAIT_MS)
        .clamp(1, APPROVAL_WAIT_MAX_MS)
}

fn checked_id(id: Option<String>, engine: &Engine) -> Result<String, Problem> {
    let Some(id) = id else {
        return Ok(engine.world().uuid());
    };
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.:".contains(character);
    let whole = !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(plain);
    if whole && id != "." && id != ".." {
        Ok(id)
    } else {
        Err(Problem::new(
            Code::InvalidRequest,
            "an id has 1 to 128 letters, digits and - _ . :",
        ))
    }
}

fn checked_size(value: &serde_json::Value) -> Result<(), Problem> {
    if value.to_string().len() > APPROVAL_BYTES_MAX {
        return Err(Problem::new(
            Code::InvalidRequest,
            format!("the request is larger than {APPROVAL_BYTES_MAX} bytes"),
        ));
    }
    Ok(())
}

/// What storing a new row came to.
enum Stored {
    Done,
    Taken,
    Full,
}

impl Stored {
    fn check(self) -> Result<(), Problem> {
        match self {
            Self::Done => Ok(()),
            Self::Taken => Err(Problem::new(
                Code::InvalidRequest,
                "this id is taken; choose another",
            )),
            Self::Full => Err(Problem::new(
                Code::Busy,
                format!("{APPROVAL_PENDING_MAX} requests wait for an answer already"),
            )
            .hint("Answer some of them first.")),
        }
    }
}

impl Approvals {
    /// Approvals of an engine; starts the task that ends those nobody answered.
    pub fn start(engine: &Engine) -> Self {
        let approvals = Self {
            engine: engine.clone(),
            changes: Arc::new(watch::Sender::new(0)),
            asking: Arc::default(),
        };
        let expires = approvals.clone();
        engine
            .tasks()
            .keep("approval expiry", move || expires.clone().expire());
        approvals
    }

    /// Refuses a client that asked too much.
    fn may_ask(&self, asker: &str) -> Result<(), Problem> {
        let now_ms = self.engine.world().monotonic_ms();
        self.asking.take(asker, now_ms).map_err(|wait_ms| {
            let message = "this client asked for too many approvals and answers";
            Problem::new(Code::Busy, message).retry_after_ms(wait_ms)
        })
    }

    fn tell(&self, event: Event) {
        self.changes.send_modify(|count| *count += 1);
        self.engine.bus().publish(event);
    }

    // === Approvals ===

    /// Stores a request and tells everybody who may answer it.
    pub async fn request(&self, new: NewApproval) -> Result<Approval, Problem> {
        checked_size(&new.request)?;
        self.may_ask(&new.asker)?;
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

    async fn end(
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

    // === Questions ===

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

    // === Expiry ===

    async fn expire(self) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let sleep_ms = match self.expire_due().await {
                Ok(next_ms) => next_ms.map(|next_ms| next_ms.clamp(1, EXPIRY_SLEEP_MAX_MS)),
                Err(problem) => {
                    tracing::warn!(%problem, "Expired approvals could not be ended.");
                    Some(EXPIRY_SLEEP_MAX_MS)
                }
            };
            let due = async {
                match sleep_ms {
                    Some(sleep_ms) => self.engine.world().sleep_ms(sleep_ms).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                moved = changed(&mut changes) => if moved.is_err() { return },
            }
        }
    }

    /// Ends what is due; milliseconds until the next is, `None` while nothing waits.
    async fn expire_due(&self) -> Result<Option<u64>, Problem> {
        let (approvals, questions) = self
            .engine
            .read(|connection| {
                Ok((
                    approval::pending(connection)?,
                    question::pending(connection)?,
                ))
            })
            .await?;
        let now_ms = self.engine.world().wall_ms();
        let mut next_ms: Option<i64> = None;
        let mut sooner = |expires_at_ms: i64| {
            let in_ms = expires_at_ms - now_ms;
            next_ms = Some(next_ms.map_or(in_ms, |next_ms| next_ms.min(in_ms)));
        };
        for row in approvals {
            if row.expires_at_ms <= now_ms {
                self.end(row.id, timed_out(now_ms), GATEWAY).await?;
            } else {
                sooner(row.expires_at_ms);
            }
        }
        for row in questions {
            if row.expires_at_ms <= now_ms {
                let end = question::End {
                    status: QuestionStatus::Expired,
                    answers: None,
                    resolved_by: None,
                    resolution_id: None,
                };
                // Answered a moment ago is as good as expired.
                drop(self.answer(&row.id, end, GATEWAY).await);
            } else {
                sooner(row.expires_at_ms);
            }
        }
        Ok(next_ms.and_then(|next_ms| u64::try_from(next_ms).ok()))
    }
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

/// The same for a question; what was answered stays out of it.
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

fn timed_out(at_ms: i64) -> approval::End {
    approval::End {
        status: Ending::Timeout.status(),
        decision: None,
        ending: Ending::Timeout,
        resolver: Resolver {
            kind: "system".to_owned(),
            id: None,
        },
        at_ms,
    }
}

async fn changed(changes: &mut watch::Receiver<u64>) -> Result<(), Problem> {
    changes
        .changed()
        .await
        .map_err(|_| Problem::new(Code::Unavailable, "the gateway is stopping"))
}
