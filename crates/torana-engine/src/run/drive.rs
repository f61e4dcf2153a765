//! Driving one run: the backend's stream, the watchdogs, the live text and the preview on the platform.

use std::sync::Arc;

use futures_util::StreamExt;
use torana_core::ask::{Attached, Wishes};
use torana_core::event::{Event, RunFacts, RunSignal, SessionChange};
use torana_core::limit::ANSWER_BYTES_MAX;
use torana_core::media::MediaRef;
use torana_core::message::PeerKind;
use torana_core::port::{Media, OpenRequest, RunStream, TurnRequest};
use torana_core::render::preview as visible;
use torana_core::run::{
    Entry, FailureKind, ModelRef, Outcome, Role, RunEvent, Sampling, Settled, Usage,
};

use super::compact::CompactRequest;
use super::context::{self, BYTES_PER_TOKEN, Room};
use super::{Adopted, prompt};
use crate::engine::Engine;
use crate::reply::preview::{Preview, Shown};
use crate::session::TurnPlan;
use crate::store::inbox::Payload;
use crate::store::{self, outbox, session, transcript};
use crate::turn::StopReason;

/// Bytes of a model's thoughts that are kept to be shown: a message or two on every platform.
const THOUGHTS_BYTES_MAX: usize = 8 * 1024;
/// Lines of history offered to a model at most; context windows are full long before.
const HISTORY_LINES_MAX: usize = 1_000;
/// What came of a run.
pub(super) struct Driven {
    pub(super) settled: Settled,
    pub(super) stopped: Option<StopReason>,
    /// Messages on the platform that show the answer so far.
    pub(super) shown: Shown,
    /// What the session wants told beside the answer.
    pub(super) aside: Aside,
}

/// What a run leaves besides its answer, for sessions that show it.
#[derive(Default)]
pub(super) struct Aside {
    /// The model's thoughts, as far as they are kept.
    pub(super) thoughts: String,
    /// The model that was to answer, and the one that did, when another one took over.
    pub(super) fallback: Option<(String, String)>,
}

/// Runs the backend until the turn is over. Never fails: whatever happens becomes an outcome.
pub(super) async fn run(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    facts: &Arc<RunFacts>,
) -> Driven {
    let lead = &plan.lead;
    let handle = &lead.handle;
    let cancelled = handle.cancelled();
    handle.begin(facts.started_at_ms, None);
    engine.session_changed(&facts.session, &facts.agent, SessionChange::RunStarted);
    engine
        .shared
        .bus
        .publish(Event::Run(Arc::clone(facts), RunSignal::Started));
    let preview = Preview::start(
        engine,
        lead,
        adopted.attempt,
        !adopted.row.manner.keeps_answers(),
    )
    .await;
    let mut aside = Aside::default();
    // A permit bounds how many runs use the machine at once; waiting for one can be stopped like a run.
    let permit = tokio::select! {
        biased;
        () = cancelled.cancelled() => None,
        permit = engine.shared.permits.acquire() => permit.ok(),
    };
    let settled = match permit {
        None => stopped_settled(String::new()),
        Some(_permit) => attempts(engine, plan, adopted, facts, &preview, &mut aside).await,
    };
    let shown = preview.stop().await;
    let stopped = (settled.outcome == Outcome::Cancelled)
        .then(|| handle.stop_reason().unwrap_or(StopReason::Stop));
    Driven {
        settled,
        stopped,
        shown,
        aside,
    }
}

/// Asks the agent; once more with a shorter history when it did not fit.
async fn attempts(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    facts: &Arc<RunFacts>,
    preview: &Preview,
    aside: &mut Aside,
) -> Settled {
    let mut compacted = false;
    loop {
        let settled = match open(engine, plan, adopted).await {
            Ok((stream, deadline_ms, _conversation)) => {
                *aside = Aside::default();
                watch(engine, plan, facts, stream, deadline_ms, preview, aside).await
            }
            Err(settled) => settled,
        };
        let overflowed = settled.text.is_empty()
            && settled
                .error
                .as_ref()
                .is_some_and(|error| error.kind == FailureKind::ContextLength);
        if !overflowed || compacted {
            return settled;
        }
        compacted = true;
        let why = "the model found the conversation too long";
        if !compact(engine, plan, adopted, why).await {
            return settled;
        }
    }
}

