//! Chat commands: carried out and answered in one commit (`run`), what they leave behind (`overrides`), and the one
//! that takes a while (`compact`).

mod compact;
mod overrides;
mod run;

pub(crate) use overrides::{Overrides, parse_queue};
pub(crate) use run::run;
