//! The end of a life: waiting for a reason, draining, and whether the process ends or starts again.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use torana_engine::Engine;
use torana_host::restart;

use super::reload::Runner;
use super::{run, watch};

/// Shortest time between two restarts (behaviour 1.6), so that a file that changes all the time does not keep the
/// gateway from working.
const RESTART_EVERY_MS: i64 = 30_000;
/// How long clients are told a restart takes: the start itself takes a fraction of a second.
const RESTART_EXPECTED_MS: u64 = 2_000;
/// How long tasks have to end after the drain; what still hangs is dropped with the runtime (R-26: 2 s).
const FINISH_MS: u64 = 2_000;
/// How a life of the gateway ends.
pub(super) enum End {
    /// The process ends.
    Exit(ExitCode),
    /// The same program starts again, in the same process.
    Restart {
        /// When, Unix milliseconds.
        at_ms: i64,
    },
}

/// What can end a life of the gateway, besides signals.
pub(super) struct Reasons {
    /// A client asked.
    pub(super) stop: CancellationToken,
    /// The disk did not keep a commit.
    pub(super) flush_failed: CancellationToken,
    /// Nobody listens any more.
    pub(super) front_ended: CancellationToken,
    /// Told to the front when it shall end.
    pub(super) front_stop: CancellationToken,
}

/// Waits for a reason to end, then drains.
pub(super) async fn wait(
    engine: &Engine,
    reasons: &Reasons,
    runner: &Arc<Runner>,
    signals: &mut watch::Signals,
) -> End {
    let mut restart_due = std::pin::pin!(restart_due(engine, reasons, runner));
    let (reason, restart) = loop {
        tokio::select! {
            biased;
            () = reasons.flush_failed.cancelled() => {
                tracing::error!("The disk failed to store a commit; the gateway stops so that nothing uncertain is confirmed.");
                return End::Exit(ExitCode::from(run::EXIT_IO));
            }
            () = reasons.stop.cancelled() => break ("asked to stop", false),
            signal = signals.next() => match signal {
                watch::Signal::Stop => break ("signal", false),
                watch::Signal::Reload => {
                    runner.reload("signal").await;
                }
            },
            reason = &mut restart_due => break (reason, true),
        }
    };
    let finished = AtomicBool::new(false);
    let mut restart = restart;
    let drain = async {
        let expected_ms = restart.then_some(RESTART_EXPECTED_MS);
        finished.store(engine.drain(reason, expected_ms).await, Ordering::SeqCst);
        reasons.front_stop.cancel();
        engine.tasks().stop();
        tokio::select! {
            () = engine.tasks().finished() => {}
            () = engine.world().sleep_ms(FINISH_MS) => {}
        }
    };
    tokio::select! {
        biased;
        () = reasons.flush_failed.cancelled() => return End::Exit(ExitCode::from(run::EXIT_IO)),
        () = drain => {}
        _ = signals.next() => {
            engine.end_in_order();
            restart = false;
            tracing::warn!("Stopped at once; what was unfinished goes on at the next start.");
        }
    }
    if !finished.load(Ordering::SeqCst) {
        tracing::info!("Unfinished work waits in the journals and goes on at the next start.");
    }
    if restart {
        let at_ms = engine.world().wall_ms();
        End::Restart { at_ms }
    } else {
        End::Exit(ExitCode::SUCCESS)
    }
}

/// Ends when the gateway should restart, with the reason; requests that come together make one restart.
async fn restart_due(engine: &Engine, reasons: &Reasons, runner: &Arc<Runner>) -> &'static str {
    let reason = tokio::select! {
        biased;
        () = reasons.front_ended.cancelled() => {
            tracing::error!("Nobody listens for clients any more; the gateway restarts.");
            "listener failed"
        }
        () = runner.restart_wanted() => "configuration changed",
    };
    let since_ms = restart::restarted_at_ms().map_or(i64::MAX, |at_ms| {
        engine.world().wall_ms().saturating_sub(at_ms).max(0)
    });
    let wait_ms = u64::try_from(RESTART_EVERY_MS.saturating_sub(since_ms)).unwrap_or(0);
    if wait_ms > 0 {
        tracing::info!(
            wait_ms,
            "The gateway was restarted a moment ago; the next restart waits."
        );
        engine.world().sleep_ms(wait_ms).await;
    }
    reason
}
