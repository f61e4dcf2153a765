//! Names that clients give: session keys, agents and models, read and judged by the configuration.

use torana_core::id::AgentId;
use torana_core::key::{KeyContext, SessionKey};
use torana_core::problem::{Code, Problem};
use torana_core::run::ModelRef;

use super::Engine;

impl Engine {
    /// Reads a session key in any spelling.
    pub fn parse_key(&self, text: &str) -> Result<SessionKey, Problem> {
        let settings = self.shared.settings.load();
        let default_agent = settings.default_agent().map_or("main", AgentId::as_str);
        SessionKey::parse(
            text,
            &KeyContext {
                default_agent,
                main_key: &settings.routing.main_key,
            },
        )
        .map_err(|error| Problem::invalid(format!("invalid session key: {error}")))
    }

    /// The agent a session key belongs to, which must be configured.
    pub fn agent_of(&self, key: &SessionKey) -> Result<AgentId, Problem> {
        let settings = self.shared.settings.load();
        let name = match key.agent() {
            Some(name) => {
                AgentId::new(name).map_err(|error| Problem::invalid(error.to_string()))?
            }
            None => settings.default_agent().cloned().ok_or_else(|| {
                Problem::new(
                    Code::AgentSelectionRequired,
                    "several agents are configured; name one",
                )
            })?,
        };
        if settings.agents.contains_key(&name) {
            Ok(name)
        } else {
            Err(
                Problem::new(Code::AgentNotFound, format!("unknown agent id \"{name}\""))
                    .hint("list the configured agents with `torana status`"),
            )
        }
    }

    /// Whether people may choose this model for an agent (`modelPolicy.allow`).
    pub fn allows_model(&self, agent: &AgentId, model: &ModelRef) -> bool {
        self.shared
            .settings
            .load()
            .agents
            .get(agent)
            .is_none_or(|agent| agent.allows_model(model))
    }

    /// Refuses a model people may not choose. Text that is no reference is the backend's to judge.
    pub(crate) fn check_model(&self, agent: &AgentId, model: &str) -> Result<(), Problem> {
        match ModelRef::parse(model) {
            Some(reference) if !self.allows_model(agent, &reference) => {
                let message = format!("model \"{model}\" is not allowed for agent \"{agent}\"");
                Err(Problem::invalid(message).hint("`agents.defaults.modelPolicy.allow` or the agent's own list names the models that are"))
            }
            _ => Ok(()),
        }
    }
}
