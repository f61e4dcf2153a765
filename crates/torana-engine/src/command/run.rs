//! Carrying out a command: stored, done and answered in one commit, so a crash leaves all of it or none.

use std::future::Future;
use std::sync::Arc;

use rusqlite::{Connection, params};
use torana_core::command::Command;
use torana_core::event::{Event, RunFacts};
use torana_core::id::{InboxId, SessionId};
use torana_core::lane::QueueMode;
use torana_core::message::ReplyTarget;
use torana_core::run::{Entry, Outcome, Settled, Usage};

use super::decide::decide;
use super::effect::{Change, Effect, Says};
use super::status::{Facts, facts};
use super::{kept, manner, spent, window};
use crate::bus::appended;
use crate::engine::Engine;
use crate::ingress::Inserted;
use crate::reply;
use crate::session::{Held, Work};
use crate::store::inbox::{NewRow, Payload, State};
use crate::store::outbox::Intent;
use crate::store::session::{SessionRow, Touch};
use crate::store::{StoreError, inbox, session};
use crate::turn::Finished;

/// Carries out a command. The write is queued by the call.
pub(crate) fn run(
    engine: &Engine,
    work: Work,
    mut row: NewRow,
    touch: Touch,
    command: Command,
    owner: bool,
) -> impl Future<Output = Result<Inserted, StoreError>> + Send + use<> {
    let engine = engine.clone();
    let settings = engine.settings();
    let effect = decide(&engine, &settings, &work, &command, owner);
    // Words after `/new` are the first message of the fresh session: the row stays open as an ordinary turn.
    let words = match command {
        Command::New { rest } | Command::Reset { rest, .. } => rest,
        _ => None,
    }
    .filter(|words| !words.is_empty() && matches!(effect.change, Change::Reset { .. }));
    row.state = State::Adopted;
    if let Some(words) = &words {
        row.state = State::Queued;
        row.payload = row.payload.map(|payload| with_text(payload, words));
    }
    // What arrives before those words are on disk must not overtake them.
    let policy = engine.policy(
        &settings,
        &work.session,
        row.channel.as_str(),
        Some(QueueMode::Followup),
    );
    let held: Held = (work.session.clone(), row.sender.clone().unwrap_or_default());
    let hold = words.is_some().then(|| {
        engine.shared.sessions.debounce.expect(&held);
        (held, 0)
    });
    let was_idle = engine.shared.sessions.active(&work.session).is_none();
    let (notes, commit) = (
        effect.notes(),
        Commit {
            touch,
            check: engine.expiry_check(&settings, &work, was_idle),
            status: facts(&engine, &settings, &work),
            target: work.target.clone(),
            engine: engine.clone(),
            said: kept::said(&work, &effect),
            stay_open: words.is_some(),
            effect,
            row,
        },
    );
    let write = engine
        .shared
        .store
        .write(move |connection| commit.write(connection));
    async move {
        let stored = write.await;
        if !matches!(stored, Ok(Some(_))) {
            engine.unhold(hold.clone(), policy);
        }
        let Some(stored) = stored? else {
            let (channel, account) = work.place();
            engine
                .shared
                .bus
                .publish(Event::InboundRepeated { channel, account });
            return Ok(Inserted::Repeated);
        };
        let Stored {
            row,
            created,
            expired,
            text,
            lines,
            intents,
        } = stored;
        for (sequence, entry) in lines {
            let line = appended(&work.session, &row.session_id, &work.agent, sequence, entry);
            engine.shared.bus.publish(Event::Transcript(line));
        }
        if notes.mention {
            engine.note_manner(&work.session, Some(&row));
        }
        notes.take_effect(&engine, &work, created, expired);
        engine.shared.delivery.submit(intents, false);
        match words {
            Some(words) => {
                let payload = Arc::new(with_text(work.payload.as_ref().clone(), &words));
                let work = Work { payload, ..work };
                engine.shared.turns.insert(&work.handle);
                engine.hold(&work, hold, policy);
            }
            None => answer(&engine, &work, &row, text),
        }
        Ok(Inserted::New {
            row: Some(Box::new(row)),
            created,
            sequence: 0,
            expired,
        })
    }
}

/// Everything the transaction of a command needs.
struct Commit {
    engine: Engine,
    row: NewRow,
    touch: Touch,
    check: Option<session::ExpiryCheck>,
    status: Facts,
    target: Option<ReplyTarget>,
    effect: Effect,
    /// What the transcript keeps of the command.
    said: Option<String>,
    /// The row goes on as an ordinary turn.
    stay_open: bool,
}

/// What the transaction of a command left behind.
struct Stored {
    row: SessionRow,
    created: bool,
    expired: bool,
    text: String,
    lines: Vec<(i64, Entry)>,
    intents: Vec<Intent>,
}

