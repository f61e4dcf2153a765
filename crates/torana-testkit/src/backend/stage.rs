//! The truth about runs: which began, in which order, and whether two ever shared a session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use torana_core::key::SessionKey;
use torana_core::port::TurnRequest;

use crate::log::Log;

/// A run that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStart {
    /// The session.
    pub session: SessionKey,
    /// Wire id of the turn.
    pub run_id: String,
    /// 1 for its first run.
    pub attempt: u32,
    /// Numbers of the messages it saw.
    pub numbers: Vec<u64>,
}

#[derive(Default)]
struct State {
    life: u64,
    active: BTreeMap<SessionKey, String>,
    starts: Vec<RunStart>,
    complaints: Vec<String>,
}

/// All runs of all lives.
pub struct Stage {
    state: Mutex<State>,
    log: Log,
}

impl Stage {
    /// An empty stage.
    pub fn new(log: Log) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            log,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process begins: whatever the last one ran is gone with it.
    pub fn begin_life(&self) {
        let mut state = self.lock();
        state.life += 1;
        state.active.clear();
    }

    /// Every run that began, in order.
    pub fn starts(&self) -> Vec<RunStart> {
        self.lock().starts.clone()
    }

    /// Runs that have not ended.
    pub fn active(&self) -> usize {
        self.lock().active.len()
    }

    /// Sessions that had two runs at once.
    pub fn complaints(&self) -> Vec<String> {
        self.lock().complaints.clone()
    }

    pub(super) fn enter(
        self: &Arc<Self>,
        session: &SessionKey,
        request: &TurnRequest,
        numbers: Vec<u64>,
        now_ms: i64,
    ) -> Presence {
        let mut state = self.lock();
        let run_id = request.run_id.to_string();
        self.log.write(
            now_ms,
            format_args!(
                "agent: run {run_id} of {session}, attempt {}, sees {numbers:?}",
                request.attempt
            ),
        );
        if let Some(other) = state.active.insert(session.clone(), run_id.clone()) {
            state
                .complaints
                .push(format!("{session} runs {other} and {run_id} at once"));
        }
        state.starts.push(RunStart {
            session: session.clone(),
            run_id: run_id.clone(),
            attempt: request.attempt,
            numbers,
        });
        Presence {
            stage: Arc::clone(self),
            session: session.clone(),
            run_id,
            life: state.life,
        }
    }
}

/// A run on the stage; it leaves when dropped.
pub(super) struct Presence {
    stage: Arc<Stage>,
    session: SessionKey,
    run_id: String,
    life: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = self.stage.lock();
        if state.life == self.life && state.active.get(&self.session) == Some(&self.run_id) {
            state.active.remove(&self.session);
        }
    }
}
