//! Driving one run: the backend's stream, the watchdogs, the live text and the preview on the platform.

use std::sync::Arc;

use futures_util::StreamExt;
use torana_core::event::{Event, RunFacts, RunSignal, SessionChange};
use torana_core::limit::ANSWER_BYTES_MAX;
use torana_core::message::PeerKind;
use torana_core::port::{OpenRequest, RunStream, TurnRequest};
use torana_core::render::preview as visible;
use torana_core::run::{Entry, FailureKind, ModelRef, Outcome, Role, RunEvent, Settled, Usage};

use super::{Adopted, prompt};
use crate::engine::Engine;
use crate::reply::preview::{Preview, Shown};
use crate::session::TurnPlan;
use crate::store::inbox::Payload;
use crate::store::{inbox, outbox, transcript};
use crate::turn::StopReason;

/// Lines of history offered to a model at most; context windows are full long before.
const HISTORY_LINES_MAX: usize = 1_000;
/// Bytes of history per token of context: English text has about four, and a quarter is left for the answer.
const HISTORY_BYTES_PER_TOKEN: usize = 3;

/// What came of a run.
pub(super) struct Driven {
    pub(super) settled: Settled,
    pub(super) stopped: Option<StopReason>,
    /// Messages on the platform that show the answer so far.
    pub(super) shown: Shown,
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
    let preview = Preview::start(engine, lead, adopted.attempt).await;
    // A permit bounds how many runs use the machine at once; waiting for one can be stopped like a run.
    let permit = tokio::select! {
        biased;
        () = cancelled.cancelled() => None,
        permit = engine.shared.permits.acquire() => permit.ok(),
    };
    let settled = match permit {
        None => stopped_settled(String::new()),
        Some(_permit) => match open(engine, plan, adopted).await {
            Ok((stream, deadline_ms, _conversation)) => {
                watch(engine, plan, facts, stream, deadline_ms, &preview).await
            }
            Err(settled) => settled,
        },
    };
    let shown = preview.stop().await;
    let stopped = (settled.outcome == Outcome::Cancelled)
        .then(|| handle.stop_reason().unwrap_or(StopReason::Stop));
    Driven {
        settled,
        stopped,
        shown,
    }
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
    let (history, context) = history(engine, plan, adopted, agent.context_tokens).await?;
    let (mut timeout_ms, mut system, mut model, mut thinking) =
        (settings.turn_timeout_ms, agent.system.clone(), None, None);
    if let Payload::Client(input) = lead.payload.as_ref() {
        timeout_ms = input
            .timeout_ms
            .unwrap_or(timeout_ms)
            .min(settings.turn_timeout_ms);
        if let Some(more) = &input.system {
            system.push_str("\n\n");
            system.push_str(more);
        }
        model = input.model.as_deref().and_then(ModelRef::parse);
        thinking.clone_from(&input.thinking);
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
        history,
        input: prompt::input_of(plan, adopted, &context),
        // The policy may have become narrower since these were chosen; then the configured model answers.
        model: model
            .into_iter()
            .chain(adopted.row.model.as_deref().and_then(ModelRef::parse))
            .chain(engine.overrides().model_of(&lead.agent))
            .find(|model| agent.allows_model(model)),
        thinking: thinking
            .or_else(|| adopted.row.thinking.clone())
            .or_else(|| agent.thinking.clone()),
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

async fn history(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    context_tokens: usize,
) -> Result<(Vec<Entry>, Vec<(String, String)>), Settled> {
    let in_group = matches!(plan.lead.payload.as_ref(),
        Payload::Channel(inbound) if inbound.conversation.peer.kind != PeerKind::Direct);
    if adopted.first_sequence <= 1 && !in_group {
        return Ok((Vec::new(), Vec::new()));
    }
    let (session_id, before, key, lead) = (
        adopted.row.session_id.clone(),
        adopted.first_sequence,
        plan.lead.session.clone(),
        plan.lead.id,
    );
    let bytes_max = context_tokens.saturating_mul(HISTORY_BYTES_PER_TOKEN);
    let read = engine
        .shared
        .store
        .read(move |connection| {
            let lines = transcript::before(
                connection,
                &session_id,
                before,
                HISTORY_LINES_MAX,
                bytes_max,
            )?;
            let context = if in_group {
                inbox::context(connection, key.as_str(), lead)?
            } else {
                Vec::new()
            };
            Ok((lines, context))
        })
        .await;
    match read {
        Ok((lines, context)) => {
            let mut entries: Vec<Entry> = lines.into_iter().map(|line| line.entry).collect();
            if let Some(turns) = dm_turns(engine, plan) {
                entries.drain(..first_of_last_turns(&entries, turns));
            }
            Ok((entries, context))
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
