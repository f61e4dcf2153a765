//! A messaging platform in memory: what people write, when, and what they see, whatever happens to the gateway.
//!
//! It keeps the truth: updates until they are acknowledged, every message with all its versions, the order of
//! effects. `receive` and `transmit` are the port parts of one life; `fault` decides what goes wrong.

mod fault;
mod receive;
mod state;
mod transmit;
mod webhook;

pub use fault::Faults;
pub use state::{Bubble, Effect, EffectKind, Platform, Update, Version};
pub use webhook::Push;
