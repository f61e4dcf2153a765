//! The audit log: administrative acts as they happen, refusals in bundles, and the runs agents made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use torana_core::event::Event;
use torana_core::problem::Problem;

use crate::engine::Engine;
use crate::store::audit::{self, AuditRow, Record, RunFilter, RunRow, Verified};

/// Acts that wait to be written; they are rare, so a full queue means a flood of one kind.
const WAITING_MAX: usize = 256;
/// Different sources of refusals kept apart between two writes; the rest is counted together.
const SOURCES_MAX: usize = 256;
/// Pause between two writes of refusals, milliseconds: a guesser costs one row a minute.
const BUNDLE_MS: u64 = 60_000;
/// Records or runs in one answer.
pub const PAGE_MAX: usize = 500;

/// Something somebody did.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// What it concerns: `config`, `agent`, `channel`, `pairing`, `device`, `auth`, `gateway`.
    pub kind: &'static str,
    /// What was done, such as `config.patch`.
    pub action: String,
    /// Who did it.
    pub actor: String,
    /// What it was done to.
    pub target: String,
    /// It was done, not refused.
    pub allowed: bool,
    /// Facts without secrets.
    pub detail: Option<Value>,
}

type Refusals = BTreeMap<(String, String), i64>;

/// Writes and reads the audit log. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    engine: Engine,
    refusals: Arc<Mutex<Refusals>>,
}

impl Audit {
    /// Starts to write down what the engine tells.
    pub fn start(engine: &Engine) -> Self {
        let audit = Self {
            engine: engine.clone(),
            refusals: Arc::default(),
        };
        let (acts, mut waiting) = mpsc::channel::<Act>(WAITING_MAX);
        engine.bus().attach(Arc::new(move |_, event| {
            if let Some(act) = act_of(event)
                && acts.try_send(act).is_err()
            {
                tracing::warn!("An act was not written to the audit log: too many at once.");
            }
        }));
        let writer = audit.clone();
        let stopping = engine.tasks().stopping();
        engine.tasks().spawn("audit", async move {
            loop {
                tokio::select! {
                    biased;
                    () = stopping.cancelled() => break,
                    act = waiting.recv() => match act {
                        Some(act) => writer.keep(act).await,
                        None => break,
                    },
                    () = writer.engine.world().sleep_ms(BUNDLE_MS) => writer.write_refusals().await,
                }
            }
            writer.write_refusals().await;
        });
        audit
    }

    /// Writes an act down; it is on disk when this returns.
    pub async fn record(&self, act: Act) -> Result<i64, Problem> {
        self.write(act, 1).await
    }

    /// The same for acts whose outcome must not depend on the log; a failure is told there.
    pub async fn keep(&self, act: Act) {
        if let Err(problem) = self.write(act, 1).await {
            tracing::error!(%problem, "An act was not written to the audit log.");
        }
    }

    /// Counts a refused credential; refusals of one source are written together.
    pub fn refused(&self, source: &str, reason: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.to_owned(), reason.to_owned());
        let is_known = refusals.contains_key(&key) || refusals.len() < SOURCES_MAX;
        let key = if is_known {
            key
        } else {
            ("others".to_owned(), "several".to_owned())
        };
        *refusals.entry(key).or_default() += 1;
    }

    /// Writes counted refusals now.
    pub async fn write_refusals(&self) {
        let refusals =
            std::mem::take(&mut *self.refusals.lock().unwrap_or_else(PoisonError::into_inner));
        for ((source, reason), count) in refusals {
            let act = Act {
                kind: "auth",
                action: "connect".to_owned(),
                actor: source,
                target: "gateway".to_owned(),
                allowed: false,
                detail: Some(json!({ "reason": reason })),
            };
            if let Err(problem) = self.write(act, count).await {
                tracing::error!(%problem, count, "Refusals were not written to the audit log.");
            }
        }
    }

    async fn write(&self, act: Act, count: i64) -> Result<i64, Problem> {
        let record = Record {
            at_ms: self.engine.world().wall_ms(),
            kind: act.kind,
            action: act.action,
            actor: act.actor,
            target: act.target,
            allowed: act.allowed,
            count,
            detail: act.detail,
        };
        self.engine
            .store()
            .write(move |connection| audit::append(connection, &record))
            .await
            .map_err(|error| self.engine.problem(&error))
    }

    /// Records before a number, newest first; of one kind when given.
    pub async fn list(
        &self,
        before: Option<i64>,
        kind: Option<String>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, Problem> {
        self.engine
            .store()
            .read(move |connection| {
                audit::page(connection, before, kind.as_deref(), limit.min(PAGE_MAX))
            })
            .await
            .map_err(|error| self.engine.problem(&error))
    }

    /// Checks that no record was changed or taken out.
    pub async fn verify(&self) -> Result<Verified, Problem> {
        self.engine
            .store()
            .read(audit::verify)
            .await
            .map_err(|error| self.engine.problem(&error))
    }

    /// Turns of agents, newest first. They are read from the inbox, which remembers them as long as it must.
    pub async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, Problem> {
        self.engine
            .store()
            .read(move |connection| audit::runs(connection, &filter))
            .await
            .map_err(|error| self.engine.problem(&error))
    }
}

/// What of the bus is an act worth keeping.
fn act_of(event: &Event) -> Option<Act> {
    let act = |kind, action: &str, target: String, allowed| Act {
        kind,
        action: action.to_owned(),
        actor: "operator".to_owned(),
        target,
        allowed,
        detail: None,
    };
    match event {
        Event::PairingResolved {
            channel,
            account,
            sender,
            approved,
        } => Some(act(
            "pairing",
            "channels.pairing",
            format!("{channel}:{account}:{sender}"),
            *approved,
        )),
        Event::DevicePairResolved {
            device, approved, ..
        } => Some(act(
            "device",
            "device.pair",
            device.as_str().to_owned(),
            *approved,
        )),
        Event::ShuttingDown { reason, .. } => Some(Act {
            actor: "gateway".to_owned(),
            detail: Some(json!({ "reason": reason })),
            ..act("gateway", "gateway.stop", "gateway".to_owned(), true)
        }),
        _ => None,
    }
}
