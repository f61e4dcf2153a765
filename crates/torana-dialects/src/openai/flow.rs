//! A run printed as a stream while it goes on: which text is new, and when it is over. How a piece looks is the
//! endpoint's own.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use torana_core::run::{RunError, Settled};

use super::shape;
use super::source::{Sent, Source, Step, error_of};
use crate::front::answer::Answer;

/// How an endpoint prints the pieces of a stream.
pub(super) trait Print: Send + 'static {
    /// What comes before any text.
    fn opening(&mut self) -> Bytes;
    /// More text.
    fn text(&mut self, text: &str) -> Bytes;
    /// What comes last when the run ended well; all text was sent.
    fn ending(&mut self, sent: &str, settled: &Settled) -> Bytes;
    /// What comes last when the run failed.
    fn broken(&mut self, settled: &Settled, error: &RunError) -> Bytes;
}

/// A stream in the making: what was sent decides what is new.
struct Flow<P> {
    source: Source,
    printer: P,
    sent: Sent,
    is_over: bool,
}

/// Answers with the run as it goes on.
pub(super) fn streamed(source: Source, mut printer: impl Print) -> Answer {
    let opening = printer.opening();
    let flow = Flow {
        source,
        printer,
        sent: Sent::default(),
        is_over: false,
    };
    let rest = stream::unfold(flow, |mut flow| async move {
        let bytes = flow.next().await?;
        Some((bytes, flow))
    });
    let pieces: BoxStream<'static, Bytes> = stream::once(std::future::ready(opening))
        .chain(rest)
        .boxed();
    shape::event_stream(pieces)
}

impl<P: Print> Flow<P> {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            match self.source.step().await {
                Step::Append(text) => {
                    self.sent.append(&text);
                    return Some(self.printer.text(&text));
                }
                Step::Whole(text) => {
                    if let Some(more) = self.sent.grow(&text) {
                        return Some(self.printer.text(more));
                    }
                }
                Step::End(settled) => {
                    self.is_over = true;
                    return Some(self.end(&settled));
                }
            }
        }
        None
    }

    fn end(&mut self, settled: &Settled) -> Bytes {
        if let Some(error) = error_of(settled) {
            return self.printer.broken(settled, error);
        }
        let rest = self.sent.rest(&settled.text);
        let mut bytes = rest
            .map(|rest| self.printer.text(rest).to_vec())
            .unwrap_or_default();
        bytes.extend_from_slice(&self.printer.ending(self.sent.text(), settled));
        bytes.into()
    }
}
