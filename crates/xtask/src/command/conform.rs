//! `cargo xtask conform`: software we did not write, driven against a release build of ours.
//!
//! Each folder of `conformance/` is a package with a script `conform`, which finds the binaries in
//! `TORANA_BIN`, `TORANA_FAKE_TELEGRAM_BIN` and `TORANA_FAKE_PROVIDER_BIN`, and ends with a line `N passed, N failed`.
//!
//! The packages are pinned, so that a run says something about us. `--latest` drives the newest releases instead, in a
//! copy: it says what the next pin will ask for, and writes nothing into the tree but which releases passed.
//! `--binaries FOLDER` drives what is in that folder, such as an unpacked release, instead of building first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::menu;
use super::product::{self, Product};
use crate::source::workspace_root;
use crate::step::run_here;
use crate::tool::{self, Tool};

/// Tests the newest releases instead of the pinned ones.
const LATEST: &str = "--latest";
/// Names a folder with built binaries.
const BINARIES: &str = "--binaries";

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (words, options) = menu::options(arguments, &[BINARIES], &[LATEST])?;
    let value = |name| options.iter().find(|(found, _)| *found == name);
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
    let product = match value(BINARIES) {
        Some((_, folder)) => Product::in_folder(Path::new(folder))?,
        None => product::build(run_here)?,
    };
    for name in names
        .iter()
        .filter(|name| words.is_empty() || words.contains(&name.as_str()))
    {
        let commands: Vec<Command> = if value(LATEST).is_some() {
            newest(name, &product)?.into()
        } else {
            commands(name, &product).into()
        };
        for mut command in commands {
            run_here(&mut command)?;
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

/// Installs the newest releases of what one folder tests into a copy of it, then runs that; what compares the
/// tree with the pinned releases is left out. What passed is noted in `conformance/newest.json`.
fn newest(name: &str, product: &Product) -> Result<[Command; 3]> {
    let copy = workspace_root().join("target/latest/conformance");
    for part in ["lib", name] {
        copy_scripts(
            &workspace_root().join("conformance").join(part),
            &copy.join(part),
        )?;
    }
    let folder = copy.join(name);
    unpin(&folder.join("requirements.txt"))?;
    let text = std::fs::read_to_string(folder.join("package.json"))?;
    let package: Value = serde_json::from_str(&text).context("package.json")?;
    let names = package["dependencies"].as_object().into_iter().flatten();
    let wanted: Vec<String> = names.map(|(name, _)| format!("{name}@latest")).collect();
    let mut install = vec!["install", "--no-audit", "--no-fund", "--loglevel=error"];
    install.extend(wanted.iter().map(String::as_str));
    let script = if package["scripts"]["drive"].is_string() {
        "drive"
    } else {
        "conform"
    };
    let mut drive = npm(&folder, &["run", "--silent", script]);
    product::announce(&mut drive, product);
    let mut note = Command::new("node");
    note.current_dir(workspace_root().join("conformance/lib"))
        .args(["newest.mjs", name])
        .arg(&folder);
    Ok([npm(&folder, &install), drive, note])
}

/// Lets pip choose the release of what a suite needs of Python: a pin is `name==release`, one to a line.
fn unpin(requirements: &Path) -> Result<()> {
    if !requirements.is_file() {
        return Ok(());
    }
    let text = std::fs::read_to_string(requirements)?;
    let names: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("==").map_or(line, |(name, _)| name))
        .collect();
    std::fs::write(requirements, names.join("\n"))
        .with_context(|| format!("writing {}", requirements.display()))
}

fn copy_scripts(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
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
