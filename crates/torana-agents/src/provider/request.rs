//! What a model is asked, and the seam through which it is asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use torana_core::ask::{Attached, Image, ToolCall, ToolResult, Wishes};
use torana_core::media::{MediaKind, MediaRef};
use torana_core::port::{BoxFuture, Media};
use torana_core::run::{Entry, Outcome, Role, Sampling};

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
    /// It wants tools that the client runs.
    Calls,
    /// The output limit cut it off.
    Length,
    /// The model or a filter declined.
    Refused,
}

/// One question to a model.
#[derive(Debug, Clone, PartialEq)]
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
    /// How it is to choose its words; its limit of tokens is already part of `max_tokens`.
    pub sampling: Sampling,
    /// What else the client asks of the answer.
    pub wishes: Wishes,
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
    /// Calls of the model; results of exactly these follow in the next utterance.
    pub calls: Vec<ToolCall>,
    /// Results of the calls in the utterance before, in their order.
    pub results: Vec<ToolResult>,
    /// Images that a client sent along with its request.
    pub images: Vec<Image>,
    /// Pictures and documents that are kept with the session.
    pub files: Vec<File>,
}

/// A picture or document for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Media type.
    pub mime: String,
    /// Name the sender gave it.
    pub name: Option<String>,
    /// The bytes.
    pub bytes: Bytes,
}

impl File {
    /// A name for formats that demand one.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("attachment")
    }

    /// The bytes in base64, as both wire formats carry them.
    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&self.bytes)
    }

    /// The bytes as a `data:` URL.
    pub(crate) fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.mime, self.base64())
    }
}

impl Utterance {
    fn new(speaker: Speaker, text: &str, attached: Attached, files: Vec<File>) -> Self {
        let is_user = speaker == Speaker::User;
        Self {
            speaker,
            text: text.to_owned(),
            calls: if is_user { Vec::new() } else { attached.calls },
            results: if is_user {
                attached.results
            } else {
                Vec::new()
            },
            images: if is_user { attached.images } else { Vec::new() },
            files: if is_user { files } else { Vec::new() },
        }
    }
}

/// What a model reads as the result of a call that nobody answered.
const NO_RESULT: &str = "no result was given";

/// Builds the conversation a model sees: empty lines and failed answers are left out, and neighbours of one speaker are
/// joined, because many local chat templates refuse two in a row. Every call has its result right behind it.
pub(crate) fn conversation(
    history: &[Entry],
    input: &str,
    attached: Attached,
    media: &[Media],
) -> Vec<Utterance> {
    let mut said = Conversation::default();
    for entry in history {
        let attached = entry.attached.clone();
        match entry.role {
            Role::User => {
                let found = entry.media.iter().map(|file| {
                    let known = |media: &&Media| media.reference.digest == file.digest;
                    (file, media.iter().find(known))
                });
                let (text, files) = with_files(&entry.text, found);
                said.add(Speaker::User, &text, attached, files);
            }
            // What a failed turn said of its failure is not the model's; but a gap would join the question that failed
            // with the next one, and both would be answered.
            Role::Assistant if entry.outcome == Some(Outcome::Error) => {
                let text = "[This message could not be answered.]";
                said.add(Speaker::Assistant, text, Attached::default(), Vec::new());
            }
            Role::Assistant => said.add(Speaker::Assistant, &entry.text, attached, Vec::new()),
            // A system message in the middle is refused by several templates; a marked note is understood by all.
            Role::System => {
                let text = format!("[Notice] {}", entry.text);
                said.add(Speaker::User, &text, Attached::default(), Vec::new());
            }
        }
    }
    let new = media.iter().filter(|media| media.is_new);
    let (text, files) = with_files(input, new.map(|media| (&media.reference, Some(media))));
    said.add(Speaker::User, &text, attached, files);
    pair(said.utterances)
}

/// Text with the files that came with it: those that are text become part of it, the others go beside it.
fn with_files<'a>(
    text: &str,
    files: impl Iterator<Item = (&'a MediaRef, Option<&'a Media>)>,
) -> (String, Vec<File>) {
    let (mut text, mut beside) = (text.to_owned(), Vec::new());
    for (reference, media) in files {
        let name = reference.name.as_deref().unwrap_or("attachment");
        let Some(media) = media else {
            text.push_str(&format!("\n[the file \"{name}\" was shown to you before]"));
            continue;
        };
        match (
            MediaKind::of(&reference.mime),
            std::str::from_utf8(&media.bytes),
        ) {
            (MediaKind::Text, Ok(content)) => {
                text.push_str(&format!("\n\n<file name=\"{name}\">\n{content}\n</file>"));
            }
            _ => beside.push(File {
                mime: reference.mime.clone(),
                name: reference.name.clone(),
                bytes: media.bytes.clone(),
            }),
        }
    }
    (text, beside)
}

