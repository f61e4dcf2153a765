//! The running gateway: its start (`run`, with `options`, `configured`, `disk`, `durable`, `parts` and `listen`), why it did
//! not (`failure`), its end (`wait`), changed configuration (`reload`), when it starts again (`restart`), what is its alone
//! (`locks`), what is watched (`watch`), and what is kept of its end (`last_moments`).

mod configured;
mod disk;
mod durable;
mod failure;
mod last_moments;
mod listen;
mod locks;
mod options;
mod parts;
mod reload;
mod restart;
mod run;
mod wait;
mod watch;

pub(crate) use failure::Failure;
pub(crate) use options::RunOptions;
pub(crate) use reload::{Runner, refusal_of};
pub(crate) use run::run;
