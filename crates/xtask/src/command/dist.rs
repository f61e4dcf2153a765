//! `cargo xtask dist`: the binary to ship, packed with its licences, and the checksums beside it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::source::workspace_root;
use crate::step::run_here;
use crate::tool;

/// What travels with the binary.
const COMPANIONS: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"];

pub(super) fn run(arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("`dist` takes no arguments");
    }
    let root = workspace_root();
    // The profile strips the symbols.
    run_here(tool::cargo().args([
        "build",
        "--locked",
        "--profile",
        "dist",
        "-p",
        "torana",
        "--bin",
        "torana",
    ]))?;
    let folder = root.join("target/dist");
    let name = format!("torana-{}-{}", env!("CARGO_PKG_VERSION"), host_triple()?);
    let package = folder.join(&name);
    if package.exists() {
        std::fs::remove_dir_all(&package)
            .with_context(|| format!("emptying {}", package.display()))?;
    }
    std::fs::create_dir_all(&package).with_context(|| format!("creating {}", package.display()))?;
    copy(&folder.join("torana"), &package.join("torana"))?;
    for companion in COMPANIONS {
        copy(&root.join(companion), &package.join(companion))?;
    }
    let archive = format!("{name}.tar.gz");
    run_here(
        Command::new("tar")
            .current_dir(&folder)
            .args(["-czf", &archive, &name]),
    )?;
    let mut sums = String::new();
    for file in [format!("{name}/torana"), archive] {
        writeln!(sums, "{}  {file}", digest(&folder.join(&file))?).context("writing a string")?;
    }
    std::fs::write(folder.join("SHA256SUMS"), &sums).context("writing SHA256SUMS")?;
    print!("{sums}");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

fn digest(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let mut text = String::new();
    for byte in Sha256::digest(&bytes) {
        write!(text, "{byte:02x}").context("writing a string")?;
    }
    Ok(text)
}

fn host_triple() -> Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("starting rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not name its host")?.to_owned())
}
