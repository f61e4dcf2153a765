//! `torana doctor`: looks at everything a gateway needs and says what to do about each finding.
//!
//! One file per check. A check only looks; what it may mend it mends under `--fix`, and every change is reported.

mod channels;
mod clock;
mod config;
mod database;
mod disk;
mod examine;
mod finding;
mod journals;
mod lock;
mod models;
mod port;
mod reading;
mod salvage;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use examine::examine;
pub(crate) use finding::{Finding, Grade};
