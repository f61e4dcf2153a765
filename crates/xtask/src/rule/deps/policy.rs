//! Reads the lists of `deny.toml`: a small, fixed layout with one entry per line, so no TOML library is needed.

use crate::finding::{Finding, finding};
use crate::source::Tree;

pub(super) const POLICY_PATH: &str = "deny.toml";

/// What `deny.toml` allows.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// SPDX identifiers that any package may have.
    pub(super) licences: Vec<String>,
    /// Packages that may have one more licence each.
    pub(super) licence_exceptions: Vec<Entry>,
    /// Packages that may appear in several versions.
    pub(super) duplicates: Vec<Entry>,
    /// Packages that must not appear.
    pub(super) banned: Vec<Entry>,
}

/// One `{ name = …, reason = … }` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) allow: String,
    /// Packages that may use a banned one all the same.
    pub(super) wrappers: Vec<String>,
    pub(super) line: usize,
}

/// Reads the policy; lines it does not understand are findings, so that nothing is silently ignored.
pub(super) fn read(rule: &'static str, tree: &Tree) -> (Policy, Vec<Finding>) {
    let mut policy = Policy::default();
    let mut found = Vec::new();
    let Some(text) = tree.text(POLICY_PATH) else {
        return (
            policy,
            vec![finding(
                rule,
                POLICY_PATH,
                1,
                "the policy is missing",
                "restore the file",
            )],
        );
    };
    let mut section = String::new();
    let mut list = String::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let entry = line.trim().trim_end_matches(',');
        if entry.is_empty() || entry.starts_with('#') || entry == "]" {
            continue;
        }
        if let Some(name) = entry
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.clone_into(&mut section);
            continue;
        }
        if let Some((key, "[")) = entry.split_once(" = ") {
            list = format!("{section}.{key}");
            continue;
        }
        let understood = if entry.starts_with('{') {
            add_entry(&mut policy, &list, entry, line_number)
        } else if let Some(word) = unquote(entry) {
            add_word(&mut policy, &list, word)
        } else {
            // A scalar such as `multiple-versions = "deny"` is for cargo-deny.
            entry.contains(" = ")
        };
        if !understood {
            let hint = "one entry per line; an entry has a name and a reason";
            found.push(finding(
                rule,
                POLICY_PATH,
                line_number,
                "not understood",
                hint,
            ));
        }
    }
    (policy, found)
}

fn add_word(policy: &mut Policy, list: &str, word: &str) -> bool {
    let is_licence = list == "licenses.allow";
    if is_licence {
        policy.licences.push(word.to_owned());
    }
    is_licence
}

fn add_entry(policy: &mut Policy, list: &str, entry: &str, line: usize) -> bool {
    let name = field(entry, "name").or_else(|| field(entry, "crate"));
    let allow = field(entry, "allow").unwrap_or_default();
    // The licence lists of cargo-deny have no `reason` key; there the comment above the line is the reason.
    let reasoned = field(entry, "reason").is_some() || list == "licenses.exceptions";
    let target = match list {
        "licenses.exceptions" => &mut policy.licence_exceptions,
        "bans.skip" => &mut policy.duplicates,
        "bans.deny" => &mut policy.banned,
        _ => return false,
    };
    match name {
        Some(name) if reasoned => {
            target.push(Entry {
                name: name.to_owned(),
                allow: allow.to_owned(),
                wrappers: list_field(entry, "wrappers"),
                line,
            });
            true
        }
        _ => false,
    }
}

/// The quoted text after `key = `, also inside a one-element list.
fn field<'a>(entry: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = entry.split_once(&format!("{key} = "))?;
    let rest = rest.trim_start_matches('[');
    rest.strip_prefix('"')?.split('"').next()
}

/// All quoted texts of the list after `key = `.
fn list_field(entry: &str, key: &str) -> Vec<String> {
    let Some((_, rest)) = entry.split_once(&format!("{key} = [")) else {
        return Vec::new();
    };
    let list = rest.split(']').next().unwrap_or_default();
    list.split(',')
        .filter_map(|word| unquote(word.trim()))
        .map(str::to_owned)
        .collect()
}

fn unquote(entry: &str) -> Option<&str> {
    entry.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "deps::licences";

    #[test]
    fn the_lists_are_read_and_strange_lines_are_reported() {
        let text = r#"
[licenses]
allow = [
    "MIT",
    "ISC",
]
exceptions = [
    { name = "roots", allow = ["CDLA-Permissive-2.0"] },
]

[bans]
multiple-versions = "deny"
skip = [
    { name = "hashes", reason = "two worlds" },
    { name = "silent" },
]
"#;
        let (policy, found) = read(RULE, &Tree::from_files([(POLICY_PATH, text)]));
        assert_eq!(policy.licences, ["MIT", "ISC"]);
        assert_eq!(policy.licence_exceptions[0].allow, "CDLA-Permissive-2.0");
        assert_eq!(policy.duplicates.len(), 1);
        assert_eq!(found.len(), 1, "an entry without a reason: {found:?}");
        assert_eq!(found[0].line, 15);
    }
}
