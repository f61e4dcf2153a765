//! `cargo xtask`: the one entry point for everything a contributor or CI does with this tree.
//!
//! `command` holds one file per command; `rule` holds what `cargo xtask tidy` checks.
//! The same rules are ordinary tests (`arch`, `tidy` and `deps` below), so plain `cargo test --workspace` runs them too.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program talks to a person at a terminal"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "automation measures real time and reads the real environment"
)]

mod command;
mod finding;
mod rule;
mod source;
mod step;
mod tool;

#[cfg(test)]
mod arch;
#[cfg(test)]
mod deps;
#[cfg(test)]
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is::<step::Told>() {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
