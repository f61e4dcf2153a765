//! Models that can be chosen, and whether the services behind them let us in.

use serde_json::{Value, json};
use torana_core::id::AgentId;
use torana_core::problem::Problem;
use torana_core::run::ModelRef;
use torana_engine::service::models as service;
use torana_engine::{Engine, ModelInfo};

use super::{Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::thinking;
use crate::site::{KeySource, ProviderFacts};

/// How long a service may take to answer a probe, milliseconds: what people wait for.
const PROBE_MS_DEFAULT: u64 = 10_000;
const PROBE_MS_MAX: u64 = 60_000;
pub(super) fn list(call: Call) -> Running {
    Box::pin(async move {
        let params = &call.params;
        let agent = asked_agent(
            call.engine(),
            params.word("agentId"),
            params.word("sessionKey"),
        )?;
        let mut answer = catalog(
            call.engine(),
            agent,
            params.word("provider"),
            call.client.observed || params.flag("includeDetails") == Some(true),
        );
        if params.flag("includeDefaultModels") == Some(true) && call.client.observed {
            // No second model does small chores here.
            answer["defaultModels"] = json!({ "automaticUtilityModel": null });
        }
        Ok(Payload::of(&answer))
    })
}

/// The agent whose models are asked for: by name, else the one a session belongs to.
pub(crate) fn asked_agent(
    engine: &Engine,
    agent: Option<&str>,
    session: Option<&str>,
) -> Result<Option<AgentId>, Problem> {
    let key = match (agent, session) {
        (Some(agent), _) => engine.parse_key(&format!("agent:{agent}:main"))?,
        (None, Some(key)) => engine.parse_key(key)?,
        (None, None) => return Ok(None),
    };
    engine.agent_of(&key).map(Some)
}

/// The answer of `models.list`; with details it says of each model how it thinks and whether it may be chosen.
pub(crate) fn catalog(
    engine: &Engine,
    agent: Option<AgentId>,
    provider: Option<&str>,
    details: bool,
) -> Value {
    let found = service::list(engine, agent.as_ref());
    let asked = agent.or_else(|| engine.settings().default_agent().cloned());
    let settings = engine.settings();
    let settled = asked.as_ref().and_then(|agent| settings.agents.get(agent));
    let models: Vec<Value> = found
        .models
        .iter()
        .filter(|model| provider.is_none_or(|provider| model.reference.provider == provider))
        .map(|model| {
            let is_default = found.default.as_ref() == Some(&model.reference);
            let is_allowed = asked
                .as_ref()
                .is_none_or(|agent| engine.allows_model(agent, &model.reference));
            let thinking = details.then(|| {
                let reference = Some(&model.reference);
                let usual = settings.thinking_default(settled, reference);
                (settings.thinking_levels(reference), usual)
            });
            choice(model, is_default, is_allowed, thinking)
        })
        .collect();
    json!({ "models": models })
}

/// A model of the list; with the levels it can think at and the usual one where details are asked for.
fn choice(
    model: &ModelInfo,
    is_default: bool,
    is_allowed: bool,
    thinking: Option<(&[&str], &str)>,
) -> Value {
    let mut value = json!({
        "id": model.reference.model, "name": model.name, "provider": model.reference.provider,
        "reasoning": model.reasoning, "available": model.available, "input": ["text"],
        "tags": if is_default { vec!["default"] } else { Vec::new() },
    });
    if let Some(alias) = model.alias.as_ref().filter(|alias| !alias.is_empty()) {
        value["alias"] = json!(alias);
    }
    if let Some(window) = model.context_tokens.filter(|window| *window > 0) {
        value["contextWindow"] = json!(window);
    }
    if !model.available {
        value["unavailableReason"] = json!("missing-auth");
    }
    // Quirk: sent by 2026.9.6 but closed out of the older published schema; pages ask for details.
    if let Some((levels, usual)) = thinking {
        value["thinkingLevels"] = thinking::named(levels);
        value["thinkingDefault"] = json!(usual);
        value["manualSelectionAllowed"] = json!(is_allowed);
        if model.local {
            value["local"] = json!(true);
        }
    }
    value
}

/// Every provider that config names or a model of it belongs to.
pub(super) fn providers(call: &Call) -> Vec<ProviderFacts> {
    let mut providers = call.gateway.context().host.site().providers();
    for model in &call.engine().settings().models {
        let ModelRef { provider, .. } = &model.reference;
        if !providers.iter().any(|known| known.id == *provider) {
            providers.push(ProviderFacts {
                id: provider.clone(),
                name: provider.clone(),
                key: KeySource::Missing,
            });
        }
    }
    providers
}

pub(super) fn auth_status(call: Call) -> Running {
    Box::pin(async move {
        let providers: Vec<Value> = providers(&call)
            .iter()
            .map(|provider| {
                let (status, source) = match provider.key {
                    KeySource::Config => ("static", Some("config")),
                    KeySource::Environment => ("static", Some("env")),
                    KeySource::Local => ("static", None),
                    KeySource::Missing => ("missing", None),
                };
                let mut value = json!({
                    "provider": provider.id, "authProvider": provider.id, "displayName": provider.name,
                    "status": status, "profiles": [],
                });
                if let Some(source) = source {
                    value["apiKey"] = json!({ "source": source });
                }
                value
            })
            .collect();
        // Keys are set in the configuration, so no provider can be signed in to from a page.
        Ok(Payload::of(&json!({
            "ts": call.now_ms().max(0), "providers": providers, "providerCapabilities": [],
        })))
    })
}

pub(super) fn probe(call: Call) -> Running {
    Box::pin(async move {
        let provider = call.params.word("provider").unwrap_or_default().to_owned();
        if call.params.word("profileId").is_some() {
            return Err(WireError::invalid(
                "auth profiles are not available; the provider's key is probed without profileId",
            ));
        }
        let timeout_ms = call
            .params
            .int("timeoutMs")
            .and_then(|wait| u64::try_from(wait).ok())
            .unwrap_or(PROBE_MS_DEFAULT)
            .min(PROBE_MS_MAX);
        let site = call.gateway.context().host.site();
        let Some(found) = site.probe_provider(&provider, timeout_ms).await else {
            return Err(WireError::invalid(format!(
                "unknown provider \"{provider}\""
            )));
        };
        let mut target =
            json!({ "label": provider, "status": found.status, "latencyMs": found.latency_ms });
        let mut answer =
            json!({ "provider": provider, "status": found.status, "latencyMs": found.latency_ms });
        if let Some(error) = &found.error {
            target["error"] = json!(error);
            answer["error"] = json!(error);
        }
        answer["results"] = json!([target]);
        Ok(Payload::of(&answer))
    })
}
