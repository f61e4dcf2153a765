//! Virtual time: the runtime's paused clock, with a wall clock beside it that can be moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use torana_core::port::{BoxFuture, Clock};

/// The clock of one life of the gateway. Make it inside the paused runtime of that life.
pub struct SimClock {
    start: Instant,
    true_start_ms: i64,
    skew_ms: AtomicI64,
}

impl SimClock {
    /// A clock whose life begins at this true time, with a wall clock that is wrong by `skew_ms`.
    pub fn begin(true_start_ms: i64, skew_ms: i64) -> Self {
        Self {
            start: Instant::now(),
            true_start_ms,
            skew_ms: AtomicI64::new(skew_ms),
        }
    }

    /// The time of the world, which nobody can move, Unix milliseconds.
    pub fn true_ms(&self) -> i64 {
        self.true_start_ms + i64::try_from(self.monotonic_ms()).expect("virtual time stays small")
    }

    /// How wrong the wall clock is.
    pub fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Ordering::SeqCst)
    }

    /// Moves the wall clock, as an operator or a time service would.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::SeqCst);
    }

    /// Waits for some virtual time.
    pub async fn sleep_ms(&self, delay_ms: u64) {
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
    }
}

impl Clock for SimClock {
    fn wall_ms(&self) -> i64 {
        self.true_ms() + self.skew_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).expect("virtual time stays small")
    }

    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        // A century is as good as never, and keeps the addition within the range of instants.
        const NEVER_MS: u64 = 100 * 365 * 86_400_000;
        Box::pin(tokio::time::sleep_until(
            self.start + Duration::from_millis(monotonic_ms.min(NEVER_MS)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_moves_and_the_monotonic_one_does_not() {
        let clock = SimClock::begin(1_000_000, 0);
        clock.sleep_until(250).await;
        assert_eq!((clock.monotonic_ms(), clock.wall_ms()), (250, 1_000_250));
        clock.set_skew_ms(-600_000);
        assert_eq!(
            (clock.monotonic_ms(), clock.wall_ms(), clock.true_ms()),
            (250, 400_250, 1_000_250)
        );
        clock.sleep_until(100).await;
        assert_eq!(
            clock.monotonic_ms(),
            250,
            "a moment in the past has come already"
        );
    }
}
