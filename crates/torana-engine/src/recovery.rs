//! Recovery is the normal start: read the open rows of both journals and go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use torana_core::blame::Death;
use torana_core::event::Event;
use torana_core::id::{AgentId, InboxId, RunId};
use torana_core::lane::QueueMode;
use torana_core::limit::{POISON_NAMED_MAX, POISON_UNNAMED_MAX};
use torana_core::message::{Operation, ReplyTarget};

use crate::engine::{Engine, Phase};
use crate::reply;
use crate::session::Work;
use crate::store::inbox::{self, InboxRow, Payload, State};
use crate::store::{StoreError, outbox};
use crate::turn::TurnHandle;

/// Rows read at once: large enough to be quick, small enough not to hold much twice.
const PAGE: usize = 1_000;

/// Counts a death against an adopted row. Gives the reason to set it aside, if this was one too many.
fn count(
    connection: &rusqlite::Connection,
    id: InboxId,
    death: Death,
) -> Result<Option<&'static str>, StoreError> {
    Ok(match death {
        Death::Blamed(blamed) if blamed == id => (inbox::count_strike(connection, id)?
            >= POISON_NAMED_MAX)
            .then_some("poison: it crashed the gateway three times"),
        // Another turn is known to be the cause, or nothing went wrong at all.
        Death::Blamed(_) | Death::Orderly => None,
        Death::Unknown => (inbox::count_death(connection, id)? >= POISON_UNNAMED_MAX)
            .then_some("poison: the process died ten times while answering it"),
    })
}

/// What recovery found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Messages whose turn starts or goes on.
    pub messages: usize,
    /// Messages set aside because they were there at too many deaths.
    pub parked: usize,
}

impl Engine {
    /// Takes up what an earlier process left open, then accepts new work. Call once, before channels connect.
    pub async fn recover(&self) -> Result<Recovered, StoreError> {
        let death = self
            .shared
            .marks
            .as_ref()
            .map_or(Death::Unknown, |marks| marks.take_death());
        let mut recovered = Recovered::default();
        let mut after = InboxId(0);
        loop {
            let rows = self
                .shared
                .store
                .read(move |connection| inbox::open_after(connection, after, PAGE))
                .await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            self.count_deaths(rows, death, &mut recovered).await?;
        }
        self.take_back_orphans().await?;
        self.set_phase(Phase::Accepting);
        self.shared.bus.publish(Event::Health);
        self.start_maintenance();
        self.watch_suspension();
        for plan in self.shared.sessions.start_waiting() {
            self.start_run(plan, None);
        }
        if recovered != Recovered::default() {
            tracing::info!(
                messages = recovered.messages,
                parked = recovered.parked,
                "Open messages were taken up."
            );
        }
        Ok(recovered)
    }

    /// Removes previews whose turn ended right before the last process did.
    async fn take_back_orphans(&self) -> Result<(), StoreError> {
        let (store, at_ms) = (self.shared.store.clone(), self.shared.world.wall_ms());
        let orphans = self.shared.store.read(outbox::orphaned_previews).await?;
        if orphans.is_empty() {
            return Ok(());
        }
        // Accounts are not attached yet; they find these intents in the store.
        let taken = self.shared.store.write(move |connection| {
            for (inbox, operation) in orphans {
                outbox::forget_previews(connection, inbox)?;
                reply::insert(
                    connection,
                    &store,
                    None,
                    None,
                    vec![operation],
                    false,
                    at_ms,
                )?;
            }
            Ok(())
        });
        taken.await
    }

    /// Counts the death against the adopted rows in one commit, then restores or parks each row of the page.
    ///
    /// A crash that is attributed to one turn counts against that turn alone; any other death counts, more leniently,
    /// against all that were being run (decision 9).
    async fn count_deaths(
        &self,
        rows: Vec<InboxRow>,
        death: Death,
        recovered: &mut Recovered,
    ) -> Result<(), StoreError> {
        let adopted: Vec<InboxId> = rows
            .iter()
            .filter(|row| row.state == State::Adopted)
            .map(|row| row.id)
            .collect();
        let at_ms = self.shared.world.wall_ms();
        let last_chance = rows.iter().filter(|row| {
            row.state == State::Adopted
                && (row.deaths + 1 >= POISON_UNNAMED_MAX || row.strikes + 1 >= POISON_NAMED_MAX)
        });
        let notices: BTreeMap<InboxId, Vec<Operation>> = last_chance
            .map(|row| (row.id, self.poison_notice(row)))
            .collect();
        let store = self.shared.store.clone();
        let leads = adopted.clone();
        let mut merged = self
            .shared
            .store
            .read(move |connection| {
                let mut merged = BTreeMap::new();
                for lead in leads {
                    merged.insert(lead, inbox::merged_into(connection, lead)?);
                }
                Ok(merged)
            })
            .await?;
        let poisoned = self
            .shared
            .store
            .write(move |connection| {
                let mut poisoned = Vec::new();
                for id in adopted {
                    let Some(why) = count(connection, id, death)? else {
                        continue;
                    };
                    inbox::park(connection, id, why, at_ms)?;
                    // In the same commit, so that no crash leaves the person without a word.
                    let words = notices.get(&id).cloned().unwrap_or_default();
                    reply::insert(connection, &store, Some(id), None, words, false, at_ms)?;
                    poisoned.push(id);
                }
                Ok(poisoned)
            })
            .await?;
        for row in rows {
            if poisoned.contains(&row.id) {
                recovered.parked += 1;
                self.shared.bus.publish(Event::InboundParked {
                    inbox: row.id,
                    reason: "poison".to_owned(),
                });
            } else if self.restore(merged.remove(&row.id).unwrap_or_default(), row, false) {
                recovered.messages += 1;
            }
        }
        Ok(())
    }

