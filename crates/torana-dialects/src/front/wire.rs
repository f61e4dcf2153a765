//! The byte stream under a WebSocket: collects frames in one buffer and hands it to the system in one call.
//!
//! The protocol library reads through it and writes its own pongs and closes into the same buffer; our frames are
//! appended directly, so that an event is copied once per client and never allocated. A frame is always appended
//! whole, so the two writers cannot interleave.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Tracker;
use super::stream::Stream;

/// Bytes gathered for one write: large enough that many events share one system call, small beside a socket buffer.
pub(super) const BATCH_BYTES: usize = 64 * 1024;
/// Above this size a payload is sent from where it lies instead of being copied.
const COPY_BYTES_MAX: usize = 32 * 1024;
/// Buffer kept when it runs empty; an idle client must cost almost nothing (10 KiB each at 5,000).
const IDLE_BYTES_MAX: usize = 1024;

/// Opcode byte of a final text frame (RFC 6455, section 5.2).
const TEXT: u8 = 0x81;
/// Opcode byte of a ping frame.
const PING: u8 = 0x89;

/// A TCP connection with a write buffer, and an eye on the frames that come in.
pub(crate) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
    written: usize,
    /// Payload that follows the buffer.
    big: Bytes,
    tracker: Tracker,
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            written: 0,
            big: Bytes::new(),
            tracker: Tracker::default(),
        }
    }

    /// What came in so far, as frames.
    pub(super) fn tracker(&mut self) -> &mut Tracker {
        &mut self.tracker
    }

    /// More frames can be appended before the next flush.
    pub(super) fn has_room(&self) -> bool {
        self.big.is_empty() && self.buffer.len() < BATCH_BYTES
    }

    /// Nothing waits to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.big.is_empty() && self.buffer.is_empty()
    }

    /// Appends a text frame.
    pub(super) fn text(&mut self, payload: Bytes) {
        header(&mut self.buffer, TEXT, payload.len());
        if payload.len() > COPY_BYTES_MAX {
            self.big = payload;
        } else {
            self.buffer.extend_from_slice(&payload);
        }
    }

    /// Appends an event frame: the shared prefix, then this connection's number.
    pub(super) fn event(&mut self, prefix: &[u8], seq: u64) {
        const KEY: &[u8] = b",\"seq\":";
        let mut digits = [0_u8; 20];
        let digits = decimal(seq, &mut digits);
        header(
            &mut self.buffer,
            TEXT,
            prefix.len() + KEY.len() + digits.len() + 1,
        );
        self.buffer.extend_from_slice(prefix);
        self.buffer.extend_from_slice(KEY);
        self.buffer.extend_from_slice(digits);
        self.buffer.push(b'}');
    }

    /// Appends an empty ping.
    pub(super) fn ping(&mut self) {
        header(&mut self.buffer, PING, 0);
    }

    /// Writes everything that waits.
    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.buffer.len() {
            let rest = &self.buffer[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.buffer.clear();
        self.written = 0;
        while !self.big.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.big))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.big.advance(count),
            }
        }
        self.big = Bytes::new();
        // TLS may still hold what it could not write at once.
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.buffer.capacity() > IDLE_BYTES_MAX {
            self.buffer = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

/// The wire inside one poll, in the shape the protocol library wants: "not now" is an error there.
pub(super) struct Polled<'a, 'b> {
    pub(super) wire: &'a mut Wire,
    pub(super) context: &'a mut Context<'b>,
}

fn now_or_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl io::Read for Polled<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut into = ReadBuf::new(buffer);
        now_or_block(Pin::new(&mut self.wire.stream).poll_read(self.context, &mut into))?;
        self.wire.tracker.feed(into.filled());
        Ok(into.filled().len())
    }
}

impl io::Write for Polled<'_, '_> {
    /// Takes everything or nothing, so that what the protocol library writes stays whole.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.wire.has_room() {
            now_or_block(self.wire.poll_drain(self.context))?;
        }
        self.wire.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        now_or_block(self.wire.poll_drain(self.context))
    }
}

/// A frame header without mask, as servers send it (RFC 6455, section 5.2).
fn header(buffer: &mut Vec<u8>, opcode: u8, length: usize) {
    buffer.push(opcode);
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        buffer.push(short);
    } else if let Ok(medium) = u16::try_from(length) {
        buffer.push(126);
        buffer.extend_from_slice(&medium.to_be_bytes());
    } else {
        buffer.push(127);
        buffer.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

/// The decimal digits of a number, without allocating.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_use_the_shortest_length() {
        let length = |length| {
            let mut buffer = Vec::new();
            header(&mut buffer, TEXT, length);
            buffer
        };
        assert_eq!(length(125), [0x81, 125]);
        assert_eq!(length(126), [0x81, 126, 0, 126]);
        assert_eq!(length(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn numbers_are_printed_as_usual() {
        for number in [0, 7, 10, 1_234_567, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
