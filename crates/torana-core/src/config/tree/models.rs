//! `models.*`: providers, their credentials and their models.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Secret;

/// Model providers and the models they offer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Models {
    /// `merge` adds the providers below to the built-in ones, `replace` leaves only them.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub mode: ModelsMode,
    /// Providers by name; a model is written `<provider>/<model>`.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub providers: BTreeMap<String, Provider>,
}

/// How configured providers relate to the built-in ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelsMode {
    /// Beside the built-in providers.
    #[default]
    Merge,
    /// Instead of the built-in providers.
    Replace,
}

/// One model provider: an endpoint, a credential and its models.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Provider {
    /// Address of the API without the final path, for example `https://api.openai.com/v1` or `http://127.0.0.1:11434/v1`. Any address you write here is allowed, but plain http with a key only within your own network.
    #[schemars(url, extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub base_url: Option<String>,
    /// The API key, a `${VARIABLE}` or a secret reference. Unset uses the provider's usual environment variable.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub api_key: Option<Secret>,
    /// Which wire format the endpoint speaks.
    #[schemars(extend("default" = "openai-completions", "x-reload" = "live", "x-since" = "0.1.0"))]
    pub api: Option<ProviderApi>,
    /// Extra HTTP headers sent with every request; values are treated as secrets.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub headers: BTreeMap<String, Secret>,
    /// The models of this provider with their limits and prices.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub models: Vec<Model>,
}

/// Which wire format a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderApi {
    /// OpenAI chat completions, which most servers speak.
    OpenaiCompletions,
    /// Anthropic messages.
    AnthropicMessages,
}

/// One model: its id, limits and prices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("required" = ["id"]))]
pub struct Model {
    /// The model's id as the provider knows it.
    #[schemars(length(min = 1), extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub id: String,
    /// Name shown to people; unset shows the id.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub name: Option<String>,
    /// How much the model can read at once.
    #[schemars(range(min = 1), extend("x-reload" = "live", "x-unit" = "tokens", "x-since" = "0.1.0"))]
    pub context_window: Option<u64>,
    /// The most it may write in one answer.
    #[schemars(range(min = 1), extend("x-reload" = "live", "x-unit" = "tokens", "x-since" = "0.1.0"))]
    pub max_tokens: Option<u64>,
    /// Prices; used for usage figures only.
    pub cost: Option<ModelCost>,
    /// The model can think before it answers.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub reasoning: bool,
}

/// Prices per million tokens, in US dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelCost {
    /// Tokens read.
    #[schemars(range(min = 0), extend("x-reload" = "live", "x-unit" = "USD per million tokens", "x-since" = "0.1.0"))]
    pub input: f64,
    /// Tokens written.
    #[schemars(range(min = 0), extend("x-reload" = "live", "x-unit" = "USD per million tokens", "x-since" = "0.1.0"))]
    pub output: f64,
    /// Tokens read from the provider's cache.
    #[schemars(range(min = 0), extend("x-reload" = "live", "x-unit" = "USD per million tokens", "x-since" = "0.1.0"))]
    pub cache_read: f64,
    /// Tokens written to the provider's cache.
    #[schemars(range(min = 0), extend("x-reload" = "live", "x-unit" = "USD per million tokens", "x-since" = "0.1.0"))]
    pub cache_write: f64,
}
