//! Agents, the models they name, and who is bound to them.

use std::collections::BTreeMap;

use super::Checks;
use crate::config::effective::ModelRef;
use crate::config::path::KeyPath;
use crate::config::tree::ModelsMode;

/// Longest agent id; it is part of every session key, which has 512 characters at most.
const AGENT_ID_LEN_MAX: usize = 64;

impl Checks<'_> {
    /// No agent twice, each with an id that keys can hold, one default.
    pub(super) fn agents(&mut self) {
        let mut defaults = Vec::new();
        for (id, entry) in &self.config.agents.entries {
            let path = KeyPath::from_keys(&["agents", "entries", id]);
            if entry.id.as_deref().is_some_and(|written| written != id) {
                self.problem(
                    path.key("id"),
                    format!("differs from the agent's key `{id}`"),
                    Some("remove it"),
                );
            }
            self.agent_id(path.clone(), id);
            if entry.default {
                defaults.push(path);
            }
        }
        let mut seen: BTreeMap<String, ()> = self
            .config
            .agents
            .entries
            .keys()
            .map(|id| (id.to_ascii_lowercase(), ()))
            .collect();
        if seen.len() < self.config.agents.entries.len() {
            let path = KeyPath::from_keys(&["agents", "entries"]);
            self.problem(path, "has two agents whose ids differ in case only", None);
        }
        for (index, entry) in self.config.agents.list.iter().enumerate() {
            let path = KeyPath::from_keys(&["agents", "list"]).index(index);
            let Some(id) = entry.id.as_deref() else {
                self.problem(path, "needs `id`", None);
                continue;
            };
            self.agent_id(path.key("id"), id);
            if seen.insert(id.to_ascii_lowercase(), ()).is_some() {
                self.problem(
                    path.key("id"),
                    format!("names the agent `{id}`, which exists already"),
                    None,
                );
            }
            if entry.default {
                defaults.push(path);
            }
        }
        for path in defaults.into_iter().skip(1) {
            self.problem(
                path.key("default"),
                "makes a second default agent",
                Some("keep `default` on one"),
            );
        }
    }

    fn agent_id(&mut self, path: KeyPath, id: &str) {
        let is_valid = id.len() <= AGENT_ID_LEN_MAX
            && id.starts_with(|first: char| first.is_ascii_alphanumeric())
            && id.chars().all(|character| {
                character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
            });
        if !is_valid {
            self.problem(
                path,
                format!(
                    "is not an agent id: letters, digits, `-` and `_`, at most {AGENT_ID_LEN_MAX}"
                ),
                None,
            );
        }
    }

    /// Every model that an agent names exists.
    pub(super) fn models(&mut self) {
        let defaults = KeyPath::from_keys(&["agents", "defaults", "model"]);
        let mut choices = vec![(defaults, &self.config.agents.defaults.model)];
        for (id, entry) in &self.config.agents.entries {
            choices.push((
                KeyPath::from_keys(&["agents", "entries", id, "model"]),
                &entry.model,
            ));
        }
        for (index, entry) in self.config.agents.list.iter().enumerate() {
            choices.push((
                KeyPath::from_keys(&["agents", "list"])
                    .index(index)
                    .key("model"),
                &entry.model,
            ));
        }
        for (path, choice) in choices {
            let Some(choice) = choice else { continue };
            for reference in choice
                .primary()
                .into_iter()
                .chain(choice.fallbacks().iter().map(String::as_str))
            {
                self.model(&path, reference);
            }
        }
    }

    fn model(&mut self, path: &KeyPath, reference: &str) {
        match self.config.resolve_model(reference) {
            Some(ModelRef { provider, .. }) if self.has_provider(&provider) => {}
            Some(ModelRef { provider, .. }) => {
                let message = format!("names the provider `{provider}`, which is not configured");
                self.warn(
                    path.clone(),
                    message,
                    Some("add it below `models.providers`"),
                );
            }
            None => {
                let message = format!(
                    "names `{reference}`, which is neither `<provider>/<model>` nor a known alias"
                );
                self.warn(path.clone(), message, None);
            }
        }
    }

    fn has_provider(&self, name: &str) -> bool {
        let models = &self.config.models;
        let is_built_in = models.mode == ModelsMode::Merge && self.known_providers.contains(&name);
        is_built_in || models.providers.contains_key(name)
    }

    /// Every binding leads to an agent, and can match.
    pub(super) fn bindings(&mut self) {
        let agents = self.config.agent_ids();
        for (index, binding) in self.config.bindings.iter().enumerate() {
            if !agents
                .iter()
                .any(|id| id.eq_ignore_ascii_case(&binding.agent_id))
            {
                let path = KeyPath::from_keys(&["bindings"])
                    .index(index)
                    .key("agentId");
                let known = agents
                    .iter()
                    .map(|id| format!("`{id}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
                self.problem(
                    path,
                    format!(
                        "names the agent `{}`, which does not exist",
                        binding.agent_id
                    ),
                    Some(&format!("known agents: {known}")),
                );
            }
            if binding.matches.needs_server() {
                let path = KeyPath::from_keys(&["bindings"]).index(index).key("match");
                self.warn(
                    path,
                    "asks for a server, a team or roles, which no channel of this build has, so it matches nothing",
                    None,
                );
            }
        }
    }
}
