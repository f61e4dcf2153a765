//! Answers a request: finds or makes its session, runs the turn, prints the answer whole or as events.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::problem::{Code, Problem};
use torana_engine::Engine;
use torana_engine::service::answers;

use super::super::flow::streamed;
use super::super::runs::Runs;
use super::super::shape;
use super::super::source::{self, error_of};
use super::event::Printer;
use super::request::{self, ResponseRequest};
use crate::context::Context;
use crate::front::answer::{Answer, json, refusal};

/// Answers one request.
pub(crate) async fn responses(
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
    let mut request = match request::read(&engine.settings(), headers, &body, now_ms) {
        Ok(request) => request,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, "invalid_request_error", &message),
    };
    drop(body);
    let id = format!("resp_{}", world.uuid());
    let message_id = format!("msg_{}", world.uuid());
    if let Err(problem) = choose_session(engine, &mut request).await {
        return shape::problem(&problem);
    }
    let (is_stream, session) = (request.ask.stream, request.ask.session.clone());
    let model = request.ask.model.clone();
    let printer = Printer::new(id.clone(), message_id, now_ms / 1_000, model, request.echo);
    let started = source::start(engine, runs, "v1.responses", request.ask, id.clone()).await;
    let mut source = match started {
        Ok(source) => source,
        Err(problem) => return shape::problem(&problem),
    };
    if let Some(session) = session
        && let Err(problem) = answers::remember(engine, &id, &session).await
    {
        return shape::problem(&problem);
    }
    if is_stream {
        return streamed(source, printer);
    }
    let settled = source.settled().await;
    match error_of(&settled) {
        Some(error) => shape::failed(error),
        None => json(
            StatusCode::OK,
            &printer.object(&printer.state(&settled.text, &settled)),
        ),
    }
}

/// A session that was named stays; the answer before names its own; else a new one begins, unless nothing is to be kept.
async fn choose_session(engine: &Engine, request: &mut ResponseRequest) -> Result<(), Problem> {
    let ask = &mut request.ask;
    if let Some(previous) = &request.previous {
        let key = answers::session_of(engine, previous)
            .await
            .map_err(|problem| {
                if problem.code == Code::NotFound {
                    let message = format!("Previous response with id `{previous}` not found.");
                    Problem::new(Code::NotFound, message)
                } else {
                    problem
                }
            })?;
        if ask.session.as_ref().is_some_and(|named| *named != key) {
            return Err(Problem::invalid(
                "`previous_response_id` belongs to another session than the one that was named.",
            ));
        }
        if let Some(agent) = key.agent().and_then(|agent| AgentId::new(agent).ok()) {
            ask.agent = agent;
        }
        ask.session = Some(key);
    } else if ask.session.is_some() {
        // It remembers by itself; a client that sends everything again must not fill it with copies.
        ask.is_history_new = false;
    } else if request.store {
        let name = engine.world().uuid();
        let key = SessionKey::namespaced(ask.agent.as_str(), "openresponses", &name);
        ask.session = Some(key);
    }
    Ok(())
}
