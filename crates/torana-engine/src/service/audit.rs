//! The audit log: administrative acts as they happen, refusals in bundles, and the runs agents made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use torana_core::event::{Event, NodeDecision};
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
    /// What it concerns: `config`, `agent`, `channel`, `pairing`, `device`, `auth`, `gateway`, `approval`, `question`,
    /// `exec-policy`.
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
        let (acts, waiting) = mpsc::channel::<Act>(WAITING_MAX);
        engine.bus().attach(Arc::new(move |_, event| {
            if let Some(act) = act_of(event)
                && acts.try_send(act).is_err()
            {
                tracing::warn!("An act was not written to the audit log: too many at once.");
            }
        }));
        // Lent to one life of the task after the other.
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let (writer, stopping) = (audit.clone(), engine.tasks().stopping());
        engine.tasks().keep("audit", {
            let (writer, stopping) = (writer.clone(), stopping.clone());
            let waiting = Arc::clone(&waiting);
            move || {
                writer
                    .clone()
                    .write_acts(Arc::clone(&waiting), stopping.clone())
            }
        });
        // A kept task is dropped when the tree stops; what was done and counted until then is still written.
        engine.tasks().spawn("audit end", async move {
            stopping.cancelled().await;
            let mut waiting = waiting.lock().await;
            while let Ok(act) = waiting.try_recv() {
                writer.keep(act).await;
            }
            writer.write_refusals().await;
        });
        audit
    }

    async fn write_acts(
        self,
        waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Act>>>,
        stopping: CancellationToken,
    ) {
        let mut waiting = waiting.lock().await;
        loop {
            tokio::select! {
                biased;
                act = waiting.recv() => match act {
                    Some(act) => self.keep(act).await,
                    // The bus outlives the tree, so this is only the end of a test.
                    None => return stopping.cancelled().await,
                },
                () = self.engine.world().sleep_ms(BUNDLE_MS) => self.write_refusals().await,
            }
        }
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
            .write(move |connection| audit::append(connection, &record))
            .await
    }

    /// Records before a number, newest first; of one kind when given.
    pub async fn list(
        &self,
        before: Option<i64>,
        kind: Option<String>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, Problem> {
        self.engine
            .read(move |connection| {
                audit::page(connection, before, kind.as_deref(), limit.min(PAGE_MAX))
            })
            .await
    }

    /// Checks that no record was changed or taken out.
    pub async fn verify(&self) -> Result<Verified, Problem> {
        self.engine.read(audit::verify).await
    }

    /// Turns of agents, newest first. They are read from the inbox, which remembers them as long as it must.
    pub async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, Problem> {
        self.engine
            .read(move |connection| audit::runs(connection, &filter))
            .await
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
        Event::NodePairResolved { node, decision, .. } => {
            let (action, allowed) = match decision {
                NodeDecision::Approved => ("node.pair", true),
                NodeDecision::Rejected => ("node.pair", false),
                NodeDecision::Removed => ("node.pair.remove", true),
            };
            Some(act("device", action, node.as_str().to_owned(), allowed))
        }
        Event::ShuttingDown { reason, .. } => Some(Act {
            actor: "gateway".to_owned(),
            detail: Some(json!({ "reason": reason })),
            ..act("gateway", "gateway.stop", "gateway".to_owned(), true)
        }),
        _ => None,
    }
}
