//! Adoption: a turn takes its rows, and their words go into the transcript, in one commit.

use rusqlite::Connection;
use torana_core::event::Event;
use torana_core::id::{InboxId, RunId};
use torana_core::key::SessionKey;
use torana_core::run::Entry;

use super::adopted::{Adopted, parts_of};
use super::prompt;
use crate::bus::appended;
use crate::engine::Engine;
use crate::session::{TurnPlan, Work};
use crate::store::session::SessionRow;
use crate::store::{STORE_RETRY_MS, StoreError, inbox, session, transcript};

/// What one commit takes for a turn.
#[derive(Clone)]
struct Adoption {
    lead: InboxId,
    run_id: RunId,
    session: SessionKey,
    /// Messages whose words go into the transcript, the lead last.
    works: Vec<Work>,
    /// Messages that appear as summary lines only, and these lines.
    summarised: Vec<Work>,
    summary: Option<Entry>,
}

/// Lines a turn added to its transcript, with their positions.
type Lines = Vec<(i64, Entry)>;

impl Engine {
    /// Takes the turn's rows: adopted, merged, with their lines in the transcript. `None` when the row is gone.
    pub(super) async fn adopt(&self, plan: &TurnPlan) -> Option<Adopted> {
        let lead = &plan.lead;
        let adoption = Adoption::of(plan, self.shared.world.wall_ms());
        loop {
            let (adoption, engine) = (adoption.clone(), self.clone());
            let at_ms = self.shared.world.wall_ms();
            let adopted = self
                .shared
                .store
                .write(move |connection| adoption.carry_out(connection, &engine, at_ms))
                .await;
            match adopted {
                Ok((adopted, lines)) => {
                    for (sequence, entry) in lines {
                        let id = &adopted.row.session_id;
                        let line = appended(&lead.session, id, &lead.agent, sequence, entry);
                        self.shared.bus.publish(Event::Transcript(line));
                    }
                    return Some(adopted);
                }
                Err(StoreError::Moved | StoreError::Closed | StoreError::Flush) => return None,
                Err(error) => {
                    tracing::error!(%error, run = %lead.run_id, "A turn could not be adopted; trying again.");
                    self.shared.world.sleep_ms(STORE_RETRY_MS).await;
                }
            }
        }
    }
}

impl Adoption {
    fn of(plan: &TurnPlan, at_ms: i64) -> Self {
        let lead = &plan.lead;
        let summarised: Vec<Work> = plan.summarised.iter().flat_map(parts_of).collect();
        Self {
            lead: lead.id,
            run_id: lead.run_id.clone(),
            session: lead.session.clone(),
            works: plan
                .merged
                .iter()
                .chain([lead])
                .flat_map(parts_of)
                .collect(),
            summary: prompt::summary_entry(&summarised, at_ms),
            summarised,
        }
    }

    /// The lead is adopted and the others merged into it; the lines are those that people shall hear of.
    fn carry_out(
        self,
        connection: &Connection,
        engine: &Engine,
        at_ms: i64,
    ) -> Result<(Adopted, Lines), StoreError> {
        let key = self.session.as_str();
        let attempt = inbox::adopt(connection, self.lead, at_ms)?;
        let row = session::get(connection, key)?.ok_or(StoreError::Moved)?;
        // A second run of the turn finds its lines there.
        let known = transcript::has_inbox(connection, &row.session_id, self.lead)?;
        let summary_at = match &self.summary {
            Some(summary) if !known => {
                // With the number of a row, so that a second run of the turn finds where its lines begin.
                let first = self.summarised.first().map(|work| work.id);
                Some(self.append(connection, &row, first, summary, at_ms)?)
            }
            _ => None,
        };
        let gone = self.merge(connection, at_ms)?;
        let lines = if known {
            Lines::new()
        } else {
            self.write_lines(connection, &row, &gone, at_ms)?
        };
        session::run_started(connection, key, Some(&self.run_id), at_ms)?;
        let mut ids: Vec<InboxId> = self
            .works
            .iter()
            .chain(&self.summarised)
            .map(|work| work.id)
            .collect();
        let joined = self.joined_earlier(connection, engine, attempt, &ids)?;
        ids.extend(joined.iter().map(|work| work.id));
        // History ends before the first line of the turn, whichever run wrote it.
        let first_line = lines.first().map(|(sequence, _)| *sequence);
        let first_sequence = match summary_at.or(first_line) {
            Some(sequence) => sequence,
            None => transcript::first_of_inbox(connection, &row.session_id, &ids)?
                .unwrap_or(row.entries + 1),
        };
        let adopted = Adopted {
            row,
            attempt,
            first_sequence,
            joined,
            gone,
        };
        Ok((adopted, lines))
    }

    fn append(
        &self,
        connection: &Connection,
        row: &SessionRow,
        inbox: Option<InboxId>,
        entry: &Entry,
        at_ms: i64,
    ) -> Result<i64, StoreError> {
        let key = self.session.as_str();
        let sequence = session::next_sequence(connection, key, &entry.text, at_ms)?;
        transcript::append(connection, &row.session_id, sequence, inbox, entry)?;
        Ok(sequence)
    }

    /// Merges the others into the lead. Returns those that were withdrawn meanwhile, or are a repeat that was never
    /// written: the turn goes on without them.
    fn merge(&self, connection: &Connection, at_ms: i64) -> Result<Vec<InboxId>, StoreError> {
        let mut gone = Vec::new();
        let all = self.summarised.iter().chain(&self.works);
        for work in all.filter(|work| work.id != self.lead) {
            match inbox::merge(connection, work.id, self.lead, at_ms) {
                Ok(()) => {}
                Err(StoreError::Moved) => gone.push(work.id),
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    /// Writes what each message says, unless an earlier run did.
    fn write_lines(
        &self,
        connection: &Connection,
        row: &SessionRow,
        gone: &[InboxId],
        at_ms: i64,
    ) -> Result<Lines, StoreError> {
        let mut lines = Lines::new();
        for work in self.works.iter().filter(|work| !gone.contains(&work.id)) {
            if transcript::has_inbox(connection, &row.session_id, work.id)? {
                continue;
            }
            for entry in prompt::prelude_of(work) {
                self.append(connection, row, None, &entry, at_ms)?;
            }
            let entry = prompt::entry_of(work);
            let sequence = self.append(connection, row, Some(work.id), &entry, at_ms)?;
            lines.push((sequence, entry));
        }
        Ok(lines)
    }

    /// What earlier runs of this turn took besides the messages of the plan.
    fn joined_earlier(
        &self,
        connection: &Connection,
        engine: &Engine,
        attempt: u32,
        ids: &[InboxId],
    ) -> Result<Vec<Work>, StoreError> {
        if attempt <= 1 {
            return Ok(Vec::new());
        }
        let earlier = inbox::merged_into(connection, self.lead)?;
        let others = earlier.iter().filter(|row| !ids.contains(&row.id));
        Ok(others.filter_map(|row| engine.work_of(row)).collect())
    }
}