/// Summarises the session of a turn; `false` leaves everything as it is. Stopping the turn stops this too.
async fn compact(engine: &Engine, plan: &TurnPlan, adopted: &Adopted, why: &str) -> bool {
    let key = &plan.lead.session;
    let now_ms = engine.shared.world.monotonic_ms();
    if !engine.shared.pauses.allow(key, now_ms) {
        return false;
    }
    let request = CompactRequest {
        before: Some(adopted.first_sequence),
        ..CompactRequest::default()
    };
    let cancelled = plan.lead.handle.cancelled();
    let outcome = tokio::select! {
        biased;
        () = cancelled.cancelled() => return false,
        outcome = engine.compact_in_turn(key, request) => outcome,
    };
    match outcome {
        Ok(Ok(done)) => {
            let (before, after) = (done.tokens_before, done.tokens_after);
            tracing::info!(session = %key, before, after, why, "A session was compacted.");
            true
        }
        Ok(Err(uncompacted)) => {
            engine.shared.pauses.pause(key, now_ms);
            let reason = uncompacted.reason();
            tracing::warn!(session = %key, reason, why, "A session could not be compacted.");
            false
        }
        Err(problem) => {
            tracing::warn!(session = %key, %problem, why, "A session could not be compacted.");
            false
        }
    }
}

/// Files the agent is shown: those of this turn, and of what was said before as far as they fit. Also words about new
/// ones that are gone.
async fn media(
    engine: &Engine,
    agent: &crate::settings::AgentSettings,
    plan: &TurnPlan,
    adopted: &Adopted,
    history: &[Entry],
) -> (Vec<Media>, String) {
    let old = history.iter().flat_map(|entry| entry.media.iter().cloned());
    let works = plan
        .merged
        .iter()
        .chain(&adopted.joined)
        .chain([&plan.lead]);
    let new: Vec<MediaRef> = works
        .flat_map(|work| work.payload.media().iter().cloned())
        .collect();
    let found = engine
        .shared
        .media
        .read(agent, old.collect(), new.clone())
        .await;
    let missing = new
        .iter()
        .filter(|file| {
            !found
                .iter()
                .any(|media| media.reference.digest == file.digest)
        })
        .map(|file| {
            let name = file.name.as_deref().unwrap_or(&file.mime);
            format!("\n[the file \"{name}\" came with this message; its content is not available]")
        })
        .collect();
    (found, missing)
}

type Opened = (
    RunStream,
    u64,
    Box<dyn torana_core::port::AgentConversation>,
);

async fn open(engine: &Engine, plan: &TurnPlan, adopted: &Adopted) -> Result<Opened, Settled> {
    let lead = &plan.lead;
    let settings = engine.settings();
    let Some(agent) = settings.agents.get(&lead.agent) else {
        let message = format!("the agent \"{}\" is not configured any more", lead.agent);
        return Err(Settled::failed(FailureKind::NotConfigured, message));
    };
    let mut said = history(engine, plan, adopted, agent.context_tokens).await?;
    let why = "the conversation outgrew the context";
    if !said.is_whole && compact(engine, plan, adopted, why).await {
        said = history(engine, plan, adopted, agent.context_tokens).await?;
    }
    let (media, missing) = media(engine, agent, plan, adopted, &said.entries).await;
    let (mut timeout_ms, mut system, mut model, mut thinking, mut sampling) = (
        settings.turn_timeout_ms,
        agent.system.clone(),
        None,
        None,
        Sampling::default(),
    );
    let (mut attached, mut wishes) = (Attached::default(), Wishes::default());
    if let Payload::Client(input) = lead.payload.as_ref() {
        timeout_ms = input
            .timeout_ms
            .unwrap_or(timeout_ms)
            .min(settings.turn_timeout_ms);
        if input.bare {
            system.clear();
        }
        if let Some(more) = &input.system {
            system.push_str("\n\n");
            system.push_str(more);
        }
        model = input.model.as_deref().and_then(ModelRef::parse);
        thinking.clone_from(&input.thinking);
        sampling.clone_from(&input.sampling);
        attached = input.attached.clone();
        wishes = input.wishes.clone();
    }
    let deadline_ms = engine
        .shared
        .world
        .monotonic_ms()
        .saturating_add(timeout_ms.max(1));
    let request = TurnRequest {
        run_id: lead.run_id.clone(),
        attempt: adopted.attempt,
        system,
        input: prompt::input_of(plan, adopted, &said.context) + &missing,
        history: said.entries,
        media,
        attached,
        wishes,
        // The policy may have become narrower since these were chosen; then the configured model answers.
        model: model
            .into_iter()
            .chain(adopted.row.model.as_deref().and_then(ModelRef::parse))
            .chain(engine.overrides().model_of(&lead.agent))
            .find(|model| agent.allows_model(model)),
        thinking: thinking
            .or_else(|| adopted.row.thinking.clone())
            .or_else(|| agent.thinking.clone()),
        sampling,
        deadline_ms,
    };
    let open = OpenRequest {
        session: lead.session.clone(),
        agent: lead.agent.clone(),
    };
    let mut conversation = agent
        .backend
        .open(open)
        .await
        .map_err(|failure| Settled::failed(FailureKind::Unavailable, failure.message))?;
    let stream = conversation.turn(request);
    lead.handle
        .begin(engine.shared.world.wall_ms(), conversation.steer());
    Ok((stream, deadline_ms, conversation))
}

