//! `/v1/chat/completions`: one question, answered whole or as a stream of chunks.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::{HeaderMap, StatusCode};
use torana_core::run::Settled;

use super::request;
use super::runs::Runs;
use super::shape::{self, Shape};
use super::source::{self, Sent, Source, Step, error_of};
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
        return streamed(source, shape, include_usage);
    }
    let settled = source.settled().await;
    match error_of(&settled) {
        Some(error) => shape::failed(error),
        None => shape.whole(&settled),
    }
}

/// A stream in the making: what was sent decides what is new.
struct Flow {
    source: Source,
    shape: Shape,
    sent: Sent,
    include_usage: bool,
    is_over: bool,
}

fn streamed(source: Source, shape: Shape, include_usage: bool) -> Answer {
    let opening = shape.opening();
    let flow = Flow {
        source,
        shape,
        sent: Sent::default(),
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
    shape::event_stream(pieces)
}

impl Flow {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            match self.source.step().await {
                Step::Append(text) => {
                    self.sent.append(&text);
                    return Some(self.shape.text(&text));
                }
                Step::Whole(text) => {
                    if let Some(more) = self.sent.grow(&text) {
                        return Some(self.shape.text(more));
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

    fn end(&mut self, settled: &Settled) -> Bytes {
        if let Some(error) = error_of(settled) {
            return shape::broken(error);
        }
        let rest = self.sent.rest(&settled.text);
        let mut bytes = rest
            .map(|rest| self.shape.text(rest).to_vec())
            .unwrap_or_default();
        bytes.extend_from_slice(&self.shape.ending(settled, self.include_usage));
        bytes.into()
    }
}
