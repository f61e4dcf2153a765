//! What the settings mean together: which agents there are, which one is the default, which model a name means.

use std::fmt;

use super::tree::{AgentEntry, Config, ModelChoice, ModelPolicy};

/// The agent that exists when none is configured.
pub const IMPLICIT_AGENT: &str = "main";

/// One agent with its id, from either spelling of the list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgentSettings<'a> {
    /// The agent's id.
    pub id: &'a str,
    /// Its own settings, or nothing for the implicit agent.
    pub entry: Option<&'a AgentEntry>,
}

/// A model by provider and id, as in `openai/gpt-5`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelRef {
    /// The provider's name.
    pub provider: String,
    /// The model's id as the provider knows it; it may contain slashes.
    pub model: String,
}

// === impl ModelRef ===

impl ModelRef {
    /// Reads `<provider>/<model>`.
    ///
    /// ```
    /// use torana_core::config::ModelRef;
    ///
    /// let reference = ModelRef::parse("openrouter/meta/llama-4").expect("has a slash");
    /// assert_eq!(reference.provider, "openrouter");
    /// assert_eq!(reference.model, "meta/llama-4");
    /// assert_eq!(ModelRef::parse("gpt-5"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, model) = text.trim().split_once('/')?;
        if provider.is_empty() || model.is_empty() {
            return None;
        }
        Some(Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
        })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.provider, self.model)
    }
}

// === impl Config ===

impl Config {
    /// Every agent: entries by id, then the list in its order; `main` alone when none is configured.
    pub fn agents(&self) -> impl Iterator<Item = AgentSettings<'_>> {
        let entries = self.agents.entries.iter().map(|(id, entry)| AgentSettings {
            id,
            entry: Some(entry),
        });
        let listed = self.agents.list.iter().filter_map(|entry| {
            Some(AgentSettings {
                id: entry.id.as_deref()?,
                entry: Some(entry),
            })
        });
        let mut configured = entries.chain(listed).peekable();
        let implicit = configured.peek().is_none().then_some(AgentSettings {
            id: IMPLICIT_AGENT,
            entry: None,
        });
        configured.chain(implicit)
    }

    /// The ids of every agent.
    #[must_use]
    pub fn agent_ids(&self) -> Vec<&str> {
        self.agents().map(|agent| agent.id).collect()
    }

    /// One agent by id, ignoring case.
    #[must_use]
    pub fn agent(&self, id: &str) -> Option<AgentSettings<'_>> {
        self.agents()
            .find(|agent| agent.id.eq_ignore_ascii_case(id))
    }

    /// The agent that answers where no binding chooses one: the marked one, else the only one.
    ///
    /// With several agents and no mark there is none, and that is an answer: guessing would send private messages to
    /// the wrong agent.
    #[must_use]
    pub fn default_agent(&self) -> Option<AgentSettings<'_>> {
        let marked = self
            .agents()
            .find(|agent| agent.entry.is_some_and(|entry| entry.default));
        let mut agents = self.agents();
        marked.or_else(|| agents.next().filter(|_| agents.next().is_none()))
    }

    /// The model choice in force for an agent; nothing means the demo agent.
    #[must_use]
    pub fn model_choice<'a>(&'a self, agent: AgentSettings<'a>) -> Option<&'a ModelChoice> {
        let own = agent.entry.and_then(|entry| entry.model.as_ref());
        own.or(self.agents.defaults.model.as_ref())
    }

    /// The models an agent tries, in order; names that mean nothing are left out (they were warned about).
    ///
    /// An agent that names only a primary model of its own does not inherit the default fallbacks: what stands in
    /// one place is meant to be complete.
    #[must_use]
    pub fn model_chain(&self, agent: AgentSettings<'_>) -> Vec<ModelRef> {
        let Some(choice) = self.model_choice(agent) else {
            return Vec::new();
        };
        let primary = choice.primary().or_else(|| {
            self.agents
                .defaults
                .model
                .as_ref()
                .and_then(ModelChoice::primary)
        });
        let mut chain: Vec<ModelRef> = Vec::new();
        for name in primary
            .into_iter()
            .chain(choice.fallbacks().iter().map(String::as_str))
        {
            if let Some(reference) = self.resolve_model(name)
                && !chain.contains(&reference)
            {
                chain.push(reference);
            }
        }
        chain
    }

    /// The model that a name means: an alias, `<provider>/<model>`, or the id of exactly one configured model.
    #[must_use]
    pub fn resolve_model(&self, name: &str) -> Option<ModelRef> {
        let name = name.trim();
        let by_alias = self
            .agents
            .defaults
            .models
            .iter()
            .find(|(_, entry)| {
                entry
                    .alias
                    .as_deref()
                    .is_some_and(|alias| alias.eq_ignore_ascii_case(name))
            })
            .and_then(|(reference, _)| ModelRef::parse(reference));
        if by_alias.is_some() {
            return by_alias;
        }
        if let Some(reference) = self.configured_model(name) {
            return Some(reference);
        }
        ModelRef::parse(name)
    }

    /// The model with exactly this id, if one provider has it. An id may contain slashes, so this comes first.
    fn configured_model(&self, id: &str) -> Option<ModelRef> {
        let mut found = self
            .models
            .providers
            .iter()
            .filter(|(_, provider)| provider.models.iter().any(|model| model.id == id))
            .map(|(name, _)| ModelRef {
                provider: name.clone(),
                model: id.to_owned(),
            });
        let first = found.next()?;
        // `openai/gpt-5` may be both a reference and the id of a model at a reseller: a configured provider wins.
        let is_reference = ModelRef::parse(id)
            .is_some_and(|reference| self.models.providers.contains_key(&reference.provider));
        (found.next().is_none() && !is_reference).then_some(first)
    }

    /// Whether a session of this agent may choose this model.
    #[must_use]
    pub fn allows_model(&self, agent: AgentSettings<'_>, model: &ModelRef) -> bool {
        let own = agent.entry.and_then(|entry| entry.model_policy.as_ref());
        own.unwrap_or(&self.agents.defaults.model_policy)
            .allows(model)
    }
}

// === impl ModelPolicy ===

impl ModelPolicy {
    /// Whether this model may be chosen; an empty list allows all.
    #[must_use]
    pub fn allows(&self, model: &ModelRef) -> bool {
        self.allow.is_empty()
            || self
                .allow
                .iter()
                .any(|entry| match entry.strip_suffix("/*") {
                    Some(provider) => provider == model.provider,
                    None => *entry == model.to_string(),
                })
    }
}
