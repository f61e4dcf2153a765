//! Stored messages on their way to a lane: run, wait, join, interrupt, or be held back for a moment.

use std::future::Future;
use std::sync::Arc;

use torana_core::admit::DropReason;
use torana_core::event::{Event, SessionChange};
use torana_core::id::{InboxId, RunId};
use torana_core::lane::{Arrival, QueueMode, QueuePolicy};
use torana_core::message::{Operation, ReplyTarget};

use super::insert::{Insert, Inserted};
use crate::bus::appended;
use crate::engine::Engine;
use crate::run;
use crate::session::{Arrived, Held, Work};
use crate::store::inbox::{self, NewRow, State};
use crate::store::outbox::Intent;
use crate::store::session::Touch;
use crate::store::{StoreError, outbox, session, transcript};
use crate::turn::{StopReason, TurnHandle};

impl Engine {
    /// Stores a message and gives it to its lane. Returns what the insert found, and the arrival, once on disk.
    pub(crate) fn enqueue(
        &self,
        work: Work,
        mut row: NewRow,
        touch: Touch,
        wait_ms: u64,
        mode: Option<QueueMode>,
    ) -> impl Future<Output = Result<Inserted, StoreError>> + Send + use<> {
        let engine = self.clone();
        let settings = self.shared.settings.load();
        let policy = self.policy(&settings, &work.session, row.channel.as_str(), mode);
        let held: Held = (work.session.clone(), row.sender.clone().unwrap_or_default());
        let hold = wait_ms > 0 || self.shared.sessions.debounce.holds(&held);
        let was_idle = self.shared.sessions.active(&work.session).is_none();
        let (arrival, dropped, interrupts) = if hold {
            self.shared.sessions.debounce.expect(&held);
            (None, Vec::new(), None)
        } else {
            let arrived = self.shared.sessions.arrive(&work, policy);
            (Some(arrived.arrival), arrived.dropped, arrived.interrupts)
        };
        let runs_now = arrival == Some(Arrival::Run);
        row.state = if runs_now {
            State::Adopted
        } else {
            State::Queued
        };
        if arrival == Some(Arrival::Refuse) {
            row.state = State::Done;
            row.reason = Some("dropped:queue_full".to_owned());
            row.payload = None;
        } else {
            self.shared.turns.insert(&work.handle);
        }
        let entry = runs_now.then(|| run::prompt::entry_of(&work));
        let prelude = if runs_now {
            run::prompt::prelude_of(&work)
        } else {
            Vec::new()
        };
        let insert = Insert {
            row,
            touch,
            superseded: dropped.iter().flat_map(Work::rows).collect(),
            reason: displaced_reason(arrival.as_ref()),
            check: self.expiry_check(&settings, &work, was_idle),
            prelude,
            entry,
        };
        let write = self
            .shared
            .store
            .write(move |connection| insert.carry_out(connection));
        async move {
            let outcome = write.await;
            match &outcome {
                Ok(Inserted::New { .. }) => engine.forget(dropped),
                // The newcomer is not on disk, or was there before: what it pushed out takes its place again.
                Ok(Inserted::Repeated) | Err(_) => engine.give_back(dropped, policy),
            }
            engine
                .enqueued(
                    &work,
                    policy,
                    arrival,
                    interrupts,
                    hold.then_some((held, wait_ms)),
                    &outcome,
                )
                .await;
            outcome
        }
    }

    async fn enqueued(
        &self,
        work: &Work,
        policy: QueuePolicy,
        arrival: Option<Arrival>,
        interrupts: Option<Arc<TurnHandle>>,
        hold: Option<(Held, u64)>,
        outcome: &Result<Inserted, StoreError>,
    ) {
        let (row, created, sequence, expired) = match outcome {
            Ok(Inserted::New {
                row,
                created,
                sequence,
                expired,
            }) => (row, *created, *sequence, *expired),
            Ok(Inserted::Repeated) | Err(_) => {
                self.shared.turns.remove(&work.handle);
                if outcome.is_ok() {
                    let (channel, account) = work.place();
                    self.shared
                        .bus
                        .publish(Event::InboundRepeated { channel, account });
                }
                let ran = arrival == Some(Arrival::Run);
                if arrival.is_some()
                    && let Some(plan) = self.shared.sessions.retract(&work.session, work.id, ran)
                {
                    self.start_run(plan, None);
                }
                self.unhold(hold, policy);
                return;
            }
        };
        let Some(row) = row else {
            self.refused(work).await;
            return;
        };
        let (channel, account) = work.place();
        self.shared.bus.publish(Event::InboundAdmitted {
            inbox: work.id,
            session: work.session.clone(),
            channel,
            account,
        });
        if created {
            self.session_changed(&work.session, &work.agent, SessionChange::Created);
        }
        if expired {
            self.session_changed(&work.session, &work.agent, SessionChange::Reset);
        }
        self.session_changed(&work.session, &work.agent, SessionChange::Sent);
        match arrival {
            None => self.hold(work, hold, policy),
            Some(Arrival::Run) => {
                let entry = run::prompt::entry_of(work);
                let line = appended(&work.session, &row.session_id, &work.agent, sequence, entry);
                self.shared.bus.publish(Event::Transcript(line));
                if let Some(lead) = self.shared.sessions.take(&work.session, work.id) {
                    let adopted = run::Adopted {
                        row: row.as_ref().clone(),
                        attempt: 1,
                        first_sequence: sequence,
                        joined: Vec::new(),
                        gone: Vec::new(),
                    };
                    let plan = crate::session::TurnPlan {
                        lead,
                        merged: Vec::new(),
                        summarised: Vec::new(),
                    };
                    self.start_run(plan, Some(adopted));
                }
            }
            Some(Arrival::Steer) => self.steer(work, policy).await,
            Some(Arrival::Interrupt(_)) => interrupt(interrupts),
            Some(
                Arrival::Wait
                | Arrival::WaitInsteadOf(_)
                | Arrival::WaitSummarising(_)
                | Arrival::Refuse,
            ) => {}
        }
    }

