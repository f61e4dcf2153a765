//! The end of a life: waiting for a reason, draining, and whether the process ends or starts again.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use torana_core::limit::RESTART_DEFERRAL_MS;
use torana_dialects::RestartRequest;
use torana_engine::Engine;

use super::reload::Runner;
use super::{failure, watch};

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

/// What comes after this life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing we know of.
    Exit,
    /// We start again.
    Restart,
    /// Somebody else starts the gateway again, as they said.
    Successor,
}

/// Waits for a reason to end, then drains.
pub(super) async fn wait(
    engine: &Engine,
    reasons: &Reasons,
    runner: &Arc<Runner>,
    signals: &mut watch::Signals,
) -> End {
    let mut restart_due = std::pin::pin!(restart_due(engine, reasons, runner));
    let (reason, mut next) = loop {
        tokio::select! {
            biased;
            () = reasons.flush_failed.cancelled() => {
                tracing::error!("The disk failed to store a commit; the gateway stops so that nothing uncertain is confirmed.");
                return End::Exit(ExitCode::from(failure::EXIT_IO));
            }
            () = reasons.stop.cancelled() => break ("asked to stop".to_owned(), Next::Exit),
            signal = signals.next() => match signal {
                watch::Signal::Stop if engine.take_handover() => {
                    break ("handed over".to_owned(), Next::Successor);
                }
                watch::Signal::Stop => break ("signal".to_owned(), Next::Exit),
                watch::Signal::Reload => {
                    runner.reload("signal").await;
                }
                watch::Signal::Restart => {
                    runner.restarts().ask(&RestartRequest {
                        reason: "signal".to_owned(),
                        delay_ms: 0,
                        patience_ms: RESTART_DEFERRAL_MS,
                    });
                }
            },
            reason = &mut restart_due => break (reason, Next::Restart),
        }
    };
    let finished = AtomicBool::new(false);
    let expected_ms = (next != Next::Exit).then_some(RESTART_EXPECTED_MS);
    let drain = async {
        finished.store(engine.drain(&reason, expected_ms).await, Ordering::SeqCst);
        reasons.front_stop.cancel();
        engine.tasks().stop();
        tokio::select! {
            () = engine.tasks().finished() => {}
            () = engine.world().sleep_ms(FINISH_MS) => {}
        }
    };
    tokio::select! {
        biased;
        () = reasons.flush_failed.cancelled() => return End::Exit(ExitCode::from(failure::EXIT_IO)),
        () = drain => {}
        () = signals.stop() => {
            engine.end_in_order();
            next = Next::Exit;
            tracing::warn!("Stopped at once; what was unfinished goes on at the next start.");
        }
    }
    if !finished.load(Ordering::SeqCst) {
        tracing::info!("Unfinished work waits in the journals and goes on at the next start.");
    }
    if next == Next::Restart {
        let at_ms = engine.world().wall_ms();
        End::Restart { at_ms }
    } else {
        End::Exit(ExitCode::SUCCESS)
    }
}

/// Ends when the gateway should restart, with the reason; requests that come together make one restart.
async fn restart_due(engine: &Engine, reasons: &Reasons, runner: &Arc<Runner>) -> String {
    tokio::select! {
        biased;
        () = reasons.front_ended.cancelled() => {
            tracing::error!("Nobody listens for clients any more; the gateway restarts.");
            runner.restarts().cool_down().await;
            "listener failed".to_owned()
        }
        reason = runner.restarts().due(engine) => reason,
    }
}
