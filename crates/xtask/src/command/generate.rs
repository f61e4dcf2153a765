//! `cargo xtask gen`: reference pages and schemas come from the code, are committed, and are checked.
//!
//! The binary writes them with its hidden command `__gen <folder>`; the table below says where each belongs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::menu;
use crate::source::workspace_root;
use crate::step::run_here;
use crate::tool;

/// The folder that holds nothing but generated files.
const REFERENCE_FOLDER: &str = "docs/reference";

/// Generated file, and where it belongs when that is not the reference folder.
const OUTPUTS: &[(&str, &str)] = &[
    ("channels.md", REFERENCE_FOLDER),
    ("cli.md", REFERENCE_FOLDER),
    ("config.md", REFERENCE_FOLDER),
    ("config.schema.json", REFERENCE_FOLDER),
    ("events.md", REFERENCE_FOLDER),
    ("methods.md", REFERENCE_FOLDER),
    ("problems.md", REFERENCE_FOLDER),
];

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (_, options) = menu::options(arguments, &[], &["--check"])?;
    run_here(tool::cargo().args(["build", "-p", "torana", "--bin", "torana"]))?;
    let binary = debug_binary();
    if options.is_empty() {
        write(&binary)
    } else {
        check(&binary)
    }
}

/// The development build of the gateway.
pub(super) fn debug_binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace_root().join("target"), PathBuf::from);
    target.join("debug").join("torana")
}

/// Fails, naming every file, when a committed file is not what the code says.
pub(super) fn check(binary: &Path) -> Result<()> {
    let fresh = generate(binary)?;
    let stale: Vec<String> = OUTPUTS
        .iter()
        .filter(|(name, folder)| {
            let committed = std::fs::read(workspace_root().join(folder).join(name)).ok();
            committed.is_none() || committed != std::fs::read(fresh.join(name)).ok()
        })
        .map(|(name, folder)| format!("{folder}/{name}"))
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    bail!(
        "not current: {}; hint: run `cargo xtask gen` and commit the result",
        stale.join(", ")
    )
}

fn write(binary: &Path) -> Result<()> {
    let fresh = generate(binary)?;
    for (name, folder) in OUTPUTS {
        let target = workspace_root().join(folder);
        std::fs::create_dir_all(&target).with_context(|| format!("creating {folder}"))?;
        std::fs::copy(fresh.join(name), target.join(name))
            .with_context(|| format!("writing {folder}/{name}"))?;
        println!("wrote {folder}/{name}");
    }
    Ok(())
}

/// Runs the generator into an empty folder and compares the names with the table.
fn generate(binary: &Path) -> Result<PathBuf> {
    let folder = workspace_root().join("target").join("generated");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("emptying {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let output = Command::new(binary)
        .arg("__gen")
        .arg(&folder)
        .output()
        .with_context(|| format!("starting {}; hint: build it first", binary.display()))?;
    if !output.status.success() {
        bail!(
            "the generator failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let written: BTreeSet<String> = std::fs::read_dir(&folder)
        .context("reading the generated files")?
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let expected: BTreeSet<String> = OUTPUTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    if written != expected {
        let odd: Vec<&String> = written.symmetric_difference(&expected).collect();
        bail!("the generator and the table of outputs in xtask disagree on {odd:?}");
    }
    Ok(folder)
}
