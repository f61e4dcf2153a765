//! `arch::registries`: a folder of an edge crate is declared, and on the list from which its kind is built.
//! Adding a foreign thing is one folder and one line; this finds the forgotten line. The compiler finds the reverse.

use super::folder_imports::{EDGE_CRATES, SHARED_FOLDERS};
use crate::finding::{Finding, finding};
use crate::source::{Tree, is_word_at, word_positions};

/// Where parts are named beside the library file of their crate: the composition of the binary.
const COMPOSITION: &str = "crates/torana/src/";

pub(in crate::rule) fn registries(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for crate_name in EDGE_CRATES {
        let source = format!("crates/{crate_name}/src/");
        for folder in tree.module_folders(&source) {
            let path = format!("{source}{folder}/mod.rs");
            if !is_declared(tree, &source, &folder) {
                let message = format!("`{folder}` is a folder that lib.rs does not declare");
                let hint = "add `mod` and its line on the list, or delete the folder";
                found.push(finding(rule, &path, 1, message, hint));
            } else if !SHARED_FOLDERS.contains(&folder.as_str())
                && !is_listed(tree, &source, &folder)
            {
                let message = format!("`{folder}` is declared but on no list");
                let hint = "name it where the other folders of this crate are named";
                found.push(finding(rule, &path, 1, message, hint));
            }
        }
    }
    found
}

fn is_declared(tree: &Tree, source: &str, folder: &str) -> bool {
    let library = format!("{source}lib.rs");
    tree.rust().filter(|file| file.path == library).any(|file| {
        word_positions(&file.code, folder).any(|at| file.code[..at].trim_end().ends_with("mod"))
    })
}

/// On a list means used as a path outside its own folder.
fn is_listed(tree: &Tree, source: &str, folder: &str) -> bool {
    let path = format!("{folder}::");
    let own = format!("{source}{folder}/");
    tree.rust()
        .filter(|file| file.path.starts_with(source) || file.path.starts_with(COMPOSITION))
        .filter(|file| !file.path.starts_with(&own) && file.has_production())
        .any(|file| {
            file.code
                .match_indices(&path)
                .any(|(at, _)| is_word_at(&file.code, at, folder))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, composition: &str) -> usize {
        let tree = Tree::from_files([
            ("crates/torana-agents/src/lib.rs", list),
            (
                "crates/torana-agents/src/builtin/mod.rs",
                "use crate::builtin::turn;",
            ),
            ("crates/torana/src/compose.rs", composition),
        ]);
        registries("arch::registries", &tree).len()
    }

    #[test]
    fn a_folder_must_be_declared_and_listed() {
        assert_eq!(
            check(
                "pub mod builtin;\nconst KINDS: &[Kind] = &[builtin::KIND];",
                ""
            ),
            0
        );
        assert_eq!(
            check(
                "pub mod builtin;",
                "torana_agents::builtin::Backend::new();"
            ),
            0
        );
        assert_eq!(check("pub mod builtin;", ""), 1);
        assert_eq!(check("", "builtin::x();"), 1);
    }
}
