//! Runs that leave nothing behind but events and usage (decision 48): no row, no transcript, no lane.

use torana_core::ask::{Attached, Wishes};
use torana_core::blame::NOBODY;
use torana_core::id::{AgentId, RunId};
use torana_core::key::SessionKey;
use torana_core::port::{OpenRequest, RunStream, TurnRequest};
use torana_core::problem::{Code, Problem};
use torana_core::run::{Entry, ModelRef, Sampling};

use super::mark::RunMark;
use crate::engine::Engine;
use crate::settings::AgentSettings;

/// What such a run is asked.
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

impl Engine {
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
        let key =
            SessionKey::namespaced(turn.agent.as_str(), "ephemeral", &self.shared.world.uuid());
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
    agent: &AgentSettings,
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
