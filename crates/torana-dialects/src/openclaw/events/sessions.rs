//! What listeners hear of sessions: lines that are added to transcripts, and rows that change.
//!
//! Rows are read by one task of the hub, one read for all changes that come together. Whoever cannot wait for a read
//! repeats the row that was told last.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use torana_core::event::{Appended, RunFacts, SessionChange};
use torana_core::id::{AgentId, INJECTED, RunId};
use torana_core::key::SessionKey;
use torana_engine::Engine;
use torana_engine::service::sessions;

use super::hub::{Hub, gone, key_of};
use crate::front::outgoing::Fate;
use crate::openclaw::attached::Line;
use crate::openclaw::client::Client;
use crate::openclaw::{frame, shape};

/// Changed sessions that wait for their row to be read; above it a change goes out without the row, a phase not at all.
pub(super) const CHANGES_MAX: usize = 1_024;
/// How long a change waits for others to share its read, milliseconds: a turn makes two when it begins, and a screen
/// shows nothing sooner than after 16.
const GATHER_MS: u64 = 10;
/// Changes told from one read: 25,000 a second, and whoever else reads waits two milliseconds for it.
const CHANGES_AT_ONCE_MAX: usize = 256;
/// Rows that are remembered: more sessions than pages show at once. Above it all are forgotten and read anew.
const ROWS_MAX: usize = 256;

/// Members of a row that events repeat beside it, null where the row has none (OpenClaw 2026.9.6).
const REPEATED: &[&str] = &[
    "updatedAt",
    "sessionId",
    "kind",
    "visibility",
    "chatType",
    "archived",
    "archivedAt",
    "pinned",
    "pinnedAt",
    "unread",
    "markedUnreadAt",
    "createdAt",
    "label",
    "autoLabel",
    "icon",
    "color",
    "category",
    "displayName",
    "thinkingLevel",
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "totalTokensFresh",
    "contextTokens",
    "modelProvider",
    "model",
    "modelOverrideSource",
    "status",
    "lastRunId",
    "lastRunError",
    "hasActiveRun",
    "activeRunIds",
    "startedAt",
    "endedAt",
    "runtimeMs",
];

/// A session that changed, why, and when.
pub(super) type Change = (SessionKey, AgentId, Why, i64);

/// Why listeners are told of a session.
pub(super) enum Why {
    /// Its row is another one now; with the id of the transcript that went with it, where that is known.
    Changed(SessionChange, Option<Value>),
    /// A run in it came to this point.
    Phase(&'static str, RunId),
}

impl Why {
    fn put(&self, payload: &mut Value) {
        match self {
            Self::Changed(change, gone) => {
                payload["reason"] = json!(reason(*change));
                if let Some(session_id) = gone {
                    payload["sessionId"] = session_id.clone();
                }
            }
            Self::Phase(phase, run_id) => {
                payload["phase"] = json!(phase);
                payload["runId"] = json!(run_id.as_str());
            }
        }
    }

    fn fate(&self, session: &SessionKey) -> Fate {
        match self {
            // Clients read the transcript anew after these, and a later change does not tell them to.
            Self::Changed(
                SessionChange::Reset
                | SessionChange::Rewound
                | SessionChange::Compacted
                | SessionChange::Deleted,
                _,
            ) => Fate::Keep,
            // Coalescible: the next change of the same session, or phase of the same run, says everything again.
            Self::Changed(..) => Fate::Merge(key_of(session.as_str(), 2)),
            Self::Phase(_, run_id) => Fate::Merge(key_of(run_id.as_str(), 3)),
        }
    }
}

/// An event with the row of its session, whole and in parts, as far as the event does not say them itself.
pub(super) struct WithRow<'a> {
    pub(super) payload: &'a Value,
    pub(super) row: Option<&'a Value>,
}

impl Serialize for WithRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.payload.as_object().into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        if let Some(row) = self.row {
            for name in REPEATED {
                if self.payload.get(name).is_none() {
                    map.serialize_entry(name, &row[name])?;
                }
            }
            map.serialize_entry("session", row)?;
        }
        map.end()
    }
}

/// Rows as they were told last.
#[derive(Default)]
pub(super) struct Rows(Mutex<Known>);

#[derive(Default)]
struct Known {
    rows: HashMap<SessionKey, Arc<Value>>,
    /// Sessions that are read and did not change since the read began.
    awaited: HashSet<SessionKey>,
}

impl Rows {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a session.
    pub(super) fn get(&self, session: &SessionKey) -> Option<Arc<Value>> {
        self.known().rows.get(session).cloned()
    }

    /// What holds for many of them changed.
    pub(super) fn forget_all(&self) {
        *self.known() = Known::default();
    }

