//! The running gateway: start and stop (`run`), changed configuration (`reload`), and what is watched (`watch`).

mod reload;
mod run;
mod watch;

pub(crate) use run::{Failure, RunOptions, run};
