//! `torana tui`: conversations in a full-screen terminal.
//!
//! [`state`] holds everything and says what is to be done; [`keys`], [`frames`] and [`answers`] change it, [`view`] draws it, and
//! [`run`] alone touches terminal and gateway. Text of others passes [`clean`] before it gets anywhere.

mod answers;
mod approval;
mod clean;
mod commands;
mod complete;
mod editor;
mod facts;
mod frames;
mod keys;
mod last;
mod listed;
mod lists;
mod local_gateway;
mod log;
mod message;
mod picker;
mod question;
mod run;
mod screen;
mod shell;
mod slash;
mod state;
mod suggestion;
#[cfg(test)]
mod tests;
mod view;
mod waiting;

pub(super) use run::run;
