//! Turns that are waiting or running, as clients see them: text so far, how to stop one, how to wait for one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use torana_core::id::{AgentId, ConnectionId, InboxId, RunId};
use torana_core::key::SessionKey;
use torana_core::port::Steer;
use torana_core::run::Settled;

/// Why a run is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A client asked (`chat.abort`).
    Client,
    /// A person said `/stop`, or the session was reset or deleted.
    Stop,
    /// A newer message interrupts it.
    Interrupt,
    /// Its deadline passed.
    Timeout,
}

impl StopReason {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "rpc",
            Self::Stop => "stop",
            Self::Interrupt => "interrupt",
            Self::Timeout => "timeout",
        }
    }
}

/// The end of a turn, durable by the time anybody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// How it ended, with the reply.
    pub settled: Arc<Settled>,
    /// First start, Unix milliseconds.
    pub started_at_ms: i64,
    /// End, Unix milliseconds.
    pub ended_at_ms: i64,
    /// Nothing is shown to the person, by rule.
    pub silent: Option<&'static str>,
    /// Why it was stopped, when it was.
    pub stopped: Option<StopReason>,
}

/// A waiting or running turn.
pub struct TurnHandle {
    /// Wire id.
    pub run_id: RunId,
    /// Row of the message it is named after.
    pub inbox: InboxId,
    /// The session.
    pub session: SessionKey,
    /// The agent.
    pub agent: AgentId,
    /// The connection that asked for it.
    pub origin: Option<ConnectionId>,
    /// When it was accepted, Unix milliseconds.
    pub accepted_at_ms: i64,
    state: Mutex<State>,
    cancel: CancellationToken,
    done: watch::Sender<Option<Arc<Finished>>>,
    /// Held by the task that shows the growing answer.
    preview: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    text: String,
    started_at_ms: Option<i64>,
    stop: Option<StopReason>,
    steer: Option<Arc<dyn Steer>>,
    /// Messages that share this turn: whoever waits for them waits for its end.
    joined: Vec<Arc<TurnHandle>>,
}

impl TurnHandle {
    pub(crate) fn new(
        run_id: RunId,
        inbox: InboxId,
        session: SessionKey,
        agent: AgentId,
        origin: Option<ConnectionId>,
        accepted_at_ms: i64,
    ) -> Arc<Self> {
        Arc::new(Self {
            run_id,
            inbox,
            session,
            agent,
            origin,
            accepted_at_ms,
            state: Mutex::default(),
            cancel: CancellationToken::new(),
            done: watch::Sender::new(None),
            preview: Arc::default(),
        })
    }

    /// Waits until no task shows this turn's growing answer, and keeps others from starting one meanwhile.
    pub(crate) async fn previewing(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.preview).lock_owned().await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer so far.
    pub fn text(&self) -> String {
        self.state().text.clone()
    }

    /// When its first run began; `None` while it waits.
    pub fn started_at_ms(&self) -> Option<i64> {
        self.state().started_at_ms
    }

    /// Asks it to end. The first reason wins.
    pub fn stop(&self, reason: StopReason) {
        self.state().stop.get_or_insert(reason);
        self.cancel.cancel();
    }

    /// Why it was asked to end.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.state().stop
    }

    /// Waits for its end. Returns at once when it has ended.
    pub async fn finished(&self) -> Option<Arc<Finished>> {
        let mut receiver = self.done.subscribe();
        receiver
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|finished| finished.clone())
    }

    pub(crate) fn cancelled(&self) -> CancellationToken {
        self.cancel.clone()
    }

    pub(crate) fn begin(&self, at_ms: i64, steer: Option<Arc<dyn Steer>>) -> i64 {
        let mut state = self.state();
        state.text.clear();
        state.steer = steer;
        *state.started_at_ms.get_or_insert(at_ms)
    }

    pub(crate) fn push_text(&self, delta: &str) {
        self.state().text.push_str(delta);
    }

    pub(crate) fn replace_text(&self, text: &str) {
        self.state().text = text.to_owned();
    }

    pub(crate) fn steer(&self) -> Option<Arc<dyn Steer>> {
        self.state().steer.clone()
    }

    /// Makes another message share the end of this turn; joining again changes nothing. `true` when that end has come,
    /// so that the caller must tell it.
    pub(crate) fn join(&self, other: &Arc<TurnHandle>) -> bool {
        let finished = {
            // The end takes the list under this lock, so that the other is either in it or sees the end here.
            let mut state = self.state();
            let finished = self.done.borrow().clone();
            let is_known = |known: &Arc<TurnHandle>| Arc::ptr_eq(known, other);
            if finished.is_none() && !state.joined.iter().any(is_known) {
                state.joined.push(Arc::clone(other));
            }
            finished
        };
        let is_over = finished.is_some();
        if let Some(finished) = finished {
            other.finish(finished);
        }
        is_over
    }

    /// Ends it, and the messages that share its end; returns those.
    pub(crate) fn finish(&self, finished: Arc<Finished>) -> Vec<Arc<TurnHandle>> {
        let joined = {
            let mut state = self.state();
            state.steer = None;
            self.done.send_replace(Some(Arc::clone(&finished)));
            std::mem::take(&mut state.joined)
        };
        for other in &joined {
            other.finish(Arc::clone(&finished));
        }
        joined
    }
}

/// All turns that are waiting or running, by wire id.
#[derive(Default)]
pub(crate) struct Turns {
    map: Mutex<BTreeMap<RunId, Arc<TurnHandle>>>,
}

impl Turns {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunId, Arc<TurnHandle>>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A repeat on its way to the store has the same id; it must not hide the turn that runs.
    pub(crate) fn insert(&self, handle: &Arc<TurnHandle>) {
        let mut map = self.lock();
        let known = map
            .entry(handle.run_id.clone())
            .or_insert_with(|| Arc::clone(handle));
        if known.done.borrow().is_some() {
            *known = Arc::clone(handle);
        }
    }

    pub(crate) fn get(&self, run_id: &str) -> Option<Arc<TurnHandle>> {
        self.lock().get(run_id).cloned()
    }

    pub(crate) fn remove(&self, handle: &TurnHandle) {
        let mut map = self.lock();
        if map
            .get(&handle.run_id)
            .is_some_and(|known| known.inbox == handle.inbox)
        {
            map.remove(&handle.run_id);
        }
    }

    pub(crate) fn of_session(&self, session: &SessionKey) -> Vec<Arc<TurnHandle>> {
        self.lock()
            .values()
            .filter(|handle| handle.session == *session)
            .cloned()
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
