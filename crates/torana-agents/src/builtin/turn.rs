//! Carries one turn through its attempts, and always ends it with exactly one settled event.

use std::sync::{Arc, MutexGuard, PoisonError};

use torana_core::id::AgentId;
use torana_core::port::{TurnRequest, World};
use torana_core::run::{FailureKind, ModelRef, Outcome, RunError, RunEvent, Settled, Usage};

use super::compiled::{Compiled, DEMO};
use super::cooldown::Cooldowns;
use super::failover::{Because, Failover, Step};
use super::words;
use crate::emit::Emitter;
use crate::provider::{
    Finish, ModelRequest, Output, ProviderFailure, ProviderSettings, conversation,
};

pub(crate) struct Turn {
    world: World,
    compiled: Arc<Compiled>,
    failover: Failover,
    request: ModelRequest,
    thinking: Option<String>,
    deadline_ms: u64,
    output: Output,
    model: Option<ModelRef>,
    usage: Usage,
}

impl Turn {
    pub(crate) fn new(
        world: World,
        compiled: Arc<Compiled>,
        agent: &AgentId,
        request: TurnRequest,
        emitter: Emitter,
    ) -> Self {
        let settings = &compiled.settings;
        let mut candidates = settings.candidates(agent.as_str(), request.model.as_ref());
        if candidates.is_empty() && settings.demo.is_some() {
            candidates.push(ModelRef {
                provider: DEMO.to_owned(),
                model: DEMO.to_owned(),
            });
        }
        let thinking = request
            .thinking
            .or_else(|| settings.agent(agent.as_str()).thinking.clone());
        Self {
            failover: Failover::new(candidates, world.monotonic_ms(), request.deadline_ms),
            request: ModelRequest {
                model: String::new(),
                system: request.system,
                utterances: conversation(
                    &request.history,
                    &request.input,
                    request.attached,
                    &request.media,
                ),
                max_tokens: None,
                thinking: None,
                sampling: request.sampling,
                wishes: request.wishes,
            },
            thinking,
            deadline_ms: request.deadline_ms,
            output: Output::new(world.clone(), emitter),
            world,
            compiled,
            model: None,
            usage: Usage::default(),
        }
    }

    /// Emits everything, the settled event last.
    pub(crate) async fn run(mut self) {
        let deadline = self.world.clock.sleep_until(self.deadline_ms);
        let ended = tokio::select! {
            biased;
            ended = self.attempts() => ended,
            () = deadline => Err(words::out_of_time(self.model.as_ref())),
        };
        self.account();
        let settled = self.settle(ended);
        self.output.note(RunEvent::Settled(settled)).await;
    }

    async fn attempts(&mut self) -> Result<Finish, RunError> {
        let now_ms = self.world.monotonic_ms();
        let mut step = {
            let compiled = Arc::clone(&self.compiled);
            let cooldowns = lock(&compiled);
            self.failover.begin(&cooldowns, now_ms)
        };
        loop {
            let (model, after_ms, because) = match step {
                Step::Call {
                    model,
                    after_ms,
                    because,
                } => (model, after_ms, because),
                Step::GiveUp {
                    failure,
                    model,
                    attempts,
                } => {
                    let has_key = self.has_key(model.as_ref());
                    return Err(words::run_error(
                        &failure,
                        model.as_ref(),
                        has_key,
                        attempts,
                    ));
                }
            };
            self.announce(&model, after_ms, &because).await;
            if after_ms > 0 {
                self.world.sleep_ms(after_ms).await;
            }
            self.output.restart().await;
            if !matches!(because, Because::Retry { .. }) {
                let chosen = RunEvent::Model {
                    provider: model.provider.clone(),
                    model: model.model.clone(),
                };
                self.output.note(chosen).await;
            }
            let result = self.attempt(model).await;
            self.account();
            let (now_ms, random) = (self.world.monotonic_ms(), self.world.below(u64::MAX));
            let mut cooldowns = lock(&self.compiled);
            step = match result {
                Ok(finish) => {
                    self.failover.succeeded(&mut cooldowns);
                    return Ok(finish);
                }
                Err(failure) => self
                    .failover
                    .failed(failure, &mut cooldowns, now_ms, random),
            };
        }
    }

