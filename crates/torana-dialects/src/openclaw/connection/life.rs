//! One client, one future: greeting, then requests side by side until somebody ends it.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use torana_core::auth::Role;
use torana_core::limit::{REQUESTS_MAX, REQUESTS_PER_CLIENT_MAX};
use torana_core::port::BoxFuture;

use super::end::End;
use crate::front::outgoing::Outgoing;
use crate::front::peer::Peer;
use crate::front::seats::Seat;
use crate::front::socket::{Incoming, WebSocket};
use crate::openclaw::client::Client;
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::{self, FrameFault};
use crate::openclaw::gateway::OpenClaw;
use crate::openclaw::legacy::guide;
use crate::openclaw::methods;
use crate::openclaw::quirks::{self, close};

/// Time for the last answers before the close frame, milliseconds (OpenClaw 2026.9.6 terminates after a second).
const LAST_WORDS_MS: u64 = 1_000;
/// Requests every client may have waiting even when all together have too many: enough to look, to ask and to stop
/// something, so that a few floods lock nobody out.
pub(in crate::openclaw) const REQUESTS_PER_CLIENT_MIN: usize = 4;
/// Work of one client: answers that are being made.
type Work = FuturesUnordered<BoxFuture<'static, ()>>;

impl OpenClaw {
    /// Serves a client after the upgrade, until it is gone. `seat` is its place among all connections.
    pub(crate) async fn serve(self: Arc<Self>, mut socket: WebSocket, peer: Peer, seat: Seat) {
        let outgoing = Outgoing::new();
        // On the heap and freed with the greeting, as are the last words: what is not boxed here stays reserved for as
        // long as the client is connected.
        let greeted = Box::pin(self.greet(&mut socket, &outgoing, &peer, &seat)).await;
        let end = match greeted {
            Ok((client, waiting)) => {
                let end = self.talk(&mut socket, &client, waiting).await;
                self.forget(client.id);
                if let (Role::Node, Some(device)) = (client.role, &client.device) {
                    self.nodes().leave(device, client.id);
                }
                end
            }
            Err(end) => end,
        };
        if let Some(end) = end {
            Box::pin(self.part(socket, &outgoing, end)).await;
        }
    }

    async fn part(&self, mut socket: WebSocket, outgoing: &Outgoing, end: End) {
        // The last words are worth a moment, not more: the client may have stopped reading.
        let limit = self.context().engine.world().sleep_ms(LAST_WORDS_MS);
        let flushed = tokio::select! {
            biased;
            flushed = socket.flush(outgoing) => flushed.is_ok(),
            () = limit => true,
        };
        if flushed {
            socket.close(end.code, &end.reason).await;
        }
    }

    /// The life after hello. `None` means the client is gone.
    async fn talk(
        self: &Arc<Self>,
        socket: &mut WebSocket,
        client: &Arc<Client>,
        waiting: VecDeque<String>,
    ) -> Option<End> {
        let world = self.context().engine.world().clone();
        let mut work = Work::new();
        let mut wrong_role = 0;
        for text in waiting {
            self.take(&text, client, &mut work, &mut wrong_role);
        }
        let mut pulse = world.sleep_ms(quirks::PING_MS);
        let mut unanswered = false;
        loop {
            tokio::select! {
                biased;
                Some(()) = work.next(), if !work.is_empty() => {}
                incoming = socket.turn(&client.outgoing) => match incoming {
                    Incoming::Text(text) => {
                        self.take(&text, client, &mut work, &mut wrong_role);
                        if wrong_role > quirks::WRONG_ROLE_MAX {
                            return Some(End { code: close::POLICY, reason: "repeated unauthorized calls".to_owned() });
                        }
                    }
                    // Text only in this dialect (S-047).
                    Incoming::Binary(_) => {
                        return Some(End { code: 1003, reason: "text frames only".to_owned() });
                    }
                    Incoming::Pong => unanswered = false,
                    Incoming::Gone => return None,
                    Incoming::End { code, reason } => return Some(End { code, reason }),
                },
                () = &mut pulse => {
                    // A ping would stand behind what a slow client still takes, and its answer says nothing then.
                    if !socket.is_writing(&client.outgoing) {
                        // The answer to the last ping had a whole interval; a client that is read from answers at once.
                        if unanswered {
                            return None;
                        }
                        unanswered = client.outgoing.ping();
                    }
                    pulse = world.sleep_ms(quirks::PING_MS);
                }
            }
        }
    }

    /// Whether one more request may wait for a client that has so many already. The bound of all together is for those
    /// who wait for much: a few clients that fill it lock nobody out.
    fn has_room(&self, own: usize) -> bool {
        own < REQUESTS_PER_CLIENT_MAX
            && (own < REQUESTS_PER_CLIENT_MIN || self.waiting() < REQUESTS_MAX)
    }

    /// Reads one frame after hello and starts its work.
    fn take(
        self: &Arc<Self>,
        text: &str,
        client: &Arc<Client>,
        work: &mut Work,
        wrong_role: &mut u32,
    ) {
        let read = if client.guide {
            guide::read(text, self.context().engine.world())
        } else {
            frame::read(text)
        };
        match read {
            Ok(request) if client.guide && request.method == guide::INFO => {
                let info = guide::info(self);
                client
                    .outgoing
                    .text(frame::answer_value(&request.id, &info));
            }
            Ok(request) if !self.has_room(work.len()) => {
                let error = WireError::new(UNAVAILABLE, "too many requests wait for an answer");
                client
                    .outgoing
                    .text(frame::failure(&request.id, &error.retry_after(1_000)));
            }
            Ok(request) => match methods::admit(self, client, request) {
                Ok(running) => {
                    *wrong_role = 0;
                    work.push(running);
                }
                Err((id, error)) => {
                    if error.message.starts_with("unauthorized role:") {
                        *wrong_role += 1;
                    }
                    client.outgoing.text(frame::failure(&id, &error));
                }
            },
            Err(FrameFault::NotJson) => {
                tracing::debug!(connection = %client.id, "A frame was not JSON.")
            }
            Err(FrameFault::Invalid { id, message }) => {
                let error = WireError::invalid(format!("invalid request frame: {message}"));
                client
                    .outgoing
                    .text(frame::failure(id.as_deref().unwrap_or("invalid"), &error));
            }
        }
    }
}
