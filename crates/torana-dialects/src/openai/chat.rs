//! `/v1/chat/completions`: a throw-away run, or a durable turn when a session is named (decision 48).
//!
//! The client's connection is the run's life line: the answer's body owns the run, so a disconnect drops it, which
//! cancels the work. Streams are polled by the connection itself; no task or queue stands between model and client.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use torana_core::port::RunStream;
use torana_core::problem::{Code, Problem};
use torana_core::run::{FailureKind, Outcome, RunError, RunEvent, Settled};
use torana_engine::store::inbox::ClientInput;
use torana_engine::{
    ClientTurn, Engine, EphemeralTurn, Phase, StopReason, SubmitStatus, TurnHandle,
};

use super::request::{self, ChatRequest};
use super::runs::{Progress, Runs, Watch};
use super::shape::{self, Shape};
use crate::context::Context;
use crate::front::answer::{Answer, AnswerBody, refusal};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Answers one request.
pub(crate) async fn chat(
    context: &Context,
    runs: &Runs,
    headers: &HeaderMap,
    body: Bytes,
) -> Answer {
    let engine = &context.engine;
    if engine.phase() != Phase::Accepting {
        return shape::problem(&Problem::new(
            Code::Unavailable,
            "the gateway is starting or stopping",
        ));
    }
    let world = engine.world();
    let now_ms = world.wall_ms();
    let request = match request::read(&engine.settings(), headers, &body, now_ms) {
        Ok(request) => request,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", &message),
    };
    drop(body);
    let id = format!("chatcmpl_{}", world.uuid());
    let shape = Shape::new(id.clone(), now_ms / 1_000, request.model.clone());
    let (is_stream, include_usage) = (request.stream, request.include_usage);
    let source = match source(engine, runs, request, id).await {
        Ok(source) => source,
        Err(problem) => return shape::problem(&problem),
    };
    if is_stream {
        streamed(source, shape, include_usage)
    } else {
        collected(source, &shape).await
    }
}

/// Where the text comes from.
enum Source {
    /// A run without a journal.
    Throwaway(RunStream),
    /// A turn in the journals.
    Durable(Durable),
}

/// A durable turn that is stopped when nobody waits for it any more.
struct Durable {
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

async fn source(
    engine: &Engine,
    runs: &Runs,
    request: ChatRequest,
    id: String,
) -> Result<Source, Problem> {
    let ChatRequest {
        agent,
        session,
        backend_model,
        system,
        history,
        input,
        ..
    } = request;
    let Some(session) = session else {
        let turn = EphemeralTurn {
            agent,
            system,
            history,
            input,
            model: backend_model,
        };
        return engine.ephemeral(turn).await.map(Source::Throwaway);
    };
    let watch = runs.watch(&id);
    let input = ClientInput {
        text: input,
        system,
        model: backend_model.map(|model| model.to_string()),
        // The shared secret is the owner's.
        owner: true,
        // Every request waits for an answer of its own.
        queue_mode: Some("followup".to_owned()),
        ..ClientInput::default()
    };
    let turn = ClientTurn {
        method: "v1.chat.completions",
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

/// One step of a run: more text, or the end.
enum Step {
    Append(String),
    Whole(String),
    End(Arc<Settled>),
}

impl Source {
    async fn step(&mut self) -> Step {
        match self {
            Self::Throwaway(run) => loop {
                match run.next().await {
                    Some(RunEvent::TextDelta(text)) => return Step::Append(text),
                    Some(RunEvent::TextReplace(text)) => return Step::Whole(text),
                    Some(RunEvent::Settled(settled)) => return Step::End(Arc::new(settled)),
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
                return Step::End(finished.map_or_else(gone, |finished| visible(&finished.settled, finished.silent.is_some())));
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

fn error_of(settled: &Settled) -> Option<&RunError> {
    match settled.outcome {
        Outcome::Error => settled.error.as_ref(),
        // A refusal with words is an answer.
        Outcome::Refused => settled.error.as_ref().filter(|_| settled.text.is_empty()),
        Outcome::Ok | Outcome::Empty | Outcome::Length | Outcome::Cancelled => None,
    }
}

async fn collected(mut source: Source, shape: &Shape) -> Answer {
    loop {
        if let Step::End(settled) = source.step().await {
            return match error_of(&settled) {
                Some(error) => shape::failed(error),
                None => shape.whole(&settled.text, &settled),
            };
        }
    }
}

/// A stream in the making: what was sent decides what is new.
struct Flow {
    source: Source,
    shape: Shape,
    sent: String,
    include_usage: bool,
    is_over: bool,
}

fn streamed(source: Source, shape: Shape, include_usage: bool) -> Answer {
    let opening = shape.opening();
    let flow = Flow {
        source,
        shape,
        sent: String::new(),
        include_usage,
        is_over: false,
    };
    let rest = stream::unfold(flow, |mut flow| async move {
        let bytes = flow.next().await?;
        Some((bytes, flow))
    });
    let pieces: BoxStream<'static, Bytes> = stream::once(std::future::ready(opening))
        .chain(rest)
        .boxed();
    let mut answer = Response::new(AnswerBody::Stream(pieces));
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, EVENT_STREAM);
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
    answer
}

impl Flow {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            match self.source.step().await {
                Step::Append(text) => {
                    self.sent.push_str(&text);
                    return Some(self.shape.text(&text));
                }
                Step::Whole(text) => {
                    if let Some(more) = self.grow(&text) {
                        return Some(more);
                    }
                }
                Step::End(settled) => {
                    self.is_over = true;
                    return Some(self.end(&settled));
                }
            }
        }
        None
    }

    /// What a whole text adds to what was sent. Sent text cannot be taken back, so a text that began anew follows it.
    fn grow(&mut self, text: &str) -> Option<Bytes> {
        let more = text.strip_prefix(self.sent.as_str()).unwrap_or(text);
        if more.is_empty() {
            return None;
        }
        let bytes = self.shape.text(more);
        text.clone_into(&mut self.sent);
        Some(bytes)
    }

    fn end(&mut self, settled: &Settled) -> Bytes {
        if let Some(error) = error_of(settled) {
            return shape::broken(error);
        }
        // Rules for replies may have changed the text; only what continues it can still be said.
        let rest = settled
            .text
            .strip_prefix(self.sent.as_str())
            .filter(|rest| !rest.is_empty());
        let mut bytes = rest
            .map(|rest| self.shape.text(rest).to_vec())
            .unwrap_or_default();
        bytes.extend_from_slice(&self.shape.ending(settled, self.include_usage));
        bytes.into()
    }
}