    /// The row of a session is not known any more.
    fn forget(&self, session: &SessionKey) {
        let mut known = self.known();
        known.rows.remove(session);
        known.awaited.remove(session);
    }

    /// These are read from now on. What is forgotten meanwhile stays so: the read may have been before the change.
    fn begin_read(&self, changes: &[Change]) {
        self.known().awaited = changes.iter().map(|change| change.0.clone()).collect();
    }

    /// It was read as this.
    fn set(&self, session: SessionKey, row: Arc<Value>) {
        let mut known = self.known();
        if !known.awaited.remove(&session) {
            return;
        }
        if known.rows.len() >= ROWS_MAX && !known.rows.contains_key(&session) {
            known.rows.clear();
        }
        known.rows.insert(session, row);
    }
}

impl Hub {
    pub(super) fn tell_message(&self, appended: &Appended) {
        let run_id = appended.entry.run_id.as_ref();
        if let Some(run_id) = run_id.filter(|id| id.as_str().starts_with(INJECTED)) {
            self.tell_injected(appended, run_id);
        }
        let listens = |client: &Client| client.hears_of(&appended.session);
        self.send_made(Fate::Keep, &listens, || {
            let line = Line {
                session: appended.session.as_str(),
                id: &appended.entry_id,
                sequence: appended.sequence,
            };
            let payload = json!({
                "sessionKey": appended.session.as_str(),
                "sessionId": appended.session_id.as_str(),
                "agentId": appended.agent.as_str(),
                "message": shape::entry(&appended.entry, &line),
                "messageId": appended.entry_id,
                "messageSeq": appended.sequence,
            });
            self.encode_with_row("session.message", &payload, &appended.session)
        });
    }

    /// An event that repeats the row told last.
    pub(super) fn encode_with_row(
        &self,
        name: &str,
        payload: &Value,
        session: &SessionKey,
    ) -> Vec<u8> {
        let row = self.rows.get(session);
        let row = row.as_deref();
        frame::event(name, &WithRow { payload, row })
    }

    /// Quirk: a line that was put into a transcript is told like the answer of a run without events (2026.9.6).
    fn tell_injected(&self, appended: &Appended, run_id: &RunId) {
        // No change of its row is told with the line.
        self.rows.forget(&appended.session);
        let entry = &appended.entry;
        let payload = json!({
            "runId": run_id.as_str(), "sessionKey": appended.session.as_str(), "agentId": appended.agent.as_str(),
            "seq": 0, "state": "final", "message": shape::answer_message(&entry.text, entry.at_ms),
        });
        self.send(frame::event("chat", &payload), Fate::Keep, &|client| {
            client.follows(&appended.session)
        });
    }

    /// The groups that sessions are sorted into changed.
    pub(crate) fn tell_groups(&self) {
        self.rows.forget_all();
        let payload = json!({ "reason": "groups", "ts": self.world.wall_ms() });
        let frame = frame::event("sessions.changed", &payload);
        self.send(frame, Fate::Keep, &|client| {
            client.reads() && client.listens_to_lists()
        });
    }

    /// A session changed.
    pub(super) fn note_session(
        &self,
        session: &SessionKey,
        agent: &AgentId,
        change: SessionChange,
    ) {
        // The row told last names what ended; it is forgotten by the time this is told.
        let is_gone = change == SessionChange::Deleted;
        let last = is_gone.then(|| self.rows.get(session)).flatten();
        let gone = last.map(|row| row["sessionId"].clone());
        self.note_change(session, agent, Why::Changed(change, gone));
    }

    /// A row changed: it is read before its listeners are told.
    fn note_change(&self, session: &SessionKey, agent: &AgentId, why: Why) {
        if !self.anyone(&|client| client.hears_of(session)) {
            // Nobody is told, so what was told last is not what holds.
            self.rows.forget(session);
            return;
        }
        if matches!(why, Why::Changed(change, _) if is_news_to_events(change)) {
            self.rows.forget(session);
        }
        let change = (session.clone(), agent.clone(), why, self.world.wall_ms());
        if let Err(mpsc::error::TrySendError::Full(change)) = self.changes.try_send(change) {
            // It overtakes those that wait, so a phase, which comes in an order, is left out.
            if matches!(change.2, Why::Changed(..)) {
                self.tell_change(&change, None);
            }
            self.rows.forget(session);
        }
    }

    /// Tells changes with rows that were read after them, and remembers these for the events that come next.
    fn tell_read(&self, changes: &[Change], rows: HashMap<SessionKey, Option<Arc<Value>>>) {
        for change in changes {
            // What was deleted and made anew since has a row, but not this one.
            let row = rows.get(&change.0).and_then(Option::as_deref);
            let row = row.filter(|_| !matches!(change.2, Why::Changed(SessionChange::Deleted, _)));
            self.tell_change(change, row);
        }
        for (session, row) in rows {
            match row {
                Some(row) => self.rows.set(session, row),
                None => self.rows.forget(&session),
            }
        }
    }

