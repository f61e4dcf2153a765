//! One client's WebSocket: reads messages, writes what waits in its [`Outgoing`], and names every fault by close code.
//!
//! A dialect owns the socket in one task and loops over [`WebSocket::turn`], which writes while it waits for the next
//! message. Everything is cancel-safe: the future of `turn` may be dropped at any time, for instance by a timer.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, Role, WebSocketConfig, WebSocketContext,
};
use tokio_tungstenite::tungstenite::{Error, Message};
use torana_core::limit::FRAME_BYTES_PREAUTH_MAX;
use torana_core::port::{BoxFuture, World};

pub(crate) use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::outgoing::{Frame, LARGE_ANSWER_BYTES, Outgoing};
use super::stream::Stream;
use super::wire::{BATCH_BYTES, Polled, Wire};

/// Read buffer of a socket, allocated for its whole life: one page, so that idle clients stay small.
const READ_BUFFER_BYTES: usize = 4096;
/// Batches written before the socket looks at what came in; keeps a fast reader from starving its own requests.
const BATCHES_PER_TURN: u32 = 16;
/// Answers the protocol library may hold back (pongs, closes) while the client does not read.
const CONTROL_BYTES_MAX: usize = 16 * 1024;
/// Time to finish a message once begun (threat model section 7).
const MESSAGE_MS_MAX: u64 = 30_000;
/// Pings of one client in [`PING_WINDOW_MS`]: more than 100 a second over 5 seconds (S-057).
const PINGS_MAX: u32 = 500;
/// Window of the ping count.
const PING_WINDOW_MS: u64 = 5_000;
/// Wait for the client's half of the closing handshake (OpenClaw 2026.9.6 terminates after a second).
const CLOSE_MS: u64 = 1_000;
/// Bytes of the reason in a close frame (RFC 6455, section 5.5: 125 less two for the code).
const CLOSE_REASON_BYTES_MAX: usize = 123;

/// What a client did.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message; what it means is up to the dialect.
    Binary(
        #[expect(
            dead_code,
            reason = "the dialects built so far refuse binary messages unread"
        )]
        Bytes,
    ),
    /// It answered our ping.
    Pong,
    /// It said goodbye, or is gone without a word: nothing more comes. Just drop the socket.
    Gone,
    /// It broke the protocol or a limit, or the queue asked for the end: call [`WebSocket::close`] with this.
    End {
        /// WebSocket close code.
        code: u16,
        /// Reason text; may be empty.
        reason: String,
    },
}

/// A client's connection after the upgrade.
pub(crate) struct WebSocket {
    wire: Wire,
    protocol: WebSocketContext,
    world: World,
    /// Complete messages when the current one began, and the moment by which it must be complete.
    midway: Option<(u64, BoxFuture<'static, ()>)>,
    /// A large answer is on its way to the system.
    large: bool,
    /// Frames waited one round of the scheduler, so that what came at the same time goes out in the same call.
    gathered: bool,
    pings: u32,
    pings_since_ms: u64,
}

// === impl WebSocket ===

impl WebSocket {
    /// Takes over a connection after the upgrade; `early` is what the client has already sent.
    pub(super) fn new(stream: Stream, early: &[u8], world: World) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(CONTROL_BYTES_MAX)
            .max_message_size(Some(FRAME_BYTES_PREAUTH_MAX))
            .max_frame_size(Some(FRAME_BYTES_PREAUTH_MAX));
        let mut wire = Wire::new(stream);
        wire.tracker().feed(early);
        let protocol =
            WebSocketContext::from_partially_read(early.to_vec(), Role::Server, Some(config));
        let pings_since_ms = world.monotonic_ms();
        Self {
            wire,
            protocol,
            world,
            midway: None,
            large: false,
            gathered: false,
            pings: 0,
            pings_since_ms,
        }
    }

    /// Changes the longest message accepted; a client starts with [`FRAME_BYTES_PREAUTH_MAX`].
    pub(crate) fn set_message_bytes_max(&mut self, bytes: usize) {
        self.protocol.set_config(|config| {
            config.max_message_size = Some(bytes);
            config.max_frame_size = Some(bytes);
        });
    }

    /// Waits for the next thing the client does, and writes what is queued meanwhile.
    ///
    /// While the client leaves large answers unread, its further requests stay unread too.
    pub(crate) async fn turn(&mut self, outgoing: &Outgoing) -> Incoming {
        poll_fn(|context| self.poll_turn(context, outgoing)).await
    }

    /// Something is on its way out; whether it gets anywhere is watched over below.
    pub(crate) fn is_writing(&self, outgoing: &Outgoing) -> bool {
        !outgoing.is_empty() || !self.wire.is_empty()
    }

