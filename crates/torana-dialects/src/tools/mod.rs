//! `/tools/invoke`: one tool of an agent, run for a program over HTTP.

mod invoke;

pub use invoke::fuzz_invoke;
pub(crate) use invoke::invoke;
