//! Watches request heads in the raw bytes for what two readers could understand differently (S-027).
//!
//! The HTTP library quietly resolves some of these (a length beside chunked, a repeated length), so it cannot be the
//! check. When a head is ambiguous, the rest of the stream is replaced by NULs: the library answers 400 and closes.
//! After a request whose end this guard does not follow (chunked, upgrades) it asks for the connection to be the last
//! use: see [`Guard::is_last`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a header line looked at: enough for every name and value that matters here.
const LINE_BYTES: usize = 48;
/// Digits of a body length; more would not fit a signed 64-bit number.
const LENGTH_DIGITS_MAX: usize = 18;

/// Position in the stream of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before or in the request line.
    Target,
    /// In the header lines.
    Fields,
    /// In a body of known length.
    Body(u64),
    /// Nothing more is followed; what comes belongs to the last request or to the upgraded protocol.
    Passing,
    /// Something was ambiguous.
    Refused,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Guard {
    place: Place,
    line: [u8; LINE_BYTES],
    length: usize,
    ends_with_cr: bool,
    body: Option<u64>,
    is_chunked: bool,
    is_upgrade: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            place: Place::Target,
            line: [0; LINE_BYTES],
            length: 0,
            ends_with_cr: false,
            body: None,
            is_chunked: false,
            is_upgrade: false,
        }
    }
}

// === impl Guard ===

impl Guard {
    /// Takes the next bytes of the stream, and overwrites them from where they become ambiguous.
    pub(super) fn feed(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            match self.place {
                Place::Passing => return,
                Place::Refused => {
                    bytes[at..].fill(0);
                    return;
                }
                Place::Body(left) => {
                    let taken = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len() - at);
                    at += taken;
                    let left = left - taken as u64;
                    self.place = if left == 0 {
                        Place::Target
                    } else {
                        Place::Body(left)
                    };
                }
                Place::Target | Place::Fields => {
                    if self.byte(bytes[at]) {
                        at += 1;
                    } else {
                        self.place = Place::Refused;
                    }
                }
            }
        }
    }

    /// The request now being read must be the last of its connection.
    pub(super) fn is_last(&self) -> bool {
        matches!(self.place, Place::Passing | Place::Refused)
    }

    fn byte(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' if self.ends_with_cr => self.line_done(),
            // A bare CR or LF ends a line for some readers only.
            b'\n' => false,
            _ if self.ends_with_cr => false,
            0 => false,
            b'\r' => {
                self.ends_with_cr = true;
                true
            }
            _ => {
                if let Some(slot) = self.line.get_mut(self.length) {
                    *slot = byte;
                }
                self.length += 1;
                true
            }
        }
    }

    fn line_done(&mut self) -> bool {
        self.ends_with_cr = false;
        let length = std::mem::take(&mut self.length);
        match self.place {
            Place::Target => {
                // Empty lines before a request line are allowed (RFC 9112, section 2.2).
                if length > 0 {
                    self.place = Place::Fields;
                }
                true
            }
            Place::Fields if length == 0 => {
                self.head_done();
                true
            }
            Place::Fields => {
                let line = self.line;
                self.field(&line[..length.min(LINE_BYTES)], length > LINE_BYTES)
            }
            Place::Body(_) | Place::Passing | Place::Refused => true,
        }
    }

    fn head_done(&mut self) {
        let body = self.body.take().unwrap_or(0);
        self.place = match (self.is_chunked || self.is_upgrade, body) {
            (true, _) => Place::Passing,
            (false, 0) => Place::Target,
            (false, body) => Place::Body(body),
        };
        self.is_chunked = false;
        self.is_upgrade = false;
    }

    /// `false` when the line makes the length of the body a matter of taste.
    fn field(&mut self, line: &[u8], is_cut: bool) -> bool {
        // A continued line belongs to the one before for some readers only.
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return false;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return is_cut;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.last().is_some_and(u8::is_ascii_whitespace) {
            return false;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let is_plain = !value.is_empty()
                && value.len() <= LENGTH_DIGITS_MAX
                && value.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(value)
                .ok()
                .and_then(|value| value.parse().ok());
            let is_first = self.body.is_none() && !self.is_chunked;
            self.body = length;
            return is_plain && !is_cut && is_first;
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let is_first = self.body.is_none() && !self.is_chunked;
            self.is_chunked = true;
            return value.eq_ignore_ascii_case(b"chunked") && !is_cut && is_first;
        }
        if name.eq_ignore_ascii_case(b"upgrade") {
            self.is_upgrade = true;
        }
        true
    }
}

/// A byte stream whose reading side is guarded.
pub(super) struct Guarded<T> {
    pub(super) stream: T,
    pub(super) guard: Guard,
    /// Set for the request that must be the last; read by the pipeline.
    pub(super) last: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.guard.feed(&mut buffer.filled_mut()[before..]);
        if self.guard.is_last() {
            self.last.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod fuzz {
    #[test]
    fn head() {
        let corpus: [&[u8]; 3] = [
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /v1/responses HTTP/1.1\r\nHost: [::1]:1\r\nContent-Length: 5\r\n\r\nhello",
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ];
        crate::front::tests::drive(&corpus, |bytes| {
            super::Guard::default().feed(&mut bytes.to_vec());
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(head: &str) -> bool {
        let mut guard = Guard::default();
        let mut bytes = head.as_bytes().to_vec();
        guard.feed(&mut bytes);
        assert_eq!(
            guard.place == Place::Refused,
            bytes.contains(&0) || head.contains('\0'),
            "{head:?}"
        );
        guard.place == Place::Refused
    }

    #[test]
    fn ordinary_requests_pass_one_after_another() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na\n\0\rb";
        let mut guard = Guard::default();
        let mut bytes = format!("{get}{post}{get}\r\n{post}{get}").into_bytes();
        let before = bytes.clone();
        guard.feed(&mut bytes);
        assert_eq!((guard.place, bytes), (Place::Target, before));
    }

    #[test]
    fn ambiguous_heads_are_refused() {
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 5\n",
            "Content-Length : 5\r\n",
            "Content-Length\t: 5\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding:\x0bchunked\r\n",
            "Transfer-Encoding:\r\n chunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "X: a\rb\r\n",
            "X: a\r\n b\r\n",
            "X: a\0b\r\n",
            "X: a\n",
            " X: a\r\n",
        ] {
            assert!(
                refused(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn chunked_bodies_and_upgrades_are_the_last_use_of_a_connection() {
        for field in [
            "Transfer-Encoding: chunked",
            "transfer-encoding:CHUNKED ",
            "Upgrade: websocket",
        ] {
            let mut guard = Guard::default();
            let mut head = format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n").into_bytes();
            guard.feed(&mut head);
            assert!(guard.is_last() && guard.place == Place::Passing, "{field}");
        }
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(
            text in "(GET|POST) / HTTP/1.1\r\n((Host: a|Content-Length: [0-9]{1,2}|Transfer-Encoding: chunked|X: \\w{0,60}|[\r\n :a]{0,3})\r\n){0,5}\r\n\\w{0,40}",
            cut in 1_usize..30,
        ) {
            let (mut whole, mut pieces) = (Guard::default(), Guard::default());
            let (mut first, mut second) = (text.clone().into_bytes(), text.into_bytes());
            whole.feed(&mut first);
            for piece in second.chunks_mut(cut) {
                pieces.feed(piece);
            }
            prop_assert_eq!(whole.place, pieces.place);
            prop_assert_eq!(first, second);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            Guard::default().feed(&mut bytes.clone());
        }
    }
}
