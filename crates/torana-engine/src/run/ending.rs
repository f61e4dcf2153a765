//! The end of a turn on its way to the disk: everything in one commit, and again until it is there.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::Value;
use torana_core::event::Event;
use torana_core::id::{InboxId, RunId};
use torana_core::key::SessionKey;
use torana_core::message::Operation;
use torana_core::run::Entry;

use super::Adopted;
use crate::bus::appended;
use crate::engine::Engine;
use crate::reply;
use crate::session::TurnPlan;
use crate::store::outbox::Intent;
use crate::store::session::RunEnd;
use crate::store::usage::{self, Booking};
use crate::store::{
    STORE_RETRY_MS, Store, StoreError, context, inbox, outbox, session, transcript,
};

/// What is stored when a turn ends.
pub(super) struct Ending {
    pub(super) reason: String,
    pub(super) result: Value,
    pub(super) line: Option<Entry>,
    pub(super) operations: Vec<Operation>,
    /// What takes the preview back when the row has ended otherwise.
    pub(super) takes_back: Vec<Operation>,
    pub(super) end: RunEnd,
    /// Tokens of the ask that gave the result: they fill the context, however many asks are paid for.
    pub(super) context_tokens: u64,
    pub(super) day: String,
    /// Messages that this turn answers.
    pub(super) questions: usize,
    pub(super) started_at_ms: i64,
}

/// Whose end it is, owned for the transaction.
struct Owner {
    inbox: InboxId,
    run_id: RunId,
    key: SessionKey,
    session_id: String,
    agent: String,
}

/// What an end left in the store.
struct Stored {
    intents: Vec<Intent>,
    /// Removes what an earlier run showed.
    taken_back: Vec<Intent>,
    /// Position of the line in the transcript; zero when there is none.
    sequence: i64,
}

// === impl Owner ===

impl Owner {
    fn of(plan: &TurnPlan, adopted: &Adopted) -> Self {
        let lead = &plan.lead;
        Self {
            inbox: lead.id,
            run_id: lead.run_id.clone(),
            key: lead.session.clone(),
            session_id: adopted.row.session_id.clone(),
            agent: lead.agent.to_string(),
        }
    }
}

// === impl Ending ===

impl Ending {
    /// Puts all of it into one transaction.
    fn carry_out(
        &self,
        connection: &Connection,
        store: &Store,
        owner: &Owner,
        is_reserved: bool,
    ) -> Result<Stored, StoreError> {
        let (id, at_ms) = (owner.inbox, self.end.at_ms);
        // `/stop` may have ended the row already; then nothing is sent, but the words so far are kept.
        let finished = inbox::finish(connection, id, &self.reason, Some(&self.result), at_ms);
        let operations = match finished {
            Ok(()) => &self.operations,
            Err(StoreError::Moved) => &self.takes_back,
            Err(error) => return Err(error),
        };
        let sequence = self.end_session(connection, owner)?;
        usage::book(connection, &self.booking(owner))?;
        context::clear(connection, owner.key.as_str(), id)?;
        outbox::forget_previews(connection, id)?;
        let intents = reply::insert(
            connection,
            store,
            Some(id),
            Some(&owner.run_id),
            operations.clone(),
            is_reserved,
            at_ms,
        )?;
        // An earlier process may have begun to answer what is part of this turn now.
        let taken_back = reply::take_back(connection, store, id, at_ms)?;
        Ok(Stored {
            intents,
            taken_back,
            sequence,
        })
    }

    /// Ends the run in its session and adds its line, unless the session was begun afresh meanwhile.
    fn end_session(&self, connection: &Connection, owner: &Owner) -> Result<i64, StoreError> {
        let key = owner.key.as_str();
        let row = session::get(connection, key)?;
        if row.is_none_or(|row| row.session_id != owner.session_id) {
            return Ok(0);
        }
        let mut sequence = 0;
        if let Some(entry) = &self.line {
            sequence = session::next_sequence(connection, key, &entry.text, self.end.at_ms)?;
            transcript::append(connection, &owner.session_id, sequence, None, entry)?;
        }
        session::run_ended(connection, key, &self.end, self.context_tokens)?;
        Ok(sequence)
    }

    fn booking<'a>(&'a self, owner: &'a Owner) -> Booking<'a> {
        Booking {
            session_id: &owner.session_id,
            key: owner.key.as_str(),
            agent: &owner.agent,
            day: &self.day,
            end: &self.end,
            questions: self.questions,
            answered: self.line.is_some() && self.end.status == "done",
            started_at_ms: self.started_at_ms,
        }
    }
}

/// Stores an end until it is on disk, then hands on what is sent.
pub(super) async fn store(
    engine: &Engine,
    plan: &TurnPlan,
    adopted: &Adopted,
    ending: &Arc<Ending>,
) {
    let lead = &plan.lead;
    let reserved = match ending.operations.first() {
        Some(first) => engine.shared.delivery.reserve(first.conversation()),
        None => false,
    };
    loop {
        let (stored, store) = (Arc::clone(ending), engine.shared.store.clone());
        let owner = Owner::of(plan, adopted);
        let written = engine
            .shared
            .store
            .write(move |connection| stored.carry_out(connection, &store, &owner, reserved))
            .await;
        match written {
            Ok(stored) => {
                if let (Some(entry), true) = (&ending.line, stored.sequence > 0) {
                    let line = appended(
                        &lead.session,
                        &adopted.row.session_id,
                        &lead.agent,
                        stored.sequence,
                        entry.clone(),
                    );
                    engine.shared.bus.publish(Event::Transcript(line));
                }
                release_unused(engine, ending, reserved, stored.intents.is_empty());
                engine.shared.delivery.submit(stored.intents, reserved);
                engine.shared.delivery.submit(stored.taken_back, false);
                return;
            }
            Err(StoreError::Closed | StoreError::Flush) => {
                return release_unused(engine, ending, reserved, true);
            }
            Err(error) => {
                tracing::error!(%error, run = %lead.run_id, "An outcome could not be stored; trying again.");
                if error == StoreError::Full {
                    engine.set_storage_full(true);
                }
                engine.shared.world.sleep_ms(STORE_RETRY_MS).await;
            }
        }
    }
}

fn release_unused(engine: &Engine, ending: &Ending, reserved: bool, unused: bool) {
    if let (true, true, Some(first)) = (reserved, unused, ending.operations.first()) {
        engine.shared.delivery.release(first.conversation());
    }
}
