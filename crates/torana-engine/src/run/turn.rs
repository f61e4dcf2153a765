//! One task drives a lane from its first turn until it is idle. A turn whose run panics is run again, until it has done
//! so too often.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use torana_core::event::{Event, RunFacts};
use torana_core::id::SessionId;
use torana_core::limit::POISON_NAMED_MAX;
use torana_core::run::{FailureKind, Settled};

use super::adopted::{Adopted, parts_of};
use super::announce::cancelled;
use super::mark::RunMark;
use super::{drive, finish, prompt};
use crate::engine::Engine;
use crate::reply::{Shown, preview};
use crate::session::TurnPlan;
use crate::store::{inbox, outbox};
use crate::supervise::panic_text;
use crate::turn::{Finished, StopReason};

impl Engine {
    /// Starts the task that drives a lane from this turn until it is idle.
    pub(crate) fn start_run(&self, plan: TurnPlan, adopted: Option<Adopted>) {
        let engine = self.clone();
        let name = format!("lane {}", plan.lead.session);
        self.shared.tasks.spawn(name, async move {
            let session = plan.lead.session.clone();
            let mut next = Some((plan, adopted));
            while let Some((plan, adopted)) = next {
                engine.turn_to_end(plan, adopted).await;
                next = engine
                    .shared
                    .sessions
                    .settle(&session)
                    .map(|plan| (plan, None));
            }
        });
    }

    async fn turn_to_end(&self, plan: TurnPlan, mut adopted: Option<Adopted>) {
        let mark = RunMark::begin(self, plan.lead.id);
        loop {
            let turn = Box::pin(self.turn_once(&plan, adopted.take()));
            let attempt = AssertUnwindSafe(mark.over(turn)).catch_unwind().await;
            let panic = match attempt {
                Ok(Some(_)) => break,
                Ok(None) => return self.ended_elsewhere(plan),
                Err(panic) => panic,
            };
            let text = panic_text(panic.as_ref());
            tracing::error!(run = %plan.lead.run_id, panic = %text, "A run panicked.");
            self.shared.bus.publish(Event::TaskPanicked {
                task: format!("run {}", plan.lead.run_id),
            });
            let id = plan.lead.id;
            // What its preview still has under way must be known before the turn goes on, or it would stay half-written.
            drop(plan.lead.handle.previewing().await);
            match self
                .insist(move |connection| inbox::count_strike(connection, id))
                .await
            {
                Ok(strikes) if strikes < POISON_NAMED_MAX => {}
                Ok(_) => {
                    let why = "it crashed the gateway's own code three times";
                    if self.poisoned(&plan, why).await.is_none() {
                        return self.ended_elsewhere(plan);
                    }
                    break;
                }
                Err(_) => break,
            }
        }
        for work in plan
            .merged
            .iter()
            .chain(&plan.summarised)
            .chain([&plan.lead])
        {
            self.forget_handles(work);
        }
    }

    /// One run of the turn. `None` when its row ended elsewhere before it began.
    async fn turn_once(&self, plan: &TurnPlan, adopted: Option<Adopted>) -> Option<()> {
        let adopted = match adopted {
            Some(adopted) => adopted,
            None => self.adopt(plan).await?,
        };
        let lead = &plan.lead;
        let started_at_ms = self.shared.world.wall_ms();
        let facts = Arc::new(RunFacts {
            run_id: lead.run_id.clone(),
            session: lead.session.clone(),
            session_id: SessionId::new(&adopted.row.session_id)
                .expect("stored session ids are uuids"),
            agent: lead.agent.clone(),
            attempt: adopted.attempt,
            started_at_ms,
            origin: lead.origin,
        });
        let merged = plan.merged.iter().chain(&plan.summarised);
        let parts = merged.flat_map(parts_of).chain(lead.fragments.clone());
        for part in parts {
            if adopted.gone.contains(&part.id) {
                // Its row ended otherwise or never was: nobody else ends what waits for it.
                let stopped = part.handle.stop_reason().unwrap_or(StopReason::Stop);
                part.handle
                    .finish(Arc::new(cancelled(stopped, started_at_ms)));
            } else if lead.handle.join(&part.handle) {
                self.announce_merged(&facts, &part.handle);
            }
        }
        let driven = drive::run(self, plan, &adopted, &facts).await;
        finish::run(self, plan, &adopted, &facts, driven).await;
        Some(())
    }

    /// Sets a turn aside that must not be tried again, and tells the person.
    /// `None` when it ended elsewhere.
    pub(crate) async fn poisoned(&self, plan: &TurnPlan, why: &str) -> Option<()> {
        let (id, at_ms) = (plan.lead.id, self.shared.world.wall_ms());
        let reason = format!("poison: {why}");
        let settled = Settled::failed(
            FailureKind::Internal,
            format!("this message could not be answered and was set aside, reference {id}"),
        );
        let operations = match &plan.lead.target {
            Some(target) => {
                let place = &target.conversation;
                let account = self.settings().account(&place.channel, &place.account);
                let known = preview::known_previews(self, id).await;
                let shown = Shown::left_by_crash(known, account.streaming);
                crate::reply::replacing(self, &prompt::error_text(&settled, id), target, &shown)
            }
            None => Vec::new(),
        };
        let (store, run_id, why) = (
            self.shared.store.clone(),
            plan.lead.run_id.clone(),
            reason.clone(),
        );
        // In one commit, so that no crash leaves the person without a word.
        let parked = self.insist(move |connection| {
            inbox::park(connection, id, &why, at_ms)?;
            outbox::forget_previews(connection, id)?;
            let words = operations.clone();
            crate::reply::insert(
                connection,
                &store,
                Some(id),
                Some(&run_id),
                words,
                false,
                at_ms,
            )
        });
        let intents = parked.await.ok()?;
        self.shared.delivery.submit(intents, false);
        self.shared
            .bus
            .publish(Event::InboundParked { inbox: id, reason });
        let started_at_ms = plan.lead.handle.started_at_ms().unwrap_or(at_ms);
        let finished = Finished {
            settled: Arc::new(settled),
            started_at_ms,
            ended_at_ms: at_ms,
            silent: None,
            stopped: None,
        };
        if let Some(facts) = self.facts_without_row(&plan.lead, started_at_ms) {
            self.announce_end(&Arc::new(facts), &plan.lead, finished);
        }
        Some(())
    }
}
