//! Compaction: a summary takes the place of what was said long ago (decision 39 of control and agents).
//!
//! The summary is a line of its own. Nothing is removed: people still read and search everything, only the agent sees the
//! summary and the newest lines. Whatever goes wrong, the history stays as it was.

use futures_util::StreamExt;
use torana_core::event::{Event, SessionChange};
use torana_core::id::{AgentId, RunId};
use torana_core::key::SessionKey;
use torana_core::port::{OpenRequest, TurnRequest};
use torana_core::problem::{Code, Problem};
use torana_core::run::{
    Boundary, Entry, FailureKind, ModelRef, Outcome, Role, RunEvent, Settled, Usage,
    estimated_tokens,
};

use super::context;
use super::context::{Context, Room};
use super::excerpt::{
    BEFORE, PIECES_MAX, Plan, SYSTEM, piece_bytes, pieces, plan, question, tokens_of,
};
use crate::bus::appended;
use crate::engine::Engine;
use crate::service::history::Cursor;
use crate::service::usage::utc_day;
use crate::settings::AgentSettings;
use crate::store::session::{RunEnd, SessionRow};
use crate::store::usage::Booking;
use crate::store::{StoreError, session, transcript, usage};

/// Longest time a summary may take, milliseconds: it reads a whole context window, which slow models need minutes for.
const SUMMARY_MS_MAX: u64 = 300_000;
/// Bytes of a summary; a longer one is no summary.
const SUMMARY_BYTES_MAX: usize = 64 * 1024;
/// Lines one summary reads at most.
const LINES_MAX: usize = 20_000;

/// What a compaction is asked to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRequest {
    /// What the summary should not leave out.
    pub focus: Option<String>,
    /// Keep this many newest lines and summarise nothing.
    pub lines_kept: Option<usize>,
    /// Lines from this position on stay in any case: they are what is being said now.
    pub before: Option<i64>,
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// The summary; empty when lines were only left out.
    pub summary: String,
    /// The first line that the agent still sees.
    pub first_kept: Option<Cursor>,
    /// Tokens of the context before, estimated.
    pub tokens_before: u64,
    /// Tokens of the context after, estimated.
    pub tokens_after: u64,
}

/// Why nothing was compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncompacted {
    /// There is too little to summarise.
    TooSmall,
    /// The summary was empty or hardly shorter.
    NoGain,
    /// The session was changed meanwhile.
    Changed,
    /// The agent could not summarise; the words are for people.
    Failed(String),
}

impl Uncompacted {
    /// The reason for people.
    pub fn reason(&self) -> String {
        match self {
            Self::TooSmall => "nothing to compact (session too small)".to_owned(),
            Self::NoGain => "the summary would not have been shorter".to_owned(),
            Self::Changed => "the session was changed meanwhile".to_owned(),
            Self::Failed(why) => why.clone(),
        }
    }
}

impl Engine {
    /// Summarises what was said long ago in a session.
    ///
    /// # Errors
    /// Under a suspension nothing begins, and this one would wait for it: the model works, and the transcript changes.
    pub async fn compact_session(
        &self,
        key: &SessionKey,
        request: CompactRequest,
    ) -> Result<Result<Compaction, Uncompacted>, Problem> {
        let _counted = self.begin_passing()?;
        self.compact_in_turn(key, request).await
    }

    /// The same within a turn, which counts by itself.
    pub(super) async fn compact_in_turn(
        &self,
        key: &SessionKey,
        request: CompactRequest,
    ) -> Result<Result<Compaction, Uncompacted>, Problem> {
        let agent = self.agent_of(key)?;
        let settings = self.settings();
        let Some(agent_settings) = settings.agents.get(&agent) else {
            return Err(Problem::new(Code::AgentNotFound, "unknown agent"));
        };
        let (row, context) = self
            .read_context(key, agent_settings, request.before.unwrap_or(i64::MAX))
            .await
            .map_err(|error| self.problem(&error))?
            .ok_or_else(|| {
                Problem::new(Code::SessionNotFound, format!("No session found: {key}"))
            })?;
        if let Some(lines) = request.lines_kept {
            return self.leave_out(key, &agent, &row, &context, lines).await;
        }
        let Some(plan) = plan(row, context, agent_settings) else {
            return Ok(Err(Uncompacted::TooSmall));
        };
        let settled = self
            .summarise(&agent, agent_settings, &plan, request.focus.as_deref())
            .await;
        self.store_summary(key, &agent, &plan, settled)
            .await
            .map_err(|error| self.problem(&error))
    }

