//! The configured line in front of replies, such as `[{model}]`.

/// What the placeholders of a prefix stand for; an absent value leaves its placeholder as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrefixValues<'a> {
    /// `{model}`: the model's short name.
    pub model: Option<&'a str>,
    /// `{modelFull}`: provider and model.
    pub model_full: Option<&'a str>,
    /// `{provider}`: the model's provider.
    pub provider: Option<&'a str>,
    /// `{thinkingLevel}`: how hard the model thinks.
    pub thinking_level: Option<&'a str>,
    /// `{identity.name}`: the agent's name.
    pub identity_name: Option<&'a str>,
}

impl<'a> PrefixValues<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        match name {
            "model" => self.model,
            "modelFull" => self.model_full,
            "provider" => self.provider,
            "thinkingLevel" => self.thinking_level,
            "identity.name" => self.identity_name,
            _ => None,
        }
    }
}

/// Fills in the placeholders.
///
/// ```
/// use torana_core::render::{expand_prefix, PrefixValues};
/// let values = PrefixValues { model: Some("small"), ..PrefixValues::default() };
/// assert_eq!(expand_prefix("[{model}/{other}]", &values), "[small/{other}]");
/// ```
pub fn expand_prefix(template: &str, values: &PrefixValues<'_>) -> String {
    let mut expanded = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        expanded.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = rest.find('}') else {
            break;
        };
        match values.get(&rest[1..end]) {
            Some(value) => {
                expanded.push_str(value);
                rest = &rest[end + 1..];
            }
            None => {
                expanded.push('{');
                rest = &rest[1..];
            }
        }
    }
    expanded.push_str(rest);
    expanded
}

/// Puts an expanded prefix in front of a reply, once.
pub fn apply_prefix(prefix: &str, text: &str) -> String {
    if prefix.is_empty() || text.starts_with(prefix) {
        return text.to_owned();
    }
    let separator = if prefix.ends_with(char::is_whitespace) {
        ""
    } else {
        " "
    };
    format!("{prefix}{separator}{text}")
}
