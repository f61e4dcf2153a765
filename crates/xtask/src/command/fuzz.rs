//! `cargo xtask fuzz`: drives every parser of outside bytes, on stable Rust.
//!
//! A target is a test in a module called `fuzz`: it feeds a parser its corpus, then seeded random
//! and mutated input, and reads `TORANA_FUZZ_ROUNDS` and `TORANA_FUZZ_SEED`.

use std::process::Command;

use anyhow::{Context, Result};

use super::menu;
use crate::step::run_here;
use crate::tool;

/// About a minute of work for all targets on a slow core: enough to be worth the wait at a desk.
const DESK_ROUNDS: u32 = 200_000;

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (words, options) = menu::options(arguments, &["--rounds", "--seed"], &[])?;
    let target = words.first().copied().unwrap_or("");
    let mut command = command(DESK_ROUNDS, target);
    for (option, value) in options {
        let number: u64 = value
            .parse()
            .with_context(|| format!("`{value}` is not a number"))?;
        let variable = if option == "--seed" {
            "TORANA_FUZZ_SEED"
        } else {
            "TORANA_FUZZ_ROUNDS"
        };
        command.env(variable, number.to_string());
    }
    run_here(&mut command)?;
    println!(
        "note: coverage-guided fuzzing needs a nightly toolchain; what ran here is what CI runs"
    );
    Ok(())
}

/// The named target, or with an empty name all of them, with the given number of random inputs each.
pub(super) fn command(rounds: u32, target: &str) -> Command {
    let mut command = tool::workspace(&["test"]);
    command.arg("--tests").arg(format!("fuzz::{target}"));
    command.env("TORANA_FUZZ_ROUNDS", rounds.to_string());
    command
}
