//! The gateway as a process: started, killed, told to stop, and never believed.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

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
    /// Variables beyond the usual ones, for instance of the shim.
    pub(super) environment: Vec<(&'static str, String)>,
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
        let text = self.console_all();
        let mut from = text.len().saturating_sub(CONSOLE_TAIL);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        text[from..].to_owned()
    }

    /// Everything that the gateway printed in all its lives.
    pub(super) fn console_all(&self) -> String {
        std::fs::read_to_string(self.console()).unwrap_or_default()
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
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
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
pub(super) fn binary() -> PathBuf {
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
        wait::until("the gateway is ready", READY_MAX, || {
            self.expect_alive();
            self.is_ready().then_some(())
        });
        self
    }

    /// Whether it answers and its channels are connected.
    pub(super) fn is_ready(&self) -> bool {
        let answer = http::get(self.place.address(), "/ready");
        matches!(answer, Ok((200, body)) if body.contains("\"ready\":true"))
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

    /// SIGABRT, as a failed assertion of C code, a stack overflow or a double panic raise it.
    pub(super) fn fault(mut self) {
        self.expect_alive();
        kill_process(self.pid(), Signal::ABORT).expect("a child can be signalled");
        let status = wait::until("the fault ends it", STOP_MAX, || {
            self.child.try_wait().expect("a child can be asked")
        });
        assert_eq!(
            status.signal(),
            Some(Signal::ABORT.as_raw()),
            "listening for a fault must not survive it"
        );
    }

    /// Ends by a signal that means a fault of the process itself.
    pub(super) fn die(mut self, signal: Signal) {
        let status = wait::until("it dies", STOP_MAX, || {
            let ended = self.ended();
            if ended.is_none() {
                // Again and again: the first SIGSEGV only makes Rust's own handler step aside.
                kill_process(self.pid(), signal).expect("a child can be signalled");
            }
            ended
        });
        assert_eq!(
            status.signal(),
            Some(signal.as_raw()),
            "it ended with {status}"
        );
    }

    /// SIGTERM, and how it ended.
    pub(super) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.end(STOP_MAX)
    }

    /// Sends a signal to the living process.
    pub(super) fn signal(&mut self, signal: Signal) {
        self.expect_alive();
        kill_process(self.pid(), signal).expect("a child can be signalled");
    }

    /// Lowers the number of descriptors it may have, for good.
    pub(super) fn limit_descriptors(&self, count: u64) {
        let limit = Rlimit {
            current: Some(count),
            maximum: Some(count),
        };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("a limit can be lowered");
    }

    /// Descriptors it has open.
    pub(super) fn descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(path).map_or(0, Iterator::count)
    }

    /// How long it takes to say that it is alive.
    pub(super) fn health(&self) -> Duration {
        let started = wait::now();
        let (status, _) = http::get(self.place.address(), "/health").expect("it answers");
        assert_eq!(status, 200);
        started.elapsed()
    }

    /// How much of a processor it uses for a while, 1 being all of one.
    pub(super) fn processor_share(&self, time: Duration) -> f64 {
        let before = self.processor_seconds();
        wait::pass(time);
        (self.processor_seconds() - before) / time.as_secs_f64()
    }

    /// Fields 14 and 15 of `/proc/<pid>/stat`, in hundredths of a second (Linux, proc_pid_stat(5)).
    fn processor_seconds(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(path).expect("a living process has a file");
        let (_, fields) = text.rsplit_once(") ").expect("the name is in brackets");
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / 100.0
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a running child has a pid")
    }

    /// Waits until it ends by itself, and says how.
    pub(super) fn end(mut self, limit: Duration) -> ExitStatus {
        wait::until("the gateway stops", limit, || self.ended())
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A failing test must not leave a process behind; one that has ended does not mind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