    /// Writes everything that is queued, without reading. For the last words before a close.
    pub(crate) async fn flush(&mut self, outgoing: &Outgoing) -> io::Result<()> {
        poll_fn(|context| {
            outgoing.register(context.waker());
            loop {
                ready!(self.poll_write_out(context, outgoing))?;
                if outgoing.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }

    /// Ends the connection: sends the close frame behind what is already on the wire, waits for the client's answer
    /// for a second, and drops the connection.
    pub(crate) async fn close(mut self, code: u16, reason: &str) {
        let reason = &reason[..reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX)];
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        let limit = self.world.sleep_ms(CLOSE_MS);
        tokio::select! {
            biased;
            () = limit => {}
            () = self.say_goodbye(frame) => {}
        }
    }

    async fn say_goodbye(&mut self, frame: CloseFrame) {
        let flushed = poll_fn(|context| self.wire.poll_drain(context)).await;
        if flushed.is_err() {
            return;
        }
        let mut frame = Some(frame);
        poll_fn(|context| {
            let stream = &mut Polled {
                wire: &mut self.wire,
                context,
            };
            if let Some(frame) = frame.take()
                && let Err(error) = self.protocol.close(stream, Some(frame))
                && !is_blocked(&error)
            {
                return Poll::Ready(());
            }
            loop {
                match self.protocol.read(stream) {
                    Ok(_) => {}
                    Err(error) if is_blocked(&error) => return Poll::Pending,
                    Err(_) => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    fn poll_turn(&mut self, context: &mut Context<'_>, outgoing: &Outgoing) -> Poll<Incoming> {
        outgoing.register(context.waker());
        // Whoever woke us is often not done: a run that streams tells a thousand clients a piece, and then the next one.
        // Everybody who is ready goes first, which on a quiet gateway is nobody and costs nothing.
        if !self.gathered && !outgoing.is_empty() {
            self.gathered = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.gathered = false;
        for batch in 1.. {
            match self.poll_write_out(context, outgoing) {
                Poll::Ready(Err(_)) => return Poll::Ready(Incoming::Gone),
                Poll::Ready(Ok(())) if outgoing.is_empty() => break,
                Poll::Ready(Ok(())) if batch < BATCHES_PER_TURN => {}
                Poll::Ready(Ok(())) => {
                    context.waker().wake_by_ref();
                    break;
                }
                Poll::Pending => break,
            }
        }
        if let Some(close) = outgoing.closing()
            && outgoing.is_empty()
        {
            return Poll::Ready(Incoming::End {
                code: close.code,
                reason: close.reason,
            });
        }
        if outgoing.is_choked() {
            return Poll::Pending;
        }
        let incoming = self.poll_read(context);
        if incoming.is_pending() && self.poll_stalled(context).is_ready() {
            return Poll::Ready(end(1008, "message took too long"));
        }
        incoming
    }

    /// Moves one batch from the queue to the wire and the wire to the system.
    fn poll_write_out(
        &mut self,
        context: &mut Context<'_>,
        outgoing: &Outgoing,
    ) -> Poll<io::Result<()>> {
        if self.wire.has_room() {
            // Frames are copied outside the queue's lock, so that a publisher never waits for a copy.
            let mut batch = Vec::new();
            outgoing.take(&mut batch, BATCH_BYTES);
            let mut frames = batch.into_iter();
            while let Some(frame) = frames.next() {
                self.append(frame);
                if !self.wire.has_room() {
                    outgoing.put_back(frames);
                    break;
                }
            }
        }
        ready!(self.wire.poll_drain(context))?;
        if std::mem::take(&mut self.large) {
            outgoing.large_written();
        }
        Poll::Ready(Ok(()))
    }

    fn append(&mut self, frame: Frame) {
        match frame {
            Frame::Text(text) => {
                self.large |= text.len() > LARGE_ANSWER_BYTES;
                self.wire.text(text);
            }
            Frame::Event { prefix, seq } => self.wire.event(&prefix, seq),
            Frame::Ping => self.wire.ping(),
            Frame::Gone => {}
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Incoming> {
        loop {
            let read = self.protocol.read(&mut Polled {
                wire: &mut self.wire,
                context,
            });
            if self.wire.tracker().too_many_fragments() {
                return Poll::Ready(end(1009, "too many fragments"));
            }
            match read {
                Ok(Message::Text(text)) => return Poll::Ready(Incoming::Text(text)),
                Ok(Message::Binary(bytes)) => return Poll::Ready(Incoming::Binary(bytes)),
                Ok(Message::Pong(_)) => return Poll::Ready(Incoming::Pong),
                Ok(Message::Ping(_)) => {
                    if self.is_flooding() {
                        return Poll::Ready(end(1008, "too many pings"));
                    }
                }
                // The answer to the client's close is sent by the next read, which then reports the end.
                Ok(Message::Close(_) | Message::Frame(_)) => {}
                Err(error) if is_blocked(&error) => return Poll::Pending,
                Err(error) => return Poll::Ready(fault(&error)),
            }
        }
    }

    fn is_flooding(&mut self) -> bool {
        let now_ms = self.world.monotonic_ms();
        if now_ms.saturating_sub(self.pings_since_ms) >= PING_WINDOW_MS {
            self.pings_since_ms = now_ms;
            self.pings = 0;
        }
        self.pings = self.pings.saturating_add(self.wire.tracker().take_pings());
        self.pings > PINGS_MAX
    }

    /// Ready when a message was begun and not finished in time.
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let tracker = self.wire.tracker();
        let (is_midway, messages) = (tracker.is_midway(), tracker.messages());
        match &mut self.midway {
            Some((begun, deadline)) if is_midway && *begun == messages => {
                deadline.as_mut().poll(context)
            }
            midway => {
                *midway = is_midway.then(|| (messages, self.world.sleep_ms(MESSAGE_MS_MAX)));
                match midway {
                    Some((_, deadline)) => deadline.as_mut().poll(context),
                    None => Poll::Pending,
                }
            }
        }
    }
}

fn is_blocked(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

fn end(code: u16, reason: &str) -> Incoming {
    Incoming::End {
        code,
        reason: reason.to_owned(),
    }
}

/// Close codes of RFC 6455, section 7.4.1; the reference sends them without a reason too.
fn fault(error: &Error) -> Incoming {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    match error {
        Error::Capacity(_) => end(1009, ""),
        Error::Utf8(_) => end(1007, ""),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Incoming::Gone,
        Error::Protocol(_) => end(1002, ""),
        _ => Incoming::Gone,
    }
}
