//! Providers that are known by name, so that naming `openai/…` and having a key is enough.

use torana_host::env::Environment;

use crate::provider::ProviderApi;

/// What is known about a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Id in config and in model references.
    pub id: &'static str,
    /// Its name, for people.
    pub name: &'static str,
    /// Where it lives.
    pub base_url: &'static str,
    /// How it is spoken to.
    pub api: ProviderApi,
    /// Environment variables that hold its key, first wins; empty for servers that need none.
    pub key_names: &'static [&'static str],
    /// A model to begin with; empty where it depends on what is installed.
    pub model: &'static str,
    /// It runs on this machine.
    pub is_local: bool,
}

const fn hosted(
    id: &'static str,
    name: &'static str,
    base_url: &'static str,
    key_names: &'static [&'static str],
    model: &'static str,
) -> Preset {
    Preset {
        id,
        name,
        base_url,
        api: ProviderApi::OpenAiCompletions,
        key_names,
        model,
        is_local: false,
    }
}

const fn local(id: &'static str, name: &'static str, base_url: &'static str) -> Preset {
    Preset {
        id,
        name,
        base_url,
        api: ProviderApi::OpenAiCompletions,
        key_names: &[],
        model: "",
        is_local: true,
    }
}

/// All of them, the most used first: offers keep this order.
pub const PRESETS: &[Preset] = &[
    Preset {
        api: ProviderApi::AnthropicMessages,
        ..hosted(
            "anthropic",
            "Anthropic",
            "https://api.anthropic.com",
            &["ANTHROPIC_API_KEY"],
            "claude-sonnet-4-5",
        )
    },
    hosted(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        &["OPENAI_API_KEY"],
        "gpt-5-mini",
    ),
    hosted(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        &["OPENROUTER_API_KEY"],
        "anthropic/claude-sonnet-4.5",
    ),
    hosted(
        "google",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        "gemini-2.5-flash",
    ),
    hosted(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        &["GROQ_API_KEY"],
        "llama-3.3-70b-versatile",
    ),
    hosted(
        "mistral",
        "Mistral",
        "https://api.mistral.ai/v1",
        &["MISTRAL_API_KEY"],
        "mistral-small-latest",
    ),
    hosted(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com/v1",
        &["DEEPSEEK_API_KEY"],
        "deepseek-chat",
    ),
    hosted(
        "xai",
        "xAI",
        "https://api.x.ai/v1",
        &["XAI_API_KEY"],
        "grok-4-fast",
    ),
    hosted(
        "together",
        "Together AI",
        "https://api.together.xyz/v1",
        &["TOGETHER_API_KEY"],
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    ),
    hosted(
        "fireworks",
        "Fireworks",
        "https://api.fireworks.ai/inference/v1",
        &["FIREWORKS_API_KEY"],
        "accounts/fireworks/models/llama-v3p3-70b-instruct",
    ),
    hosted(
        "cerebras",
        "Cerebras",
        "https://api.cerebras.ai/v1",
        &["CEREBRAS_API_KEY"],
        "llama-3.3-70b",
    ),
    local("ollama", "Ollama", "http://127.0.0.1:11434/v1"),
    local("lmstudio", "LM Studio", "http://127.0.0.1:1234/v1"),
    local("llamacpp", "llama.cpp", "http://127.0.0.1:8080/v1"),
];

/// The preset of a provider id. `gemini` is what many people write for Google's.
pub fn preset(id: &str) -> Option<&'static Preset> {
    let id = if id == "gemini" { "google" } else { id };
    PRESETS.iter().find(|preset| preset.id == id)
}

impl Preset {
    /// Where it lives, with `OLLAMA_HOST` taken into account as Ollama's own programs do.
    pub fn base_url(&self, environment: &Environment) -> String {
        match environment.get("OLLAMA_HOST") {
            Some(host) if self.id == "ollama" => {
                ollama_base_url(host).unwrap_or_else(|| self.base_url.to_owned())
            }
            _ => self.base_url.to_owned(),
        }
    }
}

/// `OLLAMA_HOST` is `host`, `host:port`, `:port` or a URL. It is also the address a server listens on, so "all interfaces"
/// means this machine.
fn ollama_base_url(host: &str) -> Option<String> {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let text = if rest.starts_with(':') {
        format!("{scheme}://127.0.0.1{rest}")
    } else {
        format!("{scheme}://{rest}")
    };
    let mut url = url::Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    if matches!(url.host_str()?, "0.0.0.0" | "[::]") {
        url.set_host(Some("127.0.0.1")).ok()?;
    }
    // Ollama's port, unless one is written or the address is a proper https site.
    if url.port().is_none() && url.scheme() == "http" && !rest.contains(":80") {
        url.set_port(Some(11_434)).ok()?;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/v1") {
        url.set_path(&format!("{path}/v1"));
    }
    Some(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollama_host_is_read_like_ollama_reads_it() {
        for (host, expected) in [
            ("gpu-box", "http://gpu-box:11434/v1"),
            ("192.168.1.5:9000", "http://192.168.1.5:9000/v1"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0:8123", "http://127.0.0.1:8123/v1"),
            (":7000", "http://127.0.0.1:7000/v1"),
            (
                "https://ollama.example.com/",
                "https://ollama.example.com/v1",
            ),
        ] {
            assert_eq!(ollama_base_url(host).as_deref(), Some(expected), "{host}");
        }
        assert_eq!(ollama_base_url("ftp://x"), None);
    }

    #[test]
    fn preset_ids_are_unique_and_their_addresses_parse() {
        for preset in PRESETS {
            assert!(url::Url::parse(preset.base_url).is_ok(), "{}", preset.id);
            assert_eq!(
                PRESETS.iter().filter(|other| other.id == preset.id).count(),
                1
            );
            assert_eq!(preset.is_local, preset.key_names.is_empty());
        }
        assert_eq!(preset("gemini").map(|preset| preset.id), Some("google"));
    }
}
