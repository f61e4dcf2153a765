//! The gateway as a process: started, killed, told to stop, and never believed.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::http;
use crate::wait;

/// An orderly stop takes at most the drain of 30 s; a little more, and it hangs.
const STOP_MAX: Duration = Duration::from_secs(40);
/// Start of a development build on a busy machine, recovery included.
const READY_MAX: Duration = Duration::from_secs(30);
/// How much of the console a failure shows, bytes.
const CONSOLE_TAIL: usize = 4_000;

/// Where a gateway lives; the same place over all its lives.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Home directory: configuration, console output, locks.
    pub(super) home: PathBuf,
    /// State directory.
    pub(super) state: PathBuf,
    /// Its port on loopback.
    pub(super) port: u16,
}

/// One life of the gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    child: Child,
    place: Place,
}

// === impl Place ===

impl Place {
    pub(super) fn config(&self) -> PathBuf {
        self.home.join("torana.json")
    }

    pub(super) fn console(&self) -> PathBuf {
        self.home.join("console.log")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.state.join("torana.db")
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The end of what the gateway printed, for a failing test.
    pub(super) fn console_tail(&self) -> String {
        let text = std::fs::read_to_string(self.console()).unwrap_or_default();
        let mut from = text.len().saturating_sub(CONSOLE_TAIL);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        text[from..].to_owned()
    }

    /// Begins a life.
    pub(super) fn start(&self) -> Gateway {
        let console = append(&self.console());
        let errors = console.try_clone().expect("a file can be opened twice");
        let child = Command::new(binary())
            .args(["gateway", "run"])
            .env_clear()
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", &self.home)
            .env("TORANA_STATE_DIR", &self.state)
            .env("TORANA_CONFIG", self.config())
            .env("TORANA_GATEWAY_PORT", self.port.to_string())
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(errors)
            .spawn()
            .expect("the gateway can be started");
        Gateway {
            child,
            place: self.clone(),
        }
    }
}

/// The binary under test: the product when CI names it, else the one cargo has built for this test.
fn binary() -> PathBuf {
    std::env::var_os("TORANA_BIN")
        .map_or_else(|| env!("CARGO_BIN_EXE_torana").into(), PathBuf::from)
}

fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("the console file can be written")
}

// === impl Gateway ===

impl Gateway {
    /// Waits until it answers and its channels are connected.
    pub(super) fn ready(mut self) -> Self {
        let address = self.place.address();
        wait::until("the gateway is ready", READY_MAX, || {
            self.expect_alive();
            match http::get(address, "/ready") {
                Ok((200, body)) if body.contains("\"ready\":true") => Some(()),
                _ => None,
            }
        });
        self
    }

    /// Fails the test when the process ended by itself.
    pub(super) fn expect_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("a child can be asked") {
            panic!(
                "the gateway ended by itself with {status}:\n{}",
                self.place.console_tail()
            );
        }
    }

    /// SIGKILL: no last words.
    pub(super) fn kill(mut self) {
        self.expect_alive();
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGTERM, and how it ended.
    pub(super) fn stop(mut self) -> ExitStatus {
        self.expect_alive();
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a running child has a pid");
        kill_process(pid, Signal::TERM).expect("a child can be signalled");
        wait::until("the gateway stops", STOP_MAX, || {
            self.child.try_wait().expect("a child can be asked")
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A failing test must not leave a process behind; one that has ended does not mind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
