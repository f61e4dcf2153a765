//! Sessions that are left alone because a summary of them came to nothing lately.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use torana_core::key::SessionKey;

/// How long a session is left alone after a summary that came to nothing, milliseconds. Without it every turn of a session
/// that cannot be summarised would ask the model twice.
const PAUSE_MS: u64 = 1_800_000;
/// Sessions that are left alone at once; beyond it the oldest pauses end early, which costs a question to a model.
const PAUSES_MAX: usize = 10_000;

/// Sessions whose summary came to nothing lately.
#[derive(Default)]
pub(crate) struct Pauses {
    until_ms: Mutex<BTreeMap<SessionKey, u64>>,
}

impl Pauses {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionKey, u64>> {
        self.until_ms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a session may be summarised unasked.
    pub(crate) fn allow(&self, key: &SessionKey, now_ms: u64) -> bool {
        self.lock()
            .get(key)
            .is_none_or(|until_ms| *until_ms <= now_ms)
    }

    /// Leaves a session alone for a while.
    pub(crate) fn pause(&self, key: &SessionKey, now_ms: u64) {
        let mut pauses = self.lock();
        pauses.retain(|_, until_ms| *until_ms > now_ms);
        if pauses.len() >= PAUSES_MAX
            && let Some(soonest) = pauses
                .iter()
                .min_by_key(|(_, until_ms)| **until_ms)
                .map(|(key, _)| key.clone())
        {
            pauses.remove(&soonest);
        }
        pauses.insert(key.clone(), now_ms.saturating_add(PAUSE_MS));
    }
}
