//! Loads every text file of the workspace once, so that a rule is a plain function over values.
//! Tests build a tree from literals instead of from disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::rust;

/// Folders that hold no source of ours.
const SKIPPED_FOLDERS: &[&str] = &["target", ".git", "node_modules", "artifacts"];

/// Larger files are data, not text that a person wrote.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One Rust file, prepared for scanning.
#[derive(Debug)]
pub(crate) struct RustFile {
    /// Relative to the workspace root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments, strings and characters blanked out; same length, same lines.
    pub(crate) code: String,
    /// The text with only comments blanked out.
    pub(crate) uncommented: String,
    /// Per line: part of a test.
    test_lines: Vec<bool>,
}

/// All text files of the workspace.
#[derive(Debug)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    rust: Vec<RustFile>,
}

/// The folder that holds the workspace manifest.
pub(crate) fn workspace_root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .nth(2)
        .unwrap_or(crate_folder)
        .to_path_buf()
}

// === impl Tree ===

impl Tree {
    /// Reads the workspace from disk.
    pub(crate) fn load(root: &Path) -> Result<Tree> {
        let mut files = BTreeMap::new();
        collect(root, root, &mut files)?;
        Ok(Tree::build(files))
    }

    /// A tree made of literals, for tests of rules.
    #[cfg(test)]
    pub(crate) fn from_files<const N: usize>(files: [(&str, &str); N]) -> Tree {
        Tree::build(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    fn build(files: BTreeMap<String, String>) -> Tree {
        let mut rust: Vec<RustFile> = files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| RustFile::new(path, text))
            .collect();
        mark_test_modules(&mut rust);
        Tree { files, rust }
    }

    /// The text of one file, if it exists.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every text file, ordered by path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every Rust file, ordered by path.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &RustFile> {
        self.rust.iter()
    }

    /// Rust files below one folder, given with its trailing slash.
    pub(crate) fn rust_under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a RustFile> {
        self.rust
            .iter()
            .filter(move |file| file.path.starts_with(folder))
    }

    /// Whether a file, or a folder with anything in it, exists at this path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// The folders directly below `folder` that hold a `mod.rs`.
    pub(crate) fn module_folders(&self, folder: &str) -> BTreeSet<String> {
        self.rust
            .iter()
            .filter_map(|file| file.path.strip_prefix(folder)?.strip_suffix("/mod.rs"))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        let path = entry.path();
        let name = entry.file_name();
        let kind = entry
            .file_type()
            .with_context(|| format!("reading {}", path.display()))?;
        if kind.is_dir() {
            if !SKIPPED_FOLDERS.iter().any(|skipped| name == *skipped) {
                collect(root, &path, files)?;
            }
        } else if kind.is_file()
            && entry
                .metadata()
                .is_ok_and(|data| data.len() <= TEXT_BYTES_MAX)
        {
            // A file may vanish between listing and reading while somebody edits; that is not our finding.
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            if let Ok(text) = String::from_utf8(bytes) {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                files.insert(relative.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    Ok(())
}

/// A module declared under `#[cfg(test)]` makes its whole file, or folder, test code.
fn mark_test_modules(files: &mut [RustFile]) {
    let mut roots = Vec::new();
    for file in files.iter() {
        for name in rust::test_module_declarations(&file.code) {
            let folder = module_folder(&file.path);
            roots.push((format!("{folder}/{name}.rs"), format!("{folder}/{name}/")));
        }
    }
    for file in files.iter_mut() {
        if roots
            .iter()
            .any(|(single, folder)| file.path == *single || file.path.starts_with(folder))
        {
            file.test_lines.fill(true);
        }
    }
}

/// The folder in which the child modules of a file live.
fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

// === impl RustFile ===

impl RustFile {
    fn new(path: &str, text: &str) -> RustFile {
        let code = rust::blank(text, rust::Blank::CommentsAndStrings);
        let uncommented = rust::blank(text, rust::Blank::Comments);
        let lines = text.lines().count();
        let test_lines = if is_test_path(path) {
            vec![true; lines]
        } else {
            rust::test_lines(&code, lines)
        };
        RustFile {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            uncommented,
            test_lines,
        }
    }

    /// Whether the one-based line belongs to a test.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(false)
    }

    /// Whether any line of this file is production code.
    pub(crate) fn has_production(&self) -> bool {
        self.test_lines.iter().any(|test| !test)
    }

    /// Whether this is a server for tests, which lives in the world it imitates: a `fake` folder or its program.
    pub(crate) fn is_fake(&self) -> bool {
        self.path.contains("/fake/")
            || self.path.contains("-fake-")
            || self.path.ends_with("/fake.rs")
    }

    /// Number of lines that are not tests.
    pub(crate) fn production_lines(&self) -> usize {
        self.test_lines.iter().filter(|test| !**test).count()
    }

    /// The functions of this file with their size.
    pub(crate) fn functions(&self) -> Vec<rust::Function> {
        rust::functions(&self.code)
    }

    /// The name of the crate folder this file is in, e.g. `torana-core`.
    pub(crate) fn crate_name(&self) -> &str {
        self.path
            .strip_prefix("crates/")
            .and_then(|rest| rest.split('/').next())
            .unwrap_or("")
    }
}

fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || ["/tests/", "/benches/", "/examples/"]
            .iter()
            .any(|part| path.contains(part))
}
