//! The real clock: wall time from the system, monotonic time and sleeping from the async runtime.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use torana_core::port::{BoxFuture, Clock};

/// Reads the machine's clocks. Monotonic time counts from the moment of construction.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts at zero now.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Clock for SystemClock ===

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A clock before 1970 is wrong, but it must not stop the gateway.
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        // A year: far beyond every real deadline, and small enough that the runtime's timer cannot overflow.
        const FAR_MS: u64 = 365 * 24 * 3_600_000;
        let wake = self.started
            + Duration::from_millis(monotonic_ms.min(self.monotonic_ms().saturating_add(FAR_MS)));
        Box::pin(tokio::time::sleep_until(wake))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_is_plausible_and_monotonic_never_goes_back() {
        let clock = SystemClock::new();
        // 2024-01-01: older would mean that the units are wrong.
        assert!(clock.wall_ms() > 1_704_067_200_000);
        let first = clock.monotonic_ms();
        assert!(clock.monotonic_ms() >= first);
    }
}
