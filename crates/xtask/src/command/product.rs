//! Builds the release binary once, for everything that measures, kills or talks to the finished gateway,
//! and beside it the fake servers and the benchmark.
//!
//! The gateway is built by itself first and copied away: building the benchmark links the gateway again,
//! with the features of the tests, and what we measure must be what we ship.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::source::workspace_root;
use crate::tool;

/// The benchmark target of the gateway.
const BENCH_NAME: &str = "gateway";
/// Where budgets are written down, the size of the binary among them.
const BUDGETS_PATH: &str = "crates/torana/benches/budgets.json";

/// Servers that imitate the outside world; the variable that names each to scripts and tests, and the crate it is in.
const FAKES: &[(&str, &str, &str)] = &[
    (
        "torana-fake-telegram",
        "TORANA_FAKE_TELEGRAM_BIN",
        "torana-channels",
    ),
    (
        "torana-fake-provider",
        "TORANA_FAKE_PROVIDER_BIN",
        "torana-agents",
    ),
];

/// Built executables.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) gateway: PathBuf,
    pub(super) bench: PathBuf,
    fakes: Vec<(&'static str, PathBuf)>,
}

impl Product {
    /// Executables that somebody else built, in one folder. No benchmark is expected among them.
    pub(super) fn in_folder(folder: &Path) -> Result<Self> {
        let folder =
            std::path::absolute(folder).with_context(|| format!("finding {}", folder.display()))?;
        let executable = |name: &str| {
            let path = folder.join(name);
            if !path.is_file() {
                bail!("there is no {}", path.display());
            }
            Ok(path)
        };
        let fakes: Result<Vec<_>> = FAKES
            .iter()
            .map(|(name, variable, _)| Ok((*variable, executable(name)?)))
            .collect();
        Ok(Self {
            gateway: executable("torana")?,
            bench: folder.join(BENCH_NAME),
            fakes: fakes?,
        })
    }

    /// The fake server that scripts know by `variable`.
    pub(super) fn fake(&self, variable: &str) -> Result<PathBuf> {
        let found = self.fakes.iter().find(|(name, _)| *name == variable);
        let (_, path) = found.with_context(|| format!("no fake server is called {variable}"))?;
        Ok(path.clone())
    }
}

/// Runs the builds through `run`, which decides where their output goes, and finds what they made.
pub(super) fn build(mut run: impl FnMut(&mut Command) -> Result<()>) -> Result<Product> {
    run(&mut gateway_command())?;
    let built = executable(&artifacts(gateway_command())?, "torana", "bin")?;
    let gateway = kept_gateway();
    let folder = gateway.parent().context("a file has a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    std::fs::copy(&built, &gateway).with_context(|| format!("copying {}", built.display()))?;
    run(&mut companions_command())?;
    locate()
}

/// What an earlier `build` made; cheap.
pub(super) fn locate() -> Result<Product> {
    let gateway = kept_gateway();
    if !gateway.is_file() {
        bail!("there is no release build; hint: `cargo xtask ci release`");
    }
    let artifacts = artifacts(companions_command())?;
    let fakes: Result<Vec<_>> = FAKES
        .iter()
        .map(|(name, variable, _)| Ok((*variable, executable(&artifacts, name, "bin")?)))
        .collect();
    Ok(Product {
        gateway,
        bench: executable(&artifacts, BENCH_NAME, "bench")?,
        fakes: fakes?,
    })
}

fn gateway_command() -> Command {
    let mut command = tool::cargo();
    command.args([
        "build",
        "--locked",
        "--release",
        "-p",
        "torana",
        "--bin",
        "torana",
    ]);
    command
}

/// One command for all of them, so that they share one set of features.
fn companions_command() -> Command {
    let mut command = tool::cargo();
    command.args([
        "build",
        "--locked",
        "--release",
        "-p",
        "torana",
        "--bench",
        BENCH_NAME,
    ]);
    for (name, _, package) in FAKES {
        command.args(["-p", package, "--bin", name, "--features"]);
        command.arg(format!("{package}/fake"));
    }
    command
}

fn kept_gateway() -> PathBuf {
    workspace_root()
        .join("target")
        .join("product")
        .join("torana")
}

fn artifacts(mut command: Command) -> Result<Vec<Value>> {
    let output = command
        .arg("--message-format=json")
        .output()
        .context("starting cargo build")?;
    if !output.status.success() {
        bail!("the release build failed");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    Ok(messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}

fn executable(artifacts: &[Value], name: &str, kind: &str) -> Result<PathBuf> {
    let is_wanted = |artifact: &&Value| {
        let kinds = artifact["target"]["kind"].as_array();
        artifact["target"]["name"] == name
            && kinds.is_some_and(|kinds| kinds.iter().any(|entry| entry == kind))
    };
    let found = artifacts.iter().find(is_wanted);
    let path = found.and_then(|artifact| artifact["executable"].as_str());
    path.map(PathBuf::from)
        .with_context(|| format!("the build made no {kind} called {name}"))
}

/// Fails when the stripped binary is larger than its budget.
pub(super) fn check_size(gateway: &Path) -> Result<String> {
    let path = workspace_root().join(BUDGETS_PATH);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {BUDGETS_PATH}"))?;
    let budgets: Value =
        serde_json::from_str(&text).with_context(|| format!("reading {BUDGETS_PATH}"))?;
    let limit = budgets["binary_bytes_max"]
        .as_u64()
        .with_context(|| format!("{BUDGETS_PATH} has no number `binary_bytes_max`"))?;
    let size = std::fs::metadata(gateway)
        .with_context(|| format!("reading {}", gateway.display()))?
        .len();
    if size > limit {
        bail!("the binary has {size} bytes, its budget is {limit}");
    }
    Ok(format!("binary: {size} bytes of {limit}"))
}

/// Makes the binaries known to the scripts and tests that drive them.
pub(super) fn announce<'a>(command: &'a mut Command, product: &Product) -> &'a mut Command {
    command.env("TORANA_BIN", &product.gateway);
    for (variable, path) in &product.fakes {
        command.env(variable, path);
    }
    command
}
