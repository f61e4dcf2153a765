//! How often a webhook may be wrong: a pure machine (S-038, S-039).
//!
//! Every request counts before its secret is compared and is forgiven when it proves genuine, so parallel guesses
//! cannot slip past the count.

use std::collections::VecDeque;

use super::memory::Memory;
use super::throttle::Place;

/// Wrong requests of one source in [`WINDOW_MS`] (S-039).
pub(super) const FAILURES_MAX: usize = 20;
/// Window of the count, and length of the refusal.
pub(super) const WINDOW_MS: u64 = 60_000;
/// Bodies of one source read at once (S-038).
pub(super) const CONCURRENT_MAX: usize = 8;

#[derive(Default)]
struct Entry {
    suspect: VecDeque<u64>,
    refused_until_ms: u64,
    open: usize,
}

/// The machine.
#[derive(Default)]
pub(super) struct Hooks {
    entries: Memory<Place, Entry>,
}

// === impl Hooks ===

impl Hooks {
    /// Admits a request, or says after how many milliseconds to come again.
    pub(super) fn begin(&mut self, place: &Place, now_ms: u64) -> Result<(), u64> {
        let entry = self.entries.entry(place);
        if now_ms < entry.refused_until_ms {
            return Err(entry.refused_until_ms - now_ms);
        }
        if entry.open >= CONCURRENT_MAX {
            // Bodies are small, so a place is free again within a second.
            return Err(1_000);
        }
        while entry
            .suspect
            .front()
            .is_some_and(|at_ms| now_ms.saturating_sub(*at_ms) >= WINDOW_MS)
        {
            entry.suspect.pop_front();
        }
        if entry.suspect.len() >= FAILURES_MAX {
            entry.suspect.clear();
            entry.refused_until_ms = now_ms + WINDOW_MS;
            return Err(WINDOW_MS);
        }
        entry.suspect.push_back(now_ms);
        entry.open += 1;
        Ok(())
    }

    /// The request proved genuine.
    pub(super) fn genuine(&mut self, place: &Place) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.suspect.clear();
        }
    }

    /// The request could not be judged.
    pub(super) fn forgive(&mut self, place: &Place) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.suspect.pop_back();
        }
    }

    /// The request is over.
    pub(super) fn end(&mut self, place: &Place) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.open = entry.open.saturating_sub(1);
        }
    }
}
