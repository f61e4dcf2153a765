//! Runs: start a backend turn, watch it, make its outcome durable, then start what comes next in the lane.
//!
//! One task drives a lane from its first turn until it is idle. Whatever the backend does, a turn ends with exactly
//! one outcome, and the outcome is on disk before anybody hears of it.

mod compact;
mod context;
mod drive;
pub(crate) use aside::tokens as usage_words;
pub(crate) use compact::Pauses;
pub use compact::{CompactRequest, Compaction, Uncompacted};
pub(crate) use drive::known_previews;
mod aside;
mod finish;
mod mark;
pub(crate) mod prompt;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use torana_core::ask::{Attached, Wishes};
use torana_core::blame::NOBODY;
use torana_core::event::{Event, RunFacts, RunSignal, SessionChange};
use torana_core::id::{
    AccountId, AgentId, ChannelId, DEFAULT_ACCOUNT, InboxId, RunId, SessionId, WEBCHAT,
};
use torana_core::key::SessionKey;
use torana_core::limit::POISON_NAMED_MAX;
use torana_core::port::{OpenRequest, RunStream, TurnRequest};
use torana_core::problem::{Code, Problem};
use torana_core::run::{Entry, FailureKind, ModelRef, Outcome, Sampling, Settled};

use crate::engine::{Engine, appended};
use crate::reply::preview::Shown;
use crate::session::{TurnPlan, Work};
use crate::store::inbox;
use crate::store::session::SessionRow;
use crate::store::{StoreError, outbox, session, transcript};
use crate::supervise::panic_text;
use crate::turn::{Finished, StopReason, TurnHandle};
use mark::RunMark;

/// Wait before a store write is repeated while the disk is full, milliseconds.
pub(crate) const STORE_RETRY_MS: u64 = 1_000;

/// Bytes of history per token of context: English text has about four, and a quarter is left for the answer.
pub(crate) const BYTES_PER_TOKEN: usize = 3;

/// What the adoption of a turn found in the store.
#[derive(Clone)]
pub(crate) struct Adopted {
    pub(crate) row: SessionRow,
    pub(crate) attempt: u32,
    /// Position of the first line this turn added; history is what comes before it.
    pub(crate) first_sequence: i64,
    /// Messages that joined an earlier run of this turn: steered into it, or merged by a process that died.
    pub(crate) joined: Vec<Work>,
    /// Messages of the plan that ended otherwise before the turn began.
    pub(crate) gone: Vec<InboxId>,
}

/// A run that leaves nothing behind but events and usage (decision 48).
#[derive(Debug, Clone)]
pub struct EphemeralTurn {
    /// The agent.
    pub agent: AgentId,
    /// Instructions besides the agent's own.
    pub system: Option<String>,
    /// What was said before.
    pub history: Vec<Entry>,
    /// What is said now.
    pub input: String,
    /// What comes with it.
    pub attached: Attached,
    /// What else is asked of the answer.
    pub wishes: Wishes,
    /// Model, when chosen.
    pub model: Option<ModelRef>,
    /// How the model is to choose its words.
    pub sampling: Sampling,
    /// Thinking level, when chosen.
    pub thinking: Option<String>,
}

/// Channel and account a message came from.
pub(crate) fn place_of(work: &Work) -> (ChannelId, AccountId) {
    match work.payload.as_ref() {
        inbox::Payload::Channel(inbound) => (
            inbound.conversation.channel.clone(),
            inbound.conversation.account.clone(),
        ),
        inbox::Payload::Client(_) => (
            ChannelId::new(WEBCHAT).expect("a constant id"),
            AccountId::new(DEFAULT_ACCOUNT).expect("a constant id"),
        ),
    }
}