    async fn read_context(
        &self,
        key: &SessionKey,
        agent: &AgentSettings,
        before: i64,
    ) -> Result<Option<(SessionRow, Context)>, StoreError> {
        let name = key.as_str().to_owned();
        let room = Room {
            before,
            lines: LINES_MAX,
            bytes: piece_bytes(agent).saturating_mul(PIECES_MAX),
        };
        self.shared
            .store
            .read(move |connection| {
                let Some(row) = session::get(connection, &name)? else {
                    return Ok(None);
                };
                let id = &row.session_id;
                let branch = transcript::tree(connection, id)?.path(row.branch_leaf());
                let context = context::read(connection, id, &branch, room)?;
                Ok(Some((row, context)))
            })
            .await
    }

    /// Hides all but the newest lines from the agent.
    async fn leave_out(
        &self,
        key: &SessionKey,
        agent: &AgentId,
        row: &SessionRow,
        context: &Context,
        lines: usize,
    ) -> Result<Result<Compaction, Uncompacted>, Problem> {
        let cut = context.lines.len().saturating_sub(lines);
        let Some(last) = cut.checked_sub(1).and_then(|at| context.lines.get(at)) else {
            return Ok(Err(Uncompacted::TooSmall));
        };
        let plan = Plan {
            row: row.clone(),
            text: String::new(),
            last: last.sequence,
            tokens_before: tokens_of(&context.lines),
            tokens_kept: tokens_of(&context.lines[cut..]),
        };
        self.append_boundary(key, agent, &plan, String::new(), None)
            .await
            .map_err(|error| self.problem(&error))
    }

    /// Asks the agent's own model for the summary, piece by piece where it is long.
    async fn summarise(
        &self,
        agent: &AgentId,
        settings: &AgentSettings,
        plan: &Plan,
        focus: Option<&str>,
    ) -> Settled {
        let mut usage = Usage::default();
        let mut summary: Option<Settled> = None;
        for piece in pieces(&plan.text, piece_bytes(settings)) {
            let text = match &summary {
                None => piece.to_owned(),
                Some(before) => format!("{BEFORE}\n{}\n\n{piece}", before.text),
            };
            let input = question(&text, focus);
            let mut settled = self.ask(agent, settings, &plan.row, input).await;
            usage.add(&settled.usage);
            settled.usage = usage;
            if settled.outcome != Outcome::Ok {
                return settled;
            }
            summary = Some(settled);
        }
        summary.unwrap_or_else(|| Settled::failed(FailureKind::Internal, "nothing to summarise"))
    }

    /// Asks one question in a conversation of its own.
    async fn ask(
        &self,
        agent: &AgentId,
        settings: &AgentSettings,
        row: &SessionRow,
        input: String,
    ) -> Settled {
        let world = &self.shared.world;
        let failed = |why: String| Settled::failed(FailureKind::Unavailable, why);
        let session = SessionKey::namespaced(agent.as_str(), "ephemeral", &world.uuid());
        let open = OpenRequest {
            session,
            agent: agent.clone(),
        };
        let mut conversation = match settings.backend.open(open).await {
            Ok(conversation) => conversation,
            Err(failure) => return failed(failure.message),
        };
        let model = row.model.as_deref().and_then(ModelRef::parse);
        let overridden = self.overrides().model_of(agent);
        let request = TurnRequest {
            run_id: RunId::new(world.uuid()).expect("a uuid is an id"),
            attempt: 1,
            system: SYSTEM.to_owned(),
            history: Vec::new(),
            input,
            media: Vec::new(),
            attached: torana_core::ask::Attached::default(),
            wishes: torana_core::ask::Wishes::default(),
            model: model
                .into_iter()
                .chain(overridden)
                .find(|model| settings.allows_model(model)),
            thinking: Some("off".to_owned()),
            sampling: torana_core::run::Sampling::default(),
            deadline_ms: world.monotonic_ms().saturating_add(SUMMARY_MS_MAX),
        };
        let mut stream = conversation.turn(request);
        let alarm = world.sleep_ms(SUMMARY_MS_MAX);
        let ended = async {
            while let Some(event) = stream.next().await {
                if let RunEvent::Settled(settled) = event {
                    return settled;
                }
            }
            failed("the agent ended without saying how".to_owned())
        };
        tokio::select! {
            biased;
            settled = ended => settled,
            () = alarm => failed("the summary took too long".to_owned()),
        }
    }

    async fn store_summary(
        &self,
        key: &SessionKey,
        agent: &AgentId,
        plan: &Plan,
        settled: Settled,
    ) -> Result<Result<Compaction, Uncompacted>, StoreError> {
        let refused = self.refuse(plan, &settled);
        if let Some(refused) = refused {
            self.book_summary(key, agent, plan, &settled).await?;
            return Ok(Err(refused));
        }
        let summary = settled.text.trim().to_owned();
        self.append_boundary(key, agent, plan, summary, Some(settled))
            .await
    }

