//! The table of rules: a name that documents refer to, and the function that checks it.

use std::path::Path;

use anyhow::Result;

use super::{arch, deps, tidy};
use crate::finding::{Finding, apply_exceptions};
use crate::source::{Tree, workspace_root};

/// One rule.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    check: Check,
}

/// What a rule needs to look at.
enum Check {
    /// The text of the tree.
    Tree(fn(&'static str, &Tree) -> Vec<Finding>),
    /// The text of the tree and what cargo knows about the packages.
    Packages(fn(&'static str, &Tree, &Path) -> Result<Vec<Finding>>),
}

use Check::{Packages, Tree as Text};

/// Every rule, in the order in which findings are printed.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "arch::crate_edges",
        check: Packages(arch::crate_edges),
    },
    Rule {
        name: "arch::folder_imports",
        check: Text(arch::folder_imports),
    },
    Rule {
        name: "arch::vendor_words",
        check: Text(arch::vendor_words),
    },
    Rule {
        name: "arch::ambient",
        check: Text(arch::ambient),
    },
    Rule {
        name: "arch::trait_budget",
        check: Text(arch::trait_budget),
    },
    Rule {
        name: "arch::registries",
        check: Text(arch::registries),
    },
    Rule {
        name: "arch::sizes",
        check: Text(arch::sizes),
    },
    Rule {
        name: "tidy::module_docs",
        check: Text(tidy::module_docs),
    },
    Rule {
        name: "tidy::words",
        check: Text(tidy::words),
    },
    Rule {
        name: "tidy::docs_paths",
        check: Text(tidy::docs_paths),
    },
    Rule {
        name: "tidy::docs_tests",
        check: Text(tidy::docs_tests),
    },
    Rule {
        name: "tidy::defences",
        check: Text(tidy::defences),
    },
    Rule {
        name: "tidy::no_todo",
        check: Text(tidy::no_todo),
    },
    Rule {
        name: "tidy::secrets",
        check: Text(tidy::secrets),
    },
    Rule {
        name: "tidy::no_sleep_in_tests",
        check: Text(tidy::no_sleep_in_tests),
    },
    Rule {
        name: "tidy::no_ignore",
        check: Text(tidy::no_ignore),
    },
    Rule {
        name: "tidy::workplace",
        check: Text(tidy::workplace),
    },
    Rule {
        name: "tidy::changelog",
        check: Text(tidy::changelog),
    },
    Rule {
        name: "deps::licences",
        check: Packages(deps::licences),
    },
    Rule {
        name: "deps::duplicates",
        check: Packages(deps::duplicates),
    },
    Rule {
        name: "deps::unused",
        check: Packages(deps::unused),
    },
];

/// Runs one rule and applies the exception list.
pub(crate) fn check(rule: &Rule, tree: &Tree) -> Result<Vec<Finding>> {
    let found = match rule.check {
        Text(check) => check(rule.name, tree),
        Packages(check) => check(rule.name, tree, &workspace_root())?,
    };
    Ok(apply_exceptions(tree, rule.name, found))
}

/// Runs every rule.
pub(crate) fn check_all(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for rule in RULES {
        found.extend(check(rule, tree)?);
    }
    Ok(found)
}

/// The names of all rules.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.name)
}

/// Fails with every finding of one rule; the body of each test in `arch`, `tidy` and `deps`.
#[cfg(test)]
pub(crate) fn assert_clean(name: &str) {
    use std::sync::OnceLock;
    static TREE: OnceLock<Tree> = OnceLock::new();
    let tree =
        TREE.get_or_init(|| Tree::load(&workspace_root()).expect("the workspace is readable"));
    let rule = RULES
        .iter()
        .find(|rule| rule.name == name)
        .expect("the rule is in the table");
    let found = check(rule, tree).expect("the rule ran");
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found.is_empty(),
        "{} findings\n{}",
        found.len(),
        shown.join("\n")
    );
}
