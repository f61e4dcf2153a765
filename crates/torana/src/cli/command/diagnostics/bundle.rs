//! What a gateway kept of its last moments, read back: `torana gateway stability --bundle`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use torana_host::files::read_capped;

use super::facts;
use crate::cli::args::StabilityFlags;
use crate::cli::command::system;
use crate::cli::failure::{Exit, Failure};
use crate::cli::invocation::Invocation;
use crate::cli::words::{number_of, text_of};

/// The word for the newest one.
const LATEST: &str = "latest";
/// A bundle of a thousand events has about 150 KiB.
const BYTES_MAX: u64 = 1024 * 1024;

/// Prints the events of a kept bundle, filtered as those of a running gateway are.
pub(crate) fn print(
    invocation: &Invocation,
    flags: &StabilityFlags,
    wanted: &Path,
) -> Result<(), Failure> {
    let mut bundle = read(&find(invocation, wanted)?)?;
    let mut events = bundle["snapshot"]["events"].take();
    if let Some(events) = events.as_array_mut() {
        events.retain(|event| {
            let is_kind = flags
                .kind
                .as_ref()
                .is_none_or(|kind| text_of(event, "type") == kind);
            let sequence = number_of(event, "seq").and_then(|seq| u64::try_from(seq).ok());
            is_kind
                && flags
                    .since_seq
                    .is_none_or(|since| sequence.is_some_and(|seq| seq > since))
        });
        let over = events.len().saturating_sub(usize::from(flags.limit));
        events.drain(..over);
    }
    bundle["snapshot"]["events"] = events;
    invocation.output.either(&bundle, || {
        let (at, why) = (text_of(&bundle, "generatedAt"), text_of(&bundle, "reason"));
        format!(
            "kept at {at}: {why}\n\n{}",
            system::events(&bundle["snapshot"])
        )
    })
}

/// What somebody names, made harmless.
pub(super) fn wanted(invocation: &Invocation, wanted: &Path) -> Result<Value, Failure> {
    let bundle = read(&find(invocation, wanted)?)?;
    Ok(facts::stability(&bundle["snapshot"]))
}

/// The newest one, when there is one, made harmless.
pub(super) fn newest(invocation: &Invocation) -> Option<Value> {
    wanted(invocation, Path::new(LATEST)).ok()
}

fn find(invocation: &Invocation, wanted: &Path) -> Result<PathBuf, Failure> {
    if wanted.as_os_str() != LATEST {
        return Ok(wanted.to_owned());
    }
    latest(invocation).ok_or_else(|| {
        Failure::failed("no gateway of this state directory kept one yet")
            .hint("a gateway keeps one when it ends; ask the running one without --bundle")
    })
}

/// Names hold the moment, so the last in order is the newest.
fn latest(invocation: &Invocation) -> Option<PathBuf> {
    let entries = std::fs::read_dir(invocation.paths.stability()).ok()?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .max()
}

fn read(path: &Path) -> Result<Value, Failure> {
    let bytes = read_capped(path, BYTES_MAX)
        .map_err(|error| Failure::failed(format!("{} cannot be read: {error}", path.display())))?;
    let value: Option<Value> = serde_json::from_slice(&bytes).ok();
    value
        .filter(|value| value["snapshot"]["events"].is_array())
        .ok_or_else(|| {
            Failure::new(
                Exit::Failed,
                format!("{} is no bundle of a gateway", path.display()),
            )
            .hint("name a file of `logs/stability` in a state directory, or `latest`")
        })
}
