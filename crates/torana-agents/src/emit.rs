//! Turns an async function that reports events into the stream of a run, without spawning a task.
//!
//! The work runs inside the stream's own polls, so dropping the stream drops the work and everything it waits for.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use torana_core::port::{BoxFuture, RunStream};
use torana_core::run::RunEvent;

/// Events that may wait for the reader; a slow reader makes the work wait, and with it the provider's socket.
const QUEUE_LEN: usize = 16;

/// Hands events to the stream's reader.
#[derive(Debug, Clone)]
pub(crate) struct Emitter {
    sender: mpsc::Sender<RunEvent>,
}

impl Emitter {
    /// Waits until the reader has room. Without a reader the work is about to be dropped, so there is nothing to report.
    pub(crate) async fn emit(&self, event: RunEvent) {
        drop(self.sender.send(event).await);
    }
}

struct Emitting {
    receiver: mpsc::Receiver<RunEvent>,
    work: Option<BoxFuture<'static, ()>>,
}

impl Stream for Emitting {
    type Item = RunEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        if let Poll::Ready(event) = self.receiver.poll_recv(context) {
            return Poll::Ready(event);
        }
        if let Some(work) = self.work.as_mut()
            && work.as_mut().poll(context).is_ready()
        {
            self.work = None;
        }
        self.receiver.poll_recv(context)
    }
}

/// The stream of what `work` emits; ends when the work ends.
pub(crate) fn stream_of<W>(work: impl FnOnce(Emitter) -> W) -> RunStream
where
    W: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(QUEUE_LEN);
    Box::pin(Emitting {
        receiver,
        work: Some(Box::pin(work(Emitter { sender }))),
    })
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn all_events_arrive_in_order_even_beyond_the_queue() {
        let stream = stream_of(|emitter| async move {
            for number in 0..100 {
                emitter.emit(RunEvent::TextDelta(number.to_string())).await;
            }
        });
        let texts: Vec<RunEvent> = stream.collect().await;
        assert_eq!(texts.len(), 100);
        assert_eq!(texts[99], RunEvent::TextDelta("99".to_owned()));
    }
}
