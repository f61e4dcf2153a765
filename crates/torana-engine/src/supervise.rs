//! The task tree: the only place that starts tasks. A panic ends one task, is reported, and nothing else falls.
//!
//! A task that belongs to one piece of work ends with it. A task that must always be there is kept: when it panics or
//! ends by itself it is started again, with growing waits, and given up after ten failures in a row.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use torana_core::event::Event;
use torana_core::limit::{
    TASK_HEALTHY_MS, TASK_RESTART_MS_FIRST, TASK_RESTART_MS_MAX, TASK_RESTARTS_MAX,
};
use torana_core::port::World;

use crate::bus::Bus;

/// Starts tasks, stops them, and waits for them. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    tracker: TaskTracker,
    stop: CancellationToken,
    bus: Bus,
    world: World,
    troubles: Arc<Mutex<BTreeMap<String, Trouble>>>,
}

/// What is wrong with a task that must always be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Failures in a row.
    pub failures: u32,
    /// It stays down.
    pub given_up: bool,
    /// How it ended last: the words of its panic, or that it simply ended.
    pub reason: String,
}

/// How a kept task came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was told to.
    Stopped,
    /// It failed too often; the last reason.
    GivenUp(String),
}

impl Supervisor {
    /// A tree without tasks.
    pub fn new(bus: Bus, world: World) -> Self {
        Self {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            bus,
            world,
            troubles: Arc::default(),
        }
    }

    /// Starts a task. It ends by itself, or when the runtime does; a panic is caught and published.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let (name, tasks) = (name.into(), self.clone());
        // Not an async block: it would hold the task twice, as what it captured and as what it waits for, and there is
        // a task for every client.
        let reported = AssertUnwindSafe(task).catch_unwind().map(move |outcome| {
            if let Err(panic) = outcome {
                tasks.panicked(&name, panic.as_ref());
            }
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the place that starts tasks"
        )]
        drop(self.tracker.spawn(reported));
    }

    /// Starts a task that ends at the latest when the tree is stopped.
    pub fn spawn_until_stop(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let stop = self.stop.clone();
        self.spawn(name, async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Keeps a task alive until the tree is stopped: `make` starts it, and starts it again when it panics or ends.
    pub fn keep<F, T>(&self, name: impl Into<String>, make: F)
    where
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let (tasks, name, stop) = (self.clone(), name.into(), self.stopping());
        self.spawn(name.clone(), async move {
            // What was given up has been said, and health goes on saying it.
            tasks.kept(&name, &stop, make).await;
        });
    }

    /// The life of a kept task, for callers that must know when it is given up.
    pub(crate) async fn kept<F, T>(&self, name: &str, stop: &CancellationToken, mut make: F) -> Kept
    where
        F: FnMut() -> T,
        T: Future<Output = ()>,
    {
        let mut failures = 0;
        loop {
            let began_ms = self.world.monotonic_ms();
            let life = AssertUnwindSafe(async { make().await }).catch_unwind();
            let reason = tokio::select! {
                biased;
                () = stop.cancelled() => return Kept::Stopped,
                ended = life => match ended {
                    Ok(()) => "it ended by itself".to_owned(),
                    Err(panic) => self.panicked(name, panic.as_ref()),
                },
            };
            if self.world.monotonic_ms().saturating_sub(began_ms) >= TASK_HEALTHY_MS {
                failures = 0;
            }
            failures += 1;
            let given_up = failures > TASK_RESTARTS_MAX;
            self.note(name, failures, given_up, &reason);
            if given_up {
                self.bus.publish(Event::TaskGivenUp {
                    task: name.to_owned(),
                });
                self.bus.publish(Event::Health);
                return Kept::GivenUp(reason);
            }
            let after_ms = restart_wait_ms(failures);
            self.bus.publish(Event::TaskRestarting {
                task: name.to_owned(),
                after_ms,
            });
            self.bus.publish(Event::Health);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Kept::Stopped,
                () = self.world.sleep_ms(after_ms) => {}
            }
        }
    }

    fn note(&self, name: &str, failures: u32, given_up: bool, reason: &str) {
        let trouble = Trouble {
            failures,
            given_up,
            reason: reason.to_owned(),
        };
        self.troubles().insert(name.to_owned(), trouble);
    }

    /// Forgets the trouble of a task that was replaced by a new one.
    pub(crate) fn forgive(&self, name: &str) {
        self.troubles().remove(name);
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<String, Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kept tasks that have failed since the start, by name.
    pub fn troubled(&self) -> BTreeMap<String, Trouble> {
        self.troubles().clone()
    }

    fn panicked(&self, name: &str, panic: &(dyn std::any::Any + Send)) -> String {
        let text = panic_text(panic);
        tracing::error!(task = %name, panic = %text, "A task panicked.");
        self.bus.publish(Event::TaskPanicked {
            task: name.to_owned(),
        });
        format!("it panicked: {text}")
    }

    /// Cancelled when the tree is stopped.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells every task that ends with the tree to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until no task runs; call after [`Supervisor::stop`].
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Tasks alive now.
    pub fn tasks(&self) -> usize {
        self.tracker.len()
    }
}

/// The wait after so many failures in a row.
fn restart_wait_ms(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(10);
    (TASK_RESTART_MS_FIRST << doublings).min(TASK_RESTART_MS_MAX)
}

/// The message of a panic, as far as it has one.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}

#[cfg(test)]
mod tests;
