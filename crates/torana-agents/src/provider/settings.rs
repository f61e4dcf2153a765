//! What the operator configured about a provider, as plain values.

use std::collections::BTreeMap;

use torana_core::run::Usage;
use torana_host::secret::Secret;

/// The wire format a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProviderApi {
    /// `POST …/chat/completions`.
    #[default]
    OpenAiCompletions,
    /// `POST …/v1/messages`.
    AnthropicMessages,
}

/// A provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderSettings {
    /// Where it lives; the path of the wire format is appended. Empty takes the preset of the provider's id.
    pub base_url: String,
    /// Its key; local servers need none.
    pub api_key: Option<Secret>,
    /// How it is spoken to.
    pub api: ProviderApi,
    /// Further headers; values may be secrets.
    pub headers: BTreeMap<String, Secret>,
    /// What is known about its models; others may be used too.
    pub models: BTreeMap<String, ModelSettings>,
}

impl ProviderSettings {
    /// Whether there is a key to send; an empty one is none.
    pub fn has_key(&self) -> bool {
        self.api_key.as_ref().is_some_and(|key| !key.is_empty())
    }

    /// Whether requests carry anything a provider could know us by: the key, or a header that may hold one.
    pub(crate) fn has_credential(&self) -> bool {
        self.has_key() || !self.headers.is_empty()
    }
}

/// A model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelSettings {
    /// Tokens it can read.
    pub context_window: Option<u32>,
    /// Tokens it may write per answer.
    pub max_tokens: Option<u32>,
    /// Price, when known.
    pub price: Option<Price>,
    /// It can think before it answers.
    pub reasoning: bool,
}

/// US dollars per million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Price {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read from the provider's cache.
    pub cache_read: f64,
    /// Written to the provider's cache.
    pub cache_write: f64,
}

impl Price {
    /// What a call cost.
    pub fn cost_usd(&self, usage: &Usage) -> f64 {
        // Token counts stay far below 2^53, where a float would lose units.
        #[expect(
            clippy::cast_precision_loss,
            reason = "token counts are small against 2^53"
        )]
        let part = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        part(usage.input, self.input)
            + part(usage.output, self.output)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write, self.cache_write)
    }
}
