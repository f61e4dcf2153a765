//! The gateway as a process of its own, in a home of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Fault, clock};

/// A start takes milliseconds; a drain up to 30 s.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks at a process that starts: small beside the 15 ms that are measured.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// A temporary home directory, removed when dropped.
pub(super) struct Home {
    pub(super) path: PathBuf,
}

/// A running gateway.
pub(super) struct Gateway {
    child: Child,
    pub(super) port: u16,
    pub(super) token: String,
    /// From starting the program to the first good answer of `/health`.
    pub(super) started_in: Duration,
}

// === impl Home ===

impl Home {
    pub(super) fn new() -> Result<Self, Fault> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("torana-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }

    pub(super) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.state().join("torana.db")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

// === impl Gateway ===

/// The binary to measure: the product when `cargo xtask bench` names it, else the one cargo built beside this program.
pub(super) fn binary() -> PathBuf {
    std::env::var_os("TORANA_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_torana").into(), PathBuf::from)
}

impl Gateway {
    /// Starts it with a configuration and waits until `/health` answers.
    pub(super) fn start(home: &Home, config: &Value) -> Result<Self, Fault> {
        let port = free_port()?;
        let path = home.path.join("torana.json");
        fs::write(&path, config.to_string())?;
        let console = fs::File::create(home.path.join("console.log"))?;
        let mut command = Command::new(binary());
        command
            .args(["gateway", "run"])
            .env_clear()
            .env("HOME", &home.path)
            .env("XDG_RUNTIME_DIR", &home.path)
            .env("TORANA_STATE_DIR", home.state())
            .env("TORANA_CONFIG", &path)
            .env("TORANA_GATEWAY_PORT", port.to_string())
            .current_dir(&home.path)
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console);
        let (child, started_in) = started(&mut command, port).map_err(|fault| {
            format!(
                "{fault}\n{}",
                fs::read_to_string(home.path.join("console.log")).unwrap_or_default()
            )
        })?;
        let token = fs::read_to_string(home.state().join("credentials").join("gateway-token"))?;
        Ok(Self {
            child,
            port,
            token: token.trim().to_owned(),
            started_in,
        })
    }

    /// Waits until its channels are connected.
    pub(super) fn ready(&self) -> Result<(), Fault> {
        let started = clock::now();
        while ask(self.port, "/ready") != Some(200) {
            if started.elapsed() > PATIENCE {
                return Err("the gateway does not become ready".into());
            }
            clock::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Memory it holds, KiB.
    pub(super) fn rss_kib(&self) -> Result<f64, Fault> {
        rss_kib(self.child.id())
    }

    /// Asks it to stop and waits.
    pub(super) fn stop(mut self) -> Result<(), Fault> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let asked = clock::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                return Err("the gateway does not stop".into());
            }
            clock::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a program and measures the time until it answers `/health` on a port.
pub(super) fn started(command: &mut Command, port: u16) -> Result<(Child, Duration), Fault> {
    let begun: Instant = clock::now();
    let mut child = command.spawn()?;
    loop {
        if ask(port, "/health") == Some(200) {
            return Ok((child, begun.elapsed()));
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("it ended with {status}").into());
        }
        if begun.elapsed() > PATIENCE {
            drop(child.kill());
            return Err("it does not answer".into());
        }
        clock::sleep(LOOK_EVERY);
    }
}

/// The status of a `GET`, if anybody answers.
fn ask(port: u16, path: &str) -> Option<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let line = answer.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(line)
        .ok()?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()
}

/// Memory a process holds, KiB.
pub(super) fn rss_kib(pid: u32) -> Result<f64, Fault> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(Path::new(&path))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    Ok(figure.ok_or("no VmRSS")?.parse()?)
}

/// A port nobody listens on.
pub(super) fn free_port() -> Result<u16, Fault> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
