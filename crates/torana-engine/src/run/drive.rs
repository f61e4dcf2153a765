//! Driving one run: the backend's stream, the watchdogs, the live text and the preview on the platform.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use torana_core::ask::{Attached, Wishes};
use torana_core::event::{Event, RunFacts, RunSignal, SessionChange};
use torana_core::port::{OpenRequest, RunStream, Steer, TurnRequest};
use torana_core::run::{FailureKind, ModelRef, Outcome, Sampling, Settled, Usage};

use super::compact::CompactRequest;
use super::finish::is_direct;
use super::history::{history, media};
use super::watch::{Aside, stopped_settled, watch};
use super::{Adopted, prompt};
use crate::engine::Engine;
use crate::reply::Shown;
use crate::reply::preview::Preview;
use crate::session::TurnPlan;
use crate::store::inbox::Payload;
use crate::turn::StopReason;

/// What came of a run.
pub(super) struct Driven {
    pub(super) settled: Settled,
    /// What an ask used whose result is not the one above.
    pub(super) discarded: Usage,
    pub(super) stopped: Option<StopReason>,
    /// Messages on the platform that show the answer so far.
    pub(super) shown: Shown,
    /// What the session wants told beside the answer.
    pub(super) aside: Aside,
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
    let (settled, discarded) = match permit {
        None => (stopped_settled(String::new()), Usage::default()),
        Some(_permit) => attempts(engine, plan, adopted, facts, &preview, &mut aside).await,
    };
    let shown = preview.stop().await;
    let stopped = (settled.outcome == Outcome::Cancelled)
        .then(|| handle.stop_reason().unwrap_or(StopReason::Stop));
    Driven {
        settled,
        discarded,
        stopped,
        shown,
        aside,
    }
}

/// Asks the agent; in a direct chat once more when it answered with nothing. Returns what the other ask used, too.
async fn attempts(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    facts: &Arc<RunFacts>,
    preview: &Preview,
    aside: &mut Aside,
) -> (Settled, Usage) {
    let world = &engine.shared.world;
    let timeout_ms = timeout_ms(&plan.lead.payload, engine.settings().turn_timeout_ms);
    let deadline_ms = world.monotonic_ms().saturating_add(timeout_ms.max(1));
    let first = attempt(engine, plan, adopted, facts, deadline_ms, preview, aside).await;
    // Elsewhere silence is the rule. A tool that was called may have changed something, so it is not called twice for
    // want of words; and words taken into the first conversation would be unknown to a second one.
    let is_repeatable = first.outcome == Outcome::Empty && is_direct(plan) && !aside.acted;
    if !is_repeatable || world.monotonic_ms() >= deadline_ms {
        return (first, Usage::default());
    }
    tracing::info!(session = %plan.lead.session, "A model that answered with nothing is asked once more.");
    let mut second = attempt(engine, plan, adopted, facts, deadline_ms, preview, aside).await;
    let is_stopped = plan.lead.handle.stop_reason().is_some();
    if second.outcome == Outcome::Error && second.text.is_empty() && !is_stopped {
        return (first, second.usage);
    }
    if second.provider.is_none() {
        (second.provider, second.model) = (first.provider, first.model);
    }
    (second, first.usage)
}

/// Asks the agent; once more with a shorter history when it did not fit.
async fn attempt(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    facts: &Arc<RunFacts>,
    deadline_ms: u64,
    preview: &Preview,
    aside: &mut Aside,
) -> Settled {
    let mut compacted = false;
    loop {
        let settled = match open(engine, plan, adopted, deadline_ms).await {
            Ok((stream, steered, _conversation)) => {
                *aside = Aside::default();
                let settled = watch(engine, plan, facts, stream, deadline_ms, preview, aside).await;
                aside.acted |= steered.load(Ordering::Acquire);
                settled
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

/// The way into a running conversation, which notes that words went it.
struct Noting {
    steer: Arc<dyn Steer>,
    is_used: Arc<AtomicBool>,
}

impl Steer for Noting {
    fn steer(&self, text: &str) -> bool {
        let is_taken = self.steer.steer(text);
        self.is_used.fetch_or(is_taken, Ordering::AcqRel);
        is_taken
    }
}

/// A conversation with its stream, and whether words were taken into it.
type Opened = (
    RunStream,
    Arc<AtomicBool>,
    Box<dyn torana_core::port::AgentConversation>,
);

async fn open(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    deadline_ms: u64,
) -> Result<Opened, Settled> {
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
    let asked = Asked::of(&lead.payload, &agent.system);
    let request = TurnRequest {
        run_id: lead.run_id.clone(),
        attempt: adopted.attempt,
        system: asked.system,
        input: prompt::input_of(plan, adopted, &said.context) + &missing,
        history: said.entries,
        media,
        attached: asked.attached,
        wishes: asked.wishes,
        // The policy may have become narrower since these were chosen; then the configured model answers.
        model: asked
            .model
            .into_iter()
            .chain(adopted.row.model.as_deref().and_then(ModelRef::parse))
            .chain(engine.overrides().model_of(&lead.agent))
            .find(|model| agent.allows_model(model)),
        thinking: asked
            .thinking
            .or_else(|| adopted.row.thinking.clone())
            .or_else(|| agent.thinking.clone()),
        sampling: asked.sampling,
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
    let is_used = Arc::new(AtomicBool::new(false));
    let noting = conversation.steer().map(|steer| -> Arc<dyn Steer> {
        Arc::new(Noting {
            steer,
            is_used: Arc::clone(&is_used),
        })
    });
    lead.handle.begin(engine.shared.world.wall_ms(), noting);
    Ok((stream, is_used, conversation))
}

/// How long the turn may take: as configured, or shorter when a client wishes so.
fn timeout_ms(payload: &Payload, timeout_ms_max: u64) -> u64 {
    let wished = match payload {
        Payload::Client(input) => input.timeout_ms,
        Payload::Channel(_) => None,
    };
    wished.map_or(timeout_ms_max, |wished| wished.min(timeout_ms_max))
}

/// What the model is asked with: the agent's own, changed by what a client wishes for this turn.
struct Asked {
    system: String,
    model: Option<ModelRef>,
    thinking: Option<String>,
    sampling: Sampling,
    attached: Attached,
    wishes: Wishes,
}

impl Asked {
    fn of(payload: &Payload, system: &str) -> Self {
        let mut asked = Self {
            system: system.to_owned(),
            model: None,
            thinking: None,
            sampling: Sampling::default(),
            attached: Attached::default(),
            wishes: Wishes::default(),
        };
        let Payload::Client(input) = payload else {
            return asked;
        };
        if input.bare {
            asked.system.clear();
        }
        if let Some(more) = &input.system {
            asked.system.push_str("\n\n");
            asked.system.push_str(more);
        }
        asked.model = input.model.as_deref().and_then(ModelRef::parse);
        asked.thinking.clone_from(&input.thinking);
        asked.sampling.clone_from(&input.sampling);
        asked.attached = input.attached.clone();
        asked.wishes = input.wishes.clone();
        asked
    }
}
