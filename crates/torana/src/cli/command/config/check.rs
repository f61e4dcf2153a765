//! What is wrong with the configuration or worth a look.

use serde_json::{Value, json};
use torana_core::config::{Finding, Loaded};

use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::configuration;

/// Prints everything that is wrong or worth a look. Exit 78 when something is wrong.
pub(crate) fn validate(invocation: &Invocation) -> Result<(), Failure> {
    let configuration = invocation.configuration()?;
    let loaded = &configuration.loaded;
    let value = json!({
        "valid": loaded.problems.is_empty(),
        "path": invocation.paths.config.to_string_lossy(),
        "exists": configuration.exists,
        "problems": loaded.problems.iter().map(finding).collect::<Vec<_>>(),
        "warnings": loaded.warnings.iter().map(finding).collect::<Vec<_>>(),
        "refusals": loaded.refusals.iter().map(|refusal| json!({
            "part": refusal.part.to_string(), "key": refusal.key, "message": refusal.message,
        })).collect::<Vec<_>>(),
        "acceptedUnbuilt": loaded.accepted_unbuilt,
        "unavailableChannels": loaded.unavailable_channels,
    });
    invocation
        .output
        .either(&value, || report(invocation, loaded, configuration.exists))?;
    if loaded.problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::said(Exit::Config))
    }
}

/// What a check found, in words.
pub(crate) fn report(invocation: &Invocation, loaded: &Loaded, exists: bool) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("{title}\n"));
            for line in lines {
                text.push_str(&format!("  {line}\n"));
            }
        }
    };
    section(
        "problems; the gateway does not start:",
        configuration::lines(&loaded.problems),
    );
    section(
        "parts that do not start:",
        loaded.refusals.iter().map(ToString::to_string).collect(),
    );
    section(
        "warnings:",
        configuration::warnings(loaded)
            .map(ToString::to_string)
            .collect(),
    );
    section(
        "accepted and not built here yet:",
        loaded
            .accepted_unbuilt
            .iter()
            .map(|key| format!("`{key}`"))
            .collect(),
    );
    let path = invocation.paths.config.display();
    let verdict = match (loaded.problems.len(), exists) {
        (0, true) => format!("{path} is valid"),
        (0, false) => format!("{path} does not exist; the defaults hold"),
        (1, _) => format!("{path} has 1 problem"),
        (number, _) => format!("{path} has {number} problems"),
    };
    text.push_str(&verdict);
    text
}

fn finding(finding: &Finding) -> Value {
    json!({
        "file": finding.place.as_ref().map(|place| place.file.clone()),
        "line": finding.place.as_ref().map(|place| place.line),
        "column": finding.place.as_ref().map(|place| place.column),
        "path": finding.path, "message": finding.message, "hint": finding.hint,
    })
}
