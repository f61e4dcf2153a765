//! `cargo xtask layout`: writes down which functions an idle gateway has run, for the linker to put side by side.
//!
//! Linux maps a program in pieces, so what lies between two functions in use counts as memory in use.
//! The functions are recorded with valgrind while a gateway starts, watches a Telegram account, shows its page and
//! answers a client; `crates/torana/build.rs` gives the list to the linker.
//! Run it again when `cargo xtask bench rss` has grown.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::product;
use crate::source::workspace_root;
use crate::step::run_here;
use crate::tool;

/// Where the build of the gateway looks for the list.
const LAYOUT_PATH: &str = "crates/torana/layout.ld";
const HEADER: &str = "\
/* Written by `cargo xtask layout`: what an idle gateway runs, placed side by side so that little else is in memory.
   Stars stand for what differs from compiler to compiler; a name that no longer exists does no harm. */
SECTIONS { .text.idle : { *(
";
const FOOTER: &str = ") } }\nINSERT BEFORE .text;\n";

/// Between two questions whether the gateway answers or has ended.
const PATIENCE_STEP: Duration = Duration::from_millis(250);
/// A minute in all: valgrind makes a start a hundred times slower, which is two seconds.
const PATIENCE_STEPS: u32 = 240;

pub(super) fn run(arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("`layout` takes no arguments");
    }
    let telegram = product::locate()?.fake("TORANA_FAKE_TELEGRAM_BIN")?;
    let gateway = gateway_with_symbols()?;
    let home = workspace_root().join("target/layout");
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("emptying {}", home.display()))?;
    }
    fs::create_dir_all(home.join(".torana")).context("making a home for the gateway")?;
    let record = home.join("callgrind.out");
    live(&gateway, &telegram, &home, &record)?;
    let record = fs::read_to_string(&record).context("reading what valgrind recorded")?;
    let patterns = patterns(&record);
    let mut text = HEADER.to_owned();
    for pattern in &patterns {
        text.push_str(pattern);
        text.push('\n');
    }
    text.push_str(FOOTER);
    fs::write(workspace_root().join(LAYOUT_PATH), text)
        .with_context(|| format!("writing {LAYOUT_PATH}"))?;
    println!("{LAYOUT_PATH} names {} functions", patterns.len());
    Ok(())
}

/// The release binary as it is shipped, but for the names of its functions.
fn gateway_with_symbols() -> Result<PathBuf> {
    run_here(tool::cargo().args([
        "rustc",
        "--locked",
        "--release",
        "-p",
        "torana",
        "--bin",
        "torana",
        "--",
        "-C",
        "strip=none",
    ]))?;
    Ok(workspace_root().join("target/release/torana"))
}

