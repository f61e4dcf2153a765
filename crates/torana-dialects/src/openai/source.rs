//! Where an answer comes from: a throw-away run, or a durable turn when a session is named (decision 48).
//!
//! The client's connection is the run's life line: whoever reads the answer owns the source, so a disconnect drops it,
//! which cancels the work. Sources are polled by the connection itself; no task or queue stands between model and client.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::StreamExt;
use torana_core::ask::Attached;
use torana_core::id::AgentId;
use torana_core::media::MediaRef;
use torana_core::port::RunStream;
use torana_core::problem::{Code, Problem};
use torana_core::run::{FailureKind, Outcome, RunError, RunEvent, Settled};
use torana_engine::store::inbox::ClientInput;
use torana_engine::{
    ClientTurn, Engine, EphemeralTurn, StopReason, SubmitStatus, TurnHandle, Upload,
};

use super::ask::Ask;
use super::runs::{Progress, Runs, Watch};

/// Where the text comes from.
pub(super) enum Source {
    /// A run without a journal.
    Throwaway(RunStream),
    /// A turn in the journals.
    Durable(Durable),
}

/// A durable turn that is stopped when nobody waits for it any more.
pub(super) struct Durable {
    watch: Watch,
    handle: Arc<TurnHandle>,
    is_over: bool,
}

impl Drop for Durable {
    fn drop(&mut self) {
        if !self.is_over {
            self.handle.stop(StopReason::Client);
        }
    }
}

/// Starts the work. `id` names the answer and, in the journals, the turn.
pub(super) async fn start(
    engine: &Engine,
    runs: &Runs,
    method: &'static str,
    ask: Ask,
    id: String,
) -> Result<Source, Problem> {
    let Some(session) = ask.session else {
        let turn = EphemeralTurn {
            agent: ask.agent,
            system: ask.system,
            history: ask.history,
            input: ask.input,
            attached: ask.attached,
            sampling: ask.sampling,
            wishes: ask.wishes,
            model: ask.backend_model,
            thinking: ask.thinking,
        };
        return engine.ephemeral(turn).await.map(Source::Throwaway);
    };
    let (mut attached, mut history) = (ask.attached, ask.history);
    let media = keep_images(engine, &ask.agent, &mut attached).await?;
    for entry in &mut history {
        let kept = keep_images(engine, &ask.agent, &mut entry.attached).await?;
        entry.media.extend(kept);
    }
    let watch = runs.watch(&id);
    let input = ClientInput {
        text: ask.input,
        system: ask.system,
        model: ask.backend_model.map(|model| model.to_string()),
        thinking: ask.thinking,
        // The shared secret is the owner's.
        owner: true,
        // Every request waits for an answer of its own.
        queue_mode: Some("followup".to_owned()),
        media,
        attached,
        sampling: ask.sampling,
        wishes: ask.wishes,
        prelude: if ask.is_history_new {
            history
        } else {
            Vec::new()
        },
        ..ClientInput::default()
    };
    let turn = ClientTurn {
        method,
        session,
        key: id,
        input,
        origin: None,
    };
    match engine.submit(turn).await?.status {
        SubmitStatus::Started(handle) | SubmitStatus::InFlight(handle) => {
            Ok(Source::Durable(Durable {
                watch,
                handle,
                is_over: false,
            }))
        }
        // The key is fresh, so nobody can have used it before.
        SubmitStatus::Finished(_) => Err(Problem::new(Code::Internal, "internal error")),
    }
}

/// Images of a durable turn are kept like any other file of a session: once, by digest, and forgotten with the oldest.
async fn keep_images(
    engine: &Engine,
    agent: &AgentId,
    attached: &mut Attached,
) -> Result<Vec<MediaRef>, Problem> {
    let mut uploads = Vec::with_capacity(attached.images.len());
    for image in std::mem::take(&mut attached.images) {
        let bytes = BASE64
            .decode(&image.base64)
            .map_err(|_| Problem::invalid("an image is not base64"))?;
        uploads.push(Upload {
            mime: Some(image.kind),
            name: None,
            bytes: Bytes::from(bytes),
        });
    }
    engine.accept_media(agent, uploads).await
}

