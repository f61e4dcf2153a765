//! Starting the same program again in the same process: the pid, and with it every service manager's idea of us, stays.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::sockets::Handover;

/// Tells the program that comes after when the one before was restarted, Unix milliseconds.
const RESTARTED_AT: &str = "TORANA_RESTARTED_AT_MS";

/// What to start again: found out early, while the file this process was started from still has its name.
#[derive(Debug, Clone)]
pub struct Restart {
    program: PathBuf,
    stop_asked: Arc<AtomicBool>,
}

impl Restart {
    /// Looks at how this process was started.
    pub fn prepare() -> io::Result<Self> {
        let stop_asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&stop_asked))?;
        }
        Ok(Self {
            program: std::env::current_exe()?,
            stop_asked,
        })
    }

    /// A signal asked this process to stop since [`Restart::prepare`]. Somebody who asks in the moment before a restart
    /// must not be forgotten by it.
    pub fn stop_asked(&self) -> bool {
        self.stop_asked.load(Ordering::SeqCst)
    }

    /// Replaces this process with a new run of its program; comes back only with the reason why that failed.
    ///
    /// Listening sockets go along. Other files and sockets of ours close by themselves: all are opened close-on-exec.
    pub fn now(&self, wall_ms: i64, sockets: &Handover) -> io::Error {
        let mut command = Command::new(&self.program);
        command
            .args(std::env::args_os().skip(1))
            .env(RESTARTED_AT, wall_ms.to_string());
        // Without its sockets the program opens them anew, and only who connects in between is refused.
        let _given = sockets.give(&mut command);
        command.exec()
    }
}

/// When this process was restarted, Unix milliseconds; nothing when it was started.
pub fn restarted_at_ms() -> Option<i64> {
    std::env::var(RESTARTED_AT).ok()?.parse().ok()
}
