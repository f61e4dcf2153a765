//! How many approvals and questions one client may ask for.
//!
//! Each decision gets a record, and the audit log keeps a bounded number of them: without a bound here, whoever may ask
//! and decide could push out everything else that was ever recorded (S-105). The bound is on asking, because a decision
//! without its record must not exist and a person's answer must not be refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use torana_core::deliver::Bucket;

/// Requests of one client at once: more than a busy day of the person who answers them.
const BURST: f64 = 500.0;
/// Then one a minute, as often as a guesser's refusals are recorded.
const PER_SECOND: f64 = 1.0 / 60.0;
/// Clients remembered at once; above it those that have been quiet longest are forgotten. They are paired devices and
/// addresses of connected clients.
const ACTORS_MAX: usize = 256;

/// What each client may still ask.
#[derive(Default)]
pub(super) struct Asking {
    actors: Mutex<BTreeMap<String, Actor>>,
}

struct Actor {
    left: Bucket,
    /// When it last asked, monotonic milliseconds.
    last_ms: u64,
}

// === impl Asking ===

impl Asking {
    /// Takes one request of a client; when it has none left, the milliseconds until the next.
    pub(super) fn take(&self, actor: &str, now_ms: u64) -> Result<(), u64> {
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if actors.len() >= ACTORS_MAX && !actors.contains_key(actor) {
            let quietest = actors
                .iter()
                .min_by_key(|(_, actor)| actor.last_ms)
                .map(|(name, _)| name.clone());
            quietest.map(|name| actors.remove(&name));
        }
        let known = actors.entry(actor.to_owned()).or_insert_with(|| Actor {
            left: Bucket::new(PER_SECOND, BURST, now_ms),
            last_ms: now_ms,
        });
        known.last_ms = now_ms;
        match known.left.wait_ms(now_ms) {
            0 => {
                known.left.take(now_ms);
                Ok(())
            }
            wait_ms => Err(wait_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60_000;

    #[test]
    fn s_105_a_flood_of_requests_is_refused_and_takes_from_nobody_else() {
        let asking = Asking::default();
        let taken = (0..DAY_MS)
            .step_by(100)
            .filter(|now_ms| asking.take("device:a", *now_ms).is_ok())
            .count();
        assert!((500..2_000).contains(&taken), "{taken}");
        let wait_ms = asking.take("device:a", DAY_MS).expect_err("nothing left");
        assert!((1..=62_500).contains(&wait_ms), "{wait_ms}");
        assert_eq!(asking.take("device:b", DAY_MS), Ok(()));
        assert_eq!(asking.take("device:a", DAY_MS + wait_ms), Ok(()));
    }

    #[test]
    fn clients_are_forgotten_rather_than_filling_memory() {
        let asking = Asking::default();
        for now_ms in 0..10_000 {
            assert_eq!(asking.take(&format!("device:{now_ms}"), now_ms), Ok(()));
        }
        assert_eq!(asking.actors.lock().expect("no panic").len(), ACTORS_MAX);
    }
}
