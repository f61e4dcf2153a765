//! Chat commands: what `/new`, `/stop` and the like do. They bypass queue and model.
//!
//! Which effect a command has is decided (`decide`, with `model` and `manner`), and carried out and answered in one
//! commit (`run`). What it changes is in `effect`, what it leaves in memory in `overrides`, in the transcript in `kept`;
//! `status`, `spent` and `window` say how things stand, and `compact` takes a while.

mod compact;
mod decide;
mod effect;
mod kept;
mod manner;
mod model;
mod overrides;
mod run;
mod spent;
mod status;
mod window;

pub(crate) use model::find_model;
pub(crate) use overrides::{Overrides, parse_queue};
pub(crate) use run::run;
