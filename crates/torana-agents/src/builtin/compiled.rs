//! Settings with the clients made from them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use torana_core::port::World;
use torana_core::run::FailureKind;
use torana_host::egress::Egress;

use super::cooldown::Cooldowns;
use super::settings::BuiltinSettings;
use crate::demo::DemoProvider;
use crate::provider::{
    AnthropicProvider, ModelProvider, OpenAiProvider, ProviderApi, ProviderFailure,
    ProviderSettings,
};

/// Id under which the demo model appears in events and usage.
pub(crate) const DEMO: &str = "demo";

/// Settings with the clients made from them; cooldowns live and die with them, because a new key deserves a new chance.
pub(crate) struct Compiled {
    pub(crate) settings: BuiltinSettings,
    pub(crate) cooldowns: Mutex<Cooldowns>,
    providers: BTreeMap<String, Result<Arc<dyn ModelProvider>, ProviderFailure>>,
}

impl Compiled {
    pub(crate) fn new(world: &World, egress: &Egress, settings: BuiltinSettings) -> Self {
        let mut providers: BTreeMap<_, _> = settings
            .providers
            .iter()
            .map(|(id, provider)| (id.clone(), connect(provider, egress)))
            .collect();
        if let Some(demo) = &settings.demo {
            let provider: Arc<dyn ModelProvider> =
                Arc::new(DemoProvider::new(world.clone(), demo.clone()));
            providers.insert(DEMO.to_owned(), Ok(provider));
        }
        Self {
            settings,
            cooldowns: Mutex::default(),
            providers,
        }
    }

    pub(crate) fn provider(&self, id: &str) -> Result<Arc<dyn ModelProvider>, ProviderFailure> {
        let unknown = || ProviderFailure::new(FailureKind::NotConfigured, "it is not configured");
        self.providers
            .get(id)
            .cloned()
            .unwrap_or_else(|| Err(unknown()))
    }
}

fn connect(
    settings: &ProviderSettings,
    egress: &Egress,
) -> Result<Arc<dyn ModelProvider>, ProviderFailure> {
    Ok(match settings.api {
        ProviderApi::OpenAiCompletions => Arc::new(OpenAiProvider::new(settings, egress.clone())?),
        ProviderApi::AnthropicMessages => {
            Arc::new(AnthropicProvider::new(settings, egress.clone())?)
        }
    })
}