impl Engine {
    /// Starts the task that drives a lane from this turn until it is idle.
    pub(crate) fn start_run(&self, plan: TurnPlan, adopted: Option<Adopted>) {
        let engine = self.clone();
        let name = format!("lane {}", plan.lead.session);
        self.shared.tasks.spawn(name, async move {
            let session = plan.lead.session.clone();
            let mut next = Some((plan, adopted));
            while let Some((plan, adopted)) = next {
                engine.turn_to_end(plan, adopted).await;
                next = engine
                    .shared
                    .sessions
                    .settle(&session)
                    .map(|plan| (plan, None));
            }
        });
    }

    async fn turn_to_end(&self, plan: TurnPlan, mut adopted: Option<Adopted>) {
        let mark = RunMark::begin(self, plan.lead.id);
        loop {
            let turn = Box::pin(self.turn_once(&plan, adopted.take()));
            let attempt = AssertUnwindSafe(mark.over(turn)).catch_unwind().await;
            let panic = match attempt {
                Ok(Some(_)) => break,
                Ok(None) => return self.ended_elsewhere(plan),
                Err(panic) => panic,
            };
            let text = panic_text(panic.as_ref());
            tracing::error!(run = %plan.lead.run_id, panic = %text, "A run panicked.");
            self.shared.bus.publish(Event::TaskPanicked {
                task: format!("run {}", plan.lead.run_id),
            });
            let id = plan.lead.id;
            // What its preview still has under way must be known before the turn goes on, or it would stay half-written.
            drop(plan.lead.handle.previewing().await);
            match self
                .insist(move |connection| inbox::count_strike(connection, id))
                .await
            {
                Ok(strikes) if strikes < POISON_NAMED_MAX => {}
                Ok(_) => {
                    let why = "it crashed the gateway's own code three times";
                    if self.poisoned(&plan, why).await.is_none() {
                        return self.ended_elsewhere(plan);
                    }
                    break;
                }
                Err(_) => break,
            }
        }
        for work in plan
            .merged
            .iter()
            .chain(&plan.summarised)
            .chain([&plan.lead])
        {
            self.forget_handles(work);
        }
    }

