//! Nothing makes the reader panic, and edits and redaction undo themselves.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::EMPTY;
use crate::config::{KeyPath, TreeSchema, edit};

/// Values as a configuration file holds them.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z $@:/{}'\"\\\\]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec(
        ("[a-zA-Z]{1,6}|token|apiKey|id|[a-z.\\[ ]{1,4}", inner),
        0..4,
    )
    .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>()))
}

pub(super) fn document() -> impl Strategy<Value = Value> {
    object(value())
}

/// The document as a person would write it, a comment before every member.
pub(super) fn commented(value: &Value, comments: &mut usize) -> String {
    match value {
        Value::Object(map) => {
            let mut text = String::from("{\n");
            for (key, value) in map {
                *comments += 1;
                let number = *comments;
                let key = Value::from(key.as_str());
                text.push_str(&format!(
                    "// c{number}.\n{key}: {},\n",
                    commented(value, comments)
                ));
            }
            text.push('}');
            text
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| commented(item, comments)).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        drop(EMPTY.load(&text));
        drop(edit::set(&text, &KeyPath::root().key("a"), &Value::from(1)));
        drop(text.parse::<KeyPath>());
    }

    #[test]
    fn no_json_like_text_makes_the_reader_panic(text in "[{}\\[\\]:,'\"\\\\/*a-z0-9.+\\-$ \n\u{e9}\u{2028}]{0,80}") {
        drop(EMPTY.load(&text));
        drop(edit::unset(&text, &KeyPath::root().key("a")));
        drop(edit::merge(&text, &serde_json::json!({ "a": { "b": 1 } }), &[]));
    }

    #[test]
    fn any_document_gets_a_verdict(document in document()) {
        let loaded = EMPTY.load(&document.to_string());
        prop_assert_eq!(loaded.config.is_some(), loaded.problems.is_empty());
    }

    #[test]
    fn a_set_value_is_there_and_unset_restores_the_rest(document in document(), value in value()) {
        let mut count = 0;
        let text = commented(&document, &mut count);
        let path = KeyPath::root().key("zz new").key("inner");
        let changed = edit::set(&text, &path, &value).expect("a new key fits into every object");
        let document_now: Value = read(&changed);
        prop_assert_eq!(edit::get(&document_now, &path), Some(&value));
        for number in 1..=count {
            let comment = format!("// c{number}.");
            prop_assert!(changed.contains(&comment), "lost {} in {}", comment, changed);
        }
        let back = edit::unset(&changed, &KeyPath::root().key("zz new")).expect("it is set");
        prop_assert_eq!(read(&back), document);
    }

    #[test]
    fn any_document_can_be_rewritten_to_any_other(old in document(), new in document()) {
        let mut count = 0;
        let text = commented(&old, &mut count);
        let changed = edit::rewrite(&text, &new).expect("plain values can always be written");
        prop_assert_eq!(read(&changed), new);
    }

    #[test]
    fn redaction_hides_and_restores(document in document()) {
        let schema = TreeSchema::new(&[]);
        let shown = schema.redacted(&document);
        prop_assert_eq!(schema.restore(&shown, &document), Ok(document));
    }

    #[test]
    fn a_printed_path_reads_back(keys in prop::collection::vec("[ -~]{1,8}", 1..5), index in 0..100_usize) {
        let path = keys.iter().fold(KeyPath::root(), |path, key| path.key(key.clone())).index(index);
        prop_assert_eq!(path.to_string().parse::<KeyPath>(), Ok(path));
    }
}

pub(super) fn read(text: &str) -> Value {
    EMPTY
        .load(text)
        .document
        .expect("an edited text parses")
        .to_value()
}
