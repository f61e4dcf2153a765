//! A credential from the configuration that cannot be printed by accident.
//!
//! A secret has no `Display`, its `Debug` hides the text, and serialising it writes the redaction sentinel.
//! A secret whose variable or reference could not be resolved is present but yields nothing.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Stands for a secret in everything that leaves the gateway.
///
/// Quirk: the spelling is OpenClaw's (2026.9), because its Control UI sends it back unchanged when a form is saved.
pub const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// Key of the object that stands for an unresolved secret between the walk and deserialising.
pub(crate) const UNRESOLVED_KEY: &str = "$unresolved";

/// A credential: a token, a password, an API key.
///
/// ```
/// use torana_core::config::Secret;
///
/// let secret = Secret::new("s3cret-token");
/// assert_eq!(secret.expose(), Some("s3cret-token"));
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Content);

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Known(String),
    /// What the file says instead, for example `${NAME}`; it holds no secret.
    Unresolved(String),
}

// === impl Secret ===

impl Secret {
    /// A secret whose text is known.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Content::Known(text.into()))
    }

    /// The secret text, or nothing when its variable or reference could not be resolved.
    #[must_use]
    pub fn expose(&self) -> Option<&str> {
        match &self.0 {
            Content::Known(text) => Some(text),
            Content::Unresolved(_) => None,
        }
    }

    /// What the file says when the secret could not be resolved, for messages to people.
    #[must_use]
    pub fn unresolved(&self) -> Option<&str> {
        match &self.0 {
            Content::Known(_) => None,
            Content::Unresolved(written) => Some(written),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Known(_) => formatter.write_str("Secret(…)"),
            Content::Unresolved(written) => write!(formatter, "Secret(unresolved {written})"),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Secret;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a secret as text")
            }

            // Errors must not quote the value, so no `invalid_value` anywhere in this impl.
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((key, written)) if key == UNRESOLVED_KEY => {
                        Ok(Secret(Content::Unresolved(written)))
                    }
                    Some(_) | None => Err(de::Error::custom("a secret reference was not resolved")),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-secret": true,
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "description": "A reference to a secret kept elsewhere; `env` is the only source of this build.",
                    "properties": {
                        "source": { "type": "string", "enum": ["env", "file", "exec", "store"] },
                        "provider": { "type": "string" },
                        "id": { "type": "string" }
                    },
                    "required": ["source", "id"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
