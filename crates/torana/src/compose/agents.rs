//! Agents, providers and models of the configuration, as the built-in backend and the engine take them.

use std::collections::BTreeMap;

use torana_agents::builtin::{AgentModels, BuiltinSettings};
use torana_agents::demo::DemoSettings;
use torana_agents::offers::{self, Offer};
use torana_agents::presets;
use torana_agents::provider::{ModelSettings, Price, ProviderApi, ProviderSettings};
use torana_core::config::{self, Config};
use torana_core::run::ModelRef;
use torana_engine::{ModelInfo, ModelPrice};
use torana_host::env::Environment;
use torana_host::secret::Secret;

/// Tokens assumed for a model that does not say: every current model reads at least this much.
pub(crate) const CONTEXT_TOKENS_DEFAULT: usize = 32_000;

fn model_ref(model: config::ModelRef) -> ModelRef {
    ModelRef {
        provider: model.provider,
        model: model.model,
    }
}

/// Models an agent uses, first choice first.
pub(crate) fn chain_of(config: &Config, agent: config::AgentSettings<'_>) -> Vec<ModelRef> {
    config
        .model_chain(agent)
        .into_iter()
        .map(model_ref)
        .collect()
}

/// The word of a thinking level, as stored and sent.
pub(crate) fn thinking_of(config: &Config, agent: config::AgentSettings<'_>) -> Option<String> {
    let level = agent
        .entry
        .and_then(|entry| entry.thinking_default)
        .or(config.agents.defaults.thinking_default)?;
    serde_json::to_value(level)
        .ok()?
        .as_str()
        .map(str::to_owned)
}

/// Everything the built-in backend needs.
pub(crate) fn builtin(config: &Config, environment: &Environment) -> BuiltinSettings {
    let mut settings = BuiltinSettings::default();
    for agent in config.agents() {
        let mut chain = chain_of(config, agent).into_iter();
        let models = AgentModels {
            primary: chain.next(),
            fallbacks: chain.collect(),
            thinking: thinking_of(config, agent),
        };
        settings.agents.insert(agent.id.to_owned(), models);
    }
    for (id, provider) in &config.models.providers {
        settings
            .providers
            .insert(id.clone(), provider_of(id, provider));
    }
    // Naming a model for vectors names its provider too.
    if let Ok(Some(model)) = super::front::embeddings_model(config)
        && presets::preset(&model.provider).is_some()
    {
        settings.providers.entry(model.provider).or_default();
    }
    settings.complete(&with_variables(config, environment));
    if matches!(config.models.mode, config::tree::ModelsMode::Replace) {
        settings
            .providers
            .retain(|id, _| config.models.providers.contains_key(id));
    }
    if !settings.is_model_configured() {
        settings.demo = Some(DemoSettings {
            offers: found_offers(environment),
            ..DemoSettings::default()
        });
    }
    settings
}

/// The environment, with what config itself provides (`env.vars`) behind it.
fn with_variables(config: &Config, environment: &Environment) -> Environment {
    let own = config
        .env
        .vars
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.expose()?)));
    let process = environment
        .iter()
        .filter(|(_, value)| !value.trim().is_empty());
    Environment::from_pairs(own.chain(process))
}

/// Model services the environment could use; nothing is contacted (decision 33).
pub(crate) fn found_offers(environment: &Environment) -> Vec<Offer> {
    offers::from_environment(environment)
}

