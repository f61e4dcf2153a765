//! The OpenAI-style HTTP API: models and chat completions, as programs of that ecosystem expect them.
//!
//! [`request`] reads and checks a body, [`chat`] decides which turn it becomes (decision 48) and answers,
//! [`runs`] follows durable turns on the bus, [`shape`] prints.

mod chat;
mod models;
mod request;
mod runs;
mod shape;

pub(crate) use chat::chat;
pub(crate) use models::{model, models};
pub(crate) use runs::Runs;

#[cfg(test)]
mod tests;
