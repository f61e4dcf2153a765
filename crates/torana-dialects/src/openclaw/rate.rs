//! The limit on control-plane writes: 30 a minute per method, device and address (S-093).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::error::{UNAVAILABLE, WireError};

/// Writes in one window (OpenClaw 2026.9.6).
const WRITES_MAX: usize = 30;
/// The window, milliseconds (OpenClaw 2026.9.6).
const WINDOW_MS: u64 = 60_000;
/// Callers remembered at once; above it those that are quiet longest go.
const CALLERS_MAX: usize = 1_000;

/// Counts writes.
#[derive(Default)]
pub(crate) struct WriteRate {
    calls: Mutex<BTreeMap<String, VecDeque<u64>>>,
}

impl WriteRate {
    /// Counts one write of a caller, or says when to come again.
    pub(crate) fn take(&self, method: &str, caller: &str, now_ms: u64) -> Result<(), WireError> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = format!("{method}\n{caller}");
        if calls.len() >= CALLERS_MAX && !calls.contains_key(&caller) {
            calls.retain(|_, times| times.back().is_some_and(|last| last + WINDOW_MS > now_ms));
            while calls.len() >= CALLERS_MAX {
                let quietest = calls
                    .iter()
                    .min_by_key(|(_, times)| times.back().copied())
                    .map(|(key, _)| key.clone());
                match quietest {
                    Some(key) => drop(calls.remove(&key)),
                    None => break,
                }
            }
        }
        let times = calls.entry(caller).or_default();
        while times
            .front()
            .is_some_and(|first| first + WINDOW_MS <= now_ms)
        {
            times.pop_front();
        }
        if times.len() >= WRITES_MAX {
            let wait_ms = times.front().map_or(WINDOW_MS, |first| {
                (first + WINDOW_MS).saturating_sub(now_ms)
            });
            let seconds = wait_ms.div_ceil(1_000);
            return Err(WireError::new(
                UNAVAILABLE,
                format!("rate limit exceeded for {method}; retry after {seconds}s"),
            )
            .retry_after(wait_ms)
            .details(json!({ "method": method, "limit": "30 per 60s" })));
        }
        times.push_back(now_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_remembered_up_to_a_number_and_the_quietest_goes() {
        let rate = WriteRate::default();
        let take = |caller: u64, now_ms| rate.take("write", &caller.to_string(), now_ms).is_ok();
        for _ in 0..WRITES_MAX {
            assert!(take(0, 0) && take(1, 1));
        }
        for caller in 2..=CALLERS_MAX as u64 {
            assert!(take(caller, caller));
        }
        let calls = rate.calls.lock().expect("no test panics here").len();
        assert_eq!(calls, CALLERS_MAX);
        assert!(!take(1, 2_000), "one that is known is counted on");
        assert!(take(0, 2_001), "the quietest was forgotten");
    }
}