    /// Writes again and again while the disk is full. Fails only when the row has moved or the store is closed.
    pub(crate) async fn insist<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&rusqlite::Connection) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        loop {
            let write = write.clone();
            match self
                .shared
                .store
                .write(move |connection| write(connection))
                .await
            {
                Err(error @ (StoreError::Full | StoreError::Database(_))) => {
                    tracing::error!(%error, "A record could not be written; trying again.");
                    self.shared.world.sleep_ms(STORE_RETRY_MS).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Sets a turn aside that must not be tried again, and tells the person.
    /// `None` when it ended elsewhere.
    pub(crate) async fn poisoned(&self, plan: &TurnPlan, why: &str) -> Option<()> {
        let (id, at_ms) = (plan.lead.id, self.shared.world.wall_ms());
        let reason = format!("poison: {why}");
        let settled = Settled::failed(
            FailureKind::Internal,
            format!("this message could not be answered and was set aside, reference {id}"),
        );
        let operations = match &plan.lead.target {
            Some(target) => {
                let place = &target.conversation;
                let account = self.settings().account(&place.channel, &place.account);
                let known = drive::known_previews(self, id).await;
                let shown = Shown::left_by_crash(known, account.streaming);
                crate::reply::replacing(self, &prompt::error_text(&settled, id), target, &shown)
            }
            None => Vec::new(),
        };
        let (store, run_id, why) = (
            self.shared.store.clone(),
            plan.lead.run_id.clone(),
            reason.clone(),
        );
        // In one commit, so that no crash leaves the person without a word.
        let parked = self.insist(move |connection| {
            inbox::park(connection, id, &why, at_ms)?;
            outbox::forget_previews(connection, id)?;
            let words = operations.clone();
            crate::reply::insert(
                connection,
                &store,
                Some(id),
                Some(&run_id),
                words,
                false,
                at_ms,
            )
        });
        let intents = parked.await.ok()?;
        self.shared.delivery.submit(intents, false);
        self.shared
            .bus
            .publish(Event::InboundParked { inbox: id, reason });
        let started_at_ms = plan.lead.handle.started_at_ms().unwrap_or(at_ms);
        let finished = Finished {
            settled: Arc::new(settled),
            started_at_ms,
            ended_at_ms: at_ms,
            silent: None,
            stopped: None,
        };
        if let Some(facts) = self.facts_without_row(&plan.lead, started_at_ms) {
            self.announce_end(&Arc::new(facts), &plan.lead, finished);
        }
        Some(())
    }

    /// Removes what earlier runs of messages have shown that were stopped while they waited for another run. Should the
    /// process end before, the next start does it.
    pub(crate) fn take_back_previews(&self, ids: Vec<InboxId>) {
        if ids.is_empty() {
            return;
        }
        let engine = self.clone();
        self.shared
            .tasks
            .spawn("previews of stopped messages", async move {
                let (store, at_ms) = (engine.shared.store.clone(), engine.shared.world.wall_ms());
                let taken = engine.insist(move |connection| {
                    let mut taken = Vec::new();
                    for id in &ids {
                        taken.extend(crate::reply::take_back(connection, &store, *id, at_ms)?);
                    }
                    Ok(taken)
                });
                match taken.await {
                    Ok(taken) => engine.shared.delivery.submit(taken, false),
                    Err(error) => tracing::debug!(%error, "Old previews wait for the next start."),
                }
            });
    }

    /// One run of the turn. `None` when its row ended elsewhere before it began.
    async fn turn_once(&self, plan: &TurnPlan, adopted: Option<Adopted>) -> Option<()> {
        let adopted = match adopted {
            Some(adopted) => adopted,
            None => self.adopt(plan).await?,
        };
        let lead = &plan.lead;
        let started_at_ms = self.shared.world.wall_ms();
        let facts = Arc::new(RunFacts {
            run_id: lead.run_id.clone(),
            session: lead.session.clone(),
            session_id: SessionId::new(&adopted.row.session_id)
                .expect("stored session ids are uuids"),
            agent: lead.agent.clone(),
            attempt: adopted.attempt,
            started_at_ms,
            origin: lead.origin,
        });
        let merged = plan.merged.iter().chain(&plan.summarised);
        let parts = merged.flat_map(parts_of).chain(lead.fragments.clone());
        for part in parts {
            if adopted.gone.contains(&part.id) {
                // Its row ended otherwise or never was: nobody else ends what waits for it.
                let stopped = part.handle.stop_reason().unwrap_or(StopReason::Stop);
                part.handle
                    .finish(Arc::new(cancelled(stopped, started_at_ms)));
            } else if lead.handle.join(&part.handle) {
                self.announce_merged(&facts, &part.handle);
            }
        }
        let driven = drive::run(self, plan, &adopted, &facts).await;
        finish::run(self, plan, &adopted, &facts, driven).await;
        Some(())
    }

    /// Takes the turn's rows: adopted, merged, with their lines in the transcript. `None` when the row is gone.
    async fn adopt(&self, plan: &TurnPlan) -> Option<Adopted> {
        let lead = &plan.lead;
        let mut works: Vec<Work> = Vec::new();
        for work in plan.merged.iter().chain([lead]) {
            works.extend(parts_of(work));
        }
        let summarised: Vec<Work> = plan.summarised.iter().flat_map(parts_of).collect();
        let summary = prompt::summary_entry(&summarised, self.shared.world.wall_ms());
        loop {
            let (works, summarised, summary, engine) = (
                works.clone(),
                summarised.clone(),
                summary.clone(),
                self.clone(),
            );
            let (lead_id, run_id) = (lead.id, lead.run_id.clone());
            let (key, at_ms) = (lead.session.clone(), self.shared.world.wall_ms());
            let adopted = self
                .shared
                .store
                .write(move |connection| {
                    adopt_rows(
                        connection,
                        &engine,
                        lead_id,
                        &run_id,
                        &key,
                        &works,
                        &summarised,
                        summary,
                        at_ms,
                    )
                })
                .await;
            match adopted {
                Ok((adopted, lines)) => {
                    for (sequence, entry) in lines {
                        let line = appended(
                            &lead.session,
                            &adopted.row.session_id,
                            &lead.agent,
                            sequence,
                            entry,
                        );
                        self.shared.bus.publish(Event::Transcript(line));
                    }
                    return Some(adopted);
                }
                Err(StoreError::Moved | StoreError::Closed | StoreError::Flush) => return None,
                Err(error) => {
                    tracing::error!(%error, run = %lead.run_id, "A turn could not be adopted; trying again.");
                    self.shared.world.sleep_ms(STORE_RETRY_MS).await;
                }
            }
        }
    }

    pub(crate) fn facts_without_row(&self, lead: &Work, started_at_ms: i64) -> Option<RunFacts> {
        Some(RunFacts {
            run_id: lead.run_id.clone(),
            session: lead.session.clone(),
            session_id: SessionId::new(self.shared.world.uuid()).ok()?,
            agent: lead.agent.clone(),
            attempt: 1,
            started_at_ms,
            origin: lead.origin,
        })
    }

    /// The lead's row is gone: `/stop` ended it, or it was a repeat that never came to be. What was to share its turn
    /// goes back to the lane and has turns of its own.
    fn ended_elsewhere(&self, plan: TurnPlan) {
        let at_ms = self.shared.world.wall_ms();
        let stopped = plan.lead.handle.stop_reason().unwrap_or(StopReason::Stop);
        self.take_back_previews(plan.lead.rows().collect());
        self.announce_cancelled(&plan.lead, stopped, at_ms);
        self.forget_handles(&plan.lead);
        let rest = plan.merged.into_iter().chain(plan.summarised).collect();
        // The lane still counts this turn as running, so nothing starts before it settles.
        let started = self.shared.sessions.give_back(rest, false);
        debug_assert!(
            started.is_none(),
            "a lane started a turn during another one"
        );
    }

    /// Tells the world that a turn ended without having run.
    pub(crate) fn announce_cancelled(&self, work: &Work, stopped: StopReason, at_ms: i64) {
        if let Some(facts) = self.facts_without_row(work, at_ms) {
            self.announce_end(&Arc::new(facts), work, cancelled(stopped, at_ms));
        }
    }

    /// Tells the world, and whoever waits for this turn, that it ended. The outcome is durable by now.
    pub(crate) fn announce_end(&self, facts: &Arc<RunFacts>, work: &Work, finished: Finished) {
        let signal = RunSignal::Settled {
            settled: Arc::clone(&finished.settled),
            ended_at_ms: finished.ended_at_ms,
            silent: finished.silent,
            stopped: finished.stopped.map(StopReason::as_str),
        };
        self.shared
            .bus
            .publish(Event::Run(Arc::clone(facts), signal));
        for merged in work.handle.finish(Arc::new(finished)) {
            self.announce_merged(facts, &merged);
        }
        self.session_changed(&facts.session, &facts.agent, SessionChange::RunEnded);
    }

    /// Tells the client that asked for it how a message ended that became part of another turn.
    pub(crate) fn announce_merged(&self, facts: &RunFacts, handle: &TurnHandle) {
        if handle.origin.is_none() {
            return;
        }
        let facts = RunFacts {
            run_id: handle.run_id.clone(),
            origin: handle.origin,
            ..facts.clone()
        };
        self.shared
            .bus
            .publish(Event::Run(Arc::new(facts), RunSignal::Merged));
    }

    /// Starts a run that leaves nothing behind; dropping the stream ends it.
    pub async fn ephemeral(&self, turn: EphemeralTurn) -> Result<RunStream, Problem> {
        let counted = self.begin_passing()?;
        let settings = self.settings();
        let agent = settings.agents.get(&turn.agent).ok_or_else(|| {
            Problem::new(
                Code::AgentNotFound,
                format!("unknown agent id \"{}\"", turn.agent),
            )
        })?;
        check_wishes(agent, &turn.attached, &turn.wishes)?;
        if let Some(model) = &turn.model {
            self.check_model(&turn.agent, &model.to_string())?;
        }
        let key = torana_core::key::SessionKey::namespaced(
            turn.agent.as_str(),
            "ephemeral",
            &self.shared.world.uuid(),
        );
        let mut conversation = agent
            .backend
            .open(OpenRequest {
                session: key,
                agent: turn.agent.clone(),
            })
            .await
            .map_err(|failure| Problem::new(Code::Unavailable, failure.message))?;
        let mut system = agent.system.clone();
        if let Some(more) = turn.system {
            system.push_str("\n\n");
            system.push_str(&more);
        }
        let request = TurnRequest {
            run_id: RunId::new(self.shared.world.uuid()).expect("a uuid is an id"),
            attempt: 1,
            system,
            history: turn.history,
            input: turn.input,
            media: Vec::new(),
            attached: turn.attached,
            wishes: turn.wishes,
            model: turn.model.or_else(|| {
                self.overrides()
                    .model_of(&turn.agent)
                    .filter(|model| agent.allows_model(model))
            }),
            thinking: turn.thinking.or_else(|| agent.thinking.clone()),
            sampling: turn.sampling,
            deadline_ms: self
                .shared
                .world
                .monotonic_ms()
                .saturating_add(settings.turn_timeout_ms),
        };
        let stream = conversation.turn(request);
        // The conversation lives as long as its stream, and the stream counts as long as it lives.
        let stream = Box::pin(futures_util::stream::unfold(
            (conversation, stream, counted),
            |(conversation, mut stream, counted)| async move {
                let event = futures_util::StreamExt::next(&mut stream).await?;
                Some((event, (conversation, stream, counted)))
            },
        ));
        // No row is at stake, but a crash in here must not be blamed on somebody else's message.
        Ok(RunMark::begin(self, NOBODY).over_stream(stream))
    }
}

/// Refuses wishes that the agent's backend would not honour, instead of ignoring them.
pub(crate) fn check_wishes(
    agent: &crate::settings::AgentSettings,
    attached: &Attached,
    wishes: &Wishes,
) -> Result<(), Problem> {
    if (attached.is_empty() && wishes.is_empty()) || agent.backend.takes_wishes() {
        return Ok(());
    }
    Err(Problem::invalid(
        "this agent's backend takes neither client tools nor images, and answers in no given format",
    ))
}

/// A message with the fragments that came before it, oldest first.
fn parts_of(work: &Work) -> impl Iterator<Item = Work> {
    work.fragments.iter().chain([work]).cloned()
}

/// Ends a message that waited and was withdrawn.
pub(crate) async fn end_waiting(
    engine: &Engine,
    work: &Work,
    reason: StopReason,
) -> Result<(), Problem> {
    let (rows, at_ms): (Vec<InboxId>, i64) = (work.rows().collect(), engine.shared.world.wall_ms());
    let result = finish::stopped_result(reason, at_ms);
    let store = engine.shared.store.clone();
    let outcome = engine
        .insist(move |connection| {
            let reason = format!("stopped:{}", reason.as_str());
            crate::reply::withdraw(connection, &store, &rows, &reason, Some(&result), at_ms)
        })
        .await;
    match outcome {
        Ok(taken_back) => {
            engine.shared.delivery.submit(taken_back, false);
            engine.forget_handles(work);
            engine.announce_cancelled(work, reason, at_ms);
            Ok(())
        }
        Err(StoreError::Moved) => {
            engine.forget_handles(work);
            engine.announce_cancelled(work, reason, at_ms);
            Ok(())
        }
        Err(error) => Err(engine.problem(&error)),
    }
}

/// The end of a turn that was taken back before it said anything.
fn cancelled(stopped: StopReason, at_ms: i64) -> Finished {
    Finished {
        settled: Arc::new(Settled {
            outcome: Outcome::Cancelled,
            error: None,
            ..Settled::failed(FailureKind::Internal, "")
        }),
        started_at_ms: at_ms,
        ended_at_ms: at_ms,
        silent: None,
        stopped: Some(stopped),
    }
}

/// Lines a turn added to its transcript, with their positions.
type Lines = Vec<(i64, Entry)>;

/// Takes the rows of a turn in one transaction: the lead adopted, the others merged, their words in the transcript.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one transaction; a struct would only rename them"
)]
fn adopt_rows(
    connection: &rusqlite::Connection,
    engine: &Engine,
    lead_id: InboxId,
    run_id: &RunId,
    key: &SessionKey,
    works: &[Work],
    summarised: &[Work],
    summary: Option<Entry>,
    at_ms: i64,
) -> Result<(Adopted, Lines), StoreError> {
    let attempt = inbox::adopt(connection, lead_id, at_ms)?;
    let row = session::get(connection, key.as_str())?.ok_or(StoreError::Moved)?;
    let mut lines = Vec::new();
    let mut summary_at = None;
    let known = transcript::has_inbox(connection, &row.session_id, lead_id)?;
    if !known && let Some(entry) = summary {
        let sequence = session::next_sequence(connection, key.as_str(), &entry.text, at_ms)?;
        // With the number of a row, so that a second run of the turn finds where its lines begin.
        let first = summarised.first().map(|work| work.id);
        transcript::append(connection, &row.session_id, sequence, first, &entry)?;
        summary_at = Some(sequence);
    }
    let mut gone = Vec::new();
    for work in summarised
        .iter()
        .chain(works)
        .filter(|work| work.id != lead_id)
    {
        match inbox::merge(connection, work.id, lead_id, at_ms) {
            Ok(()) => {}
            // Withdrawn meanwhile, or a repeat that was never written: the turn goes on without it.
            Err(StoreError::Moved) => gone.push(work.id),
            Err(error) => return Err(error),
        }
    }
    for work in works.iter().filter(|work| !gone.contains(&work.id)) {
        if known || transcript::has_inbox(connection, &row.session_id, work.id)? {
            continue;
        }
        for entry in prompt::prelude_of(work) {
            let sequence = session::next_sequence(connection, key.as_str(), &entry.text, at_ms)?;
            transcript::append(connection, &row.session_id, sequence, None, &entry)?;
        }
        let entry = prompt::entry_of(work);
        let sequence = session::next_sequence(connection, key.as_str(), &entry.text, at_ms)?;
        transcript::append(connection, &row.session_id, sequence, Some(work.id), &entry)?;
        lines.push((sequence, entry));
    }
    session::run_started(connection, key.as_str(), Some(run_id), at_ms)?;
    let mut ids: Vec<InboxId> = works.iter().chain(summarised).map(|work| work.id).collect();
    let earlier = if attempt > 1 {
        inbox::merged_into(connection, lead_id)?
    } else {
        Vec::new()
    };
    let earlier = earlier
        .iter()
        .filter(|row| !ids.contains(&row.id))
        .filter_map(|row| engine.work_of(row));
    let joined: Vec<Work> = earlier.collect();
    ids.extend(joined.iter().map(|work| work.id));
    // A second run of the turn finds its lines already there: history ends before the first of them.
    let first_line = lines.first().map(|(sequence, _)| *sequence);
    let first_sequence = match summary_at.or(first_line) {
        Some(sequence) => sequence,
        None => transcript::first_of_inbox(connection, &row.session_id, &ids)?
            .unwrap_or(row.entries + 1),
    };
    Ok((
        Adopted {
            row,
            attempt,
            first_sequence,
            joined,
            gone,
        },
        lines,
    ))
}
