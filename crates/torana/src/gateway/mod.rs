//! The running gateway: its start (`run`) and end (`wait`), changed configuration (`reload`), when it starts again (`restart`), and what is watched (`watch`).

mod durable;
mod reload;
mod restart;
mod run;
mod wait;
mod watch;

pub(crate) use reload::Runner;
pub(crate) use run::{Failure, RunOptions, run};