    /// Holds a fragment back and releases it when no further one came.
    pub(crate) fn hold(&self, work: &Work, hold: Option<(Held, u64)>, policy: QueuePolicy) {
        let Some((held, wait_ms)) = hold else { return };
        let generation = self
            .shared
            .sessions
            .debounce
            .hold(held.clone(), work.clone());
        self.release_later(held, generation, wait_ms, policy);
    }

    /// A message that was to be held is not coming; those that wait for it go on.
    pub(crate) fn unhold(&self, hold: Option<(Held, u64)>, policy: QueuePolicy) {
        if let Some((held, wait_ms)) = hold
            && let Some(generation) = self.shared.sessions.debounce.miss(&held)
        {
            self.release_later(held, generation, wait_ms, policy);
        }
    }

    fn release_later(&self, held: Held, generation: u64, wait_ms: u64, policy: QueuePolicy) {
        let engine = self.clone();
        self.shared.tasks.spawn_until_stop("fragment", async move {
            engine.shared.world.sleep_ms(wait_ms.max(1)).await;
            if let Some(lead) = engine.shared.sessions.debounce.release(&held, generation) {
                engine.arrive_late(lead, policy).await;
            }
        });
    }

    /// A message that is on disk as queued comes to its lane now.
    pub(crate) async fn arrive_late(&self, work: Work, policy: QueuePolicy) {
        let Arrived {
            arrival,
            dropped,
            interrupts,
        } = self.shared.sessions.arrive(&work, policy);
        if !dropped.is_empty() {
            self.drop_waiting(dropped, displaced_reason(Some(&arrival)))
                .await;
        }
        match arrival {
            Arrival::Run => {
                if let Some(lead) = self.shared.sessions.take(&work.session, work.id) {
                    let plan = crate::session::TurnPlan {
                        lead,
                        merged: Vec::new(),
                        summarised: Vec::new(),
                    };
                    self.start_run(plan, None);
                }
            }
            Arrival::Steer => self.steer(&work, policy).await,
            Arrival::Interrupt(_) => interrupt(interrupts),
            Arrival::Refuse => {
                self.drop_waiting(vec![work.clone()], "dropped:queue_full")
                    .await;
                self.refused(&work).await;
            }
            Arrival::Wait | Arrival::WaitInsteadOf(_) | Arrival::WaitSummarising(_) => {}
        }
    }

    /// Ends the turns of messages that lost their place in the queue; their rows say so already.
    fn forget(&self, dropped: Vec<Work>) {
        for work in dropped {
            self.announce_cancelled(&work, StopReason::Interrupt, self.shared.world.wall_ms());
            self.forget_handles(&work);
        }
    }

    /// Removes a message and its fragments from the list of open turns.
    pub(crate) fn forget_handles(&self, work: &Work) {
        for work in work.fragments.iter().chain([work]) {
            self.shared.turns.remove(&work.handle);
        }
    }

    /// Ends messages that lost their place, on disk and in memory.
    async fn drop_waiting(&self, works: Vec<Work>, reason: &'static str) {
        let at_ms = self.shared.world.wall_ms();
        let ids: Vec<InboxId> = works.iter().flat_map(Work::rows).collect();
        let store = self.shared.store.clone();
        let outcome = self
            .insist(move |connection| {
                crate::reply::withdraw(connection, &store, &ids, reason, None, at_ms)
            })
            .await;
        match outcome {
            Ok(taken_back) => {
                self.shared.delivery.submit(taken_back, false);
                self.forget(works);
            }
            Err(error) => {
                tracing::error!(%error, "A dropped message could not be recorded; it will be answered after a restart.");
            }
        }
    }