    fn poison_notice(&self, row: &InboxRow) -> Vec<Operation> {
        let Some(target) = self.work_of(row).and_then(|work| work.target) else {
            return Vec::new();
        };
        let text = format!(
            "I could not answer: this message was set aside after repeated failures (reference {}).",
            row.id
        );
        reply::operations(self, &text, &target, &[])
    }

    /// Puts a stored row back in its lane. `start` also starts the lane when it is idle.
    /// `merged` are rows that an earlier run of its turn had taken in.
    pub(crate) fn restore(&self, merged: Vec<InboxRow>, row: InboxRow, start: bool) -> bool {
        let Some(mut work) = self.work_of(&row) else {
            tracing::error!(inbox = %row.id, "A stored message cannot be read and stays open; see `torana explain`.");
            return false;
        };
        work.fragments = merged.iter().filter_map(|row| self.work_of(row)).collect();
        let settings = self.settings();
        let policy = self.policy(&settings, &work.session, &row.channel, None);
        self.shared.turns.insert(&work.handle);
        // A row that a run had taken goes on as a turn of its own; only those that merely waited may be collected.
        let collect = policy.mode == QueueMode::Collect && row.state == State::Queued;
        if start {
            if let Some(plan) = self.shared.sessions.wait(&work, policy) {
                self.start_run(plan, None);
            }
        } else {
            self.shared.sessions.restore(&work, collect);
        }
        true
    }

    /// The work a stored row stands for.
    pub(crate) fn work_of(&self, row: &InboxRow) -> Option<Work> {
        let payload = row.payload.clone()?;
        let session = self.parse_key(row.session.as_deref()?).ok()?;
        let agent = AgentId::new(row.agent.as_deref()?).ok()?;
        let run_id = RunId::new(row.run_id.as_deref()?).ok()?;
        let target = match &payload {
            Payload::Channel(inbound) => Some(ReplyTarget {
                conversation: inbound.conversation.clone(),
                reply_to: match self
                    .settings()
                    .account(&inbound.conversation.channel, &inbound.conversation.account)
                    .reply_to
                {
                    crate::settings::ReplyToMode::Off => None,
                    crate::settings::ReplyToMode::First | crate::settings::ReplyToMode::All => {
                        inbound.message_id.clone()
                    }
                },
            }),
            Payload::Client(input) => input.deliver_to.clone(),
        };
        let handle = TurnHandle::new(
            run_id.clone(),
            row.id,
            session.clone(),
            agent.clone(),
            None,
            row.received_at_ms,
        );
        Some(Work {
            id: row.id,
            run_id,
            session,
            agent,
            payload: Arc::new(payload),
            target,
            origin: None,
            fragments: Vec::new(),
            handle,
        })
    }

    /// Stops in order: nothing new, runs finish within the budget, the outbox is flushed within it, the rest waits
    /// in the journals. Returns `true` when everything was done in time.
    ///
    /// Clients stay connected until the runs are over, so that they hear how these ended; then they are told why the
    /// gateway goes and when it is expected back (behaviour 6.6).
    pub async fn drain(&self, reason: &str, restart_expected_ms: Option<u64>) -> bool {
        self.set_phase(Phase::Draining);
        self.give_up_suspension();
        tracing::info!(
            reason,
            "The gateway takes nothing new and finishes what runs."
        );
        self.shared.accounts.stop_receiving();
        let deadline_ms = self
            .shared
            .world
            .monotonic_ms()
            .saturating_add(self.settings().drain_ms);
        // Polling costs nothing here and needs no bookkeeping of who finished last.
        const STEP_MS: u64 = 10;
        loop {
            let blocking = self.blocking();
            let runs = blocking.runs + blocking.passing;
            let idle = runs == 0 && self.shared.delivery.is_quiet();
            if idle || self.shared.world.monotonic_ms() >= deadline_ms {
                self.shared.bus.publish(Event::ShuttingDown {
                    reason: reason.to_owned(),
                    restart_expected_ms,
                });
                self.end_in_order();
                self.shared.tasks.stop();
                return idle;
            }
            self.shared.world.sleep_ms(STEP_MS).await;
        }
    }

    /// Notes that the process ends by decision, so that nothing it interrupts counts as the cause of a death.
    pub fn end_in_order(&self) {
        if let Some(marks) = &self.shared.marks {
            marks.end_in_order();
        }
    }

    /// Rows that are open in both journals, for health and tests.
    pub async fn open_rows(&self) -> Result<(i64, i64), StoreError> {
        self.shared
            .store
            .read(|connection| {
                let open = |rows: Vec<(String, i64, i64)>| {
                    rows.into_iter()
                        .filter(|(state, _, _)| state != "parked")
                        .map(|(_, count, _)| count)
                        .sum()
                };
                Ok((
                    open(inbox::census(connection)?),
                    open(outbox::census(connection)?),
                ))
            })
            .await
    }
}