    /// Why a summary is not used.
    fn refuse(&self, plan: &Plan, settled: &Settled) -> Option<Uncompacted> {
        if settled.outcome != Outcome::Ok {
            let why = settled.error.as_ref().map_or_else(
                || "the model did not finish the summary".to_owned(),
                |error| error.message.clone(),
            );
            return Some(Uncompacted::Failed(why));
        }
        if settled.provider.is_some() && !self.settings().model_configured {
            // The demo agent answers whatever it is asked with words about itself.
            return Some(Uncompacted::Failed("no model is configured".to_owned()));
        }
        let summary = settled.text.trim();
        let after = plan.tokens_kept + estimated_tokens(summary.len());
        // A tenth is the least that is worth losing the words themselves (decision 39 of control and agents).
        let enough = after <= plan.tokens_before.saturating_mul(9) / 10;
        (summary.is_empty() || summary.len() > SUMMARY_BYTES_MAX || !enough)
            .then_some(Uncompacted::NoGain)
    }

    async fn book_summary(
        &self,
        key: &SessionKey,
        agent: &AgentId,
        plan: &Plan,
        settled: &Settled,
    ) -> Result<(), StoreError> {
        let booked = Booked::new(key, agent, plan, settled, self.shared.world.wall_ms());
        self.shared
            .store
            .write(move |connection| usage::book(connection, &booked.booking()))
            .await
    }

    async fn append_boundary(
        &self,
        key: &SessionKey,
        agent: &AgentId,
        plan: &Plan,
        summary: String,
        settled: Option<Settled>,
    ) -> Result<Result<Compaction, Uncompacted>, StoreError> {
        let at_ms = self.shared.world.wall_ms();
        let booked = settled.map(|settled| Booked::new(key, agent, plan, &settled, at_ms));
        let (name, session_id, last) = (
            key.as_str().to_owned(),
            plan.row.session_id.clone(),
            plan.last,
        );
        let (tokens_before, tokens_after) = (
            plan.tokens_before,
            plan.tokens_kept + estimated_tokens(summary.len()),
        );
        let words = summary.clone();
        let appended_line = self
            .shared
            .store
            .write(move |connection| {
                if let Some(booked) = &booked {
                    usage::book(connection, &booked.booking())?;
                }
                let Some(row) = session::get(connection, &name)? else {
                    return Ok(None);
                };
                let path = transcript::tree(connection, &session_id)?.path(row.branch_leaf());
                if row.session_id != session_id || !path.contains(last) {
                    return Ok(None);
                }
                let kept = path.after(last);
                let boundary = Boundary {
                    kept: kept.len(),
                    tokens_before,
                    tokens_after,
                };
                let entry = Entry {
                    boundary: Some(boundary),
                    ..Entry::new(Role::System, words, at_ms)
                };
                // The list goes on showing the last words, not the summary.
                let shown = row.last_text.unwrap_or_default();
                let sequence = session::next_sequence(connection, &name, &shown, at_ms)?;
                transcript::append(connection, &session_id, sequence, None, &entry)?;
                session::compacted(connection, &name, tokens_after)?;
                Ok(Some((sequence, entry, kept.ranges().first().copied())))
            })
            .await?;
        let Some((sequence, entry, first_kept)) = appended_line else {
            return Ok(Err(Uncompacted::Changed));
        };
        let session_id = plan.row.session_id.clone();
        let line = appended(key, &session_id, agent, sequence, entry);
        self.shared.bus.publish(Event::Transcript(line));
        self.session_changed(key, agent, SessionChange::Compacted);
        Ok(Ok(Compaction {
            summary,
            first_kept: first_kept.map(|(sequence, _)| Cursor {
                session_id,
                sequence,
            }),
            tokens_before,
            tokens_after,
        }))
    }
}

/// A summary's cost, owned for the transaction that counts it.
struct Booked {
    session_id: String,
    key: String,
    agent: String,
    day: String,
    end: RunEnd,
}

impl Booked {
    fn new(key: &SessionKey, agent: &AgentId, plan: &Plan, settled: &Settled, at_ms: i64) -> Self {
        Self {
            session_id: plan.row.session_id.clone(),
            key: key.as_str().to_owned(),
            agent: agent.to_string(),
            day: utc_day(at_ms),
            end: RunEnd {
                status: "done",
                usage: settled.usage,
                provider: settled.provider.clone(),
                model: settled.model.clone(),
                error: None,
                at_ms,
            },
        }
    }

    fn booking(&self) -> Booking<'_> {
        Booking {
            session_id: &self.session_id,
            key: &self.key,
            agent: &self.agent,
            day: &self.day,
            end: &self.end,
            questions: 0,
            answered: false,
            started_at_ms: self.end.at_ms,
        }
    }
}
