//! Fragments: platform messages that are probably one, held back shortly until the rest is there (decision 30).
//!
//! Each is in the inbox already; holding back only delays its turn.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use torana_core::key::SessionKey;

use super::Work;

/// Fragments held at once for one sender: twelve cut pieces of 4,000 characters are the longest paste we have seen
/// documented (behaviour 2.4).
const FRAGMENTS_MAX: usize = 12;

/// Whose fragments are held: session and sender.
pub(crate) type Held = (SessionKey, String);

#[derive(Default)]
struct Pending {
    works: Vec<Work>,
    generation: u64,
    /// Messages on their way to the disk that will be held; until then nothing of this sender may overtake them.
    coming: usize,
}

/// All fragments held back now.
#[derive(Default)]
pub(crate) struct Debounce {
    pending: Mutex<HashMap<Held, Pending>>,
}

impl Debounce {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Held, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when something of this sender is held.
    pub(crate) fn holds(&self, held: &Held) -> bool {
        self.lock().contains_key(held)
    }

    /// Says that a message of this sender will be held once it is on disk.
    pub(crate) fn expect(&self, held: &Held) {
        self.lock().entry(held.clone()).or_default().coming += 1;
    }

    /// An expected message is not coming. Returns the generation a timer must present when others still wait.
    pub(crate) fn miss(&self, held: &Held) -> Option<u64> {
        let mut pending = self.lock();
        let entry = pending.get_mut(held)?;
        entry.coming = entry.coming.saturating_sub(1);
        if entry.works.is_empty() {
            if entry.coming == 0 {
                pending.remove(held);
            }
            return None;
        }
        entry.generation += 1;
        Some(entry.generation)
    }

    /// Holds an expected fragment. Returns the generation a timer must present to release it.
    pub(crate) fn hold(&self, held: Held, work: Work) -> u64 {
        let mut pending = self.lock();
        let entry = pending.entry(held).or_default();
        entry.coming = entry.coming.saturating_sub(1);
        entry.works.push(work);
        entry.works.sort_by_key(|work| work.id);
        entry.generation += 1;
        entry.generation
    }

    /// Releases the fragments as one message led by the newest, unless more arrived since `generation`.
    pub(crate) fn release(&self, held: &Held, generation: u64) -> Option<Work> {
        let mut pending = self.lock();
        let entry = pending.get(held)?;
        let more_came = entry.generation != generation && entry.works.len() < FRAGMENTS_MAX;
        if more_came || entry.coming > 0 {
            return None;
        }
        let mut works = pending.remove(held)?.works;
        let mut lead = works.pop()?;
        lead.fragments = works;
        Some(lead)
    }
}