    /// A run came to a point that lists of sessions are told of.
    pub(super) fn note_phase(&self, facts: &RunFacts, phase: &'static str) {
        let why = Why::Phase(phase, facts.run_id.clone());
        self.note_change(&facts.session, &facts.agent, why);
    }

    fn tell_change(&self, (session, agent, why, at_ms): &Change, row: Option<&Value>) {
        let listens = |client: &Client| client.reads() && client.listens_to_lists();
        self.send_made(why.fate(session), &listens, || {
            let mut payload = json!({
                "sessionKey": session.as_str(), "agentId": agent.as_str(), "ts": at_ms,
            });
            why.put(&mut payload);
            let payload = &payload;
            frame::event("sessions.changed", &WithRow { payload, row })
        });
    }
}

/// Until the row is read anew, events must not repeat what was told last. A turn that begins or ends may still be told with
/// the row before it.
fn is_news_to_events(change: SessionChange) -> bool {
    match change {
        SessionChange::Created
        | SessionChange::Patched
        | SessionChange::Reset
        | SessionChange::Rewound
        | SessionChange::Compacted
        | SessionChange::Deleted => true,
        SessionChange::Sent | SessionChange::RunStarted | SessionChange::RunEnded => false,
    }
}

/// The word for what changed a session (OpenClaw 2026.9.6).
fn reason(change: SessionChange) -> &'static str {
    match change {
        SessionChange::Created => "create",
        SessionChange::Sent => "send",
        SessionChange::RunStarted => "agent.run.started",
        SessionChange::RunEnded => "agent.input.settled",
        SessionChange::Patched => "patch",
        SessionChange::Reset => "reset",
        SessionChange::Rewound => "rewind",
        SessionChange::Compacted => "compact",
        SessionChange::Deleted => "delete",
    }
}

/// Reads the rows of changed sessions and tells their listeners.
pub(super) async fn tell_changes(
    hub: Weak<Hub>,
    engine: Engine,
    waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Change>>>,
) {
    let mut waiting = waiting.lock().await;
    while let Some(first) = waiting.recv().await {
        engine.world().sleep_ms(GATHER_MS).await;
        let mut changes = vec![first];
        while changes.len() < CHANGES_AT_ONCE_MAX
            && let Ok(next) = waiting.try_recv()
        {
            changes.push(next);
        }
        match hub.upgrade() {
            Some(hub) => hub.rows.begin_read(&changes),
            None => break,
        }
        let rows = read_rows(&engine, &changes).await;
        let Some(hub) = hub.upgrade() else { break };
        hub.tell_read(&changes, rows);
    }
    gone().await;
}

/// The rows of the sessions that changed, each once; `None` where there is none to tell.
async fn read_rows(engine: &Engine, changes: &[Change]) -> HashMap<SessionKey, Option<Arc<Value>>> {
    let changed = changes.iter().map(|change| (change.0.clone(), None));
    let mut rows: HashMap<_, _> = changed.collect();
    let keys = rows.keys().cloned().collect();
    match sessions::get_all(engine, keys).await {
        Ok(found) => rows.extend(found.into_iter().map(|(key, view)| {
            let row = shape::session_row(engine, &view);
            (key, Some(Arc::new(row)))
        })),
        Err(problem) => {
            tracing::warn!(%problem, "Sessions that changed are told without their rows.")
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_forgotten_while_it_is_read_stays_forgotten() {
        let (session, agent) = (SessionKey::main("main"), AgentId::new("main"));
        let why = Why::Changed(SessionChange::Patched, None);
        let changes = [(session.clone(), agent.expect("an id"), why, 1)];
        let rows = Rows::default();
        let told = |meanwhile: &dyn Fn()| {
            rows.begin_read(&changes);
            meanwhile();
            rows.set(session.clone(), Arc::new(json!({ "label": "a" })));
            rows.get(&session).is_some()
        };
        assert!(told(&|| ()));
        assert!(!told(&|| rows.forget(&session)));
        assert!(!told(&|| rows.forget_all()));
    }

    #[test]
    fn phases_of_different_runs_do_not_replace_each_other() {
        let session = SessionKey::main("main");
        let fate = |run_id: &str| {
            let run_id = RunId::new(run_id).expect("an id");
            Why::Phase("end", run_id).fate(&session)
        };
        assert_eq!(fate("a"), fate("a"));
        assert_ne!(fate("a"), fate("b"));
    }
}
