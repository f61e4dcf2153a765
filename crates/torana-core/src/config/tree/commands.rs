//! `commands.*`: chat commands and who may use them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::IdText;

/// Chat commands such as `/status` and who may use them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Commands {
    /// Understand commands in messages. `false` makes every message plain text and leaves the platforms' command menus empty.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub text: bool,
    /// Register commands with platforms that have a command menu; `auto` does so where it is useful. A channel's own `commands.native` wins. A change is seen when an account starts anew.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub native: NativeCommands,
    /// Owners, who may use every command: ids as `<channel>:<id>`, or plain ids for every channel.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub owner_allow_from: Vec<IdText>,
    /// Who may use commands, by channel; `*` holds the list for all other channels, and `*` in a list is everybody. Where a list exists, only those in it and the owners may; a command of anybody else has no effect. Without one, whoever is admitted may.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub allow_from: BTreeMap<String, Vec<IdText>>,
}

impl Default for Commands {
    fn default() -> Self {
        Self {
            text: true,
            native: NativeCommands::default(),
            owner_allow_from: Vec::new(),
            allow_from: BTreeMap::new(),
        }
    }
}

/// Whether commands are registered with the platform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NativeCommands {
    /// Where it is useful.
    #[default]
    Auto,
    /// Everywhere it is possible.
    On,
    /// Nowhere.
    Off,
}

// === impl NativeCommands ===

impl Serialize for NativeCommands {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::On => serializer.serialize_bool(true),
            Self::Off => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for NativeCommands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Switch(bool),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Switch(true) => Ok(Self::On),
            Written::Switch(false) => Ok(Self::Off),
            Written::Word(word) if word == "auto" => Ok(Self::Auto),
            Written::Word(_) => Err(de::Error::custom("expected `auto`, true or false")),
        }
    }
}

impl JsonSchema for NativeCommands {
    fn schema_name() -> Cow<'static, str> {
        "NativeCommands".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "const": "auto" }] })
    }
}