/// What was said before a turn.
#[derive(Default)]
struct Said {
    /// The conversation, oldest first.
    entries: Vec<Entry>,
    /// Unanswered group messages: sender and text.
    context: Vec<(String, String)>,
    /// Nothing was left out for want of room.
    is_whole: bool,
}

async fn history(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    context_tokens: usize,
) -> Result<Said, Settled> {
    let in_group = matches!(plan.lead.payload.as_ref(),
        Payload::Channel(inbound) if inbound.conversation.peer.kind != PeerKind::Direct);
    if adopted.first_sequence <= 1 && !in_group {
        return Ok(Said {
            is_whole: true,
            ..Said::default()
        });
    }
    let (session_id, before, key, lead) = (
        adopted.row.session_id.clone(),
        adopted.first_sequence,
        plan.lead.session.clone(),
        plan.lead.id,
    );
    let bytes_max = context_tokens.saturating_mul(BYTES_PER_TOKEN);
    let read = engine
        .shared
        .store
        .read(move |connection| {
            let tree = transcript::tree(connection, &session_id)?;
            // The turn's own lines are on the branch already; a summary may follow them.
            let row =
                session::get(connection, key.as_str())?.filter(|row| row.session_id == session_id);
            let leaf = row.map_or(before, |row| row.branch_leaf().max(before));
            let branch = tree.path(leaf);
            let room = Room {
                before,
                lines: HISTORY_LINES_MAX,
                bytes: bytes_max,
            };
            let found = context::read(connection, &session_id, &branch, room)?;
            let context = if in_group {
                store::context::before(connection, key.as_str(), lead)?
            } else {
                Vec::new()
            };
            Ok((found, context))
        })
        .await;
    match read {
        Ok((found, context)) => {
            let is_whole = found.is_whole;
            let mut entries = found.into_entries();
            if let Some(turns) = dm_turns(engine, plan) {
                entries.drain(..first_of_last_turns(&entries, turns));
            }
            Ok(Said {
                entries,
                context,
                is_whole,
            })
        }
        Err(error) => {
            tracing::error!(%error, session = %plan.lead.session, "The history of a session could not be read.");
            Err(Settled::failed(
                FailureKind::Internal,
                "the history of this conversation could not be read",
            ))
        }
    }
}

/// How many turns of this direct chat the model may see, where config limits it.
fn dm_turns(engine: &Engine, plan: &TurnPlan) -> Option<usize> {
    let Payload::Channel(inbound) = plan.lead.payload.as_ref() else {
        return None;
    };
    let conversation = &inbound.conversation;
    if conversation.peer.kind != PeerKind::Direct {
        return None;
    }
    let account = engine
        .settings()
        .account(&conversation.channel, &conversation.account);
    account
        .dm_turns_by_sender
        .get(inbound.sender.id.as_ref())
        .copied()
        .or(account.dm_turns)
}

/// Where the last so many turns begin; a turn begins with what a person said.
fn first_of_last_turns(entries: &[Entry], turns: usize) -> usize {
    let said = entries
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, entry)| entry.role == Role::User);
    match turns.checked_sub(1) {
        None => entries.len(),
        Some(skipped) => said.map(|(index, _)| index).nth(skipped).unwrap_or(0),
    }
}

fn stopped_settled(text: String) -> Settled {
    Settled {
        outcome: Outcome::Cancelled,
        text,
        error: None,
        usage: Usage::default(),
        provider: None,
        model: None,
        calls: Vec::new(),
    }
}

/// Follows the stream to its end, or ends it.
async fn watch(
    engine: &Engine,
    plan: &TurnPlan,
    facts: &Arc<RunFacts>,
    mut stream: RunStream,
    deadline_ms: u64,
    preview: &Preview,
    aside: &mut Aside,
) -> Settled {
    let handle = &plan.lead.handle;
    let cancelled = handle.cancelled();
    let world = &engine.shared.world;
    let idle_ms = engine.shared.settings.load().run_idle_ms;
    let mut seen = Seen::default();
    let mut alarm_ms = deadline_ms.min(world.monotonic_ms().saturating_add(idle_ms));
    let mut alarm = world.clock.sleep_until(alarm_ms);
    let mut quiet_since_ms = world.monotonic_ms();
    loop {
        let event = tokio::select! {
            biased;
            () = cancelled.cancelled() => {
                if handle.stop_reason() == Some(StopReason::Timeout) {
                    return timed_out(seen, "the deadline of this request has passed");
                }
                return seen.cancelled();
            }
            event = stream.next() => event,
            () = &mut alarm => {
                let now_ms = world.monotonic_ms();
                if now_ms >= deadline_ms {
                    return timed_out(seen, "the turn took longer than allowed (`agents.defaults.timeoutSeconds`)");
                }
                if now_ms.saturating_sub(quiet_since_ms) >= idle_ms {
                    return timed_out(seen, "the agent was silent for too long");
                }
                // Something arrived since the alarm was set: sleep for the rest only.
                alarm_ms = deadline_ms.min(quiet_since_ms.saturating_add(idle_ms));
                alarm = world.clock.sleep_until(alarm_ms);
                continue;
            }
        };
        quiet_since_ms = world.monotonic_ms();
        match event {
            None => {
                return Settled::failed(
                    FailureKind::Internal,
                    "the agent ended without saying how",
                );
            }
            Some(RunEvent::Settled(settled)) => return settled,
            Some(event) => {
                aside.take(&event);
                if !seen.take(engine, facts, handle, preview, event) {
                    return timed_out(seen, "the answer grew beyond 16 MiB");
                }
            }
        }
    }
}

