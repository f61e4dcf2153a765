//! The user interface: its checks, and the proof that the committed build output is the output of the sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::conform::npm;
use super::product::{self, Product};
use crate::source::workspace_root;
use crate::step::Log;
use crate::tool::Tool;

/// Types, tests, build; then the build must equal what is committed and embedded.
pub(super) fn check(log: &Log) -> Result<()> {
    let folder = folder();
    log.command(&mut npm(&folder, &["ci"]))?;
    log.command(&mut npm(&folder, &["run", "check"]))?;
    log.command(&mut npm(&folder, &["test"]))?;
    let output = folder.join("dist");
    let committed = contents(&output)?;
    log.command(&mut npm(&folder, &["run", "build"]))?;
    let built = contents(&output)?;
    let mut different: Vec<&String> = committed.keys().chain(built.keys()).collect();
    different.retain(|path| committed.get(*path) != built.get(*path));
    different.sort_unstable();
    different.dedup();
    if different.is_empty() {
        return Ok(());
    }
    for path in &different {
        log.note(&format!("differs: ui/dist/{path}"))?;
    }
    bail!("ui/dist is not the build of ui/; hint: run `npm run build` in ui/ and commit the result")
}

/// A real browser against the real binary, as a person uses it; against a stand-in that does what a real gateway cannot
/// easily be made to do (lockouts, silence, missed events, a base path); then with malice in every field.
pub(super) fn browser(product: &Product) -> [Command; 3] {
    ["test:browser", "test:page", "test:hostile"].map(|script| {
        let mut command = npm(&folder(), &["run", "--silent", script]);
        product::announce(&mut command, product);
        if let Some(chromium) = Tool::Chromium.find() {
            command.env("CHROMIUM", chromium);
        }
        command
    })
}

fn folder() -> PathBuf {
    workspace_root().join("ui")
}

fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in
            std::fs::read_dir(&next).with_context(|| format!("reading {}", next.display()))?
        {
            let path = entry
                .with_context(|| format!("reading {}", next.display()))?
                .path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .into_owned();
                // Compressors differ between machines, and a compressed sibling follows from its original.
                let compressed = name.ends_with(".gz") || name.ends_with(".br");
                let bytes = if compressed { Vec::new() } else { read(&path)? };
                files.insert(name, bytes);
            }
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
