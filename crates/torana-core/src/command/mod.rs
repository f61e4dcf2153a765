//! Chat commands: what a message like `/new` means, who may use it, and the help text.
//!
//! `parse` reads a message, `table` lists every command once for help, menus and docs, `context`,
//! `model`, `queue` and `setting` read the arguments of the commands that have a grammar of their own.

mod context;
mod fuzz;
mod model;
mod parse;
mod queue;
mod setting;
mod table;

#[cfg(test)]
mod tests;

pub use context::ContextAction;
pub use fuzz::fuzz_command;
pub use model::{ModelAction, ModelScope};
pub use parse::{Command, CommandNames, RESET_TRIGGERS_DEFAULT, is_abort_word, parse};
pub use queue::{QueueAction, QueueChange};
pub use setting::{Setting, SettingAction};
pub use table::{COMMANDS, CommandSpec, MenuEntry, Who, command_list, help_text, menu};
