//! The task tree: the only place that starts tasks. A panic ends one task, is reported, and nothing else falls.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use torana_core::event::Event;

use crate::bus::Bus;

/// Starts tasks, stops them, and waits for them. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    tracker: TaskTracker,
    stop: CancellationToken,
    bus: Bus,
}

impl Supervisor {
    /// A tree without tasks.
    pub fn new(bus: Bus) -> Self {
        Self {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            bus,
        }
    }

    /// Starts a task. It ends by itself, or when the runtime does; a panic is caught and published.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let name = name.into();
        let bus = self.bus.clone();
        #[expect(clippy::disallowed_methods, reason = "this is the place that starts tasks")]
        drop(self.tracker.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                tracing::error!(task = %name, panic = %panic_text(panic.as_ref()), "A task panicked.");
                bus.publish(Event::TaskPanicked { task: name });
            }
        }));
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

/// The message of a panic, as far as it has one.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned())
}
