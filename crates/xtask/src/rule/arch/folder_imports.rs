//! `arch::folder_imports`: the folders of channels, agents and dialects never reach into a sibling.
//! What two of them need moves down to core, or stays duplicated.

use std::collections::BTreeSet;

use crate::finding::{Finding, finding};
use crate::source::{RustFile, Tree, line_of, match_close, word_positions};

/// Crates whose folders are foreign things, independent of each other.
pub(super) const EDGE_CRATES: &[&str] = &["torana-channels", "torana-agents", "torana-dialects"];

/// Folders that serve their siblings instead of being one of them: the listeners of the dialects, and of the agents
/// the model providers (the demo model is one), the search for models on this machine, and the scripted model server.
pub(super) const SHARED_FOLDERS: &[&str] = &["front", "provider", "demo", "offers", "fake"];

pub(in crate::rule) fn folder_imports(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for crate_name in EDGE_CRATES {
        let source = format!("crates/{crate_name}/src");
        let folders = tree.module_folders(&format!("{source}/"));
        for file in tree.rust_under(&format!("{source}/")) {
            let inside = file.path[source.len() + 1..]
                .split_once('/')
                .map_or("", |(folder, _)| folder);
            if !folders.contains(inside) || SHARED_FOLDERS.contains(&inside) {
                continue;
            }
            for (line, sibling) in sibling_mentions(file, inside, &folders) {
                found.push(finding(
                    rule,
                    &file.path,
                    line,
                    format!("`{inside}` reaches into its sibling `{sibling}`"),
                    "move the decision to torana-core, or keep two copies",
                ));
            }
        }
    }
    found
}

fn sibling_mentions(
    file: &RustFile,
    inside: &str,
    folders: &BTreeSet<String>,
) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let foreign =
        |name: &str| name != inside && folders.contains(name) && !SHARED_FOLDERS.contains(&name);
    for sibling in folders.iter().filter(|name| foreign(name)) {
        let mut spellings = vec![
            format!("crate::{sibling}"),
            format!("super::super::{sibling}"),
        ];
        if file.path.ends_with(&format!("/{inside}/mod.rs")) {
            spellings.push(format!("super::{sibling}"));
        }
        for spelling in &spellings {
            for at in word_positions(&file.code, spelling) {
                found.push((line_of(&file.code, at), sibling.clone()));
            }
        }
    }
    for (at, _) in file.code.match_indices("crate::{") {
        let open = at + "crate::".len();
        let group = &file.code[open + 1..match_close(&file.code, open).saturating_sub(1)];
        for name in first_segments(group) {
            if foreign(name) {
                found.push((line_of(&file.code, at), name.to_owned()));
            }
        }
    }
    found
}

/// The first path segment of each entry of a `use` group; nested groups are skipped.
fn first_segments(group: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let entries = group.split(move |letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    entries
        .map(|entry| {
            let entry = entry.trim();
            let end = entry
                .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
                .unwrap_or(entry.len());
            &entry[..end]
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> usize {
        let tree = Tree::from_files([
            ("crates/torana-channels/src/alpha/mod.rs", ""),
            ("crates/torana-channels/src/beta/mod.rs", ""),
            ("crates/torana-channels/src/front/mod.rs", ""),
            ("crates/torana-channels/src/alpha/send.rs", text),
        ]);
        folder_imports("arch::folder_imports", &tree).len()
    }

    #[test]
    fn every_spelling_of_a_sibling_is_found() {
        assert_eq!(check("use crate::beta::Thing;"), 1);
        assert_eq!(check("use super::super::beta;"), 1);
        assert_eq!(check("use crate::{alpha::Own, beta::{Other, More}};"), 1);
    }

    #[test]
    fn own_paths_shared_folders_and_comments_are_fine() {
        assert_eq!(check("use crate::alpha::Thing; // like crate::beta"), 0);
        assert_eq!(
            check("use crate::front::Request; let a = \"crate::beta\";"),
            0
        );
        assert_eq!(check("use crate::alpha::{beta, gamma};"), 0);
    }
}
