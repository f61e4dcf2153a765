//! Waiting for real processes: the one file of the tests that may sleep (decision 58).
//!
//! [`until`] looks at a visible condition again and again until it holds or its deadline has passed.
//! [`pass`] lets real time go by where time itself is the input: messages at a steady rate, kills at random moments.

use std::time::{Duration, Instant};

/// Between two looks: short beside anything a process does, long enough to leave it the machine.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `seen` gives something, and gives it back. Fails the test when it takes longer than `limit`.
pub(crate) fn until<T>(what: &str, limit: Duration, mut seen: impl FnMut() -> Option<T>) -> T {
    let started = now();
    loop {
        if let Some(value) = seen() {
            return value;
        }
        assert!(
            started.elapsed() < limit,
            "waited {limit:?} in vain for: {what}"
        );
        pass(LOOK_EVERY);
    }
}

/// Lets real time go by.
#[expect(
    clippy::disallowed_methods,
    reason = "tests against real processes have only the real clock"
)]
pub(crate) fn pass(time: Duration) {
    std::thread::sleep(time);
}

/// The same between two steps of a task.
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The real clock, for paces and deadlines.
#[expect(
    clippy::disallowed_methods,
    reason = "tests against real processes have only the real clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
