//! Why the gateway did not start, and how the process ends.

use crate::disk_hint::disk_hint;

/// Exit codes (decision 27).
pub(crate) const EXIT_FAILED: u8 = 1;
pub(crate) const EXIT_DAMAGED: u8 = 65;
pub(crate) const EXIT_TAKEN: u8 = 73;
pub(crate) const EXIT_IO: u8 = 74;
pub(crate) const EXIT_CONFIG: u8 = 78;

/// Why the gateway did not start, and how the process ends.
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the disk refused, with what to do about it.
    pub(super) fn disk(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self {
            hint: disk_hint(error).map(str::to_owned),
            ..Self::new(EXIT_IO, format!("{what}: {error}"))
        }
    }
}
