//! `deps::licences`: every package, on every platform, has a licence from the allow list.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::policy::{self, Entry, Policy};
use super::{metadata, policy::POLICY_PATH};
use crate::finding::{Finding, finding};
use crate::source::Tree;

pub(in crate::rule) fn licences(
    rule: &'static str,
    tree: &Tree,
    root: &Path,
) -> Result<Vec<Finding>> {
    let (policy, mut found) = policy::read(rule, tree);
    found.extend(outside_policy(rule, &policy, &metadata::everything(root)?));
    Ok(found)
}

fn outside_policy(rule: &'static str, policy: &Policy, metadata: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let packages = metadata::packages(metadata);
    for package in &packages {
        let name = metadata::string(package, "name");
        let licence = metadata::string(package, "license");
        if !satisfies(licence, &|id| is_allowed(policy, name, id)) {
            let message = format!("package `{name}` has licence `{licence}`");
            found.push(finding(
                rule,
                POLICY_PATH,
                1,
                message,
                "allow it with a reason, or do without the package",
            ));
        }
        if let Some(ban) = policy.banned.iter().find(|entry| entry.name == name)
            && !is_wrapped(metadata, package, ban)
        {
            let message = format!("package `{name}` is banned");
            found.push(finding(
                rule,
                POLICY_PATH,
                ban.line,
                message,
                "find out who pulls it in with `cargo tree -i`",
            ));
        }
    }
    for entry in &policy.licence_exceptions {
        if !packages
            .iter()
            .any(|package| metadata::string(package, "name") == entry.name)
        {
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

/// Whether only packages that the ban excepts pull this one in.
fn is_wrapped(metadata: &Value, package: &Value, ban: &Entry) -> bool {
    let id = metadata::string(package, "id");
    let nodes = metadata["resolve"]["nodes"].as_array();
    let packages = metadata::packages(metadata);
    let name_of = |id: &str| {
        packages
            .iter()
            .find(|package| metadata::string(package, "id") == id)
            .map(|package| metadata::string(package, "name"))
    };
    let mut users = nodes.into_iter().flatten().filter(|node| {
        let needs = node["deps"].as_array().into_iter().flatten();
        needs.into_iter().any(|need| need["pkg"] == id)
    });
    !ban.wrappers.is_empty()
        && users.all(|node| {
            name_of(metadata::string(node, "id"))
                .is_some_and(|name| ban.wrappers.iter().any(|wrapper| wrapper == name))
        })
}

fn is_allowed(policy: &Policy, name: &str, id: &str) -> bool {
    policy.licences.iter().any(|allowed| allowed == id)
        || policy
            .licence_exceptions
            .iter()
            .any(|entry| entry.name == name && entry.allow == id)
}

/// Evaluates an SPDX expression: `AND` binds stronger than `OR`, parentheses group, `/` is an old spelling of `OR`.
fn satisfies(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ")
        .replace(" WITH ", "+WITH+");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let result = either(&tokens, &mut at, allowed);
    result && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut result = both(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        let other = both(tokens, at, allowed);
        result = result || other;
    }
    result
}

fn both(tokens: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut result = single(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        let other = single(tokens, at, allowed);
        result = result && other;
    }
    result
}

fn single(tokens: &[&str], at: &mut usize, allowed: &dyn Fn(&str) -> bool) -> bool {
    let Some(token) = tokens.get(*at) else {
        return false;
    };
    *at += 1;
    if *token != "(" {
        return allowed(&token.replace("+WITH+", " WITH "));
    }
    let result = either(tokens, at, allowed);
    let closed = tokens.get(*at) == Some(&")");
    *at += 1;
    result && closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str) -> bool {
        satisfies(expression, &|id| {
            ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].contains(&id)
        })
    }

    #[test]
    fn expressions_are_evaluated_as_written() {
        assert!(check("MIT"));
        assert!(check("GPL-3.0 OR MIT"));
        assert!(check("MIT/GPL-3.0"));
        assert!(check("(MIT OR GPL-3.0) AND Apache-2.0"));
        assert!(check("Apache-2.0 WITH LLVM-exception"));
        assert!(!check("MIT AND GPL-3.0"));
        assert!(!check("GPL-3.0"));
        assert!(!check(""));
        assert!(!check("(MIT"));
    }
}