fn provider_of(id: &str, provider: &config::tree::Provider) -> ProviderSettings {
    let secret = |secret: &config::Secret| secret.expose().map(Secret::new);
    let models = provider
        .models
        .iter()
        .map(|model| {
            let small =
                |value: Option<u64>| value.map(|value| u32::try_from(value).unwrap_or(u32::MAX));
            let settings = ModelSettings {
                context_window: small(model.context_window),
                max_tokens: small(model.max_tokens),
                price: model.cost.as_ref().map(|cost| Price {
                    input: cost.input,
                    output: cost.output,
                    cache_read: cost.cache_read,
                    cache_write: cost.cache_write,
                }),
                reasoning: model.reasoning,
            };
            (model.id.clone(), settings)
        })
        .collect();
    ProviderSettings {
        base_url: provider.base_url.clone().unwrap_or_default(),
        api_key: provider.api_key.as_ref().and_then(secret),
        api: match provider.api {
            Some(config::tree::ProviderApi::AnthropicMessages) => ProviderApi::AnthropicMessages,
            Some(config::tree::ProviderApi::OpenaiCompletions) => ProviderApi::OpenAiCompletions,
            None => presets::preset(id)
                .map(|preset| preset.api)
                .unwrap_or_default(),
        },
        headers: provider
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), secret(value)?)))
            .collect(),
        models,
    }
}

/// Whether a provider has what it wants: a key, or a server of this machine for which none is written. A written key
/// whose variable has no value was meant to be sent.
pub(crate) fn can_ask(config: &Config, id: &str, provider: &ProviderSettings) -> bool {
    let is_written = config
        .models
        .providers
        .get(id)
        .is_some_and(|written| written.api_key.is_some());
    provider.has_key() || !is_written && is_local(provider)
}

fn is_local(provider: &ProviderSettings) -> bool {
    provider
        .base_url
        .parse()
        .is_ok_and(|url| torana_host::egress::is_local_server(&url))
}

/// Models people can choose: those of configured providers, then those agents use.
pub(crate) fn models(config: &Config, builtin: &BuiltinSettings) -> Vec<ModelInfo> {
    let mut models: BTreeMap<ModelRef, ModelInfo> = BTreeMap::new();
    let aliases = &config.agents.defaults.models;
    let mut add = |reference: ModelRef,
                   name: Option<String>,
                   context_tokens: Option<u64>,
                   reasoning: bool| {
        let provider = builtin.providers.get(&reference.provider);
        let local = provider.is_some_and(is_local);
        let available =
            provider.is_some_and(|provider| can_ask(config, &reference.provider, provider));
        let alias = aliases
            .get(&reference.to_string())
            .and_then(|alias| alias.alias.clone());
        let price = builtin
            .model(&reference)
            .and_then(|model| model.price.as_ref())
            .map(|price| ModelPrice {
                input: price.input,
                output: price.output,
                cache_read: price.cache_read,
                cache_write: price.cache_write,
            });
        models
            .entry(reference.clone())
            .or_insert_with(|| ModelInfo {
                price,
                name: name.unwrap_or_else(|| reference.model.clone()),
                reference,
                alias,
                context_tokens,
                reasoning,
                available,
                local,
            });
    };
    for (id, provider) in &config.models.providers {
        for model in &provider.models {
            let reference = ModelRef {
                provider: id.clone(),
                model: model.id.clone(),
            };
            add(
                reference,
                model.name.clone(),
                model.context_window,
                model.reasoning,
            );
        }
    }
    for agent in config.agents() {
        for reference in chain_of(config, agent) {
            let known = builtin.model(&reference);
            let context = known.and_then(|model| model.context_window).map(u64::from);
            let reasoning = known.is_some_and(|model| model.reasoning);
            add(reference, None, context, reasoning);
        }
    }
    for name in aliases.keys() {
        if let Some(reference) = ModelRef::parse(name)
            && (config.models.providers.contains_key(&reference.provider)
                || presets::preset(&reference.provider).is_some())
        {
            add(reference, None, None, false);
        }
    }
    models.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_key_without_a_value_is_missing_also_on_this_machine() {
        let provider = ProviderSettings {
            base_url: "http://127.0.0.1:1/v1".to_owned(),
            ..ProviderSettings::default()
        };
        let mut config = Config::default();
        assert!(can_ask(&config, "p", &provider), "it wants none");
        let written = config::tree::Provider {
            api_key: Some(config::Secret::new("")),
            ..config::tree::Provider::default()
        };
        config.models.providers.insert("p".to_owned(), written);
        assert!(!can_ask(&config, "p", &provider), "it was meant to be sent");
    }
}
