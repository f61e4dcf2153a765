//! `deps::duplicates`: one version of each package, but for those that `deny.toml` names with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::metadata;
use super::policy::{self, POLICY_PATH, Policy};
use crate::finding::{Finding, finding};
use crate::source::Tree;

pub(in crate::rule) fn duplicates(
    rule: &'static str,
    tree: &Tree,
    root: &Path,
) -> Result<Vec<Finding>> {
    let (policy, _) = policy::read(rule, tree);
    Ok(several_versions(
        rule,
        &policy,
        &metadata::everything(root)?,
    ))
}

fn several_versions(rule: &'static str, policy: &Policy, metadata: &Value) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata::packages(metadata) {
        let version = metadata::string(package, "version");
        versions
            .entry(metadata::string(package, "name"))
            .or_default()
            .insert(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let mut found = Vec::new();
    for (name, versions) in &versions {
        if !policy.duplicates.iter().any(|entry| entry.name == *name) {
            let listed: Vec<&str> = versions.iter().copied().collect();
            let message = format!(
                "package `{name}` is there in versions {}",
                listed.join(", ")
            );
            found.push(finding(
                rule,
                "Cargo.lock",
                1,
                message,
                "agree on one, or name it in bans.skip with a reason",
            ));
        }
    }
    for entry in &policy.duplicates {
        if !versions.contains_key(entry.name.as_str()) {
            let message = format!("the exception for `{}` covers nothing any more", entry.name);
            found.push(finding(
                rule,
                POLICY_PATH,
                entry.line,
                message,
                "delete the line",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::policy::Entry;
    use super::*;

    #[test]
    fn a_second_version_needs_an_entry_and_an_entry_needs_a_second_version() {
        let metadata = json!({"packages": [
            {"name": "hashes", "version": "1.0.0"},
            {"name": "hashes", "version": "2.0.0"},
            {"name": "single", "version": "1.0.0"},
        ]});
        let entry = |name: &str| Entry {
            name: name.to_owned(),
            allow: String::new(),
            wrappers: Vec::new(),
            line: 4,
        };
        let found = |names: &[&str]| {
            let policy = Policy {
                duplicates: names.iter().map(|name| entry(name)).collect(),
                ..Policy::default()
            };
            several_versions("deps::duplicates", &policy, &metadata).len()
        };
        assert_eq!(found(&[]), 1);
        assert_eq!(found(&["hashes"]), 0);
        assert_eq!(found(&["hashes", "single"]), 1);
    }
}
