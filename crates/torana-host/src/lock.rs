//! Locks that keep two gateways apart: one per state directory, one per platform identity (decision 28).
//!
//! The lock itself is the operating system's, so a killed process never leaves one behind; the readable file beside it
//! only serves to say who holds it.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files;

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// When it started, Unix milliseconds.
    pub started_at_ms: i64,
    /// The port it listens on, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl Holder {
    /// Whether it is a gateway that runs, and as such understands signals: nothing but a gateway records a port. A
    /// command that holds the state for a moment would be ended by any of them.
    pub fn listens(&self) -> bool {
        self.port.is_some()
    }

    /// What it is, for people.
    pub fn what(&self) -> &'static str {
        if self.listens() {
            "the gateway"
        } else {
            "a command, or a gateway that starts,"
        }
    }

    /// Says that this holder is not signalled, and what to do.
    pub fn stranger(&self) -> (String, &'static str) {
        (
            format!(
                "process {} has the state directory, and is no gateway that runs",
                self.pid
            ),
            "it is a command, or a gateway that starts: try again in a moment",
        )
    }
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{what} is in use by {}", describe(.holder.as_ref()))]
    Held {
        /// What is locked, in words.
        what: String,
        /// The other process, when its file could be read.
        holder: Option<Holder>,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LockError {
    /// The process that has the lock.
    pub fn holder(&self) -> Option<&Holder> {
        match self {
            Self::Held { holder, .. } => holder.as_ref(),
            Self::File { .. } => None,
        }
    }
}

fn describe(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder {
            pid,
            port: Some(port),
            ..
        }) => format!("process {pid}, which listens on port {port}"),
        Some(Holder {
            pid, port: None, ..
        }) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

/// The lock on a state directory; released when dropped or when the process ends.
#[derive(Debug)]
pub struct StateLock {
    file: File,
    pid_path: PathBuf,
    holder: Holder,
}

impl StateLock {
    /// Takes the lock and writes `gateway.pid`.
    pub fn acquire(state_dir: &Path, started_at_ms: i64) -> Result<Self, LockError> {
        let path = state_dir.join("gateway.lock");
        let pid_path = state_dir.join("gateway.pid");
        let fail = |source| LockError::File {
            path: path.clone(),
            source,
        };
        files::private_dir(state_dir).map_err(fail)?;
        let file = files::open_private_no_link(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("the state directory {}", state_dir.display());
                return Err(LockError::Held {
                    what,
                    holder: Self::read_holder(state_dir),
                });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let holder = Holder {
            pid: std::process::id(),
            started_at_ms,
            port: None,
        };
        let mut lock = Self {
            file,
            pid_path,
            holder,
        };
        match lock.write_holder() {
            // A full disk is waited for by whoever has the lock; the port is written when there is room.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(lock),
            written => written.map(|()| lock).map_err(fail),
        }
    }

    /// Records the port once the listener is open.
    pub fn set_port(&mut self, port: u16) -> io::Result<()> {
        self.holder.port = Some(port);
        self.write_holder()
    }

    /// Reads who last held a state directory. That process may be gone; see [`StateLock::running`].
    pub fn read_holder(state_dir: &Path) -> Option<Holder> {
        // 4 KiB is far more than such a file has.
        let bytes = files::read_capped(&state_dir.join("gateway.pid"), 4096).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The process that holds a state directory right now, found by trying its lock without keeping it.
    pub fn running(state_dir: &Path) -> Option<Holder> {
        let file = File::open(state_dir.join("gateway.lock")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Self::read_holder(state_dir),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    fn write_holder(&mut self) -> io::Result<()> {
        // The lock is what counts, and no reader outlives a power cut: nothing here is worth waiting for the disk.
        files::replace_fleeting(&self.pid_path, &serde_json::to_vec(&self.holder)?)
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // The pid file goes first: while it is there, somebody holds the lock. A leftover one misleads nobody, since
        // readers try the lock.
        drop(std::fs::remove_file(&self.pid_path));
        drop(self.file.unlock());
    }
}

/// The lock on an identity that only one gateway on this machine may use, such as a bot token.
#[derive(Debug)]
pub struct IdentityLock {
    file: File,
}

impl IdentityLock {
    /// Takes the lock named by the hash of the secret, in the user's runtime folder
    /// ([`Environment::runtime_dir`](crate::env::Environment::runtime_dir)), where every state directory sees it.
    pub fn acquire(
        runtime_dir: &Path,
        secret: &str,
        started_at_ms: i64,
    ) -> Result<Self, LockError> {
        let folder = runtime_dir.join("locks");
        let path = folder.join(format!("{}.lock", fingerprint(secret)));
        let fail = |source| LockError::File {
            path: path.clone(),
            source,
        };
        files::private_dir(&folder).map_err(fail)?;
        let mut file = files::open_private_no_link(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = match file.take(4096).read_to_string(&mut text) {
                    Ok(_) => serde_json::from_str(&text).ok(),
                    Err(_) => None,
                };
                return Err(LockError::Held {
                    what: "this account".to_owned(),
                    holder,
                });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let holder = Holder {
            pid: std::process::id(),
            started_at_ms,
            port: None,
        };
        let written = serde_json::to_vec(&holder)
            .map_err(io::Error::from)
            .and_then(|bytes| {
                file.set_len(0)?;
                file.rewind()?;
                file.write_all(&bytes)
            });
        written.map_err(fail)?;
        Ok(Self { file })
    }
}

impl Drop for IdentityLock {
    fn drop(&mut self) {
        // The file stays: removing it would let a third process lock a new file of the same name.
        drop(self.file.unlock());
    }
}

/// Lower-case hex SHA-256 of a secret: names it without giving it away.
pub fn fingerprint(secret: &str) -> String {
    Sha256::digest(secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::Scratch;

    #[test]
    fn second_gateway_is_told_who_holds_the_directory() {
        let scratch = Scratch::new();
        let mut first = StateLock::acquire(&scratch.0, 1_000).expect("free");
        first.set_port(18789).expect("written");
        let error = StateLock::acquire(&scratch.0, 2_000).expect_err("taken");
        assert_eq!(
            error.holder().map(|holder| holder.pid),
            Some(std::process::id())
        );
        assert!(
            error.to_string().ends_with("which listens on port 18789"),
            "{error}"
        );
        assert_eq!(
            StateLock::running(&scratch.0).and_then(|holder| holder.port),
            Some(18789)
        );
        drop(first);
        assert_eq!(StateLock::running(&scratch.0), None);
        StateLock::acquire(&scratch.0, 3_000).expect("free again");
    }

    #[test]
    fn identity_is_locked_by_hash_only() {
        let scratch = Scratch::new();
        let secret = "123456:AAH-secret";
        let first = IdentityLock::acquire(&scratch.0, secret, 1).expect("free");
        let error = IdentityLock::acquire(&scratch.0, secret, 2).expect_err("taken");
        assert_eq!(
            error.holder().map(|holder| holder.pid),
            Some(std::process::id())
        );
        IdentityLock::acquire(&scratch.0, "654321:other", 2).expect("another identity");
        drop(first);
        IdentityLock::acquire(&scratch.0, secret, 3).expect("free again");
        let names: Vec<String> = std::fs::read_dir(scratch.0.join("locks"))
            .expect("listed")
            .map(|entry| {
                entry
                    .expect("entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert!(
            names
                .iter()
                .all(|name| !name.contains("secret") && name.len() == 64 + 5)
        );
    }
}
