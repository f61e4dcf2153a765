//! From the section as written to accounts: what each one inherits, and what they must not share.
//!
//! Account values win over the root's; a token, a name and webhook addresses are never shared. Problems of the section as a
//! whole are errors; a problem that only makes one bot unusable blocks that account and lets the rest start.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use torana_core::id::{AccountId, DEFAULT_ACCOUNT};

use super::account::{Context, account, bot_id};
use super::section::{AccountSection, TelegramSection};
use super::settings::TokenSource;
use crate::kind::{AccountConfig, Environment, Issue, Settings as AnySettings};

/// Where the section stands in the config tree.
const SECTION: &str = "channels.telegram";

/// Keys that belong to one bot and are never inherited.
const OWN_KEYS: &[&str] = &[
    "botToken",
    "tokenFile",
    "name",
    "webhookUrl",
    "webhookPath",
    "webhookHost",
    "webhookPort",
];
/// Spellings of one setting: an account that uses any of them overrides all of the root's.
const STREAMING_KEYS: &[&str] = &["streaming", "streamMode", "streamingMode"];

/// The section's schema, self-contained.
pub(super) fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings
        .into_generator()
        .into_root_schema_for::<TelegramSection>();
    let mut value = schema.to_value();
    if let Some(root) = value.as_object_mut() {
        root.remove("$schema");
    }
    tidy_schema(&mut value);
    let accounts = "/properties/accounts/additionalProperties/properties";
    for pointer in ["/properties", accounts] {
        for property in value
            .pointer_mut(pointer)
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(Map::values_mut)
        {
            if let Some(property) = property.as_object_mut() {
                // Every change to a bot's section means starting that bot anew, unless the key says more.
                property
                    .entry("x-reload")
                    .or_insert_with(|| Value::from("account"));
            }
        }
    }
    value
}

/// Drops what `Option` adds: a key is left out, not set to null.
fn tidy_schema(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    for (key, inner) in only {
                        map.entry(key).or_insert(inner);
                    }
                }
            }
            if let Some(Value::Array(words)) = map.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            map.values_mut().for_each(tidy_schema);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy_schema),
        _ => {}
    }
}

/// Reads the section: one entry per account, or every problem of it.
pub(super) fn accounts(
    section: &Value,
    environment: Environment<'_>,
) -> Result<Vec<AccountConfig>, Vec<Issue>> {
    let mut issues = Vec::new();
    let Some(document) = section.as_object() else {
        return Err(vec![Issue::new(SECTION, "must be an object")]);
    };
    let mut root = document.clone();
    let written = take_accounts(&mut root, &mut issues);
    let default_account = take_default_account(&mut root, &mut issues);
    check_shape(&root, SECTION, &mut issues);
    for (name, account) in &written {
        check_shape(account, &format!("{SECTION}.accounts.{name}"), &mut issues);
        if AccountId::new(name).is_err() {
            issues.push(Issue::new(
                format!("{SECTION}.accounts.{name}"),
                "cannot be the name of an account",
            ));
        }
    }
    if !issues.is_empty() {
        return Err(issues);
    }

    let mut names: Vec<String> = written.keys().cloned().collect();
    let root_has_token = root.contains_key("botToken") || root.contains_key("tokenFile");
    if (names.is_empty() || root_has_token) && !written.contains_key(DEFAULT_ACCOUNT) {
        names.insert(0, DEFAULT_ACCOUNT.to_owned());
    }
    let default_name = default_account
        .or_else(|| names.iter().find(|name| *name == DEFAULT_ACCOUNT).cloned())
        .or_else(|| names.first().cloned())
        .unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned());
    if !names.contains(&default_name) {
        issues.push(
            Issue::new(
                format!("{SECTION}.defaultAccount"),
                format!("`{default_name}` is not an account"),
            )
            .with_hint(format!("name one of: {}", names.join(", "))),
        );
    }

    let mut accounts = Vec::new();
    for name in &names {
        let own = written.get(name);
        let merged = merge(&root, own, name);
        let path = if own.is_some() {
            format!("{SECTION}.accounts.{name}")
        } else {
            SECTION.to_owned()
        };
        let Ok(section) = serde_json::from_value::<AccountSection>(Value::Object(merged)) else {
            issues.push(Issue::new(
                path,
                "cannot be read together with the settings above it",
            ));
            continue;
        };
        let context = Context {
            name,
            path,
            is_default: *name == default_name,
            environment,
        };
        accounts.extend(account(&context, &section, &mut issues));
    }
    check_shared(&mut accounts);
    if issues.is_empty() {
        Ok(accounts)
    } else {
        Err(issues)
    }
}

