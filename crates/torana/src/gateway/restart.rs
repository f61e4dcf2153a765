//! Restarts that were asked for: when they begin, and that several requests make one.

use std::sync::{Mutex, PoisonError};

use std::sync::Arc;

use tokio::sync::Notify;
use torana_core::event::SuspensionPhase;
use torana_core::port::World;
use torana_dialects::{RestartPlan, RestartRequest};
use torana_engine::Engine;
use torana_host::restart;

/// Shortest time between two restarts (behaviour 1.6), so that a file that changes all the time does not keep the
/// gateway from working.
const RESTART_EVERY_MS: i64 = 30_000;
/// How often is looked whether what runs is over, milliseconds; a restart takes longer than that by itself.
const LOOK_MS: u64 = 50;

/// A restart that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    reason: String,
    /// Monotonic moment before which it does not begin.
    not_before_ms: u64,
    /// Monotonic moment from which on it does not wait for what runs.
    patient_until_ms: u64,
}

/// Where restarts are asked for.
pub(crate) struct RestartDesk {
    world: World,
    /// Wall moment of the restart that made this process.
    restarted_at_ms: Option<i64>,
    wanted: Mutex<Option<Wanted>>,
    changed: Notify,
}

impl RestartDesk {
    pub(super) fn new(world: &World) -> Arc<Self> {
        Self::after(world, restart::restarted_at_ms())
    }

    pub(super) fn after(world: &World, restarted_at_ms: Option<i64>) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            restarted_at_ms,
            wanted: Mutex::default(),
            changed: Notify::new(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left of the time between two restarts.
    fn cooldown_ms(&self) -> u64 {
        let since_ms = self.restarted_at_ms.map_or(i64::MAX, |at_ms| {
            self.world.wall_ms().saturating_sub(at_ms).max(0)
        });
        u64::try_from(RESTART_EVERY_MS.saturating_sub(since_ms)).unwrap_or(0)
    }

    /// Asks for a restart. The earliest and least patient of all requests holds.
    pub(crate) fn ask(&self, request: &RestartRequest) -> RestartPlan {
        let cooldown_ms = self.cooldown_ms();
        let delay_ms = request.delay_ms.max(cooldown_ms);
        let not_before_ms = self.world.monotonic_ms().saturating_add(delay_ms);
        let patient_until_ms = not_before_ms.saturating_add(request.patience_ms);
        let joined = {
            let mut wanted = self.lock();
            match wanted.as_mut() {
                Some(known) => {
                    known.not_before_ms = known.not_before_ms.min(not_before_ms);
                    known.patient_until_ms = known.patient_until_ms.min(patient_until_ms);
                    true
                }
                None => {
                    *wanted = Some(Wanted {
                        reason: request.reason.clone(),
                        not_before_ms,
                        patient_until_ms,
                    });
                    false
                }
            }
        };
        self.changed.notify_one();
        RestartPlan {
            joined,
            delay_ms,
            cooldown_ms: delay_ms.saturating_sub(request.delay_ms),
        }
    }

    /// Whether a restart is wanted that may not begin yet: another one was a moment ago, or somebody suspended the gateway.
    pub(super) fn is_held_back(&self, engine: &Engine) -> bool {
        let is_suspended = engine.suspension_phase() != SuspensionPhase::Accepting;
        let now_ms = self.world.monotonic_ms();
        let wanted = self.lock();
        wanted
            .as_ref()
            .is_some_and(|wanted| is_suspended || wanted.not_before_ms > now_ms)
    }

    /// Waits until the last restart is long enough ago for another one.
    pub(super) async fn cool_down(&self) {
        let wait_ms = self.cooldown_ms();
        if wait_ms > 0 {
            tracing::info!(
                wait_ms,
                "The gateway was restarted a moment ago; the next restart waits."
            );
            self.world.sleep_ms(wait_ms).await;
        }
    }

    /// Ends when a restart is to begin, with its reason.
    pub(super) async fn due(&self, engine: &Engine) -> String {
        let mut told = false;
        loop {
            let Some(wanted) = self.lock().clone() else {
                self.changed.notified().await;
                continue;
            };
            // Whoever suspended the gateway counts on it as it is.
            engine.unsuspended().await;
            let now_ms = self.world.monotonic_ms();
            let wait_ms = wanted.not_before_ms.saturating_sub(now_ms);
            if wait_ms > 0 {
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = self.world.sleep_ms(wait_ms) => {}
                }
                continue;
            }
            if now_ms >= wanted.patient_until_ms || engine.blocking().total() == 0 {
                return wanted.reason;
            }
            if !std::mem::replace(&mut told, true) {
                tracing::info!("A restart was asked for; it waits for what runs.");
            }
            self.world.sleep_ms(LOOK_MS).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use torana_core::port::{BoxFuture, Clock, Entropy};

    use super::*;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn wall_ms(&self) -> i64 {
            i64::try_from(self.0.load(Ordering::SeqCst)).expect("a small number")
        }
        fn monotonic_ms(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
        fn sleep_until(&self, _: u64) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    impl Entropy for Hand {
        fn fill(&self, _: &mut [u8]) {}
    }

    fn desk(restarted_at_ms: Option<i64>) -> Arc<RestartDesk> {
        let world = World {
            clock: Arc::new(Hand(AtomicU64::new(1_000_000))),
            entropy: Arc::new(Hand::default()),
        };
        RestartDesk::after(&world, restarted_at_ms)
    }

    fn request(delay_ms: u64, patience_ms: u64) -> RestartRequest {
        RestartRequest {
            reason: format!("after {delay_ms}"),
            delay_ms,
            patience_ms,
        }
    }

    #[test]
    fn requests_that_come_together_make_one_restart_at_the_earliest_moment() {
        let desk = desk(None);
        assert!(!desk.ask(&request(5_000, 300_000)).joined);
        assert!(desk.ask(&request(0, 300_000)).joined);
        assert!(desk.ask(&request(60_000, 0)).joined);
        let wanted = desk.lock().clone();
        let expected = Wanted {
            reason: "after 5000".to_owned(),
            not_before_ms: 1_000_000,
            patient_until_ms: 1_060_000,
        };
        assert_eq!(wanted, Some(expected));
    }

    #[test]
    fn a_restart_right_after_another_one_waits_and_says_so() {
        let plan = desk(Some(990_000)).ask(&request(2_000, 0));
        assert_eq!((plan.delay_ms, plan.cooldown_ms), (20_000, 18_000));
        let plan = desk(Some(960_000)).ask(&request(2_000, 0));
        assert_eq!((plan.delay_ms, plan.cooldown_ms), (2_000, 0));
    }
}
