//! `cargo xtask ci`: exactly what CI runs, in one target folder, with two profiles.
//!
//! The development profile serves clippy and all tests; the release profile is built once, for the crash harness,
//! the original clients, the browser and the benchmark.
//! Every Rust step selects the whole workspace, so that features stay the same and nothing is built twice.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::product::Product;
use super::{bench, conform, fuzz, generate, menu, product, sim, tidy, ui};
use crate::source::workspace_root;
use crate::step::{Log, Steps};
use crate::tool::{self, Tool};

const NAMES: &[&str] = &[
    "fmt", "tidy", "clippy", "test", "doc", "gen", "sim", "fuzz", "ui", "release", "crash",
    "conform", "browser", "bench",
];

/// A step that only reads text.
const SHORT: Duration = Duration::from_secs(3 * 60);
/// A step that builds everything from nothing on two cores, with room for a slow day.
const LONG: Duration = Duration::from_secs(25 * 60);

/// The number of seeds the project promises to run on every change.
const SIM_SEEDS: u32 = 1_000;
/// Random inputs per fuzz target: seconds in a development build.
const FUZZ_ROUNDS: u32 = 20_000;
/// How often the crash harness kills the gateway on every change.
const CRASH_KILLS: u32 = 30;

pub(super) fn run(arguments: &[String]) -> Result<()> {
    let (words, options) = menu::options(arguments, &[], &["--list"])?;
    if !options.is_empty() {
        for name in NAMES {
            println!("{name}");
        }
        return Ok(());
    }
    let missing = tool::missing(Tool::ALL);
    if !missing.is_empty() {
        let hints: Vec<&str> = missing.iter().map(|tool| tool.hint()).collect();
        bail!(
            "CI needs {}; hint: `.ci/run` installs them on Debian",
            hints.join(" and ")
        );
    }
    let wanted: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let mut steps = Steps::new(workspace_root().join("target").join("ci"), &wanted)?;
    run_sources(&mut steps);
    run_tests(&mut steps);
    steps.run("ui", LONG, |log| ui::check(log));
    run_product(&mut steps);
    steps.finish()
}

fn run_sources(steps: &mut Steps) {
    steps.run("fmt", SHORT, |log| {
        log.command(tool::cargo().args(["fmt", "--all", "--check"]))
    });
    steps.run("tidy", SHORT, |log| {
        let found = tidy::findings(&[])?;
        for finding in &found {
            log.note(&finding.to_string())?;
        }
        if found.is_empty() {
            Ok(())
        } else {
            bail!("{} findings", found.len())
        }
    });
    steps.run("clippy", LONG, |log| {
        let mut command = tool::workspace(&["clippy"]);
        log.command(command.args(["--all-targets", "--", "-D", "warnings"]))
    });
}

fn run_tests(steps: &mut Steps) {
    steps.run("test", LONG, test);
    steps.run("doc", LONG, |log| {
        log.command(tool::workspace(&["test"]).arg("--doc"))
    });
    steps.run("gen", SHORT, |_| generate::check(&generate::debug_binary()));
    steps.run("sim", LONG, |log| log.command(&mut sim::for_ci(SIM_SEEDS)));
    steps.run("fuzz", LONG, |log| {
        log.command(&mut fuzz::command(FUZZ_ROUNDS, ""))
    });
}

/// Unit and integration tests; nextest where it is installed, because it runs all binaries at once.
fn test(log: &mut Log) -> Result<()> {
    let mut command = if tool::has_nextest() {
        let mut command = tool::workspace(&["nextest", "run"]);
        command.args(["--status-level", "fail"]);
        command
    } else {
        let mut command = tool::workspace(&["test"]);
        command.arg("--tests");
        command
    };
    log.command(command.arg("--no-fail-fast"))
}

fn run_product(steps: &mut Steps) {
    steps.run("release", LONG, |log| {
        let product = product::build(|command| log.command(command))?;
        log.note(&product::check_size(&product.gateway)?)
    });
    if steps.has_failed("release") {
        println!("crash, conform, browser and bench need the release build and did not run");
        return;
    }
    steps.run("crash", LONG, |log| {
        let mut command = tool::workspace(&["test"]);
        command.args(["--test", "it", "crash::", "--", "--nocapture"]);
        command.env("TORANA_CRASH_KILLS", CRASH_KILLS.to_string());
        // Elsewhere a proof that needs a C compiler says that it is skipped; here it counts.
        command.env("TORANA_CRASH_REQUIRED", "1");
        with_product(|product| log.command(product::announce(&mut command, product)))
    });
    steps.run("conform", LONG, |log| {
        with_product(|product| {
            for name in conform::names().context("listing conformance suites")? {
                for command in &mut conform::commands(&name, product) {
                    log.command(command)?;
                }
            }
            Ok(())
        })
    });
    steps.run("browser", LONG, |log| {
        with_product(|product| {
            for command in &mut ui::browser(product) {
                log.command(command)?;
            }
            Ok(())
        })
    });
    steps.run("bench", LONG, |log| {
        with_product(|product| log.command(bench::command(product).arg("--smoke")))
    });
}

/// Finds the release binaries; cheap, because the step before has built them.
fn with_product(work: impl FnOnce(&Product) -> Result<()>) -> Result<()> {
    work(&product::locate()?)
}
