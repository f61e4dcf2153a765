//! Model providers: one attempt to get an answer, streamed, with failures classified by what to do next (decision 12).
//!
//! [`ModelProvider`] is the seam; [`OpenAiProvider`] and [`AnthropicProvider`] speak the two wire formats. Who retries, and
//! which model follows, is decided in [`crate::builtin`].

mod anthropic;
mod anthropic_body;
mod classify;
mod embeddings;
mod failure;
mod openai;
mod openai_body;
mod output;
mod probe;
mod request;
mod settings;
mod think;
mod transport;

pub use anthropic::{AnthropicProvider, fuzz_anthropic_event};
pub use embeddings::{EmbedTexts, Vectors, embed};
pub use failure::ProviderFailure;
pub use openai::{OpenAiProvider, fuzz_openai_chunk};
pub use output::Output;
pub use probe::{Probed, probe};
pub(crate) use request::conversation;
pub use request::{File, Finish, ModelProvider, ModelRequest, Speaker, Utterance};
pub use settings::{ModelSettings, Price, ProviderApi, ProviderSettings};

#[cfg(test)]
mod tests;
