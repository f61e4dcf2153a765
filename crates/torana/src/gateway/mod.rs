//! The running gateway: its start (`run`, with `disk`, `durable`, `parts` and `listen`) and end (`wait`), changed
//! configuration (`reload`), when it starts again (`restart`), what is its alone (`locks`), what is watched (`watch`), and
//! what is kept of its end (`last_moments`).

mod disk;
mod durable;
mod last_moments;
mod listen;
mod locks;
mod parts;
mod reload;
mod restart;
mod run;
mod wait;
mod watch;

pub(crate) use reload::{Runner, refusal_of};
pub(crate) use run::{Failure, RunOptions, run};
