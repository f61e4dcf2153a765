//! What a form is given has nothing in it that a form does not know.

use serde_json::{Value, json};

use super::sections;
use crate::config::{ChannelSection, TreeSchema};

/// Calls `look` with every schema of the tree.
fn visit(schema: &Value, look: &mut impl FnMut(&Value)) {
    look(schema);
    let named = schema.get("properties").and_then(Value::as_object);
    named
        .into_iter()
        .flat_map(|properties| properties.values())
        .for_each(|schema| visit(schema, look));
    for keyword in ["anyOf", "oneOf", "allOf"] {
        schema
            .get(keyword)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .for_each(|schema| visit(schema, look));
    }
    for keyword in ["items", "additionalProperties"] {
        schema
            .get(keyword)
            .into_iter()
            .for_each(|schema| visit(schema, look));
    }
}

#[test]
fn a_form_sees_no_keyword_of_our_own() {
    let tree = TreeSchema::new(&sections());
    let (mut own, mut left, mut schemas) = (0, Vec::new(), 0);
    let is_own = |keyword: &&String| keyword.starts_with("x-");
    let keywords = |schema: &Value| schema.as_object().cloned().unwrap_or_default();
    visit(tree.as_value(), &mut |schema| {
        own += keywords(schema).keys().filter(is_own).count();
    });
    visit(&tree.for_forms(), &mut |schema| {
        schemas += 1;
        left.extend(keywords(schema).keys().filter(is_own).cloned());
    });
    assert!(
        own > 100 && schemas > 100,
        "{own} keywords, {schemas} schemas"
    );
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_secret_is_a_text_or_a_reference_by_source() {
    let form = TreeSchema::new(&sections()).for_forms();
    let token = form
        .pointer("/properties/gateway/properties/auth/properties/token")
        .expect("a token");
    assert_eq!(token["anyOf"][0], json!({ "type": "string" }));
    let sources: Vec<&Value> = token["anyOf"][1]["oneOf"]
        .as_array()
        .expect("one alternative for each source")
        .iter()
        .map(|one| &one["properties"]["source"]["const"])
        .collect();
    assert_eq!(sources, ["env", "file", "exec", "store"]);
}

#[test]
fn a_word_or_a_section_has_a_field_as_well() {
    let pace = json!({ "anyOf": [{ "type": "string", "enum": ["slow"] }, { "type": "object" }] });
    let section = ChannelSection {
        id: "post".to_owned(),
        aliases: Vec::new(),
        schema: json!({ "type": "object", "properties": { "pace": pace } }),
    };
    let form = TreeSchema::new(&[section]).for_forms();
    assert_eq!(
        form.pointer("/properties/channels/properties/post/properties/pace"),
        Some(&json!({ "anyOf": [{ "type": "string" }, { "type": "object" }] })),
    );
}
