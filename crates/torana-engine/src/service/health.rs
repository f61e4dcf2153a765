//! The state of the gateway as one value: agents, sessions, channels, journals, disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::id::AgentId;
use torana_core::problem::Problem;

use crate::account::AccountStatus;
use crate::engine::{Engine, Phase};
use crate::store::session::{self, Archived, Filter, SessionRow};
use crate::store::{inbox, outbox};
use crate::supervise::Trouble;

/// Sessions shown in a snapshot.
const RECENT_MAX: usize = 5;

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentHealth {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// It takes what no binding takes.
    pub is_default: bool,
}

/// Rows of a journal in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// State word.
    pub state: String,
    /// Rows.
    pub count: i64,
    /// The oldest of them, Unix milliseconds.
    pub oldest_at_ms: i64,
}

/// Everything at one moment.
#[derive(Clone)]
pub struct HealthSnapshot {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// How long it took to look, milliseconds.
    pub duration_ms: u64,
    /// The agents.
    pub agents: Vec<AgentHealth>,
    /// Sessions in the store.
    pub sessions: i64,
    /// Most recently changed sessions.
    pub recent: Vec<SessionRow>,
    /// Channel accounts.
    pub accounts: Vec<AccountStatus>,
    /// Open and parked messages.
    pub inbox: Vec<Census>,
    /// Open and parked intents.
    pub outbox: Vec<Census>,
    /// Nothing new is accepted until space returns.
    pub storage_full: bool,
    /// Where the gateway is in its life.
    pub phase: Phase,
    /// A real model is configured.
    pub model_configured: bool,
    /// Sessions with a running turn.
    pub running: usize,
    /// Messages that wait behind one.
    pub waiting: usize,
    /// Tasks that must always be there and failed since the start, by name.
    pub tasks: BTreeMap<String, Trouble>,
}

/// Takes snapshots. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    engine: Engine,
    last: Arc<Mutex<Option<HealthSnapshot>>>,
}

impl Health {
    /// Nothing looked at yet.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            last: Arc::default(),
        }
    }

    /// The latest snapshot somebody took.
    pub fn last(&self) -> Option<HealthSnapshot> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Looks now.
    pub async fn snapshot(&self) -> Result<HealthSnapshot, Problem> {
        let engine = &self.engine;
        let started_ms = engine.world().monotonic_ms();
        let at_ms = engine.world().wall_ms();
        let ((recent, sessions), inbox, outbox) = engine
            .read(move |connection| {
                // Counters beside the table know how many there are, so only the newest rows are read.
                let filter = Filter {
                    archived: Archived::Shown,
                    limit: RECENT_MAX,
                    ..Filter::default()
                };
                Ok((
                    session::list(connection, &filter)?,
                    inbox::census(connection)?,
                    outbox::census(connection)?,
                ))
            })
            .await?;
        let settings = engine.settings();
        let default = settings.default_agent().cloned();
        let (running, waiting) = engine.load();
        let snapshot = HealthSnapshot {
            at_ms,
            duration_ms: engine.world().monotonic_ms().saturating_sub(started_ms),
            agents: settings
                .agents
                .iter()
                .map(|(id, agent)| AgentHealth {
                    id: id.clone(),
                    name: agent.name.clone(),
                    is_default: default.as_ref() == Some(id),
                })
                .collect(),
            sessions,
            recent,
            accounts: engine.accounts(),
            inbox: census(inbox),
            outbox: census(outbox),
            storage_full: engine.storage_full(),
            phase: engine.phase(),
            model_configured: settings.model_configured,
            running,
            waiting,
            tasks: engine.tasks().troubled(),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(snapshot.clone());
        drop(last);
        Ok(snapshot)
    }
}

fn census(rows: Vec<(String, i64, i64)>) -> Vec<Census> {
    rows.into_iter()
        .map(|(state, count, oldest_at_ms)| Census {
            state,
            count,
            oldest_at_ms,
        })
        .collect()
}
