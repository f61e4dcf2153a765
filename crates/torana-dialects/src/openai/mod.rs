//! The OpenAI-style HTTP API: models, chat completions, responses and embeddings, as programs of that ecosystem expect
//! them.
//!
//! [`ask`] holds what both ways of asking share, [`request`] and [`responses`] read their bodies, [`source`] decides which
//! turn it becomes (decision 48), [`runs`] follows durable turns on the bus, [`flow`] streams, [`shape`] prints.

mod ask;
mod chat;
mod embeddings;
mod flow;
mod models;
mod request;
mod responses;
mod runs;
mod shape;
mod source;

pub(crate) use chat::chat;
pub(crate) use embeddings::embeddings;
pub(crate) use models::{model, models};
pub(crate) use responses::responses;
pub(crate) use runs::Runs;

#[cfg(test)]
mod tests;
