//! `tidy::workplace`: the tree builds anywhere, so it names no machine, no person's folder and no registry host.

use crate::finding::{Finding, finding};
use crate::source::Tree;

/// Absolute folders of a machine; split so that this file does not find itself.
const FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
];

/// Hosts that package clients find by themselves.
const HOSTS: &[&str] = &[
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("files.python", "hosted.org"),
    concat!("py", "pi.org"),
    concat!("proxy.gol", "ang.org"),
    concat!("deb.deb", "ian.org"),
];

/// A lock file that records download addresses pins a mirror along with the versions.
const RESOLVED: &str = "\"resolved\": \"http";

pub(in crate::rule) fn workplace(rule: &'static str, tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| *path != "Cargo.lock") {
        for (index, line) in text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                let message = format!("`{folder}` is a folder of some machine");
                found.push(finding(
                    rule,
                    path,
                    index + 1,
                    message,
                    "use a relative path, or a made-up one",
                ));
            }
            if let Some(host) = HOSTS.iter().find(|host| line.contains(**host)) {
                let message = format!("`{host}` is a registry host");
                found.push(finding(
                    rule,
                    path,
                    index + 1,
                    message,
                    "leave the address to the package client",
                ));
            }
            if path.ends_with("package-lock.json") && line.contains(RESOLVED) {
                let hint = "reinstall with omit-lockfile-registry-resolved=true in .npmrc";
                found.push(finding(
                    rule,
                    path,
                    index + 1,
                    "the lock file records a download address",
                    hint,
                ));
            }
        }
    }
    found
}

/// The folder at the start of a path, not in the middle of one.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "_.-~/}*".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> usize {
        workplace("tidy::workplace", &Tree::from_files([(path, text)])).len()
    }

    #[test]
    fn a_folder_of_a_machine_is_found_but_not_a_url_path() {
        assert_eq!(check("a.md", &format!("see {}shared", FOLDERS[0])), 1);
        assert_eq!(
            check("a.md", &format!("GET https://example.org{}x", FOLDERS[1])),
            0
        );
    }

    #[test]
    fn registry_hosts_and_download_addresses_are_found() {
        assert_eq!(
            check("a.toml", &format!("url = \"https://{}\"", HOSTS[0])),
            1
        );
        assert_eq!(
            check(
                "ui/package-lock.json",
                &format!("{RESOLVED}://example.org/a.tgz\"")
            ),
            1
        );
        assert_eq!(check("Cargo.lock", HOSTS[0]), 0);
    }
}
