//! `cargo xtask sim`: the whole gateway in a simulated world, in virtual time, from a seed.
//!
//! The tests are ordinary tests under `sim::` in the one integration-test binary of the gateway.
//! They read `TORANA_SIM_SEED` (run exactly this one) and `TORANA_SIM_SEEDS` (run that many, counting from one).

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::menu;
use crate::step::run_here;
use crate::tool;

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (words, options) = menu::options(arguments, &["--seed", "--seeds"], &[])?;
    if let Some(word) = words.first() {
        bail!("`{word}` is not understood; hint: `cargo xtask sim --seed N`");
    }
    let mut command = tool::cargo();
    command.args([
        "test",
        "-p",
        "torana",
        "--test",
        "it",
        "sim::",
        "--",
        "--nocapture",
    ]);
    for (option, value) in options {
        let number: u64 = value
            .parse()
            .with_context(|| format!("`{value}` is not a number"))?;
        let variable = if option == "--seed" {
            "TORANA_SIM_SEED"
        } else {
            "TORANA_SIM_SEEDS"
        };
        command.env(variable, number.to_string());
    }
    run_here(&mut command)
}

/// The same run for CI: the whole workspace is selected, so that features, and with them the build, stay the same.
pub(super) fn for_ci(seeds: u32) -> Command {
    let mut command = tool::workspace(&["test"]);
    command.args(["--test", "it", "sim::"]);
    command.env("TORANA_SIM_SEEDS", seeds.to_string());
    command
}
