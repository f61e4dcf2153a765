//! No parameter is accepted and ignored: each is read by the code behind its method, stored with a record, refused by name,
//! or says at its row why it cannot change anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::methods::rows;
use super::super::params::{Effect, Kind, NAME, absent, check, closed, may, moot};

/// Read by code that several families share.
const SHARED: &[&str] = &["chat/send.rs", "chat/upload.rs", "sessions/list.rs"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openclaw/methods")
}

fn sources(folder: &Path, found: &mut BTreeMap<String, String>, prefix: &str) {
    for entry in fs::read_dir(folder).expect("the folder of the methods") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            sources(&path, found, &format!("{prefix}{name}/"));
        } else {
            let text = fs::read_to_string(&path).expect("a source file");
            found.insert(format!("{prefix}{name}"), text);
        }
    }
}

/// The module behind a row: the word before `::` in the last line of its text that has one.
fn module_of(tables: &str, method: &str) -> String {
    let name = format!("\"{method}\",");
    let start = tables
        .match_indices(&name)
        .find(|(at, _)| tables[..*at].trim_end().ends_with("row("))
        .unwrap_or_else(|| panic!("{method} has a row"))
        .0;
    let after = &tables[start + name.len()..];
    let end = ["row(", "\n];"]
        .iter()
        .filter_map(|mark| after.find(mark))
        .min()
        .expect("a row ends");
    let last = after[..end].lines().rev().find(|line| line.contains("::"));
    let word = last
        .and_then(|line| line.rsplit_once("::"))
        .map_or("", |(before, _)| before);
    word.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Named as something to read, not as the key of an answer.
fn is_read(text: &str, name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    text.match_indices(&quoted)
        .any(|(at, _)| !text[at + quoted.len()..].trim_start().starts_with(": "))
}

#[test]
fn every_parameter_is_read_or_says_why_not() {
    let mut found = BTreeMap::new();
    sources(&folder(), &mut found, "");
    let (tables, code): (BTreeMap<_, _>, BTreeMap<_, _>) = found
        .into_iter()
        .partition(|(name, _)| name.starts_with("table/"));
    let tables: String = tables.into_values().collect();
    let mut ignored = Vec::new();
    for method in rows().filter(|method| !method.params.fields.is_empty()) {
        let module = module_of(&tables, method.name);
        let of_module = |name: &str| {
            name == format!("{module}.rs")
                || name.starts_with(&format!("{module}/"))
                || SHARED.contains(&name)
        };
        for field in method.params.fields {
            let read = code
                .iter()
                .any(|(name, text)| of_module(name) && is_read(text, field.name));
            if field.effect == Effect::Read && !read {
                ignored.push(format!("{}.{}", method.name, field.name));
            }
        }
    }
    assert_eq!(ignored, Vec::<String>::new(), "accepted and ignored");
}

#[test]
fn what_is_absent_is_refused_by_name_and_only_when_it_is_asked_for() {
    const SPEC: &[super::super::params::Field] = &[
        may("key", NAME),
        absent("intent", Kind::Any, "goals are not available"),
        moot("hint", NAME, "nothing depends on it"),
    ];
    let spec = closed(SPEC);
    for value in [
        json!({ "hint": "x" }),
        json!({ "intent": null }),
        json!({ "intent": false }),
        json!({ "intent": " " }),
        json!({ "intent": {} }),
        json!({ "intent": [] }),
    ] {
        assert_eq!(check(&spec, &value, false), Ok(()), "{value}");
    }
    for value in [
        json!(true),
        json!(1),
        json!("go"),
        json!({ "a": 1 }),
        json!([1]),
    ] {
        // A newer client is forgiven what it adds, not what it would rely on.
        for forgiving in [false, true] {
            assert_eq!(
                check(&spec, &json!({ "intent": value }), forgiving),
                Err("at /intent: goals are not available".to_owned())
            );
        }
    }
}

#[test]
fn faults_of_words_are_told_as_the_reference_tells_them() {
    const FOUR: &[&str] = &["a", "b", "c", "d"];
    const SPEC: &[super::super::params::Field] = &[
        may("two", Kind::Constant(&["a", "b"])),
        may("four", Kind::Constant(FOUR)),
        may("one", Kind::OneOf(FOUR)),
    ];
    let none = "must match a schema in anyOf";
    let (text, equal) = ("must be string", "must be equal to constant");
    let one = "must be equal to one of the allowed values";
    for (value, faults) in [
        (json!({ "two": 1 }), vec![text, equal, none]),
        (json!({ "four": 1 }), vec![text, equal]),
        (json!({ "four": "x" }), vec![equal, none]),
        (json!({ "one": 1 }), vec![text, one]),
        (json!({ "one": "x" }), vec![one]),
    ] {
        let told = check(&closed(SPEC), &value, false).expect_err("a fault");
        let words: Vec<&str> = told
            .split("; ")
            .filter_map(|fault| fault.split_once(": ").map(|(_, words)| words))
            .collect();
        assert_eq!(words, faults, "{value}");
    }
}
