//! What `cargo metadata` knows, and short ways to read it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The packages of this workspace and what they declare; needs no download.
pub(in crate::rule) fn workspace(root: &Path) -> Result<Value> {
    run(root, &["--no-deps"])
}

/// Every package of the lock file, for all platforms.
pub(super) fn everything(root: &Path) -> Result<Value> {
    run(root, &["--locked"])
}

fn run(root: &Path, options: &[&str]) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1"])
        .args(options)
        .current_dir(root)
        .output()
        .context("starting cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("reading the output of cargo metadata")
}

/// The list under `packages`.
pub(in crate::rule) fn packages(metadata: &Value) -> Vec<&Value> {
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .collect()
}

/// The declared dependencies of one package.
pub(in crate::rule) fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().into_iter().flatten()
}

/// A text field, empty when absent.
pub(in crate::rule) fn string<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("")
}
