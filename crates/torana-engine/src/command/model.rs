//! `/model`: which models there are, and which of them a conversation, an agent or every agent uses.

use torana_core::command::{ModelAction, ModelScope};
use torana_core::id::AgentId;
use torana_core::run::ModelRef;

use super::effect::{Change, Effect};
use super::overrides::EVERY_AGENT;
use super::status::{model_text, status_text};
use crate::session::Work;
use crate::settings::{ModelInfo, Settings};
use crate::store::session;

/// `/model`, `/models`.
pub(super) fn decide(settings: &Settings, work: &Work, action: &ModelAction) -> Effect {
    match action {
        ModelAction::Show => Effect::tell(|row, facts| {
            format!(
                "Model: {}\n\nChoose another with `/model` and its name or number (`/models` lists them); \
                 `/model default` goes back to the configured one.",
                model_text(facts, row)
            )
        }),
        ModelAction::Status => Effect::tell(|row, facts| status_text(facts, row)),
        ModelAction::List => Effect::say(model_list(settings, &work.agent)),
        ModelAction::Default { scope } => choose(work, *scope, None),
        ModelAction::Set { reference, scope } => match find_model(settings, &work.agent, reference)
        {
            Some(model) => choose(work, *scope, Some(model)),
            None if settings
                .models
                .iter()
                .any(|model| model.reference.to_string() == reference.trim()) =>
            {
                let list = model_list(settings, &work.agent);
                Effect::say(format!(
                    "The model `{reference}` may not be chosen here (`modelPolicy.allow`).\n\n{list}"
                ))
            }
            None => {
                let list = model_list(settings, &work.agent);
                Effect::say(format!("There is no model `{reference}` here.\n\n{list}"))
            }
        },
    }
}

/// Chooses a model, or goes back to the configured one with `None`.
fn choose(work: &Work, scope: ModelScope, model: Option<ModelRef>) -> Effect {
    let words = model.as_ref().map_or_else(
        || "the configured model".to_owned(),
        |model| format!("`{model}`"),
    );
    let (agent, whom) = match scope {
        ModelScope::Session => {
            let change = session::Change {
                model: Some(model.map(|model| model.to_string())),
                ..session::Change::default()
            };
            return Effect::say(format!("This conversation now uses {words}."))
                .with(Change::Session(change));
        }
        ModelScope::Agent => (work.agent.to_string(), format!("Agent {}", work.agent)),
        ModelScope::Global => (EVERY_AGENT.to_owned(), "Every agent".to_owned()),
    };
    Effect::say(format!("{whom} now uses {words}.")).with(Change::Model { agent, model })
}

/// The models people may choose for an agent, in the order of the list they see.
fn choices<'a>(settings: &'a Settings, agent: &AgentId) -> Vec<&'a ModelInfo> {
    let agent = settings.agents.get(agent);
    settings
        .models
        .iter()
        .filter(|model| agent.is_none_or(|agent| agent.allows_model(&model.reference)))
        .collect()
}

/// Finds a model by alias, number in the list, `provider/model`, or model id.
pub(crate) fn find_model(settings: &Settings, agent: &AgentId, wanted: &str) -> Option<ModelRef> {
    let wanted = wanted.trim();
    let models = choices(settings, agent);
    if let Ok(number) = wanted.parse::<usize>() {
        return models
            .get(number.checked_sub(1)?)
            .map(|model| model.reference.clone());
    }
    let by = |test: &dyn Fn(&ModelInfo) -> bool| {
        models
            .iter()
            .find(|model| test(model))
            .map(|model| model.reference.clone())
    };
    by(&|model| {
        model
            .alias
            .as_deref()
            .is_some_and(|alias| alias.eq_ignore_ascii_case(wanted))
    })
    .or_else(|| by(&|model| model.reference.to_string() == wanted))
    .or_else(|| by(&|model| model.reference.model == wanted))
}

fn model_list(settings: &Settings, agent: &AgentId) -> String {
    if settings.models.is_empty() {
        return "No model is configured; the demo agent answers. Ask it to *help me configure* one.".to_owned();
    }
    let mut text = String::from("Models:\n");
    for (index, model) in choices(settings, agent).into_iter().enumerate() {
        let alias = model
            .alias
            .as_deref()
            .map(|alias| format!(" ({alias})"))
            .unwrap_or_default();
        let note = if model.available { "" } else { " — no key" };
        text.push_str(&format!(
            "{}. `{}`{alias}{note}\n",
            index + 1,
            model.reference
        ));
    }
    text.push_str("\nChoose one with /model followed by its name or number.");
    text
}
