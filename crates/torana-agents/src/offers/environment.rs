//! Offers from environment names. The values are not looked at beyond being there.

use torana_host::env::Environment;

use super::offer::Offer;
use crate::presets::PRESETS;

/// Every provider whose key, or for Ollama whose address, is in the environment; in the order of the presets.
pub fn from_environment(environment: &Environment) -> Vec<Offer> {
    PRESETS
        .iter()
        .filter_map(|preset| {
            let names = if preset.id == "ollama" {
                &["OLLAMA_HOST"][..]
            } else {
                preset.key_names
            };
            let source = names.iter().find(|name| environment.get(name).is_some())?;
            Some(Offer {
                provider: preset.id.to_owned(),
                name: preset.name.to_owned(),
                source: (*source).to_owned(),
                model: Some(preset.model.to_owned()).filter(|model| !model.is_empty()),
                base_url: preset.base_url(environment),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn keys_become_offers_without_their_values() {
        let environment = Environment::from_pairs([
            ("OPENAI_API_KEY", "sk-secret-value"),
            ("GROQ_API_KEY", " "),
            ("ANTHROPIC_API_KEY", "sk-ant-secret-value"),
            ("OLLAMA_HOST", "gpu-box"),
        ]);
        let offers = from_environment(&environment);
        let shown: String = offers
            .iter()
            .map(|offer| {
                format!(
                    "{} ({}) {}: {}\n",
                    offer.name,
                    offer.source,
                    offer.base_url,
                    offer.command()
                )
            })
            .collect();
        expect![[r#"
            Anthropic (ANTHROPIC_API_KEY) https://api.anthropic.com: torana config set agents.defaults.model.primary anthropic/claude-sonnet-4-5
            OpenAI (OPENAI_API_KEY) https://api.openai.com/v1: torana config set agents.defaults.model.primary openai/gpt-5-mini
            Ollama (OLLAMA_HOST) http://gpu-box:11434/v1: torana config set agents.defaults.model.primary ollama/<model>
        "#]]
        .assert_eq(&shown);
        assert!(!format!("{offers:?}").contains("secret-value"));
    }
}
