//! Chat commands: carried out and answered in one commit (`run`), what they leave behind (`overrides`), the
//! settings of a session (`manner`), and the one that takes a while (`compact`).

mod compact;
mod manner;
mod overrides;
mod run;

pub(crate) use overrides::{Overrides, parse_queue};
pub(crate) use run::run;
