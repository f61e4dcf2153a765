//! A model answers. Model servers of this machine are looked for, because a person asked (decision 33).

use torana_agents::offers::{self, Offer};
use torana_core::config::Config;
use torana_core::config::tree::GatewayMode;
use torana_host::egress::{Egress, install_crypto};

use super::finding::{Finding, Patient, Report};
use crate::compose;

const CHECK: &str = "models";

pub(super) async fn check(patient: &Patient<'_>, report: &mut Report) {
    let Some(config) = &patient.config else {
        return;
    };
    if config.gateway.mode == Some(GatewayMode::Remote) {
        let text = "not looked at: `gateway.mode` is `remote`, and the gateway there has its own";
        report.add(Finding::ok(CHECK, text));
        return;
    }
    let environment = patient.invocation.variables().merged();
    let builtin = compose::agents::builtin(config, &environment);
    if builtin.is_model_configured() {
        configured(config, &builtin, report);
        return;
    }
    install_crypto();
    let mut found = offers::from_environment(&environment);
    found.extend(
        offers::probe_local(&patient.invocation.world, &Egress::default(), &environment).await,
    );
    let text = "no model is configured; the demo agent answers";
    if found.is_empty() {
        report.add(Finding::warn(CHECK, text, "put a key such as OPENAI_API_KEY into `.env` of the state directory, then `torana config set agents.defaults.model openai/gpt-5-mini` and `torana gateway restart`"));
    }
    for offer in &found {
        report.add(Finding::warn(
            CHECK,
            format!("{text}; {}", described(offer)),
            format!("use it with `{}`", offer.command()),
        ));
    }
}

fn described(offer: &Offer) -> String {
    format!("{} is there ({})", offer.name, offer.source)
}

fn configured(
    config: &Config,
    builtin: &torana_agents::builtin::BuiltinSettings,
    report: &mut Report,
) {
    for agent in config.agents() {
        let chain = compose::agents::chain_of(config, agent);
        if chain.is_empty() {
            report.add(Finding::warn(
                CHECK,
                format!("agent {} has no model", agent.id),
                "set `agents.defaults.model`",
            ));
        }
        for model in chain {
            match builtin.providers.get(&model.provider) {
                None => report.add(Finding::fail(
                    CHECK,
                    format!(
                        "agent {} uses {model}, and there is no provider `{}`",
                        agent.id, model.provider
                    ),
                    format!("describe it in `models.providers.{}`", model.provider),
                )),
                Some(provider) => {
                    if !compose::agents::can_ask(config, &model.provider, provider) {
                        report.add(Finding::fail(
                            CHECK,
                            format!("agent {} uses {model}, and provider `{}` has no key", agent.id, model.provider),
                            format!("set `models.providers.{}.apiKey`, or the variable of that provider", model.provider),
                        ));
                    } else {
                        report.add(Finding::ok(
                            CHECK,
                            format!("agent {} uses {model}", agent.id),
                        ));
                    }
                }
            }
        }
    }
}