impl Commit {
    /// Stores, carries out and answers the command; `None` when it was stored before.
    fn write(self, connection: &Connection) -> Result<Option<Stored>, StoreError> {
        let (row, at_ms) = (&self.row, self.row.at_ms);
        if !inbox::insert(connection, row)? {
            return Ok(None);
        }
        let expired = match self.check {
            Some(check) => session::expire(connection, &self.touch, check)?.is_some(),
            None => false,
        };
        let (mut found, created) = session::touch(connection, &self.touch)?;
        let refusal = manner::refusal(&self.effect.change, &found, &self.status);
        if refusal.is_none() {
            apply(connection, &self.effect.change, &mut found, row.id, at_ms)?;
        }
        let text = match (refusal, self.effect.says) {
            (Some(refusal), _) => refusal,
            (None, Says::Text(text)) => text,
            (None, Says::Words(words)) => words(&found, &self.status),
            (None, Says::Spent { owner }) => spent::text(connection, &found, owner, at_ms)?,
            (None, Says::Window(window)) => {
                window::text(connection, &found, &self.status, &window, row.id)?
            }
        };
        let (mut intents, mut lines) = (Vec::new(), Vec::new());
        if !self.stay_open {
            if let Some(said) = self.said {
                lines = kept::keep(connection, row, &mut found, [said, text.clone()])?;
            }
            let result = serde_json::json!({
                "status": "ok", "text": text, "startedAt": at_ms, "endedAt": at_ms,
                "usage": Usage::default(), "sessionId": found.session_id, "command": true,
            });
            inbox::finish(connection, row.id, "answered:command", Some(&result), at_ms)?;
            if let Some(target) = &self.target {
                let operations = reply::operations(&self.engine, &text, target, &[]);
                let (store, run_id) = (self.engine.store(), row.run_id.as_ref());
                intents = reply::insert(
                    connection,
                    store,
                    Some(row.id),
                    run_id,
                    operations,
                    false,
                    at_ms,
                )?;
            }
        }
        Ok(Some(Stored {
            row: found,
            created,
            expired,
            text,
            lines,
            intents,
        }))
    }
}

fn answer(engine: &Engine, work: &Work, row: &SessionRow, text: String) {
    let at_ms = engine.shared.world.wall_ms();
    let settled = Settled {
        outcome: Outcome::Ok,
        text,
        error: None,
        usage: Usage::default(),
        provider: None,
        model: None,
        calls: Vec::new(),
    };
    let facts = RunFacts {
        run_id: work.run_id.clone(),
        session: work.session.clone(),
        session_id: SessionId::new(&row.session_id).expect("stored session ids are uuids"),
        agent: work.agent.clone(),
        attempt: 1,
        started_at_ms: at_ms,
        origin: work.origin,
    };
    let finished = Finished {
        settled: Arc::new(settled),
        started_at_ms: at_ms,
        ended_at_ms: at_ms,
        silent: None,
        stopped: None,
    };
    engine.announce_end(&Arc::new(facts), work, finished);
}

fn with_text(payload: Payload, text: &str) -> Payload {
    match payload {
        Payload::Channel(mut inbound) => {
            text.clone_into(&mut inbound.text);
            Payload::Channel(inbound)
        }
        Payload::Client(mut input) => {
            text.clone_into(&mut input.text);
            Payload::Client(input)
        }
    }
}

fn apply(
    connection: &Connection,
    change: &Change,
    row: &mut SessionRow,
    command: InboxId,
    at_ms: i64,
) -> Result<(), StoreError> {
    match change {
        Change::None => {}
        Change::Stop => end_open(connection, &row.key, command, at_ms)?,
        Change::Reset { fresh_id } => {
            end_open(connection, &row.key, command, at_ms)?;
            if row.entries > 0 {
                *row = session::reset(connection, &row.key, fresh_id, "command", at_ms)?;
            }
        }
        Change::Session(change) => {
            if let Some(changed) = session::change(connection, &row.key, change, at_ms)? {
                *row = changed;
            }
        }
        Change::Model { agent, model } => {
            let name = format!("model:{agent}");
            match model {
                Some(model) => connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO setting (name, value_json) VALUES (?1, ?2)",
                    )?
                    .execute(params![name, serde_json::to_string(&model.to_string())?])?,
                None => connection
                    .prepare_cached("DELETE FROM setting WHERE name = ?1")?
                    .execute([name])?,
            };
        }
    }
    Ok(())
}

/// Ends every open row of a session that is older than the command, so that no restart answers what was stopped.
fn end_open(
    connection: &Connection,
    key: &str,
    command: InboxId,
    at_ms: i64,
) -> Result<(), StoreError> {
    // Two statements, because only the open states have an index.
    for sql in [
        "UPDATE inbox SET state = 'done', reason = 'stopped:stop', payload_json = NULL, updated_at = ?3
         WHERE state = 'merged' AND merged_into IN (SELECT id FROM inbox
           WHERE session = ?1 AND id < ?2 AND state IN ('queued', 'adopted', 'held'))",
        "UPDATE inbox SET state = 'done', reason = 'stopped:stop', payload_json = NULL, updated_at = ?3
         WHERE session = ?1 AND id < ?2 AND state IN ('queued', 'adopted', 'held')",
    ] {
        connection.prepare_cached(sql)?.execute(params![key, command.0, at_ms])?;
    }
    Ok(())
}
