//! Follows durable turns on the bus: the text of a run as it grows, for the request that waits for it.
//!
//! One sink serves all requests; a request holds a [`Watch`] for its run id. Text gathers in the watch until the
//! client takes it, so a slow reader costs one string and no queue.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use torana_core::event::{Event, RunSignal};
use torana_core::run::Settled;
use torana_engine::Bus;

/// Runs that somebody waits for.
#[derive(Clone, Default)]
pub(crate) struct Runs {
    watched: Arc<Mutex<HashMap<String, Arc<Growing>>>>,
}

#[derive(Default)]
struct Growing {
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct State {
    /// The whole text so far.
    text: String,
    changed: bool,
    settled: Option<Arc<Settled>>,
    is_silent: bool,
}

/// What a run has come to.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    /// The whole text so far.
    Text(String),
    /// The end.
    Settled {
        /// How it ended.
        settled: Arc<Settled>,
        /// Nothing is to be shown.
        is_silent: bool,
    },
}

/// One request's view of its run; dropping it ends the watching.
pub(super) struct Watch {
    run_id: String,
    runs: Runs,
    growing: Arc<Growing>,
}

// === impl Runs ===

impl Runs {
    /// Listens to a bus, for the life of the process.
    pub(crate) fn new(bus: &Bus) -> Self {
        let runs = Self::default();
        let sink = runs.clone();
        bus.attach(Arc::new(move |_, event| {
            if let Event::Run(facts, signal) = event {
                sink.hear(facts.run_id.as_str(), signal);
            }
        }));
        runs
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<String, Arc<Growing>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to follow a run; call before it starts.
    pub(super) fn watch(&self, run_id: &str) -> Watch {
        let growing = Arc::new(Growing::default());
        self.watched()
            .insert(run_id.to_owned(), Arc::clone(&growing));
        Watch {
            run_id: run_id.to_owned(),
            runs: self.clone(),
            growing,
        }
    }

    fn hear(&self, run_id: &str, signal: &RunSignal) {
        let growing = {
            let watched = self.watched();
            if watched.is_empty() {
                return;
            }
            watched.get(run_id).cloned()
        };
        let Some(growing) = growing else { return };
        let mut state = growing.state();
        match signal {
            RunSignal::Text(delta) => state.text.push_str(delta),
            RunSignal::Replace(text) => text.as_ref().clone_into(&mut state.text),
            RunSignal::Settled {
                settled, silent, ..
            } => {
                state.settled = Some(Arc::clone(settled));
                state.is_silent = silent.is_some();
            }
            // A request waits for a turn of its own, so none is merged.
            RunSignal::Merged
            | RunSignal::Started
            | RunSignal::Model { .. }
            | RunSignal::Thinking(_)
            | RunSignal::ToolStarted { .. }
            | RunSignal::ToolFinished { .. }
            | RunSignal::Retrying { .. }
            | RunSignal::Fallback { .. } => return,
        }
        state.changed = true;
        drop(state);
        growing.waker.wake();
    }
}

impl Growing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Watch ===

impl Watch {
    /// Waits until there is more to tell.
    pub(super) async fn next(&mut self) -> Progress {
        poll_fn(|context| {
            self.growing.waker.register(context.waker());
            let mut state = self.growing.state();
            if !std::mem::take(&mut state.changed) {
                return Poll::Pending;
            }
            Poll::Ready(match &state.settled {
                Some(settled) => Progress::Settled {
                    settled: Arc::clone(settled),
                    is_silent: state.is_silent,
                },
                None => Progress::Text(state.text.clone()),
            })
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.runs.watched().remove(&self.run_id);
    }
}
