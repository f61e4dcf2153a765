//! `deps::unused`: what a manifest names is used, and the workspace list holds nothing that no crate takes.
//!
//! A package counts as used when its name stands in the code of the crate; a dependency that only tests use
//! belongs under `[dev-dependencies]`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::metadata;
use crate::finding::{Finding, finding};
use crate::source::{RustFile, Tree, line_of, word_positions};

pub(in crate::rule) fn unused(
    rule: &'static str,
    tree: &Tree,
    root: &Path,
) -> Result<Vec<Finding>> {
    let metadata = metadata::workspace(root)?;
    let mut found = unused_by_crates(rule, tree, &metadata);
    found.extend(unused_by_workspace(rule, tree, &metadata));
    Ok(found)
}

fn unused_by_crates(rule: &'static str, tree: &Tree, metadata: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in metadata::packages(metadata) {
        let crate_name = metadata::string(package, "name");
        let folder = format!("crates/{crate_name}/");
        let manifest = format!("{folder}Cargo.toml");
        for dependency in metadata::dependencies(package) {
            let rename = metadata::string(dependency, "rename");
            let name = if rename.is_empty() {
                metadata::string(dependency, "name")
            } else {
                rename
            };
            let word = name.replace('-', "_");
            let files: Vec<&RustFile> = tree.rust_under(&folder).collect();
            let anywhere = files
                .iter()
                .any(|file| word_positions(&file.code, &word).next().is_some());
            let in_production = files.iter().any(|file| is_used_in_production(file, &word));
            let dev = dependency["kind"] == "dev";
            if !anywhere {
                let message = format!("`{name}` is not used by `{crate_name}`");
                found.push(finding(rule, &manifest, 1, message, "delete the line"));
            } else if !dev && !in_production {
                let message = format!("`{name}` is used only by the tests of `{crate_name}`");
                found.push(finding(
                    rule,
                    &manifest,
                    1,
                    message,
                    "move it to [dev-dependencies]",
                ));
            }
        }
    }
    found
}

/// The servers for tests are programs of their own behind a feature, so what they use is used.
fn is_used_in_production(file: &RustFile, word: &str) -> bool {
    word_positions(&file.code, word)
        .any(|at| file.is_fake() || !file.is_test_line(line_of(&file.code, at)))
}

fn unused_by_workspace(rule: &'static str, tree: &Tree, metadata: &Value) -> Vec<Finding> {
    let taken: BTreeSet<String> = metadata::packages(metadata)
        .into_iter()
        .flat_map(metadata::dependencies)
        .flat_map(|dependency| {
            [
                metadata::string(dependency, "name"),
                metadata::string(dependency, "rename"),
            ]
        })
        .map(str::to_owned)
        .collect();
    let manifest = tree.text("Cargo.toml").unwrap_or_default();
    let mut found = Vec::new();
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.trim() == "[workspace.dependencies]";
        } else if inside
            && let Some((name, _)) = line.split_once(" = ")
            && !taken.contains(name.trim())
        {
            let message = format!("no crate takes `{}` from the workspace list", name.trim());
            let hint = "a package enters the list with its first use";
            found.push(finding(rule, "Cargo.toml", index + 1, message, hint));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unused_misplaced_and_orphaned_packages_are_found() {
        let tree = Tree::from_files([
            (
                "Cargo.toml",
                "[workspace.dependencies]\nserde = \"1\"\norphan = \"1\"\n[profile.dev]\ndebug = 1\n",
            ),
            (
                "crates/a/src/lib.rs",
                "use serde::Serialize;\n#[cfg(test)]\nmod tests {\n    use only_tests::X;\n}\n",
            ),
        ]);
        let metadata = json!({"packages": [{"name": "a", "dependencies": [
            {"name": "serde", "kind": null},
            {"name": "only-tests", "kind": null},
            {"name": "nowhere", "kind": "dev"},
        ]}]});
        let mut found = unused_by_crates("deps::unused", &tree, &metadata);
        found.extend(unused_by_workspace("deps::unused", &tree, &metadata));
        let messages: Vec<String> = found.into_iter().map(|finding| finding.message).collect();
        assert_eq!(
            messages,
            [
                "`only-tests` is used only by the tests of `a`",
                "`nowhere` is not used by `a`",
                "no crate takes `orphan` from the workspace list",
            ]
        );
    }
}
