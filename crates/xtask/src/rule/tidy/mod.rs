//! Rules that guard habits: documentation that stays true, names, tests without sleeps, a tree without leftovers.

mod changelog;
mod defences;
mod docs;
mod leftovers;
mod module_docs;
mod secrets;
mod test_habits;
mod words;
mod workplace;

pub(super) use changelog::changelog;
pub(super) use defences::defences;
pub(super) use docs::{docs_paths, docs_tests};
pub(super) use leftovers::no_todo;
pub(super) use module_docs::module_docs;
pub(super) use secrets::secrets;
pub(super) use test_habits::{no_ignore, no_sleep_in_tests};
pub(super) use words::words;
pub(super) use workplace::workplace;
