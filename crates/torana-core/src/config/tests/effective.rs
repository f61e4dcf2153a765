//! What the settings mean together.

use super::config;
use crate::config::ModelRef;
use crate::config::tree::{AuthMode, Config};

fn chain(config: &Config, agent: &str) -> Vec<String> {
    let agent = config.agent(agent).expect("the agent exists");
    config
        .model_chain(agent)
        .iter()
        .map(ModelRef::to_string)
        .collect()
}

#[test]
fn agents_of_both_spellings_are_one_list() {
    let config =
        config("{ agents: { entries: { b: {}, a: {} }, list: [{ id: 'C', default: true }] } }");
    assert_eq!(config.agent_ids(), ["a", "b", "C"]);
    assert_eq!(config.default_agent().map(|agent| agent.id), Some("C"));
    assert_eq!(config.agent("c").map(|agent| agent.id), Some("C"));
}

#[test]
fn several_agents_without_a_mark_have_no_default() {
    assert_eq!(
        config("{ agents: { entries: { a: {}, b: {} } } }").default_agent(),
        None
    );
    assert_eq!(
        config("{ agents: { entries: { a: {} } } }")
            .default_agent()
            .map(|agent| agent.id),
        Some("a")
    );
    assert_eq!(
        Config::default().default_agent().map(|agent| agent.id),
        Some("main")
    );
}

#[test]
fn model_names_resolve_through_aliases_and_configured_ids() {
    let config = config(
        "{ models: { providers: { local: { models: [{ id: 'qwen' }, { id: 'meta/llama' }] }, openai: {} } }, agents: { defaults: { model: { primary: 'Fast', fallbacks: ['qwen', 'openai/gpt-5', 'fast'] }, models: { 'local/qwen': { alias: 'fast' } }, modelPolicy: { allow: ['local/*'] } }, entries: { a: {}, b: { model: 'meta/llama', modelPolicy: { allow: ['openai/gpt-5'] } } } } }",
    );
    assert_eq!(chain(&config, "a"), ["local/qwen", "openai/gpt-5"]);
    assert_eq!(chain(&config, "b"), ["local/meta/llama"]);
    assert_eq!(config.resolve_model("unknown"), None);
    let gpt = config.resolve_model("openai/gpt-5").expect("a reference");
    assert!(!config.allows_model(config.agent("a").expect("a"), &gpt));
    assert!(config.allows_model(config.agent("b").expect("b"), &gpt));
}

#[test]
fn the_auth_mode_follows_the_secrets_that_are_written() {
    let mode = |text: &str| config(text).gateway.auth.effective_mode();
    assert_eq!(mode("{}"), AuthMode::Token);
    assert_eq!(
        mode("{ gateway: { auth: { password: 'x' } } }"),
        AuthMode::Password
    );
    assert_eq!(
        mode("{ gateway: { auth: { password: 'x', token: 'y' } } }"),
        AuthMode::Token
    );
}
