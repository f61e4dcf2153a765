//! The stream of a running backend: its watchdogs, its live text, and the one end it has.

use futures_util::StreamExt;
use std::sync::Arc;

use torana_core::event::{Event, RunFacts, RunSignal};
use torana_core::limit::ANSWER_BYTES_MAX;
use torana_core::port::RunStream;
use torana_core::render::preview as visible;
use torana_core::run::{FailureKind, Outcome, RunEvent, Settled, Usage};

use crate::engine::Engine;
use crate::reply::preview::Preview;
use crate::session::TurnPlan;
use crate::turn::StopReason;

/// Bytes of a model's thoughts that are kept to be shown: a message or two on every platform.
const THOUGHTS_BYTES_MAX: usize = 8 * 1024;

/// What a run leaves besides its answer, for sessions that show it.
#[derive(Default)]
pub(super) struct Aside {
    /// The model's thoughts, as far as they are kept.
    pub(super) thoughts: String,
    /// The model that was to answer, and the one that did, when another one took over.
    pub(super) fallback: Option<(String, String)>,
    /// Somebody may have seen a part of the answer, a tool was called, or more words were taken in.
    pub(super) acted: bool,
}

impl Aside {
    /// Keeps what a session may want told beside the answer.
    fn take(&mut self, event: &RunEvent) {
        match event {
            RunEvent::TextDelta(text) | RunEvent::TextReplace(text) => {
                self.acted |= !text.trim().is_empty();
            }
            RunEvent::ToolStarted { .. } => self.acted = true,
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

/// Follows the stream to its end, or ends it.
pub(super) async fn watch(
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

/// The outcome of a run that somebody stopped.
pub(super) fn stopped_settled(text: String) -> Settled {
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
