//! `torana agents` and `torana models`: who answers, and with what.

use serde_json::{Value, json};

use super::operate::{ask, confirmed};
use crate::cli::args::{AgentsCommand, ConfigCommand, ModelsCommand, WriteFlags};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::output::{facts, table};
use crate::cli::rpc::method;
use crate::cli::words::{items_of, number_of, text_of};
use crate::configuration;

/// Runs `torana agents …`.
pub(crate) async fn run(
    invocation: &mut Invocation,
    command: AgentsCommand,
) -> Result<(), Failure> {
    match command {
        AgentsCommand::List => {
            let answer = ask(invocation, method::AGENTS_LIST, json!({})).await?;
            invocation.output.either(&answer, || shown(&answer))
        }
        AgentsCommand::Add {
            name,
            workspace,
            model,
            emoji,
        } => {
            let mut params = json!({ "name": name });
            for (field, value) in [("workspace", workspace), ("model", model), ("emoji", emoji)] {
                if let Some(value) = value {
                    params[field] = json!(value);
                }
            }
            let answer = ask(invocation, method::AGENTS_CREATE, params).await?;
            invocation.output.either(&answer, || {
                let folder = text_of(&answer, "workspace");
                format!(
                    "agent {} is there and works in {folder}",
                    text_of(&answer, "agentId")
                )
            })
        }
        AgentsCommand::Delete { id, files, yes } => {
            let also = if files { " and its files" } else { "" };
            if !yes && !confirmed(invocation, &format!("delete agent {id}{also}?"))? {
                return Err(Failure::failed("nothing was deleted"));
            }
            let params = json!({ "agentId": id, "deleteFiles": files });
            let answer = ask(invocation, method::AGENTS_DELETE, params).await?;
            invocation.output.either(&answer, || {
                let bindings = number_of(&answer, "removedBindings").unwrap_or(0);
                let mut text = format!("agent {id} is gone, and {bindings} of its bindings");
                for failed in items_of(&answer, "failed") {
                    text.push_str(&format!(
                        "\n{} stays: {}",
                        text_of(failed, "path"),
                        text_of(failed, "reason")
                    ));
                }
                text
            })
        }
        AgentsCommand::Identity {
            agent,
            name,
            emoji,
            avatar,
        } => {
            let id = agent.given();
            let changes: Vec<(&str, String)> =
                [("name", name), ("emoji", emoji), ("avatar", avatar)]
                    .into_iter()
                    .filter_map(|(field, value)| Some((field, value?)))
                    .collect();
            if !changes.is_empty() {
                let mut params = json!({ "agentId": id });
                for (field, value) in changes {
                    params[field] = json!(value);
                }
                ask(invocation, method::AGENTS_UPDATE, params).await?;
            }
            let answer = ask(
                invocation,
                method::AGENT_IDENTITY_GET,
                json!({ "agentId": id }),
            )
            .await?;
            invocation.output.either(&answer, || {
                facts([
                    ("Agent", text_of(&answer, "agentId").to_owned()),
                    ("Name", text_of(&answer, "name").to_owned()),
                    ("Emoji", text_of(&answer, "emoji").to_owned()),
                    ("Picture", text_of(&answer, "avatar").to_owned()),
                ])
            })
        }
    }
}

fn shown(answer: &Value) -> String {
    let default = text_of(answer, "defaultId");
    let rows = items_of(answer, "agents").iter().map(|agent| {
        let id = text_of(agent, "id");
        let name = [text_of(&agent["identity"], "name"), text_of(agent, "name")]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default();
        [
            if id == default {
                format!("{id} (default)")
            } else {
                id.to_owned()
            },
            name.to_owned(),
            text_of(&agent["model"], "primary").to_owned(),
            text_of(agent, "workspace").to_owned(),
        ]
    });
    table(["agent", "name", "model", "folder"], rows)
}