/// One step of a run: more text, or the end.
pub(super) enum Step {
    Append(String),
    Whole(String),
    End(Arc<Settled>),
}

impl Source {
    /// Waits for the next step; nothing comes after the end.
    pub(super) async fn step(&mut self) -> Step {
        match self {
            Self::Throwaway(run) => loop {
                match run.next().await {
                    Some(RunEvent::TextDelta(text)) => return Step::Append(text),
                    Some(RunEvent::TextReplace(text)) => return Step::Whole(text),
                    Some(RunEvent::Settled(settled)) => {
                        let is_empty = settled.outcome == Outcome::Empty;
                        let end = if is_empty {
                            settled.unanswered()
                        } else {
                            settled
                        };
                        return Step::End(Arc::new(end));
                    }
                    None => {
                        return Step::End(Arc::new(Settled::failed(
                            FailureKind::Internal,
                            "the run ended without an answer",
                        )));
                    }
                    Some(
                        RunEvent::Model { .. }
                        | RunEvent::ThinkingDelta(_)
                        | RunEvent::ToolStarted { .. }
                        | RunEvent::ToolFinished { .. }
                        | RunEvent::Retrying { .. }
                        | RunEvent::Fallback { .. }
                        | RunEvent::Progress,
                    ) => {}
                }
            },
            Self::Durable(durable) => durable.step().await,
        }
    }

    /// Waits for the end and passes over what comes before.
    pub(super) async fn settled(&mut self) -> Arc<Settled> {
        loop {
            if let Step::End(settled) = self.step().await {
                return settled;
            }
        }
    }
}

impl Durable {
    async fn step(&mut self) -> Step {
        let progress = tokio::select! {
            biased;
            progress = self.watch.next() => Some(progress),
            // A turn that was merged into another ends under that one's id.
            finished = self.handle.finished() => {
                self.is_over = true;
                let gone = || Arc::new(Settled::failed(FailureKind::Internal, "the turn was lost"));
                return Step::End(finished.map_or_else(gone, |finished| {
                    visible(&finished.settled, finished.silent.is_some())
                }));
            }
        };
        match progress {
            Some(Progress::Settled { settled, is_silent }) => {
                self.is_over = true;
                Step::End(visible(&settled, is_silent))
            }
            Some(Progress::Text(text)) => Step::Whole(text),
            None => Step::Whole(String::new()),
        }
    }
}

/// What a person may see of an end.
fn visible(settled: &Arc<Settled>, is_silent: bool) -> Arc<Settled> {
    if is_silent && !settled.text.is_empty() {
        Arc::new(Settled {
            text: String::new(),
            ..settled.as_ref().clone()
        })
    } else {
        Arc::clone(settled)
    }
}

/// The failure of a run that has no answer.
pub(super) fn error_of(settled: &Settled) -> Option<&RunError> {
    match settled.outcome {
        Outcome::Error => settled.error.as_ref(),
        // A refusal with words is an answer.
        Outcome::Refused => settled.error.as_ref().filter(|_| settled.text.is_empty()),
        Outcome::Ok
        | Outcome::Empty
        | Outcome::Length
        | Outcome::ClientTools
        | Outcome::Cancelled => None,
    }
}

/// What was sent of a text that grows, and what is new. Sent text cannot be taken back.
#[derive(Default)]
pub(super) struct Sent(String);

impl Sent {
    /// More text.
    pub(super) fn append(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// What a whole text adds; a text that began anew follows what was sent.
    pub(super) fn grow<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let more = text.strip_prefix(self.0.as_str()).unwrap_or(text);
        if more.is_empty() {
            return None;
        }
        text.clone_into(&mut self.0);
        Some(more)
    }

    /// What the final text adds. Rules for replies may have changed it; only what continues it can still be said.
    pub(super) fn rest<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let rest = text.strip_prefix(self.0.as_str())?;
        self.0.push_str(rest);
        Some(rest).filter(|rest| !rest.is_empty())
    }

    /// Everything that was sent.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}
