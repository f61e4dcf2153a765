//! What listeners hear of sessions: lines that are added to transcripts, and rows that change.
//!
//! Rows are read by one task of the hub. Whoever cannot wait for a read repeats the row that was told last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use torana_core::event::{Appended, SessionChange};
use torana_core::id::{AgentId, INJECTED, RunId};
use torana_core::key::SessionKey;
use torana_engine::Engine;
use torana_engine::service::sessions;

use super::hub::{Hub, gone, key_of};
use crate::front::outgoing::Fate;
use crate::openclaw::attached::Line;
use crate::openclaw::client::Client;
use crate::openclaw::{frame, shape};

/// Changed sessions that wait for their row to be read; above it the event goes out without the row.
pub(super) const CHANGES_MAX: usize = 1_024;
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
pub(super) type Change = (SessionKey, AgentId, SessionChange, i64);

/// Adds a row to an event, whole and in parts.
pub(super) fn with_row(payload: &mut Value, row: &Value) {
    for name in REPEATED {
        payload[*name] = row[*name].clone();
    }
    payload["session"] = row.clone();
}

/// Rows as they were told last.
#[derive(Default)]
pub(super) struct Rows(Mutex<HashMap<SessionKey, Arc<Value>>>);

impl Rows {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<SessionKey, Arc<Value>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a session.
    pub(super) fn get(&self, session: &SessionKey) -> Option<Arc<Value>> {
        self.map().get(session).cloned()
    }

    /// What holds for many of them changed.
    pub(super) fn forget_all(&self) {
        self.map().clear();
    }

    /// It is this now, or not known.
    fn set(&self, session: &SessionKey, row: Option<&Value>) {
        let mut map = self.map();
        let Some(row) = row else {
            map.remove(session);
            return;
        };
        if map.len() >= ROWS_MAX && !map.contains_key(session) {
            map.clear();
        }
        map.insert(session.clone(), Arc::new(row.clone()));
    }
}

impl Hub {
    pub(super) fn tell_message(&self, appended: &Appended) {
        let run_id = appended.entry.run_id.as_ref();
        if let Some(run_id) = run_id.filter(|id| id.as_str().starts_with(INJECTED)) {
            self.tell_injected(appended, run_id);
        }
        let listens = |client: &Client| client.hears_of(&appended.session);
        if !self.anyone(&listens) {
            return;
        }
        let line = Line {
            session: appended.session.as_str(),
            id: &appended.entry_id,
            sequence: appended.sequence,
        };
        let message = shape::entry(&appended.entry, &line);
        let mut payload = json!({
            "sessionKey": appended.session.as_str(),
            "agentId": appended.agent.as_str(),
            "message": message,
            "messageId": appended.entry_id,
            "messageSeq": appended.sequence,
        });
        if let Some(row) = self.rows.get(&appended.session) {
            with_row(&mut payload, &row);
        }
        payload["sessionId"] = json!(appended.session_id.as_str());
        self.send(
            frame::event("session.message", &payload),
            Fate::Keep,
            &listens,
        );
    }

    /// Quirk: a line that was put into a transcript is told like the answer of a run without events (2026.9.6).
    fn tell_injected(&self, appended: &Appended, run_id: &RunId) {
        // No change of its row is told with the line.
        self.rows.set(&appended.session, None);
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

    /// A row changed: it is read before its listeners are told.
    pub(super) fn note_change(&self, session: &SessionKey, agent: &AgentId, change: SessionChange) {
        if !self.anyone(&|client| client.hears_of(session)) {
            // Nobody is told, so what was told last is not what holds.
            self.rows.set(session, None);
            return;
        }
        let change = (session.clone(), agent.clone(), change, self.world.wall_ms());
        if let Err(mpsc::error::TrySendError::Full(change)) = self.changes.try_send(change) {
            self.tell_change(&change, None);
        }
    }

    fn tell_change(&self, (session, agent, change, at_ms): &Change, row: Option<&Value>) {
        let reason = match change {
            SessionChange::Created => "create",
            SessionChange::Sent => "send",
            SessionChange::RunStarted => "agent.run.started",
            SessionChange::RunEnded => "agent.input.settled",
            SessionChange::Patched => "patch",
            SessionChange::Reset => "reset",
            SessionChange::Rewound => "rewind",
            SessionChange::Compacted => "compact",
            SessionChange::Deleted => "delete",
        };
        let mut payload = json!({
            "sessionKey": session.as_str(), "agentId": agent.as_str(), "reason": reason, "ts": at_ms,
        });
        if let (SessionChange::Deleted, Some(last)) = (change, self.rows.get(session)) {
            payload["sessionId"] = last["sessionId"].clone();
        }
        self.rows.set(session, row);
        if let Some(row) = row {
            with_row(&mut payload, row);
        }
        let fate = match change {
            // Clients read the transcript anew after these, and a later change does not tell them to.
            SessionChange::Reset
            | SessionChange::Rewound
            | SessionChange::Compacted
            | SessionChange::Deleted => Fate::Keep,
            // Coalescible: the next change of the same session says everything again.
            _ => Fate::Merge(key_of(session.as_str(), 2)),
        };
        self.send(
            frame::event("sessions.changed", &payload),
            fate,
            &|client| client.reads() && client.listens_to_lists(),
        );
    }
}

/// Reads the rows of changed sessions and tells their listeners.
pub(super) async fn tell_changes(
    hub: Weak<Hub>,
    engine: Engine,
    waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Change>>>,
) {
    let mut waiting = waiting.lock().await;
    while let Some(change) = waiting.recv().await {
        let row = match sessions::get(&engine, &change.0).await {
            Ok(Some(view)) => Some(shape::session_row(&engine, &view)),
            Ok(None) | Err(_) => None,
        };
        let Some(hub) = hub.upgrade() else { break };
        hub.tell_change(&change, row.as_ref());
    }
    gone().await;
}
