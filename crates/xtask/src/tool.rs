//! Programs that are not part of the Rust toolchain: found on the path, never installed from here.

use std::path::PathBuf;
use std::process::Command;

/// A program that some steps need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Node,
    Npm,
    Chromium,
    Python,
}

// === impl Tool ===

impl Tool {
    pub(crate) const ALL: &'static [Tool] = &[Tool::Node, Tool::Npm, Tool::Chromium, Tool::Python];

    /// The names under which distributions ship it.
    fn names(self) -> &'static [&'static str] {
        match self {
            Tool::Node => &["node"],
            Tool::Npm => &["npm"],
            Tool::Chromium => &["chromium", "chromium-browser", "google-chrome"],
            Tool::Python => &["python3"],
        }
    }

    /// What it is called in messages, and how to get it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Tool::Node => "Node.js 20 or newer, package nodejs",
            Tool::Npm => "npm, package npm",
            Tool::Chromium => "Chromium, package chromium",
            Tool::Python => "Python 3.10 or newer with pip, packages python3 and python3-pip",
        }
    }

    /// Where it is, if it is installed.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let folders: Vec<PathBuf> =
            std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect())?;
        let mut places = self
            .names()
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        places.find(|place| place.is_file())
    }
}

/// The tools of `wanted` that are not installed.
pub(crate) fn missing(wanted: &[Tool]) -> Vec<Tool> {
    wanted
        .iter()
        .copied()
        .filter(|tool| tool.find().is_none())
        .collect()
}

/// The cargo that started us, so that the toolchain stays the same.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::source::workspace_root());
    command
}

/// Cargo on the whole workspace with all features.
///
/// CI selects the same packages and features in every step, because another selection compiles everything anew.
pub(crate) fn workspace(subcommand: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(subcommand)
        .args(["--locked", "--workspace", "--all-features"]);
    command
}

/// Whether `cargo nextest` is there; it runs tests faster but is never required.
pub(crate) fn has_nextest() -> bool {
    cargo()
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}
