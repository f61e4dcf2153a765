//! Models people can choose, with the default marked.

use torana_core::id::AgentId;
use torana_core::run::ModelRef;

use crate::engine::Engine;
use crate::settings::ModelInfo;

/// The models, and the one an agent uses when nothing is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Models {
    /// Everything configured.
    pub models: Vec<ModelInfo>,
    /// The default of the asked agent.
    pub default: Option<ModelRef>,
}

/// Models as seen by an agent; the default agent when none is named.
pub fn list(engine: &Engine, agent: Option<&AgentId>) -> Models {
    let settings = engine.settings();
    let default = agent
        .or_else(|| settings.default_agent())
        .and_then(|agent| settings.agents.get(agent))
        .and_then(|agent| agent.model.clone());
    Models {
        models: settings.models.clone(),
        default,
    }
}
