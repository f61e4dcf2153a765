//! Chat commands: carried out and answered in one commit (`run`), what they leave behind (`overrides`) and in the
//! transcript (`kept`), the settings of a session (`manner`), how things stand (`status`), and the one that takes a
//! while (`compact`).

mod compact;
mod kept;
mod manner;
mod overrides;
mod run;
mod status;

pub(crate) use overrides::{Overrides, parse_queue};
pub(crate) use run::{find_model, run};
