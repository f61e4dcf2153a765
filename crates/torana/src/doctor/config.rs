//! The configuration is valid. `--fix` restores the last one a gateway started with (decision 22).

use std::collections::BTreeMap;

use torana_core::config::{Part, Refusal};
use torana_host::files;

use super::finding::{Finding, Patient, Report};
use crate::cli::{Exit, keep_config};
use crate::configuration::{self, Configuration};

const CHECK: &str = "config";

pub(super) fn check(patient: &mut Patient<'_>, report: &mut Report) {
    let path = patient.invocation.paths.config.display().to_string();
    let configuration = match patient.invocation.configuration() {
        Ok(configuration) => configuration,
        Err(failure) => {
            let hint = failure
                .hint
                .unwrap_or_else(|| "name a file that exists and can be read".to_owned());
            report.add(Finding::fail(CHECK, failure.message, hint).exit(Exit::Config));
            return;
        }
    };
    for (part, keys) in refused(&configuration.loaded.refusals) {
        report.add(Finding::warn(
            CHECK,
            format!("off: {part}, because of {}", keys.join(", ")),
            "read why with `torana config validate`, and change or remove what it names",
        ));
    }
    for warning in configuration::warnings(&configuration.loaded) {
        // A warning says itself what to do about it.
        report.add(Finding {
            hint: None,
            ..Finding::warn(CHECK, warning.to_string(), "")
        });
    }
    let hidden = configuration.loaded.accepted_unbuilt.len();
    if hidden > 0 {
        report.add(Finding::warn(
            CHECK,
            format!("{hidden} keys are accepted and have no effect in this version"),
            "list them with `torana config validate`",
        ));
    }
    if configuration.loaded.config.is_some() {
        let text = if configuration.exists {
            format!("{path} is valid")
        } else {
            "there is no file, the defaults hold".to_owned()
        };
        report.add(Finding::ok(CHECK, text));
        patient.config = configuration.loaded.config;
        patient.refusals = configuration.loaded.refusals;
        return;
    }
    if patient.fix && restore(patient, &configuration, report) {
        return;
    }
    for problem in &configuration.loaded.problems {
        // A problem says itself what to do about it.
        report.add(Finding {
            hint: None,
            ..Finding::fail(CHECK, problem.to_string(), "").exit(Exit::Config)
        });
    }
    if last_good(patient).is_some() && !patient.fix {
        report.add(Finding::warn(
            CHECK,
            "the last working version is kept",
            "restore it with `torana doctor --fix`",
        ));
    }
}

/// The parts that do not start, each with the keys that keep it from starting.
fn refused(refusals: &[Refusal]) -> BTreeMap<&Part, Vec<String>> {
    let mut parts: BTreeMap<&Part, Vec<String>> = BTreeMap::new();
    for refusal in refusals {
        let keys = parts.entry(&refusal.part).or_default();
        keys.push(format!("`{}`", refusal.key));
    }
    parts
}

/// The last version a gateway started with, when it is still valid.
fn last_good(patient: &Patient<'_>) -> Option<String> {
    let path = patient.invocation.paths.backups().join("last-good.json");
    let bytes = files::read_capped(&path, torana_core::config::TEXT_BYTES_MAX as u64).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let loaded = configuration::check(
        &patient.invocation.paths,
        &patient.invocation.variables(),
        &text,
    );
    loaded.config.is_some().then_some(text)
}

fn restore(patient: &mut Patient<'_>, configuration: &Configuration, report: &mut Report) -> bool {
    let Some(text) = last_good(patient) else {
        report.add(Finding::warn(
            CHECK,
            "there is no working version to restore",
            "mend the file by hand",
        ));
        return false;
    };
    let paths = &patient.invocation.paths;
    let written = keep_config(
        &paths.backups(),
        &configuration.text,
        patient.invocation.world.wall_ms(),
    )
    .and_then(|()| files::replace(&paths.config, text.as_bytes()));
    match written {
        Ok(()) => {
            report.changed(format!(
                "{}: restored the last working version; the broken one is the newest in {}",
                paths.config.display(),
                paths.backups().display()
            ));
            report.add(Finding::ok(
                CHECK,
                format!("{} is valid again", paths.config.display()),
            ));
            patient.config =
                configuration::check(paths, &patient.invocation.variables(), &text).config;
            true
        }
        Err(error) => {
            report.add(
                Finding::fail(
                    CHECK,
                    format!("the file cannot be written: {error}"),
                    "check its owner and the disk",
                )
                .exit(Exit::Disk),
            );
            false
        }
    }
}