fn timed_out(seen: Seen, why: &str) -> Settled {
    let failed = Settled::failed(FailureKind::Timeout, why);
    Settled {
        text: seen.text,
        provider: seen.provider,
        model: seen.model,
        ..failed
    }
}

impl Aside {
    /// Keeps what a session may want told beside the answer.
    fn take(&mut self, event: &RunEvent) {
        match event {
            RunEvent::ThinkingDelta(delta) => {
                let room = THOUGHTS_BYTES_MAX.saturating_sub(self.thoughts.len());
                let end = (0..=room.min(delta.len()))
                    .rev()
                    .find(|end| delta.is_char_boundary(*end));
                self.thoughts.push_str(&delta[..end.unwrap_or(0)]);
            }
            RunEvent::Fallback { from, to, .. } => {
                let first = self.fallback.take().map(|(first, _)| first);
                self.fallback = Some((first.unwrap_or_else(|| from.clone()), to.clone()));
            }
            _ => {}
        }
    }
}

/// What a run has shown so far.
#[derive(Default)]
struct Seen {
    text: String,
    provider: Option<String>,
    model: Option<String>,
}

impl Seen {
    fn cancelled(self) -> Settled {
        Settled {
            provider: self.provider,
            model: self.model,
            ..stopped_settled(self.text)
        }
    }

    /// Passes one event on. `false` when the answer is too long.
    fn take(
        &mut self,
        engine: &Engine,
        facts: &Arc<RunFacts>,
        handle: &crate::turn::TurnHandle,
        preview: &Preview,
        event: RunEvent,
    ) -> bool {
        let signal = match event {
            RunEvent::TextDelta(delta) => {
                if self.text.len() + delta.len() > ANSWER_BYTES_MAX {
                    return false;
                }
                self.text.push_str(&delta);
                handle.push_text(&delta);
                if preview.is_on() {
                    preview.text(visible(&self.text));
                }
                RunSignal::Text(Arc::from(delta))
            }
            RunEvent::TextReplace(text) => {
                if text.len() > ANSWER_BYTES_MAX {
                    return false;
                }
                handle.replace_text(&text);
                self.text.clone_from(&text);
                if preview.is_on() {
                    preview.text(visible(&self.text));
                }
                RunSignal::Replace(Arc::from(text))
            }
            RunEvent::ThinkingDelta(delta) => {
                preview.thinking();
                RunSignal::Thinking(Arc::from(delta))
            }
            RunEvent::Model { provider, model } => {
                self.provider = Some(provider.clone());
                self.model = Some(model.clone());
                RunSignal::Model { provider, model }
            }
            RunEvent::ToolStarted {
                id,
                name,
                arguments,
            } => {
                preview.activity(&name);
                RunSignal::ToolStarted {
                    id,
                    name,
                    arguments,
                }
            }
            RunEvent::ToolFinished {
                id,
                name,
                is_error,
                text,
            } => RunSignal::ToolFinished {
                id,
                name,
                is_error,
                text,
            },
            RunEvent::Retrying {
                attempt,
                delay_ms,
                reason,
            } => RunSignal::Retrying {
                attempt,
                delay_ms,
                reason,
            },
            RunEvent::Fallback { from, to, reason } => RunSignal::Fallback { from, to, reason },
            RunEvent::Progress | RunEvent::Settled(_) => return true,
        };
        engine
            .shared
            .bus
            .publish(Event::Run(Arc::clone(facts), signal));
        true
    }
}

/// Messages of an earlier run of the same turn that show a half-written answer.
pub(crate) async fn known_previews(
    engine: &Engine,
    inbox: torana_core::id::InboxId,
) -> Vec<String> {
    engine
        .shared
        .store
        .read(move |connection| outbox::previews(connection, inbox))
        .await
        .unwrap_or_default()
}
