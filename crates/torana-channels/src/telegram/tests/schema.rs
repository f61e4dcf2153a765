//! The API's schema as a judge of what we send and a source of what we may receive.
//!
//! Only the keywords that occur in the fixture are known; an unknown one fails the test that meets it.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!(
        "../../../tests/fixtures/telegram-bot-api.schema.json"
    ))
    .expect("the fixture is JSON")
});

/// Every way in which a request body differs from the method's schema.
pub(super) fn problems(method: &str, body: &Value) -> Vec<String> {
    let schema = &SCHEMA["methods"][method];
    let mut problems = Vec::new();
    if schema.is_object() {
        check(schema, body, method, &mut problems);
    } else {
        problems.push(format!("there is no method {method}"));
    }
    problems
}

fn definition(reference: &Value) -> &'static Value {
    let name = reference
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"))
        .expect("a local reference");
    &SCHEMA["$defs"][name]
}

fn check(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "$ref" => check(definition(rule), value, path, problems),
            "anyOf" => {
                let fits = |branch: &Value| {
                    let mut found = Vec::new();
                    check(branch, value, path, &mut found);
                    found.is_empty()
                };
                if !rule.as_array().expect("branches").iter().any(fits) {
                    problems.push(format!("{path}: fits no branch"));
                }
            }
            "type" => {
                let is_right = match rule.as_str().expect("one type") {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    other => panic!("unknown type {other}"),
                };
                if !is_right {
                    problems.push(format!("{path}: is not of type {rule}"));
                }
            }
            "required" => {
                for key in rule
                    .as_array()
                    .expect("keys")
                    .iter()
                    .filter_map(Value::as_str)
                {
                    if value.get(key).is_none() {
                        problems.push(format!("{path}.{key}: is missing"));
                    }
                }
            }
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(property) => {
                            check(property, inner, &format!("{path}.{key}"), problems)
                        }
                        // Types do not close themselves; for what we send, an unknown field is a mistake everywhere.
                        None => problems.push(format!("{path}.{key}: is unknown")),
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, item, &format!("{path}[{index}]"), problems);
                }
            }
            "maxLength" => {
                let longest = usize::try_from(rule.as_u64().expect("a number")).expect("small");
                if value
                    .as_str()
                    .is_some_and(|text| text.chars().count() > longest)
                {
                    problems.push(format!("{path}: is too long"));
                }
            }
            "additionalProperties" | "x-returns" | "x-limit" | "x-multipart-file" => {}
            other => panic!("unknown keyword {other}"),
        }
    }
}

/// A small generator: the same seed gives the same sample.
pub(super) struct Sampler(u64);

impl Sampler {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        // Xorshift: plenty for choosing branches.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).expect("small")).expect("small")
    }

    /// Any value that fits the definition.
    pub(super) fn of(&mut self, name: &str) -> Value {
        self.sample(&SCHEMA["$defs"][name], 0)
    }

    fn sample(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(reference) = schema.get("$ref") {
            return self.sample(definition(reference), depth);
        }
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            let branch = self.below(branches.len());
            return self.sample(&branches[branch], depth);
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object(schema, depth),
            Some("array") => {
                let length = if depth > 5 { 0 } else { self.below(3) };
                (0..length)
                    .map(|_| self.sample(&schema["items"], depth + 1))
                    .collect()
            }
            Some("string") => {
                const TEXTS: &[&str] = &[
                    "",
                    "private",
                    "supergroup",
                    "@torana_bot",
                    "/status@torana_bot x",
                    "👩‍👧 hé\u{301}llo",
                    "bot_command",
                    "mention",
                ];
                let text = self.below(TEXTS.len());
                json!(TEXTS[text])
            }
            Some("integer") => {
                const NUMBERS: &[i64] = &[
                    0,
                    1,
                    2,
                    4242,
                    1_700_000_000,
                    -1_001_234_567_890,
                    9_007_199_254_740_991,
                ];
                let number = self.below(NUMBERS.len());
                json!(NUMBERS[number])
            }
            Some("number") => json!(1.5),
            Some("boolean") => json!(self.below(2) == 0),
            // Types without a shape of their own.
            _ => json!({}),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut object = Map::new();
        for (key, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            // Deep down only what must be there, so that recursive types end.
            let chance = if depth == 0 { 3 } else { 6 + depth * 4 };
            if required.contains(&key.as_str()) || (depth <= 6 && self.below(chance) == 0) {
                object.insert(key.clone(), self.sample(property, depth + 1));
            }
        }
        Value::Object(object)
    }
}