    async fn announce(&mut self, model: &ModelRef, after_ms: u64, because: &Because) {
        match because {
            Because::First if after_ms > 0 => self.output.progress().await,
            Because::First => {}
            Because::Retry { attempt, reason } => {
                let event = RunEvent::Retrying {
                    attempt: *attempt,
                    delay_ms: after_ms,
                    reason: *reason,
                };
                self.output.note(event).await;
            }
            Because::Fallback { from, reason } => {
                let event = RunEvent::Fallback {
                    from: from.to_string(),
                    to: model.to_string(),
                    reason: *reason,
                };
                self.output.note(event).await;
            }
        }
    }

    async fn attempt(&mut self, model: ModelRef) -> Result<Finish, ProviderFailure> {
        let provider = self.compiled.provider(&model.provider);
        let known = self.compiled.settings.model(&model);
        self.request.model.clone_from(&model.model);
        // The caller may ask for less than the model is configured to write, not for more.
        let limits = [
            known.and_then(|known| known.max_tokens),
            self.request.sampling.max_tokens,
        ];
        self.request.max_tokens = limits.into_iter().flatten().min();
        // A model that is not known to think is not asked to; many providers refuse the field.
        let can_think = known.is_some_and(|known| known.reasoning);
        self.request.thinking = self.thinking.clone().filter(|_| can_think);
        self.model = Some(model);
        provider?.answer(&self.request, &mut self.output).await
    }

    /// Whether something was sent that the provider could know us by.
    fn has_key(&self, model: Option<&ModelRef>) -> bool {
        let providers = &self.compiled.settings.providers;
        model
            .and_then(|model| providers.get(&model.provider))
            .is_some_and(ProviderSettings::has_credential)
    }

    /// Adds what the last attempt used, with its price.
    fn account(&mut self) {
        let mut usage = self.output.take_usage();
        let known = self
            .model
            .as_ref()
            .and_then(|model| self.compiled.settings.model(model));
        if usage.total() > 0 {
            usage.cost_usd = known
                .and_then(|known| known.price)
                .map(|price| price.cost_usd(&usage));
            self.usage.add(&usage);
        }
    }

    fn settle(&mut self, ended: Result<Finish, RunError>) -> Settled {
        let text = self.output.take_text();
        let mut calls = self.output.take_calls();
        let (outcome, error) = match ended {
            Ok(Finish::Refused) => {
                let failure = ProviderFailure::new(FailureKind::Refusal, "");
                (
                    Outcome::Refused,
                    Some(words::run_error(&failure, self.model.as_ref(), true, 1)),
                )
            }
            Ok(Finish::Length) => (Outcome::Length, None),
            // Some servers say `stop` and send calls all the same.
            Ok(Finish::Calls | Finish::Stop) if !calls.is_empty() => (Outcome::ClientTools, None),
            Ok(Finish::Stop | Finish::Calls) if text.trim().is_empty() => (Outcome::Empty, None),
            Ok(Finish::Stop | Finish::Calls) => (Outcome::Ok, None),
            Err(error) if error.kind == FailureKind::Refusal => (Outcome::Refused, Some(error)),
            Err(error) => (Outcome::Error, Some(error)),
        };
        if outcome != Outcome::ClientTools {
            calls.clear();
        }
        let (provider, model) = self
            .model
            .take()
            .map(|model| (model.provider, model.model))
            .unzip();
        Settled {
            outcome,
            text,
            error,
            usage: self.usage,
            provider,
            model,
            calls,
        }
    }
}

fn lock(compiled: &Compiled) -> MutexGuard<'_, Cooldowns> {
    compiled
        .cooldowns
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}