    fn give_back(&self, displaced: Vec<Work>, policy: QueuePolicy) {
        if let Some(plan) = self
            .shared
            .sessions
            .give_back(displaced, policy.mode == QueueMode::Collect)
        {
            self.start_run(plan, None);
        }
    }

    /// Offers a message, with its fragments, to the running turn; what it does not take waits for its own.
    async fn steer(&self, work: &Work, policy: QueuePolicy) {
        let parts: Vec<Work> = work.fragments.iter().chain([work]).cloned().collect();
        let words: Vec<&str> = parts.iter().map(|part| part.payload.text()).collect();
        let words = words.join("\n");
        // A running turn takes words only; files wait for a turn of their own.
        let only_words = parts.iter().all(|part| part.payload.media().is_empty());
        let takes = |active: &Arc<TurnHandle>| {
            only_words && active.steer().is_some_and(|steer| steer.steer(&words))
        };
        let active = self.shared.sessions.active(&work.session);
        if let Some(joined) = active.filter(takes) {
            let (lead, at_ms) = (joined.inbox, self.shared.world.wall_ms());
            let (session, entries) = (work.session.clone(), parts.clone());
            let merged = self.shared.store.write(move |connection| {
                let row = session::get(connection, session.as_str())?.ok_or(StoreError::Moved)?;
                let mut lines = Vec::new();
                for part in entries {
                    inbox::merge(connection, part.id, lead, at_ms)?;
                    let entry = run::prompt::entry_of(&part);
                    let key = session.as_str();
                    let sequence = session::next_sequence(connection, key, &entry.text, at_ms)?;
                    let id = Some(part.id);
                    transcript::append(connection, &row.session_id, sequence, id, &entry)?;
                    lines.push((sequence, entry));
                }
                Ok((row.session_id, lines))
            });
            if let Ok((session_id, lines)) = merged.await {
                self.shared.sessions.steered(&work.session, work.id);
                self.forget_handles(work);
                for part in &parts {
                    if joined.join(&part.handle)
                        && let Some(facts) = self.facts_without_row(part, at_ms)
                    {
                        self.announce_merged(&facts, &part.handle);
                    }
                }
                for (sequence, entry) in lines {
                    let line = appended(&work.session, &session_id, &work.agent, sequence, entry);
                    self.shared.bus.publish(Event::Transcript(line));
                }
                return;
            }
        }
        if let Some(plan) = self.shared.sessions.wait(work, policy) {
            self.start_run(plan, None);
        }
    }

    /// Tells the sender that the queue is full; the row already says so.
    async fn refused(&self, work: &Work) {
        self.shared.turns.remove(&work.handle);
        let (channel, account) = work.place();
        self.shared.bus.publish(Event::InboundDropped {
            channel,
            account,
            reason: DropReason::QueueFull.as_str(),
        });
        if let Some(target) = &work.target {
            let text = "Too many messages are waiting here; this one was not taken. Please send it again in a moment.";
            let outcome = self.post(Some(work.id), None, target.clone(), text).await;
            if let Err(error) = outcome {
                tracing::error!(%error, "A refusal could not be told.");
            }
        }
    }

    /// Puts a text into the outbox, rendered for its platform. Returns the rows.
    pub(crate) async fn post(
        &self,
        inbox: Option<InboxId>,
        run_id: Option<RunId>,
        target: ReplyTarget,
        text: &str,
    ) -> Result<Vec<Intent>, StoreError> {
        let operations = crate::reply::operations(self, text, &target, &[]);
        self.post_operations(inbox, run_id, operations).await
    }

    /// Puts operations into the outbox, however long the disk stays full. Returns the rows.
    pub(crate) async fn post_operations(
        &self,
        inbox: Option<InboxId>,
        run_id: Option<RunId>,
        operations: Vec<Operation>,
    ) -> Result<Vec<Intent>, StoreError> {
        let store = self.shared.store.clone();
        let at_ms = self.shared.world.wall_ms();
        let intents = self
            .insist(move |connection| {
                if let Some(inbox) = inbox {
                    outbox::forget_previews(connection, inbox)?;
                }
                crate::reply::insert(
                    connection,
                    &store,
                    inbox,
                    run_id.as_ref(),
                    operations.clone(),
                    false,
                    at_ms,
                )
            })
            .await?;
        self.shared.delivery.submit(intents.clone(), false);
        Ok(intents)
    }
}

/// Ends the turn that ran when a message arrived, once that is on disk.
fn interrupt(turn: Option<Arc<TurnHandle>>) {
    if let Some(turn) = turn {
        turn.stop(StopReason::Interrupt);
    }
}

/// Why messages lost their place to a newer one.
fn displaced_reason(arrival: Option<&Arrival>) -> &'static str {
    if matches!(arrival, Some(Arrival::Interrupt(_))) {
        "dropped:superseded"
    } else {
        "dropped:queue_full"
    }
}
