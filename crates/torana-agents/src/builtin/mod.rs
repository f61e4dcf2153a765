//! The gateway's own model loop: one question, one streamed answer, with retry and failover (behaviour §9, decision 12).
//!
//! [`failover`] decides, purely; `turn` carries it out; [`BuiltinBackend`] is what the engine sees.

mod backend;
mod compiled;
mod cooldown;
pub mod failover;
mod settings;
mod turn;
mod words;

pub use backend::BuiltinBackend;
pub use cooldown::Cooldowns;
pub use settings::{AgentModels, BuiltinSettings};

#[cfg(test)]
mod failover_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wish_tests;
