//! Values and descriptions of keys, with the nearest known key for one that is not.

use serde_json::Value;
use torana_core::config::{Finding, KeyPath, Knowledge, edit};

use super::input::{key, nested};
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::words::plain;
use crate::configuration;

/// Prints a value, its secrets hidden.
pub(crate) fn get(invocation: &Invocation, path: Option<&str>) -> Result<(), Failure> {
    let configuration = invocation.configuration()?;
    if configuration.loaded.document.is_none() {
        return Err(problems_as_failure(
            invocation,
            &configuration.loaded.problems,
        ));
    }
    let schema = configuration::schema();
    let shown = schema.redacted(&configuration::value_of(&configuration.loaded));
    let Some(path) = path else {
        return invocation.output.value(&shown);
    };
    let path = key(path)?;
    match (edit::get(&shown, &path), schema.knowledge(&path)) {
        (Some(value), _) if invocation.output.json || value.is_object() || value.is_array() => {
            invocation.output.value(value)
        }
        (Some(value), _) => invocation.output.text(&plain(value)),
        (None, Knowledge::Known) => {
            let default = schema
                .lookup(&path)
                .and_then(|schema| schema.get("default"));
            let failure = Failure::failed(format!("`{path}` is not set"));
            Err(match default {
                Some(default) => failure.hint(format!(
                    "set it with `torana config set {path} <value>`; the default is {}",
                    plain(default)
                )),
                None => failure.hint(format!("set it with `torana config set {path} <value>`")),
            })
        }
        (None, Knowledge::Unbuilt) => Err(Failure::failed(format!(
            "`{path}` is not set, and not built here yet"
        ))),
        (None, Knowledge::Unknown) => Err(unknown(invocation, &path)),
    }
}

/// A key that nobody knows, with the nearest that is: what the check of a file with it would say.
fn unknown(invocation: &Invocation, path: &KeyPath) -> Failure {
    let suggestion = nested(path, Value::Null).ok().and_then(|value| {
        let loaded = configuration::check(
            &invocation.paths,
            &invocation.variables(),
            &value.to_string(),
        );
        let written = path.to_string();
        let mut problems = loaded.problems.into_iter();
        problems
            .find(|problem| written.starts_with(&problem.path))?
            .hint
    });
    Failure::failed(format!("`{path}` is not a known key"))
        .hint(suggestion.unwrap_or_else(|| "list the keys with `torana config schema`".to_owned()))
}

/// Prints what a key may be.
pub(crate) fn schema(invocation: &Invocation, path: Option<&str>) -> Result<(), Failure> {
    let schema = configuration::schema();
    let Some(path) = path else {
        return invocation.output.value(schema.as_value());
    };
    let path = key(path)?;
    match schema.lookup(&path) {
        Some(part) => invocation.output.value(part),
        None => Err(unknown(invocation, &path)),
    }
}

fn problems_as_failure(invocation: &Invocation, problems: &[Finding]) -> Failure {
    let lines = configuration::lines(problems).join("\n  ");
    Failure::new(
        Exit::Config,
        format!(
            "{} cannot be read:\n  {lines}",
            invocation.paths.config.display()
        ),
    )
    .hint("mend the file; `torana config validate` checks again")
}
