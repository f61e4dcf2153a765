//! Messages whose turn does not come: withdrawn while they waited, or ended by somebody else before they ran.

use torana_core::id::InboxId;
use torana_core::problem::Problem;

use super::finish::stopped_result;
use crate::engine::Engine;
use crate::session::{TurnPlan, Work};
use crate::store::StoreError;
use crate::turn::StopReason;

/// Ends a message that waited and was withdrawn.
pub(crate) async fn end_waiting(
    engine: &Engine,
    work: &Work,
    reason: StopReason,
) -> Result<(), Problem> {
    let (rows, at_ms): (Vec<InboxId>, i64) = (work.rows().collect(), engine.shared.world.wall_ms());
    let result = stopped_result(reason, at_ms);
    let store = engine.shared.store.clone();
    let outcome = engine
        .insist(move |connection| {
            let reason = format!("stopped:{}", reason.as_str());
            crate::reply::withdraw(connection, &store, &rows, &reason, Some(&result), at_ms)
        })
        .await;
    match outcome {
        Ok(taken_back) => {
            engine.shared.delivery.submit(taken_back, false);
            engine.forget_handles(work);
            engine.announce_cancelled(work, reason, at_ms);
            Ok(())
        }
        Err(StoreError::Moved) => {
            engine.forget_handles(work);
            engine.announce_cancelled(work, reason, at_ms);
            Ok(())
        }
        Err(error) => Err(engine.problem(&error)),
    }
}

impl Engine {
    /// The lead's row is gone: `/stop` ended it, or it was a repeat that never came to be. What was to share its turn
    /// goes back to the lane and has turns of its own.
    pub(super) fn ended_elsewhere(&self, plan: TurnPlan) {
        let at_ms = self.shared.world.wall_ms();
        let stopped = plan.lead.handle.stop_reason().unwrap_or(StopReason::Stop);
        self.take_back_previews(plan.lead.rows().collect());
        self.announce_cancelled(&plan.lead, stopped, at_ms);
        self.forget_handles(&plan.lead);
        let rest = plan.merged.into_iter().chain(plan.summarised).collect();
        // The lane still counts this turn as running, so nothing starts before it settles.
        let started = self.shared.sessions.give_back(rest, false);
        debug_assert!(
            started.is_none(),
            "a lane started a turn during another one"
        );
    }

    /// Removes what earlier runs of messages have shown that were stopped while they waited for another run. Should the
    /// process end before, the next start does it.
    pub(crate) fn take_back_previews(&self, ids: Vec<InboxId>) {
        if ids.is_empty() {
            return;
        }
        let engine = self.clone();
        self.shared
            .tasks
            .spawn("previews of stopped messages", async move {
                let (store, at_ms) = (engine.shared.store.clone(), engine.shared.world.wall_ms());
                let taken = engine.insist(move |connection| {
                    let mut taken = Vec::new();
                    for id in &ids {
                        taken.extend(crate::reply::take_back(connection, &store, *id, at_ms)?);
                    }
                    Ok(taken)
                });
                match taken.await {
                    Ok(taken) => engine.shared.delivery.submit(taken, false),
                    Err(error) => tracing::debug!(%error, "Old previews wait for the next start."),
                }
            });
    }
}
