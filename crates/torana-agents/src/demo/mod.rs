//! The demo model: answers without any key or network, to show what a conversation looks like and how to set up a real one.
//!
//! It is a provider of the built-in loop (decisions-control-and-agents 59), used only while nothing is configured.

mod answers;
mod backend;
mod provider;
mod samples;
mod settings;

pub use backend::DemoBackend;
pub use provider::DemoProvider;
pub use settings::DemoSettings;

#[cfg(test)]
mod tests;
