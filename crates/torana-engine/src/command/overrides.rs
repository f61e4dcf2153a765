//! Choices made by commands that every later message asks for, and their stored form.

use std::collections::BTreeMap;

use rusqlite::Connection;
use torana_core::command::QueueChange;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::lane::{DropPolicy, QueueMode};
use torana_core::run::ModelRef;

use crate::store::StoreError;
use crate::store::session::Manner;

/// Choices people made with commands that reach beyond one row, kept in memory because every message asks for them.
#[derive(Default)]
pub(crate) struct Overrides {
    queues: BTreeMap<SessionKey, QueueChange>,
    /// Whether a group has to mention us.
    mentions: BTreeMap<SessionKey, bool>,
    pub(super) models: BTreeMap<String, ModelRef>,
}

/// Stands for every agent in the table of chosen models.
pub(super) const EVERY_AGENT: &str = "*";

impl Overrides {
    pub(crate) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let mut overrides = Self::default();
        let mut statement = connection
            .prepare("SELECT key, queue_mode FROM session WHERE queue_mode IS NOT NULL")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        for row in rows {
            let (key, stored) = row?;
            if let Some(key) = stored_key(&key) {
                overrides.queues.insert(key, parse_queue(&stored));
            }
        }
        let mut statement = connection
            .prepare("SELECT key, manner_json FROM session WHERE manner_json IS NOT NULL")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        for row in rows {
            let (key, stored) = row?;
            let manner: Manner = serde_json::from_str(&stored)?;
            if let Some(key) = stored_key(&key) {
                overrides.set_mention(&key, manner.needs_mention());
            }
        }
        let mut statement =
            connection.prepare("SELECT name, value_json FROM setting WHERE name LIKE 'model:%'")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        for row in rows {
            let (name, value) = row?;
            let value: String = serde_json::from_str(&value)?;
            if let (Some(agent), Some(model)) =
                (name.strip_prefix("model:"), ModelRef::parse(&value))
            {
                overrides.models.insert(agent.to_owned(), model);
            }
        }
        Ok(overrides)
    }

    pub(crate) fn queue_of(&self, session: &SessionKey) -> Option<QueueChange> {
        self.queues.get(session).copied()
    }

    pub(crate) fn set_queue(&mut self, session: &SessionKey, change: Option<QueueChange>) {
        match change {
            Some(change) => self.queues.insert(session.clone(), change),
            None => self.queues.remove(session),
        };
    }

    /// Whether a group has to mention us, where that was chosen.
    pub(crate) fn mention_of(&self, session: &SessionKey) -> Option<bool> {
        self.mentions.get(session).copied()
    }

    pub(crate) fn set_mention(&mut self, session: &SessionKey, needed: Option<bool>) {
        match needed {
            Some(needed) => self.mentions.insert(session.clone(), needed),
            None => self.mentions.remove(session),
        };
    }

    pub(crate) fn model_of(&self, agent: &AgentId) -> Option<ModelRef> {
        self.models
            .get(agent.as_str())
            .or_else(|| self.models.get(EVERY_AGENT))
            .cloned()
    }
}

/// A key as the store has it: whole, so no defaults matter.
fn stored_key(text: &str) -> Option<SessionKey> {
    let context = torana_core::key::KeyContext {
        default_agent: "main",
        main_key: "main",
    };
    SessionKey::parse(text, &context).ok()
}

/// The stored form of a session's queue choice: `mode debounce:ms cap:n drop:word`, absent parts left out.
pub(super) fn print_queue(change: &QueueChange) -> String {
    let mut words = Vec::new();
    if let Some(mode) = change.mode {
        words.push(mode.as_str().to_owned());
    }
    if let Some(debounce_ms) = change.debounce_ms {
        words.push(format!("debounce:{debounce_ms}"));
    }
    if let Some(cap) = change.cap {
        words.push(format!("cap:{cap}"));
    }
    if let Some(drop) = change.drop {
        let word = match drop {
            DropPolicy::Summarize => "summarize",
            DropPolicy::Old => "old",
            DropPolicy::New => "new",
        };
        words.push(format!("drop:{word}"));
    }
    words.join(" ")
}

/// Reads [`print_queue`]'s form; words it does not know are ignored, because an older version may have written them.
pub(crate) fn parse_queue(stored: &str) -> QueueChange {
    let mut change = QueueChange::default();
    for word in stored.split_whitespace() {
        match word.split_once(':') {
            None => change.mode = QueueMode::parse(word),
            Some(("debounce", value)) => change.debounce_ms = value.parse().ok(),
            Some(("cap", value)) => change.cap = value.parse().ok(),
            Some(("drop", "summarize")) => change.drop = Some(DropPolicy::Summarize),
            Some(("drop", "old")) => change.drop = Some(DropPolicy::Old),
            Some(("drop", "new")) => change.drop = Some(DropPolicy::New),
            Some(_) => {}
        }
    }
    change
}
