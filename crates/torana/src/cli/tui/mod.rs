//! `torana tui`: conversations in a full-screen terminal.
//!
//! [`state`] holds everything and says what is to be done, [`keys`] and [`frames`] change it, [`view`] draws it, and
//! [`run`] alone touches terminal and gateway. Text of others passes [`clean`] before it gets anywhere.

mod approval;
mod clean;
mod complete;
mod editor;
mod facts;
mod frames;
mod keys;
mod last;
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

pub(super) use run::run;
