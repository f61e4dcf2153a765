//! A connection that does not wait for ever for the other side to take what it is sent.
//!
//! It stands directly above the system's socket, so that TLS, HTTP and WebSockets over it only see a write that failed,
//! and let go of what they held: memory, places, the run somebody waited for.
//!
//! Progress is not seen byte by byte: the system says that more can be written only after the other side took about a
//! third of what waits (Linux 6). So what may wait is bounded, or a slow reader would look like none.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use torana_core::port::{BoxFuture, World};

/// Longest time without one byte taken while some wait, milliseconds. The same as between two requests: a phone that
/// changes networks is back by then, and what was not taken until then is asked for again.
const STALL_MS: u64 = 30_000;

/// What the system is asked to let wait in a connection, bytes. Linux lets twice as much wait and tells of progress
/// every 200 kB at most (measured over loopback), so whoever takes 8 kB a second is kept: a phone whose contract slowed
/// it down to 64 kbit/s. More would cut that phone off, less would only slow downloads down: one still gets
/// 2 MB a second over a line of 100 ms.
pub(super) const SENDING_BYTES: usize = 128 * 1024;

/// A byte stream whose writes end when nothing is taken any more.
pub(crate) struct Patient<S> {
    stream: S,
    world: World,
    /// When patience ends; set while bytes wait.
    end: Option<BoxFuture<'static, ()>>,
}

// === impl Patient ===

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, world: World) -> Self {
        Self {
            stream,
            world,
            end: None,
        }
    }

    /// Passes a write on that got somewhere, and watches over one that did not.
    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if write.is_ready() {
            self.end = None;
            return write;
        }
        let end = self
            .end
            .get_or_insert_with(|| self.world.sleep_ms(STALL_MS));
        end.as_mut()
            .poll(context)
            .map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watched(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket has nothing of its own to flush, so this says nothing about what the other side takes.
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// More than the pipes of these tests hold at once.
    const BYTES: &[u8] = &[b'x'; 100];

    #[tokio::test(start_paused = true)]
    async fn s_055_whoever_takes_nothing_ends_the_write_after_half_a_minute() {
        let world = torana_host::world();
        let (near, far) = duplex(16);
        let mut near = Patient::new(near, world.clone());
        let began_ms = world.monotonic_ms();
        let error = near.write_all(BYTES).await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(world.monotonic_ms() - began_ms, STALL_MS);
        drop(far);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_takes_slowly_gets_everything() {
        let world = torana_host::world();
        let (near, mut far) = duplex(16);
        let mut near = Patient::new(near, world.clone());
        let slow = async {
            let mut taken = 0;
            let mut piece = [0; 10];
            while taken < BYTES.len() {
                world.sleep_ms(STALL_MS - 1_000).await;
                taken += far.read(&mut piece).await.expect("readable");
            }
        };
        let (written, ()) = tokio::join!(near.write_all(BYTES), slow);
        written.expect("it moved all the time");
    }
}
