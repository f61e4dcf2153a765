//! How the world hears that a turn ended, or that a message became part of another one's turn.

use std::sync::Arc;

use torana_core::event::{Event, RunFacts, RunSignal, SessionChange};
use torana_core::id::SessionId;
use torana_core::run::{FailureKind, Outcome, Settled};

use crate::engine::Engine;
use crate::session::Work;
use crate::turn::{Finished, StopReason, TurnHandle};

impl Engine {
    /// Tells the world that a turn ended without having run.
    pub(crate) fn announce_cancelled(&self, work: &Work, stopped: StopReason, at_ms: i64) {
        if let Some(facts) = self.facts_without_row(work, at_ms) {
            self.announce_end(&Arc::new(facts), work, cancelled(stopped, at_ms));
        }
    }

    /// Tells the world, and whoever waits for this turn, that it ended. The outcome is durable by now.
    pub(crate) fn announce_end(&self, facts: &Arc<RunFacts>, work: &Work, finished: Finished) {
        let signal = RunSignal::Settled {
            settled: Arc::clone(&finished.settled),
            ended_at_ms: finished.ended_at_ms,
            silent: finished.silent,
            stopped: finished.stopped.map(StopReason::as_str),
        };
        self.shared
            .bus
            .publish(Event::Run(Arc::clone(facts), signal));
        for merged in work.handle.finish(Arc::new(finished)) {
            self.announce_merged(facts, &merged);
        }
        self.session_changed(&facts.session, &facts.agent, SessionChange::RunEnded);
    }

    /// Tells the client that asked for it how a message ended that became part of another turn.
    pub(crate) fn announce_merged(&self, facts: &RunFacts, handle: &TurnHandle) {
        if handle.origin.is_none() {
            return;
        }
        let facts = RunFacts {
            run_id: handle.run_id.clone(),
            origin: handle.origin,
            ..facts.clone()
        };
        self.shared
            .bus
            .publish(Event::Run(Arc::new(facts), RunSignal::Merged));
    }

    pub(crate) fn facts_without_row(&self, lead: &Work, started_at_ms: i64) -> Option<RunFacts> {
        Some(RunFacts {
            run_id: lead.run_id.clone(),
            session: lead.session.clone(),
            session_id: SessionId::new(self.shared.world.uuid()).ok()?,
            agent: lead.agent.clone(),
            attempt: 1,
            started_at_ms,
            origin: lead.origin,
        })
    }
}

/// The end of a turn that was taken back before it said anything.
pub(super) fn cancelled(stopped: StopReason, at_ms: i64) -> Finished {
    Finished {
        settled: Arc::new(Settled {
            outcome: Outcome::Cancelled,
            error: None,
            ..Settled::failed(FailureKind::Internal, "")
        }),
        started_at_ms: at_ms,
        ended_at_ms: at_ms,
        silent: None,
        stopped: Some(stopped),
    }
}
