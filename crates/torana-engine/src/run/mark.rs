//! The crash mark of one run: says which turn a thread is inside of, so that a crash can be attributed (decision 9).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use torana_core::id::InboxId;
use torana_core::port::{CrashMarks, MarkSlot, RunStream};

use crate::engine::Engine;

/// Marks a turn as running as long as it lives.
pub(crate) struct RunMark {
    place: Option<(Arc<dyn CrashMarks>, MarkSlot)>,
}

impl RunMark {
    pub(crate) fn begin(engine: &Engine, turn: InboxId) -> Self {
        let marks = engine.shared.marks.clone();
        let place = marks.map(|marks| {
            let slot = marks.begin(turn);
            (marks, slot)
        });
        Self { place }
    }

    /// Runs a future; every step of it is marked as work on the turn.
    pub(crate) async fn over<F: Future>(&self, mut work: Pin<Box<F>>) -> F::Output {
        poll_fn(|context| {
            let _inside = Inside::enter(self);
            work.as_mut().poll(context)
        })
        .await
    }

    /// The same for a stream, with the mark living as long as the stream.
    pub(crate) fn over_stream(self, mut stream: RunStream) -> RunStream {
        Box::pin(futures_util::stream::poll_fn(move |context| {
            let _inside = Inside::enter(&self);
            stream.as_mut().poll_next(context)
        }))
    }
}

impl Drop for RunMark {
    fn drop(&mut self) {
        if let Some((marks, slot)) = &self.place {
            marks.end(*slot);
        }
    }
}

/// A thread is inside the turn's code; a panic leaves it too.
struct Inside<'a>(&'a RunMark);

impl<'a> Inside<'a> {
    fn enter(mark: &'a RunMark) -> Self {
        if let Some((marks, slot)) = &mark.place {
            marks.working(*slot, true);
        }
        Self(mark)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Some((marks, slot)) = &self.0.place {
            marks.working(*slot, false);
        }
    }
}
