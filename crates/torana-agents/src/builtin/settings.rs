//! What the operator configured about agents and models, as plain values; the binary fills it from the config tree.

use std::collections::BTreeMap;

use torana_core::run::ModelRef;
use torana_host::env::Environment;
use torana_host::secret::Secret;

use crate::demo::DemoSettings;
use crate::presets;
use crate::provider::{ModelSettings, ProviderSettings};

/// Everything the model loop needs to know; swapped as a whole when the configuration changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuiltinSettings {
    /// Models of each agent.
    pub agents: BTreeMap<String, AgentModels>,
    /// Models of agents that are not listed.
    pub default_agent: AgentModels,
    /// Providers by id.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// Answers for agents without any model; absent reports that nothing is configured.
    pub demo: Option<DemoSettings>,
}

/// The models of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentModels {
    /// The model it uses.
    pub primary: Option<ModelRef>,
    /// What follows when that fails, in order.
    pub fallbacks: Vec<ModelRef>,
    /// Thinking level when a turn does not choose one.
    pub thinking: Option<String>,
}

impl BuiltinSettings {
    /// The models of an agent.
    pub fn agent(&self, agent: &str) -> &AgentModels {
        self.agents.get(agent).unwrap_or(&self.default_agent)
    }

    /// The models to ask, in order. An explicit choice stands alone (behaviour §9: strict).
    pub fn candidates(&self, agent: &str, explicit: Option<&ModelRef>) -> Vec<ModelRef> {
        if let Some(model) = explicit {
            return vec![model.clone()];
        }
        let models = self.agent(agent);
        models
            .primary
            .iter()
            .chain(&models.fallbacks)
            .cloned()
            .collect()
    }

    /// True when at least one agent would ask a real model.
    pub fn is_model_configured(&self) -> bool {
        self.agents
            .values()
            .chain([&self.default_agent])
            .any(|models| models.primary.is_some())
    }

    /// What is known about a model.
    pub fn model(&self, model: &ModelRef) -> Option<&ModelSettings> {
        self.providers
            .get(&model.provider)?
            .models
            .get(&model.model)
    }

    /// Completes providers from their presets, and adds those that config names by a model only. A key from the environment
    /// is used only for a provider that config names (decision 33).
    pub fn complete(&mut self, environment: &Environment) {
        let named: Vec<String> = self
            .agents
            .values()
            .chain([&self.default_agent])
            .flat_map(|models| models.primary.iter().chain(&models.fallbacks))
            .map(|model| model.provider.clone())
            .collect();
        for id in named {
            if presets::preset(&id).is_some() {
                self.providers.entry(id).or_default();
            }
        }
        for (id, provider) in &mut self.providers {
            let Some(preset) = presets::preset(id) else {
                continue;
            };
            if provider.base_url.trim().is_empty() {
                provider.base_url = preset.base_url(environment);
                provider.api = preset.api;
            }
            if provider.api_key.is_none() {
                provider.api_key = environment
                    .first(preset.key_names.iter().copied())
                    .map(Secret::new);
            }
        }
    }
}
