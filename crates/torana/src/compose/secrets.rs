//! Every secret the configuration holds, told to the log's redactor before anything can write one down.

use torana_agents::builtin::BuiltinSettings;
use torana_channels::AccountConfig;
use torana_core::config::Config;
use torana_host::logs::Redactor;

/// Registers what config, environment and accounts hold, and the operator's own patterns. Called at start and after
/// every change; values of an earlier configuration stay known, because old lines may still be on their way.
pub(crate) fn register(
    redactor: &Redactor,
    config: &Config,
    builtin: &BuiltinSettings,
    accounts: &[AccountConfig],
) {
    let auth = &config.gateway.auth;
    let gateway = auth.token.iter().chain(&auth.password);
    let variables = config.env.vars.values();
    for secret in gateway
        .chain(variables)
        .filter_map(|secret| secret.expose())
    {
        redactor.register(secret);
    }
    for provider in builtin.providers.values() {
        for secret in provider.api_key.iter().chain(provider.headers.values()) {
            redactor.register(secret.expose());
        }
    }
    for secret in accounts.iter().flat_map(AccountConfig::secrets) {
        redactor.register(secret.expose());
    }
    let patterns = config.logging.redact_patterns.iter().map(String::as_str);
    for index in redactor.set_patterns(patterns) {
        // The text of a pattern may be the secret itself, so only its place is told.
        tracing::warn!(
            index,
            "A pattern of `logging.redactPatterns` cannot be used."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use torana_core::config::Secret;
    use torana_core::config::tree::Environment;

    #[test]
    fn secrets_of_every_kind_are_unknown_to_the_log() {
        let text = r#"{ "botToken": "123456:short-token", "webhookUrl": "https://hooks.example.org/t",
            "webhookSecret": "webhook-secret-0123456789", "proxy": "http://user:proxy-pass@10.0.0.1:3128" }"#;
        let section: serde_json::Value = serde_json::from_str(text).expect("valid JSON");
        let kind = torana_channels::kind("telegram").expect("a channel of this build");
        let accounts = kind.accounts(&section, &|_| None).expect("a valid section");
        let mut config = Config::default();
        config.gateway.auth.password = Some(Secret::new("the gateway's password"));
        config.env = Environment {
            vars: [("X".to_owned(), Secret::new("variable-value"))].into(),
        };
        config.logging.redact_patterns = vec!["order-[0-9]+".to_owned()];
        let provider = torana_agents::provider::ProviderSettings {
            api_key: Some(torana_host::secret::Secret::new("provider key 1")),
            ..Default::default()
        };
        let builtin = BuiltinSettings {
            providers: [("p".to_owned(), provider)].into(),
            ..BuiltinSettings::default()
        };
        let redactor = Redactor::new();
        register(&redactor, &config, &builtin, &accounts);
        for secret in [
            "123456:short-token",
            "webhook-secret-0123456789",
            "http://user:proxy-pass@10.0.0.1:3128",
            "the gateway's password",
            "variable-value",
            "provider key 1",
            "order-4711",
        ] {
            assert_eq!(
                redactor.redact(&format!("[{secret}]")),
                "[[redacted]]",
                "{secret}"
            );
        }
    }
}
