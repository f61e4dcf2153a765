//! What a client asks of a model besides words: the shape of the answer, tools the client runs itself, and images.
//!
//! A turn that ends because the model wants a client's tool settles as `client_tools`; the results come with the next
//! turn of the session, as [`Attached`] to its input.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Characters of a tool's name: the limit of every provider, and decision 41.
pub const TOOL_NAME_CHARS_MAX: usize = 64;

/// Whether a tool may have this name: what providers accept, and nothing a reader could mistake (S-019).
pub fn is_tool_name(name: &str) -> bool {
    (1..=TOOL_NAME_CHARS_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What else a client asks of one turn; how words are chosen is [`crate::run::Sampling`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Wishes {
    /// The shape of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<AnswerFormat>,
    /// Tools the client runs itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ClientTool>,
    /// Which of them the model may or must use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Several calls at once are welcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tools: Option<bool>,
}

impl Wishes {
    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The shape an answer must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFormat {
    /// Any JSON object.
    Json,
    /// JSON that fits a schema.
    Schema {
        /// Name of the schema.
        name: String,
        /// The schema.
        schema: Value,
        /// The provider must enforce it.
        strict: bool,
    },
}

/// A tool that a client runs itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientTool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments, an object.
    pub parameters: Value,
    /// The provider must keep to the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// Whether a model may, must or must not call tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// A model's wish to have a tool run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Id that the result names.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments as JSON text, as the model wrote them.
    pub arguments: String,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call.
    pub id: String,
    /// What the tool returned.
    pub text: String,
}

/// An image, as it travels in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Media type, such as `image/png`.
    pub kind: String,
    /// The bytes in base64.
    pub base64: String,
}

impl std::fmt::Debug for Image {
    /// Megabytes of base64 help nobody in a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Image({}, {} bytes of base64)",
            self.kind,
            self.base64.len()
        )
    }
}

/// What a line of a conversation carries besides its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attached {
    /// Calls the model wants made, on a line of the agent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Results of calls, on a line of the person's side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ToolResult>,
    /// Images, on a line of the person's side. Transcripts do not keep them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

impl Attached {
    /// True when there is nothing.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.results.is_empty() && self.images.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_takes_no_room_in_the_journal() {
        assert_eq!(
            serde_json::to_string(&Wishes::default()).expect("json"),
            "{}"
        );
        assert_eq!(
            serde_json::to_string(&Attached::default()).expect("json"),
            "{}"
        );
        assert_eq!(
            serde_json::from_str::<Wishes>("{}").expect("wishes"),
            Wishes::default()
        );
    }

    #[test]
    fn an_image_is_not_printed() {
        let image = Image {
            kind: "image/png".to_owned(),
            base64: "SECRET".to_owned(),
        };
        assert!(!format!("{image:?}").contains("SECRET"));
    }
}
