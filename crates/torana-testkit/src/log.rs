//! The diary of a simulated world: two runs of one seed must write the same one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lines in the order they happened. Cheap to clone.
#[derive(Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line with its true time.
    pub fn write(&self, at_ms: i64, line: impl std::fmt::Display) {
        self.lock().push(format!("{at_ms} {line}"));
    }

    /// Everything so far.
    pub fn lines(&self) -> Vec<String> {
        self.lock().clone()
    }
}
