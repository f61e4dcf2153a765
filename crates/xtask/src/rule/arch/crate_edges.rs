//! `arch::crate_edges`: crates depend on each other only as the table in `docs/architecture.md` allows.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::finding::{Finding, finding};
use crate::rule::deps::metadata;
use crate::source::Tree;

/// What one crate of the workspace may depend on.
struct Row {
    name: &'static str,
    /// Crates of the workspace.
    may_use: &'static [&'static str],
    /// Crates of the workspace that only its tests may use.
    tests_may_use: &'static [&'static str],
    /// Packages from outside it must not name: they would open a door this crate is meant not to have.
    never: &'static [&'static str],
}

/// Asynchronous runtimes, sockets, databases and the ambient world; pure decisions need none of them.
const WORLD: &[&str] = &[
    "tokio",
    "tokio-util",
    "hyper",
    "hyper-util",
    "reqwest",
    "rusqlite",
    "rustix",
    "getrandom",
    "rand",
    "rustls",
];
/// The engine journals and drives; it opens no socket and asks no operating system.
const NETWORK: &[&str] = &[
    "hyper",
    "hyper-util",
    "reqwest",
    "rustix",
    "getrandom",
    "rand",
    "rustls",
];
/// Clock and randomness come through ports, so an edge needs no package for them.
const AMBIENT: &[&str] = &["getrandom", "rand", "fastrand"];

const TESTKIT: &[&str] = &["torana-testkit"];

/// The dependency rule. `torana-core` may not even test with the testkit: the testkit depends on core,
/// and core's types would be compiled twice.
const TABLE: &[Row] = &[
    Row {
        name: "torana-core",
        may_use: &[],
        tests_may_use: &[],
        never: WORLD,
    },
    Row {
        name: "torana-engine",
        may_use: &["torana-core"],
        tests_may_use: TESTKIT,
        never: NETWORK,
    },
    Row {
        name: "torana-host",
        may_use: &["torana-core"],
        tests_may_use: TESTKIT,
        never: &["rusqlite"],
    },
    Row {
        name: "torana-channels",
        may_use: &["torana-core", "torana-host"],
        tests_may_use: TESTKIT,
        never: AMBIENT,
    },
    Row {
        name: "torana-agents",
        may_use: &["torana-core", "torana-host"],
        tests_may_use: TESTKIT,
        never: AMBIENT,
    },
    Row {
        name: "torana-dialects",
        may_use: &["torana-core", "torana-engine", "torana-host"],
        tests_may_use: TESTKIT,
        never: AMBIENT,
    },
    Row {
        name: "torana-testkit",
        may_use: &["torana-core"],
        tests_may_use: &[],
        never: AMBIENT,
    },
    Row {
        name: "torana",
        may_use: &[
            "torana-core",
            "torana-engine",
            "torana-host",
            "torana-channels",
            "torana-agents",
            "torana-dialects",
        ],
        tests_may_use: TESTKIT,
        never: AMBIENT,
    },
    Row {
        name: "xtask",
        may_use: &[],
        tests_may_use: &[],
        never: &[],
    },
];

pub(in crate::rule) fn crate_edges(
    rule: &'static str,
    _: &Tree,
    root: &Path,
) -> Result<Vec<Finding>> {
    Ok(edges_outside_table(rule, &metadata::workspace(root)?))
}

fn edges_outside_table(rule: &'static str, metadata: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let packages = metadata::packages(metadata);
    let ours: Vec<&str> = packages
        .iter()
        .map(|package| metadata::string(package, "name"))
        .collect();
    for package in &packages {
        let name = metadata::string(package, "name");
        let path = format!("crates/{name}/Cargo.toml");
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            found.push(finding(
                rule,
                &path,
                1,
                format!("`{name}` has no row in the dependency rule"),
                "a new crate needs a row here and in docs/architecture.md",
            ));
            continue;
        };
        for dependency in metadata::dependencies(package) {
            let target = metadata::string(dependency, "name");
            let dev = dependency["kind"] == "dev";
            let fits = if ours.contains(&target) {
                row.may_use.contains(&target) || (dev && row.tests_may_use.contains(&target))
            } else {
                dev || !row.never.contains(&target)
            };
            if !fits {
                found.push(finding(
                    rule,
                    &path,
                    1,
                    format!("`{name}` must not depend on `{target}`"),
                    "see the dependency rule in docs/architecture.md",
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(name: &str, target: &str, kind: Option<&str>) -> usize {
        let metadata = json!({"packages": [
            {"name": name, "dependencies": [{"name": target, "kind": kind}]},
            {"name": "torana-testkit", "dependencies": []},
            {"name": "torana-engine", "dependencies": []},
        ]});
        edges_outside_table("arch::crate_edges", &metadata).len()
    }

    #[test]
    fn an_edge_outside_the_table_is_found() {
        assert_eq!(check("torana-channels", "torana-engine", None), 1);
        assert_eq!(check("torana-dialects", "torana-engine", None), 0);
    }

    #[test]
    fn the_testkit_is_for_tests_only_and_never_for_core() {
        assert_eq!(check("torana-agents", "torana-testkit", Some("dev")), 0);
        assert_eq!(check("torana-agents", "torana-testkit", None), 1);
        assert_eq!(check("torana-core", "torana-testkit", Some("dev")), 1);
    }

    #[test]
    fn core_has_no_runtime() {
        assert_eq!(check("torana-core", "tokio", None), 1);
        assert_eq!(check("torana-host", "tokio", None), 0);
    }

    #[test]
    fn an_unknown_crate_needs_a_row() {
        assert_eq!(check("torana-extra", "serde", None), 1);
    }
}
