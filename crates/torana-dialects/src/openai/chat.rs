//! `/v1/chat/completions`: one question, answered whole or as a stream of chunks.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use torana_core::run::{RunError, Settled};

use super::flow::{Print, streamed};
use super::request;
use super::runs::Runs;
use super::shape::{self, Shape};
use super::source::{self, error_of};
use crate::context::Context;
use crate::front::answer::{Answer, refusal};

/// Answers one request.
pub(crate) async fn chat(
    context: &Context,
    runs: &Runs,
    headers: &HeaderMap,
    body: Bytes,
) -> Answer {
    let engine = &context.engine;
    if let Err(problem) = shape::accepting(engine) {
        return shape::problem(&problem);
    }
    let world = engine.world();
    let now_ms = world.wall_ms();
    let request = match request::read(&engine.settings(), headers, &body, now_ms) {
        Ok(request) => request,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", &message),
    };
    drop(body);
    let id = format!("chatcmpl_{}", world.uuid());
    let shape = Shape::new(id.clone(), now_ms / 1_000, request.ask.model.clone());
    let (is_stream, include_usage) = (request.ask.stream, request.include_usage);
    let started = source::start(engine, runs, "v1.chat.completions", request.ask, id).await;
    let mut source = match started {
        Ok(source) => source,
        Err(problem) => return shape::problem(&problem),
    };
    if is_stream {
        let chunks = Chunks {
            shape,
            include_usage,
        };
        return streamed(source, chunks);
    }
    let settled = source.settled().await;
    match error_of(&settled) {
        Some(error) => shape::failed(error),
        None => shape.whole(&settled),
    }
}

/// The chunks of one answer.
struct Chunks {
    shape: Shape,
    include_usage: bool,
}

impl Print for Chunks {
    fn opening(&mut self) -> Bytes {
        self.shape.opening()
    }

    fn text(&mut self, text: &str) -> Bytes {
        self.shape.text(text)
    }

    fn ending(&mut self, _: &str, settled: &Settled) -> Bytes {
        self.shape.ending(settled, self.include_usage)
    }

    fn broken(&mut self, _: &Settled, error: &RunError) -> Bytes {
        shape::broken(error)
    }
}