fn take_accounts(
    root: &mut Map<String, Value>,
    issues: &mut Vec<Issue>,
) -> BTreeMap<String, Map<String, Value>> {
    let mut written = BTreeMap::new();
    match root.remove("accounts") {
        None | Some(Value::Null) => {}
        Some(Value::Object(accounts)) => {
            for (name, account) in accounts {
                match account {
                    Value::Object(account) => {
                        written.insert(name, account);
                    }
                    _ => issues.push(Issue::new(
                        format!("{SECTION}.accounts.{name}"),
                        "must be an object",
                    )),
                }
            }
        }
        Some(_) => issues.push(Issue::new(
            format!("{SECTION}.accounts"),
            "must be an object of accounts by name",
        )),
    }
    written
}

fn take_default_account(root: &mut Map<String, Value>, issues: &mut Vec<Issue>) -> Option<String> {
    match root.remove("defaultAccount") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => {
            issues.push(Issue::new(
                format!("{SECTION}.defaultAccount"),
                "must be the name of an account",
            ));
            None
        }
    }
}

/// Finds every key whose value has the wrong shape. All keys are optional, so each can be read on its own.
fn check_shape(section: &Map<String, Value>, path: &str, issues: &mut Vec<Issue>) {
    if readable::<AccountSection>(Value::Object(section.clone())).is_ok() {
        return;
    }
    for (key, value) in section {
        if let Err(reason) = readable::<AccountSection>(Value::Object(Map::from_iter([(
            key.clone(),
            value.clone(),
        )]))) {
            issues.push(Issue::new(format!("{path}.{key}"), reason));
        }
    }
}

fn readable<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| match error.classify() {
        // Serde's untagged enums only know that nothing matched; its other texts name types, never our secrets.
        serde_json::error::Category::Data if error.to_string().contains("untagged") => {
            "has none of the shapes this key can have".to_owned()
        }
        _ => error.to_string(),
    })
}

/// The root's settings with the account's own on top.
fn merge(
    root: &Map<String, Value>,
    own: Option<&Map<String, Value>>,
    name: &str,
) -> Map<String, Value> {
    let mut merged = root.clone();
    let Some(own) = own else { return merged };
    if name != DEFAULT_ACCOUNT {
        for key in OWN_KEYS {
            merged.remove(*key);
        }
        // A root webhook address serves the default account; the others hang below it.
        for key in ["webhookUrl", "webhookPath"] {
            if let Some(base) = root.get(key).and_then(Value::as_str) {
                merged.insert(
                    key.to_owned(),
                    Value::from(format!("{}/{name}", base.trim_end_matches('/'))),
                );
            }
        }
    }
    if STREAMING_KEYS.iter().any(|key| own.contains_key(*key)) {
        for key in STREAMING_KEYS {
            merged.remove(*key);
        }
    }
    for (key, value) in own {
        merged.insert(key.clone(), value.clone());
    }
    merged
}

/// What two accounts must not share.
fn check_shared(accounts: &mut [AccountConfig]) {
    let mut tokens = BTreeSet::new();
    let mut paths = BTreeSet::new();
    for account in accounts.iter_mut().filter(|account| account.enabled) {
        let AnySettings::Telegram(settings) = &account.settings;
        let path = format!("{SECTION}.accounts.{}", account.account);
        if let TokenSource::Text(token) = &settings.token
            && let Some(id) = bot_id(token.expose())
            && !tokens.insert(id.to_owned())
        {
            account.blocked.get_or_insert_with(|| {
                Issue::new(format!("{path}.botToken"), "another account uses this bot")
                    .with_hint("one bot has one account")
            });
        }
        if let Some(webhook) = &settings.webhook
            && !paths.insert(webhook.path.clone())
        {
            account.blocked.get_or_insert_with(|| {
                Issue::new(
                    format!("{path}.webhookPath"),
                    "another account uses this path",
                )
                .with_hint("give each bot its own")
            });
        }
    }
}