/// Runs `torana models …`.
pub(crate) async fn models(
    invocation: &mut Invocation,
    command: ModelsCommand,
) -> Result<(), Failure> {
    let params = json!({ "view": "default", "includeDetails": true });
    match command {
        ModelsCommand::List { provider, plain } => {
            let mut answer = ask(invocation, method::MODELS_LIST, params).await?;
            if let (Some(provider), Some(models)) = (&provider, answer["models"].as_array_mut()) {
                models.retain(|model| text_of(model, "provider") == provider);
            }
            invocation.output.either(&answer, || {
                let models = items_of(&answer, "models");
                if plain {
                    return models.iter().map(reference).collect::<Vec<_>>().join("\n");
                }
                if models.is_empty() {
                    return match &provider {
                        Some(provider) => format!("`{provider}` has no model here"),
                        None => {
                            "no model is configured; choose one with `torana models set`".to_owned()
                        }
                    };
                }
                table(
                    ["model", "context", "input", "thinks", "state", "tags"],
                    models.iter().map(row),
                )
            })
        }
        ModelsCommand::Set { model } => set_model(invocation, &model),
        ModelsCommand::Status => {
            let agents = ask(invocation, method::AGENTS_LIST, json!({})).await?;
            let models = ask(invocation, method::MODELS_LIST, params).await?;
            let value = json!({ "agents": agents["agents"], "models": models["models"] });
            invocation
                .output
                .either(&value, || status(&agents, &models))
        }
    }
}

/// Writes the model into the configuration; fallbacks that stand beside it stay.
fn set_model(invocation: &Invocation, model: &str) -> Result<(), Failure> {
    if invocation.is_elsewhere() {
        return Err(Failure::new(
            Exit::Usage,
            "this changes the configuration of this machine, not that of a gateway elsewhere",
        )
        .hint("use `torana gateway call config.patch` for that one"));
    }
    let written = configuration::value_of(&invocation.configuration()?.loaded);
    let has_fallbacks = written["agents"]["defaults"]["model"].is_object();
    let path = if has_fallbacks {
        "agents.defaults.model.primary"
    } else {
        "agents.defaults.model"
    };
    let change = ConfigCommand::Set {
        path: path.to_owned(),
        // As JSON, so that no name is read as anything but text.
        value: json!(model).to_string(),
        write: WriteFlags::default(),
        strict_json: true,
        merge: false,
    };
    super::config::run(invocation, change)
}

/// Provider and model in one word.
fn reference(model: &Value) -> String {
    let (id, provider) = (text_of(model, "id"), text_of(model, "provider"));
    if provider.is_empty() || id.starts_with(&format!("{provider}/")) {
        id.to_owned()
    } else {
        format!("{provider}/{id}")
    }
}

fn availability(model: &Value) -> &'static str {
    match model["available"].as_bool() {
        Some(true) => "ready",
        Some(false) => "no credentials",
        None => "",
    }
}

fn row(model: &Value) -> [String; 6] {
    let thinks = if model["reasoning"].as_bool() == Some(true) {
        "yes"
    } else {
        "no"
    };
    [
        reference(model),
        number_of(model, "contextWindow")
            .map(|window| window.to_string())
            .unwrap_or_default(),
        super::operate::joined(model, "input"),
        thinks.to_owned(),
        availability(model).to_owned(),
        super::operate::joined(model, "tags"),
    ]
}

fn status(agents: &Value, models: &Value) -> String {
    let rows = items_of(agents, "agents").iter().map(|agent| {
        let primary = text_of(&agent["model"], "primary");
        let known = items_of(models, "models")
            .iter()
            .find(|model| reference(model) == primary);
        let state = match known {
            Some(model) => availability(model),
            None if primary.is_empty() => "demo agent, no model configured",
            None => "not in the catalogue",
        };
        [
            text_of(agent, "id").to_owned(),
            primary.to_owned(),
            super::operate::joined(&agent["model"], "fallbacks"),
            state.to_owned(),
        ]
    });
    table(["agent", "model", "fallbacks", "state"], rows)
}
