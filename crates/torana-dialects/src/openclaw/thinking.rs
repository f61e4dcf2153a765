//! How much models may think, as rows, agents and lists of models tell it, and what runs the agents.
//!
//! A row of a list leaves out what the list's defaults say: pages look there when a row says nothing and names the same
//! model (OpenClaw 2026.9.6).

use serde_json::{Value, json};
use torana_core::id::AgentId;
use torana_core::run::ModelRef;
use torana_engine::store::session::SessionRow;
use torana_engine::{AgentSettings, Engine, Settings};

/// Levels as pages list them.
pub(crate) fn named(levels: &[&str]) -> Value {
    let named: Vec<Value> = levels
        .iter()
        .map(|level| json!({ "id": level, "label": level }))
        .collect();
    json!(named)
}

/// How long a session thinks: as chosen, else as is usual for its model. Clients show it beside the model's name.
pub(crate) fn level_of(engine: &Engine, row: &SessionRow) -> String {
    let settings = engine.settings();
    let id = AgentId::new(&row.agent).ok();
    let agent = id.and_then(|id| settings.agents.get(&id));
    let chosen = row.model.as_deref().and_then(ModelRef::parse);
    let model = chosen.or_else(|| agent.and_then(|agent| agent.model.clone()));
    row.thinking
        .clone()
        .unwrap_or_else(|| settings.thinking_default(agent, model.as_ref()).to_owned())
}

/// What an agent's model can think at, and what runs the agent: the built-in loop, which the protocol knows under this
/// name, here and nowhere else.
pub(crate) fn put(
    value: &mut Value,
    settings: &Settings,
    agent: Option<&AgentSettings>,
    model: Option<&ModelRef>,
) {
    let levels = settings.thinking_levels(model);
    value["thinkingLevels"] = named(levels);
    value["thinkingOptions"] = json!(levels);
    value["thinkingDefault"] = json!(settings.thinking_default(agent, model));
    value["agentRuntime"] = json!({
        "id": "openclaw", "source": "implicit", "cloudPlacementSupported": false, "devicePlacementSupported": false,
    });
}
