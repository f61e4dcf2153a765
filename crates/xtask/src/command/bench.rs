//! `cargo xtask bench`: the gateway against its checked-in budgets, beside a bare floor measured in the same run.

use std::process::Command;

use anyhow::Result;

use super::menu;
use super::product::{self, Product};
use crate::source::workspace_root;
use crate::step::run_here;

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (words, options) = menu::options(arguments, &[], &["--smoke"])?;
    let product = product::build(run_here)?;
    println!("{}", product::check_size(&product.gateway)?);
    let mut command = command(&product);
    command.args(words);
    command.args(options.iter().map(|(option, _)| option));
    run_here(&mut command)
}

/// The benchmark program; `--smoke` makes it prove that everything runs instead of measuring it.
pub(super) fn command(product: &Product) -> Command {
    let mut command = Command::new(&product.bench);
    command.current_dir(workspace_root());
    product::announce(&mut command, product);
    command
}