/// One short life of a gateway under valgrind.
fn live(gateway: &Path, telegram: &Path, home: &Path, record: &Path) -> Result<()> {
    let mut platform = Ended(
        Command::new(telegram)
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the fake Telegram")?,
    );
    let mut greeting = String::new();
    BufReader::new(
        platform
            .0
            .stdout
            .take()
            .context("its output was asked for")?,
    )
    .read_line(&mut greeting)?;
    let root = greeting.trim().rsplit(' ').next().unwrap_or_default();
    let config = json!({ "channels": { "telegram": {
        "botToken": "1:layout", "apiRoot": root, "dmPolicy": "open", "allowFrom": ["*"],
    } } });
    fs::write(home.join(".torana/torana.json"), config.to_string())?;

    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let prepare = |command: &mut Command| {
        command
            .env("HOME", home)
            .env("TORANA_GATEWAY_PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    };
    let client = |words: &[&str]| {
        let mut command = Command::new(gateway);
        prepare(command.args(words));
        command.status().is_ok_and(|status| status.success())
    };
    let mut recorded = Command::new("valgrind");
    recorded
        .args(["-q", "--tool=callgrind", "--demangle=no"])
        .arg(format!("--callgrind-out-file={}", record.display()))
        .arg(gateway)
        .args(["gateway", "run"]);
    prepare(&mut recorded);
    let started = recorded.spawn();
    let mut running = Ended(started.context("starting valgrind; hint: package valgrind")?);
    wait(|| client(&["health"])).context("the gateway did not start")?;
    visit(port).context("reading the page")?;
    if !client(&["status"]) || !client(&["gateway", "stop"]) {
        bail!("the gateway under valgrind did not answer or stop");
    }
    wait(|| matches!(running.0.try_wait(), Ok(Some(_)))).context("the gateway did not end")
}

/// Reads the page and the files it names, as a browser does.
fn visit(port: u16) -> Result<()> {
    let page = fetch(port, "/")?;
    for part in page
        .split(['"', '\''])
        .filter(|part| part.contains("assets/"))
    {
        fetch(port, &format!("/{}", part.trim_start_matches(['.', '/'])))?;
    }
    Ok(())
}

fn fetch(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    )?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    if !bytes.starts_with(b"HTTP/1.1 200") {
        bail!("{path} was not found");
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn wait(mut is_done: impl FnMut() -> bool) -> Result<()> {
    for _ in 0..PATIENCE_STEPS {
        if is_done() {
            return Ok(());
        }
        sleep(PATIENCE_STEP);
    }
    bail!("waited {} s", (PATIENCE_STEP * PATIENCE_STEPS).as_secs())
}

/// A program that does not outlive the recording.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The sections of the recorded functions, in order and once each.
fn patterns(record: &str) -> BTreeSet<String> {
    record
        .lines()
        .filter(|line| line.starts_with("fn=(") || line.starts_with("cfn=("))
        .filter_map(|line| line.split_once(") "))
        .filter_map(|(_, name)| pattern(name))
        .collect()
}

/// A function's section with stars for the hashes, which change with every compiler (rustc 1.95, legacy and v0 names).
fn pattern(name: &str) -> Option<String> {
    // Callgrind numbers recursion: `name'2`.
    let name = name.split('\'').next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$');
    // What it cannot name it calls by its address, `0x…`.
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !is_name || !name.chars().all(is_plain) {
        return None;
    }
    let mut pattern = String::from(".text.");
    if let Some(stem) = name.strip_suffix('E').and_then(without_hash) {
        pattern.push_str(stem);
        pattern.push_str("17h*");
    } else {
        push_without_crate_hashes(&mut pattern, name);
    }
    Some(pattern)
}

/// The path of a legacy name: it ends with `17h` and sixteen hexadecimal digits.
fn without_hash(name: &str) -> Option<&str> {
    let (stem, hash) = name.split_at_checked(name.len().checked_sub(19)?)?;
    let digits = hash.strip_prefix("17h")?;
    digits
        .chars()
        .all(|c| c.is_ascii_hexdigit())
        .then_some(stem)
}

/// A v0 name calls a crate `Cs`, its number in base 62, an underscore, and then its name with a length.
fn push_without_crate_hashes(pattern: &mut String, name: &str) {
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("Cs") {
        pattern.push_str(before);
        pattern.push_str("Cs");
        rest = after;
        let is_hash =
            |text: &str| text.len() >= 8 && text.chars().all(|c| c.is_ascii_alphanumeric());
        if let Some((_, after)) = rest.split_once('_').filter(|(hash, _)| is_hash(hash)) {
            pattern.push_str("*_");
            rest = after;
        }
    }
    pattern.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_changes_with_the_compiler() {
        let record = "\
fn=(1) _ZN6torana3run17h0123456789abcdefE
cfn=(2) _RNvCsjrHSEGnQ3l9_3std4exit'2
cfn=(1)
fn=(3) memcpy@@GLIBC_2.14
fn=(4) sqlite3VdbeExec
fn=(5) 0x00000000004a6100
";
        let found: Vec<String> = patterns(record).into_iter().collect();
        assert_eq!(
            found,
            [
                ".text._RNvCs*_3std4exit",
                ".text._ZN6torana3run17h*",
                ".text.sqlite3VdbeExec",
            ]
        );
    }
}
