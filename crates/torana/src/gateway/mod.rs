//! The running gateway: its start (`run`, with `durable` and `parts`) and end (`wait`), changed configuration
//! (`reload`), when it starts again (`restart`), what is its alone (`locks`), and what is watched (`watch`).

mod durable;
mod locks;
mod parts;
mod reload;
mod restart;
mod run;
mod wait;
mod watch;

pub(crate) use reload::Runner;
pub(crate) use run::{Failure, RunOptions, run};
