//! The command line: what people type, what they read back, and with which code it ends.
//!
//! Start with [`main`]; `args` is the grammar, `command/` has one file per command family, `place` says which
//! gateway that is, `tunnel` leads to one of another machine, `rpc/` talks to it and `offline` to the store when none runs
//! (decision 52). Words and numbers of the output live in `output` and `words`, and no text of others reaches a terminal
//! but through `safe`; every failure is a [`failure::Failure`].

mod access;
mod args;
mod command;
mod entry;
mod failure;
mod generate;
mod invocation;
mod offline;
mod output;
mod place;
mod rpc;
mod safe;
mod target;
#[cfg(test)]
mod tests;
mod tui;
mod tunnel;
mod which;
mod words;

pub(crate) use command::config::keep as keep_config;
pub(crate) use entry::main;
pub(crate) use failure::{Exit, Failure};
pub(crate) use invocation::Invocation;
pub(crate) use words::{ago, bytes, count, span};
