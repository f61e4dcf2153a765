//! What a model is asked, and the seam through which it is asked.

use torana_core::port::BoxFuture;
use torana_core::run::{Entry, Outcome, Role};

use super::failure::ProviderFailure;
use super::output::Output;

/// Makes one attempt at an answer. Dropping the future aborts the request.
pub trait ModelProvider: Send + Sync {
    /// Streams into `output` and says how the answer ended.
    fn answer<'a>(
        &'a self,
        request: &'a ModelRequest,
        output: &'a mut Output,
    ) -> BoxFuture<'a, Result<Finish, ProviderFailure>>;
}

/// How a complete answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// The output limit cut it off.
    Length,
    /// The model or a filter declined.
    Refused,
}

/// One question to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRequest {
    /// Model id as the provider knows it.
    pub model: String,
    /// Instructions; may be empty.
    pub system: String,
    /// What was said, oldest first; the last one is the question. Speakers alternate.
    pub utterances: Vec<Utterance>,
    /// Most tokens to write.
    pub max_tokens: Option<u32>,
    /// Thinking level, for models that can reason.
    pub thinking: Option<String>,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A person, or the gateway on their side.
    User,
    /// The model.
    Assistant,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// By whom.
    pub speaker: Speaker,
    /// What.
    pub text: String,
}

/// Builds the conversation a model sees: empty lines and failed answers are left out, and neighbours of one speaker are
/// joined, because many local chat templates refuse two in a row.
pub(crate) fn conversation(history: &[Entry], input: &str) -> Vec<Utterance> {
    let mut utterances: Vec<Utterance> = Vec::with_capacity(history.len() + 1);
    let mut add = |speaker, text: &str| {
        if text.trim().is_empty() {
            return;
        }
        match utterances.last_mut() {
            Some(last) if last.speaker == speaker => {
                last.text.push_str("\n\n");
                last.text.push_str(text);
            }
            // The model's own words cannot come first; some providers refuse such a conversation.
            None if speaker == Speaker::Assistant => {}
            _ => utterances.push(Utterance {
                speaker,
                text: text.to_owned(),
            }),
        }
    };
    for entry in history {
        match entry.role {
            Role::User => add(Speaker::User, &entry.text),
            // What a failed turn said of its failure is not the model's; but a gap would join the question that failed
            // with the next one, and both would be answered.
            Role::Assistant if entry.outcome == Some(Outcome::Error) => {
                add(Speaker::Assistant, "[This message could not be answered.]");
            }
            Role::Assistant => add(Speaker::Assistant, &entry.text),
            // A system message in the middle is refused by several templates; a marked note is understood by all.
            Role::System => add(Speaker::User, &format!("[Notice] {}", entry.text)),
        }
    }
    add(Speaker::User, input);
    utterances
}
