//! A model that could be configured, in words.

/// A model that could be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Provider id.
    pub provider: String,
    /// Provider name, for people.
    pub name: String,
    /// Where it was found: the name of an environment variable, or the address of a local server.
    pub source: String,
    /// A model to begin with; absent when the server has none installed or none is known.
    pub model: Option<String>,
    /// Where it lives.
    pub base_url: String,
}

impl Offer {
    /// `provider/model`, with a placeholder when no model is known.
    pub fn reference(&self) -> String {
        format!(
            "{}/{}",
            self.provider,
            self.model.as_deref().unwrap_or("<model>")
        )
    }

    /// The command that takes the offer.
    pub fn command(&self) -> String {
        format!(
            "torana config set agents.defaults.model.primary {}",
            self.reference()
        )
    }
}
