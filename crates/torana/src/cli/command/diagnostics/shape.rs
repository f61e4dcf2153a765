//! The shape of a configuration: which keys are set, with switches, figures and words of the schema, and nothing that
//! somebody made up. A secret, a name, an address or an id is never a word of the schema, so none can get through.

use serde_json::{Map, Value, json};

/// What stands for a text that is not a word of the schema.
const TEXT: &str = "<text>";

/// The shape of `value`, of which the schema knows `schema`.
pub(super) fn shape(value: &Value, schema: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) if has_type(schema, &["integer", "number"]) => value.clone(),
        Value::Number(_) => json!("<number>"),
        Value::String(word) if knows(schema, word) => value.clone(),
        Value::String(_) => json!(TEXT),
        Value::Array(items) => json!(format!("<list of {}>", items.len())),
        Value::Object(members) => object(members, schema),
    }
}

fn object(members: &Map<String, Value>, schema: &Value) -> Value {
    let mut shown = Map::new();
    let mut made_up = 0;
    for (name, value) in members {
        if let Some(child) = named(schema, name) {
            shown.insert(name.clone(), shape(value, child));
            continue;
        }
        // Names people give are theirs: of accounts, agents, chats.
        made_up += 1;
        let child = free(schema).unwrap_or(&Value::Null);
        shown.insert(format!("<name {made_up}>"), shape(value, child));
    }
    Value::Object(shown)
}

/// The alternatives of a schema, itself among them.
fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    let alternatives = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|word| schema[word].as_array())
        .flatten();
    std::iter::once(schema).chain(alternatives)
}

fn named<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    branches(schema).find_map(|branch| branch["properties"].get(name))
}

fn free(schema: &Value) -> Option<&Value> {
    branches(schema)
        .find_map(|branch| Some(&branch["additionalProperties"]).filter(|free| free.is_object()))
}

fn has_type(schema: &Value, types: &[&str]) -> bool {
    branches(schema).any(|branch| {
        branch["type"]
            .as_str()
            .is_some_and(|name| types.contains(&name))
    })
}

fn knows(schema: &Value, word: &str) -> bool {
    branches(schema).any(|branch| {
        let listed = branch["enum"].as_array().into_iter().flatten();
        listed.chain([&branch["const"]]).any(|known| known == word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_schema_knows_is_told() {
        let config = json!({
            "gateway": { "port": 19_000, "bind": "lan", "auth": { "token": "lan", "mode": "token" } },
            "channels": { "telegram": {
                "accounts": { "my-secret-team": { "botToken": "1:abc", "enabled": true } },
                "allowFrom": [123_456, "tg:99"],
                "groups": { "-100777": { "requireMention": false } },
            } },
            "models": { "providers": { "corp": { "baseUrl": "https://internal.example.org" } } },
            "hush": { "a": "b", "number": 4_711 },
        });
        let shown = shape(&config, crate::configuration::schema().as_value());
        assert_eq!(shown["gateway"]["port"], 19_000);
        assert_eq!(shown["gateway"]["bind"], "lan", "a word of the schema");
        assert_eq!(shown["gateway"]["auth"]["mode"], "token");
        assert_eq!(
            shown["gateway"]["auth"]["token"], TEXT,
            "a secret is none, whatever it spells"
        );
        let telegram = &shown["channels"]["telegram"];
        assert_eq!(telegram["allowFrom"], "<list of 2>");
        assert_eq!(telegram["accounts"]["<name 1>"]["enabled"], true);
        assert_eq!(telegram["groups"]["<name 1>"]["requireMention"], false);
        let text = shown.to_string();
        for secret in [
            "my-secret-team",
            "1:abc",
            "123456",
            "tg:99",
            "100777",
            "corp",
            "internal",
            "hush",
            "4711",
        ] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}
