//! What was decided lately, so that a client that asks again is answered the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Decisions remembered for whoever asks after them; far above the requests that can wait at once.
const DECISIONS_MAX: usize = 256;

/// The last decisions, and a bell for those who wait for one.
#[derive(Clone)]
pub(super) struct Decisions {
    last: Arc<Mutex<VecDeque<(String, bool)>>>,
    pub(super) bell: watch::Sender<u64>,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            last: Arc::default(),
            bell: watch::Sender::new(0),
        }
    }
}

impl Decisions {
    /// Remembers a decision and wakes those who wait.
    pub(super) fn note(&self, request_id: &str, approved: bool) {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.len() >= DECISIONS_MAX {
                last.pop_front();
            }
            last.push_back((request_id.to_owned(), approved));
        }
        self.bell.send_modify(|count| *count += 1);
    }

    /// What was decided about a request.
    pub(super) fn of(&self, request_id: &str) -> Option<bool> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter()
            .rev()
            .find(|(id, _)| id == request_id)
            .map(|(_, approved)| *approved)
    }
}
