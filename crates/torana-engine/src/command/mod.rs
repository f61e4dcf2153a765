//! Chat commands: carried out and answered in one commit (`run`), and what they leave behind (`overrides`).

mod overrides;
mod run;

pub(crate) use overrides::Overrides;
pub(crate) use run::run;
