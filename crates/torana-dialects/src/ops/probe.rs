//! Probes: exact bodies for strangers, a little more for who shows the token (decision 40, S-073).

use hyper::StatusCode;
use serde_json::{Map, Value, json};
use torana_core::event::SuspensionPhase;
use torana_engine::{Engine, Phase};

use crate::context::Context;
use crate::front::answer::{Answer, json as json_answer};

/// `/health`: the process serves.
pub(crate) fn health(context: &Context, is_known: bool) -> Answer {
    let mut body = Map::new();
    body.insert("ok".to_owned(), Value::Bool(true));
    body.insert("status".to_owned(), json!("live"));
    if is_known {
        add_details(&mut body, context);
    }
    json_answer(StatusCode::OK, &Value::Object(body))
}

/// `/ready`: new messages are accepted. Who shows the token also learns what is missing.
pub(crate) fn ready(context: &Context, is_known: bool) -> Answer {
    let failing = failing(&context.engine);
    let status = if failing.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut body = Map::new();
    body.insert("ready".to_owned(), Value::Bool(failing.is_empty()));
    body.insert(
        "failing".to_owned(),
        if is_known { json!(failing) } else { json!([]) },
    );
    if is_known {
        add_details(&mut body, context);
    }
    json_answer(status, &Value::Object(body))
}

/// `/live`: the process runs.
pub(crate) fn live() -> Answer {
    json_answer(StatusCode::OK, &json!({ "alive": true }))
}

fn add_details(body: &mut Map<String, Value>, context: &Context) {
    let uptime_ms = context.engine.world().monotonic_ms();
    body.insert("version".to_owned(), json!(context.version));
    body.insert("uptime".to_owned(), json!(uptime_ms / 1_000));
    body.insert("uptimeMs".to_owned(), json!(uptime_ms));
}

fn failing(engine: &Engine) -> Vec<&'static str> {
    let phase = match engine.phase() {
        Phase::Starting => Some("starting"),
        Phase::Draining => Some("draining"),
        Phase::Accepting => None,
    };
    let given_up = engine.tasks().troubled().values().any(|task| task.given_up);
    phase
        .into_iter()
        .chain((engine.suspension_phase() != SuspensionPhase::Accepting).then_some("suspended"))
        .chain(engine.storage_full().then_some("storage"))
        .chain(given_up.then_some("tasks"))
        .collect()
}
