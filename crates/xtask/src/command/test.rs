//! `cargo xtask test`: everything that needs only a Rust toolchain, and a visible line for everything that needs more.

use anyhow::{Result, bail};

use crate::step::run_here;
use crate::tool::{self, Tool};

pub(super) fn run(arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("`test` takes no arguments; hint: `cargo test -p <crate> <filter>` runs a part");
    }
    run_here(tool::cargo().args(["test", "--workspace"]))?;
    for tool in tool::missing(Tool::ALL) {
        println!("not installed: {}", tool.hint());
    }
    println!(
        "skipped: user interface, browser, original clients and the crash harness; `cargo xtask ci` runs them"
    );
    Ok(())
}
