//! `/v1/models`: every agent is a model; `openclaw` and `openclaw/default` name the default agent.

use hyper::StatusCode;
use serde_json::{Value, json};
use torana_core::id::AgentId;

use super::ask::choose_agent;
use crate::context::Context;
use crate::front::answer::{Answer, json as json_answer, refusal};

/// The list.
pub(crate) fn models(context: &Context) -> Answer {
    let settings = context.engine.settings();
    let names = settings
        .agents
        .keys()
        .map(|agent: &AgentId| format!("openclaw/{agent}"));
    let fixed = ["openclaw".to_owned(), "openclaw/default".to_owned()];
    let data: Vec<Value> = fixed.into_iter().chain(names).map(|id| one(&id)).collect();
    json_answer(StatusCode::OK, &json!({ "object": "list", "data": data }))
}

/// One of them.
pub(crate) fn model(context: &Context, id: &str) -> Answer {
    match choose_agent(&context.engine.settings(), id) {
        Some(_) => json_answer(StatusCode::OK, &one(id)),
        None => refusal(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            "Invalid model id.",
        ),
    }
}

fn one(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": "openclaw", "permission": [] })
}
