//! `cargo xtask conform`: software we did not write, driven against a release build of ours.
//!
//! Each folder of `conformance/` is a package with a script `conform`, which finds the binaries in
//! `TORANA_BIN`, `TORANA_FAKE_TELEGRAM_BIN` and `TORANA_FAKE_PROVIDER_BIN`, and ends with a line `N passed, N failed`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::menu;
use super::product::{self, Product};
use crate::source::workspace_root;
use crate::step::run_here;
use crate::tool::{self, Tool};

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (words, _) = menu::options(arguments, &[], &[])?;
    if let Some(tool) = tool::missing(&[Tool::Node, Tool::Npm, Tool::Python]).first() {
        bail!("not installed: {}", tool.hint());
    }
    let names = names()?;
    if let Some(unknown) = words
        .iter()
        .find(|word| !names.iter().any(|name| name == *word))
    {
        bail!(
            "`{unknown}` is no folder of conformance/; there is {}",
            names.join(", ")
        );
    }
    let product = product::build(run_here)?;
    for name in names
        .iter()
        .filter(|name| words.is_empty() || words.contains(&name.as_str()))
    {
        for command in &mut commands(name, &product) {
            run_here(command)?;
        }
    }
    Ok(())
}

/// The packages under `conformance/`.
pub(super) fn names() -> Result<Vec<String>> {
    let folder = workspace_root().join("conformance");
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("package.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Installs the pinned packages of one folder, then runs it.
pub(super) fn commands(name: &str, product: &Product) -> [Command; 2] {
    let folder = workspace_root().join("conformance").join(name);
    let mut conform = npm(&folder, &["run", "--silent", "conform"]);
    product::announce(&mut conform, product);
    [npm(&folder, &["ci"]), conform]
}

/// npm in a folder, without the chatter that belongs to a person's terminal.
pub(super) fn npm(folder: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command
        .current_dir(folder)
        .args(arguments)
        .env("NO_COLOR", "1");
    if arguments.first() == Some(&"ci") {
        command.args(["--no-audit", "--no-fund", "--loglevel=error"]);
    }
    command
}