/// Utterances of alternating speakers, as they come together.
#[derive(Default)]
struct Conversation {
    utterances: Vec<Utterance>,
}

impl Conversation {
    fn add(&mut self, speaker: Speaker, text: &str, attached: Attached, files: Vec<File>) {
        let blank = text.trim().is_empty();
        if blank && attached.is_empty() && files.is_empty() {
            return;
        }
        match self.utterances.last_mut() {
            Some(last) if last.speaker == speaker && last.calls.is_empty() => {
                if !blank {
                    if !last.text.is_empty() {
                        last.text.push_str("\n\n");
                    }
                    last.text.push_str(text);
                }
                last.calls.extend(attached.calls);
                last.results.extend(attached.results);
                last.images.extend(attached.images);
                last.files.extend(files);
            }
            // The model's own words cannot come first; some providers refuse such a conversation.
            None if speaker == Speaker::Assistant && attached.calls.is_empty() => {}
            _ => self
                .utterances
                .push(Utterance::new(speaker, text, attached, files)),
        }
    }
}

/// Gives every call its result, and turns results without a call into words: providers refuse both.
fn pair(utterances: Vec<Utterance>) -> Vec<Utterance> {
    let mut paired: Vec<Utterance> = Vec::with_capacity(utterances.len());
    for mut utterance in utterances {
        let calls = paired.last().map_or(Vec::new(), |last| last.calls.clone());
        if !calls.is_empty() && utterance.speaker == Speaker::Assistant {
            let results = calls.iter().map(unanswered).collect();
            let attached = Attached {
                results,
                ..Attached::default()
            };
            paired.push(Utterance::new(Speaker::User, "", attached, Vec::new()));
        } else {
            let mut given = std::mem::take(&mut utterance.results);
            for call in &calls {
                let found = given.iter().position(|result| result.id == call.id);
                let result = found.map_or_else(|| unanswered(call), |at| given.remove(at));
                utterance.results.push(result);
            }
            for stray in given {
                let text = format!("[Result of {}]\n{}", stray.id, stray.text);
                utterance.text = if utterance.text.is_empty() {
                    text
                } else {
                    format!("{text}\n\n{}", utterance.text)
                };
            }
        }
        paired.push(utterance);
    }
    if let Some(last) = paired.last().filter(|last| !last.calls.is_empty()) {
        let results = last.calls.iter().map(unanswered).collect();
        let attached = Attached {
            results,
            ..Attached::default()
        };
        paired.push(Utterance::new(Speaker::User, "", attached, Vec::new()));
    }
    paired
}

fn unanswered(call: &ToolCall) -> ToolResult {
    ToolResult {
        id: call.id.clone(),
        text: NO_RESULT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(mime: &str, name: &str, bytes: &'static [u8], is_new: bool) -> Media {
        Media {
            reference: MediaRef {
                digest: name.to_owned(),
                mime: mime.to_owned(),
                name: Some(name.to_owned()),
                bytes: bytes.len() as u64,
            },
            is_new,
            bytes: Bytes::from_static(bytes),
        }
    }

    #[test]
    fn text_files_are_read_and_pictures_are_shown_where_they_came() {
        let (old, text) = (
            media("image/png", "old.png", b"1", false),
            media("text/plain", "a.txt", b"hello", true),
        );
        let mut gone = old.reference.clone();
        gone.digest = "gone".to_owned();
        gone.name = Some("gone.png".to_owned());
        let before = Entry {
            media: vec![old.reference.clone(), gone],
            ..Entry::new(Role::User, "look", 0)
        };
        let answer = Entry::new(Role::Assistant, "a dot", 0);
        let picture = media("image/png", "new.png", b"2", true);
        let said = conversation(
            &[before, answer],
            "and now",
            Attached::default(),
            &[old, text, picture],
        );
        let names = |at: usize| -> Vec<&str> { said[at].files.iter().map(File::name).collect() };
        assert_eq!(
            said[0].text,
            "look\n[the file \"gone.png\" was shown to you before]"
        );
        assert_eq!(names(0), ["old.png"]);
        assert_eq!(
            said[2].text,
            "and now\n\n<file name=\"a.txt\">\nhello\n</file>"
        );
        assert_eq!(names(2), ["new.png"]);
        // A picture alone is a message too.
        let alone = conversation(
            &[],
            "",
            Attached::default(),
            &[media("image/png", "x.png", b"3", true)],
        );
        assert_eq!(alone.len(), 1);
    }
}
