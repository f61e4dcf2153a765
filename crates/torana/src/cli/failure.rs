//! How a command ends when it does not succeed: one line of what happened, one of what to do, and an exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::json;
use torana_core::problem::{Code, Problem};
use torana_engine::store::{OpenError, StoreError};
use torana_host::lock::LockError;

use super::safe::safe;
use crate::disk_hint::disk_hint;

/// Exit codes (decision 27).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Whoever read our output went away; that is his business and no failure of ours.
    ReaderGone,
    /// The command failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The store is damaged.
    Damaged,
    /// No gateway can be reached.
    Unreachable,
    /// The state directory belongs to another process, or the port is taken.
    InUse,
    /// The disk failed.
    Disk,
    /// The configuration is wrong.
    Config,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Damaged => 65,
            Self::Unreachable => 69,
            Self::InUse => 73,
            Self::Disk => 74,
            Self::Config => 78,
        }
    }
}

impl Exit {
    /// The exit with a number, for parts that speak in numbers.
    fn of(code: u8) -> Self {
        [
            Self::Usage,
            Self::Damaged,
            Self::Unreachable,
            Self::InUse,
            Self::Disk,
            Self::Config,
        ]
        .into_iter()
        .find(|exit| exit.code() == code)
        .unwrap_or(Self::Failed)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What a failure means to the code that meets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing in particular.
    #[default]
    Other,
    /// The gateway does not know the method.
    NotOffered,
    /// The device waits for an approval.
    PairingRequired,
    /// The token the gateway once gave this device is no longer good.
    TokenStale,
    /// The gateway does not believe us; asking again changes nothing.
    Refused,
    /// We do not believe whoever answers: its certificate is not trusted. Asking again changes nothing either.
    Untrusted,
}

/// A command that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What happened; empty when everything was said already.
    pub(crate) message: String,
    /// What to do; starts with a verb.
    pub(crate) hint: Option<String>,
    /// What it means to the code that meets it.
    pub(crate) reason: Reason,
}

// === impl Failure ===

impl Failure {
    /// A failure with a message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            reason: Reason::Other,
        }
    }

    /// The command failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The output says it all; only the exit code is left.
    pub(crate) fn said(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// There is no gateway to ask.
    pub(crate) fn not_running() -> Self {
        Self::new(Exit::Unreachable, "no gateway is running").hint("start it with `torana`")
    }

    /// Writes it to stderr, and as an object to stdout when JSON was asked for.
    pub(crate) fn print(&self, as_json: bool) {
        if self.message.is_empty() {
            return;
        }
        let mut text = String::new();
        for (number, line) in self.message.lines().enumerate() {
            // A list of problems follows its heading line by line.
            text.push_str(if number == 0 { "error: " } else { "" });
            text.push_str(&safe(line));
            text.push('\n');
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", safe(hint)));
        }
        // There is nobody left to tell when these fail.
        io::stderr()
            .lock()
            .write_all(text.as_bytes())
            .unwrap_or_default();
        if as_json {
            let object = json!({ "error": { "message": self.message, "hint": self.hint, "exitCode": self.exit.code() } });
            writeln!(io::stdout().lock(), "{object}").unwrap_or_default();
        }
    }
}

impl From<io::Error> for Failure {
    /// A failed write of our own output; files are named by whoever opens them.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::said(Exit::ReaderGone),
            io::ErrorKind::StorageFull => Self::new(Exit::Disk, "the disk is full"),
            _ => Self::failed(format!("cannot write the output: {error}")),
        }
    }
}

impl From<crate::gateway::Failure> for Failure {
    fn from(failure: crate::gateway::Failure) -> Self {
        Self {
            exit: Exit::of(failure.code),
            message: failure.message,
            hint: failure.hint,
            reason: Reason::Other,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let exit = match problem.code {
            Code::StorageFull => Exit::Disk,
            Code::InvalidRequest
            | Code::IdempotencyConflict
            | Code::MissingScope
            | Code::Forbidden
            | Code::SessionNotFound
            | Code::AgentNotFound
            | Code::AgentSelectionRequired
            | Code::NotFound
            | Code::Busy
            | Code::Unavailable
            | Code::DeliveryFailed
            | Code::Internal => Exit::Failed,
        };
        Self {
            exit,
            message: problem.message,
            hint: problem.hint,
            reason: Reason::Other,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match &error {
            StoreError::Full | StoreError::Flush => Exit::Disk,
            StoreError::Closed | StoreError::Moved | StoreError::Database(_) => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match &error {
            OpenError::Damaged(_) => Self::new(Exit::Damaged, error.to_string()).hint(
                "run `torana doctor --fix`; it keeps the damaged file and saves what can be read",
            ),
            OpenError::Newer { .. } => {
                Self::failed(error.to_string()).hint("install the newer version again")
            }
            OpenError::Other(_) => Self::new(Exit::Disk, error.to_string()),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Held { .. } => Self::new(Exit::InUse, error.to_string())
                .hint("stop it with `torana gateway stop`, or use another state directory with `--profile`"),
            LockError::File { source, .. } => Self {
                hint: disk_hint(source).map(str::to_owned),
                ..Self::new(Exit::Disk, error.to_string())
            },
        }
    }
}
