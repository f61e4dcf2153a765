//! The models of an agent as an event right after hello, so that a page shows them without asking.

use serde_json::{Value, json};
use torana_engine::service::sessions::{self, Lookup};

use super::client::Client;
use super::connect::Connect;
use super::frame;
use super::gateway::OpenClaw;
use super::methods::{asked_agent, catalog};
use crate::front::outgoing::Fate;

/// What both sides call it.
pub(super) const CAPABILITY: &str = "model-catalog-snapshot";

/// Sends `models.snapshot` to a client that announced the capability, said whose models it wants, and may read them. One
/// that names nothing we know gets no event and asks by itself.
pub(super) async fn offer(gateway: &OpenClaw, client: &Client, connect: &Connect) {
    let Some(target) = &connect.model_catalog else {
        return;
    };
    if !client.reads() || !connect.caps.iter().any(|cap| cap == CAPABILITY) {
        return;
    }
    let engine = &gateway.context().engine;
    let Some(scope) = scope_of(gateway, target).await else {
        return;
    };
    let asked = asked_agent(
        engine,
        scope["agentId"].as_str(),
        scope["sessionKey"].as_str(),
    );
    let Ok(agent) = asked else {
        return;
    };
    let mut models = catalog(engine, agent, None, client.observed);
    models["accountSelection"] = json!({ "kind": "automatic", "label": "Automatic" });
    let payload = json!({ "target": target, "scope": scope, "catalog": models });
    let (event, id) = (frame::event("models.snapshot", &payload), client.id);
    gateway
        .hub()
        .send(event, Fate::Drop, &|client| client.id == id);
}

/// The agent and session a target names; a short id is looked up.
async fn scope_of(gateway: &OpenClaw, target: &Value) -> Option<Value> {
    let Some(short) = target["shortId"].as_str() else {
        return Some(target.clone());
    };
    let agent = target["agentId"].as_str().map(str::to_owned);
    let lookup = Lookup::SessionId(short.to_owned());
    let engine = &gateway.context().engine;
    match sessions::resolve(engine, lookup, agent)
        .await
        .ok()?
        .as_slice()
    {
        [row] => Some(json!({ "agentId": row.agent, "sessionKey": row.key })),
        _ => None,
    }
}
