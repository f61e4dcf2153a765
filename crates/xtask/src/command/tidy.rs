//! `cargo xtask tidy`: checks every rule in one pass and prints findings like compiler errors.

use anyhow::{Result, bail};

use super::menu;
use crate::finding::Finding;
use crate::rule::{self, RULES};
use crate::source::{Tree, workspace_root};

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (wanted, options) = menu::options(arguments, &[], &["--list"])?;
    if !options.is_empty() {
        for name in rule::names() {
            println!("{name}");
        }
        return Ok(());
    }
    let found = findings(&wanted)?;
    for finding in &found {
        println!("{finding}");
    }
    match found.len() {
        0 => {
            println!("tidy: no findings");
            Ok(())
        }
        count => bail!("tidy: {count} findings"),
    }
}

/// What the named rules, or all rules, find in the tree on disk.
pub(super) fn findings(wanted: &[&str]) -> Result<Vec<Finding>> {
    let tree = Tree::load(&workspace_root())?;
    if wanted.is_empty() {
        return rule::check_all(&tree);
    }
    let mut found = Vec::new();
    for name in wanted {
        let Some(rule) = RULES.iter().find(|rule| rule.name == *name) else {
            bail!("no rule is called `{name}`; hint: `cargo xtask tidy --list`");
        };
        found.extend(rule::check(rule, &tree)?);
    }
    Ok(found)
}
