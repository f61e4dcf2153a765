//! One TCP connection: HTTP until it ends or is upgraded, then a WebSocket in a task of its own, so that nothing of
//! HTTP stays in memory for an idle client.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use torana_host::tls::ServerTls;

use super::answer::Answer;
use super::door::{Door, Ends};
use super::guard::{Guard, Guarded};
use super::patience::Patient;
use super::pipeline::{Link, Pipeline};
use super::seats::Seat;
use super::socket::WebSocket;
use super::stream::Stream;

/// Head of the first request (decision 44, S-049).
const FIRST_HEAD_MS: u64 = 10_000;
/// Head of a later request, its idle time included (decision 44).
const LATER_HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request head (threat model section 7).
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most the library buffers of one connection; bodies are taken from it as they come.
const BUFFER_BYTES_MAX: usize = 128 * 1024;
/// Bytes still read of a refused body, so that the answer is not lost in a reset (S-051: limit + 64 KiB).
const LINGER_BYTES_MAX: usize = 64 * 1024;
/// Time for the same.
const LINGER_MS: u64 = 500;

/// First byte of a TLS connection: a handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// Said to a client that speaks plain HTTP where TLS is spoken.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 59\r\nConnection: close\r\n\r\nThis port speaks TLS; use an https:// (or wss://) address.\n";

struct Requests {
    pipeline: Arc<Pipeline>,
    link: Arc<Link>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Answer;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (pipeline, link) = (Arc::clone(&self.pipeline), Arc::clone(&self.link));
        Box::pin(async move { Ok(pipeline.answer(&link, request).await) })
    }
}

/// Serves a connection to its end, or until it has become a WebSocket.
pub(super) async fn serve(
    pipeline: Arc<Pipeline>,
    stream: TcpStream,
    door: Door,
    seat: Seat,
    ends: Ends,
) {
    let Ok(address) = stream.peer_addr() else {
        return;
    };
    let is_tls = door.tls.is_some();
    let stream = match door.tls {
        None => Stream::Plain(Patient::new(
            stream,
            pipeline.context.engine.world().clone(),
        )),
        Some(tls) => match secured(stream, &tls, &pipeline, &seat, &ends).await {
            Some(stream) => stream,
            None => return,
        },
    };
    let last = Arc::new(AtomicBool::new(false));
    let link = Arc::new(Link {
        address: address.ip(),
        is_tls,
        is_stage: door.is_stage,
        seat,
        last: Arc::clone(&last),
        requests: AtomicU64::new(0),
        upgraded: Mutex::new(None),
        unread: AtomicBool::new(false),
    });
    let requests = Requests {
        pipeline: Arc::clone(&pipeline),
        link: Arc::clone(&link),
    };
    let mut connection = http(stream, last, requests);
    let is_whole = drive(&mut connection, &pipeline, &link, &ends).await;
    let parts = connection.into_parts();
    drop(parts.service);
    let stream = parts.io.into_inner().stream;
    if is_whole {
        go_on(stream, &parts.read_buf, link, &pipeline).await;
    }
}

/// HTTP on a stream, within our bounds.
fn http(
    stream: Stream,
    last: Arc<AtomicBool>,
    requests: Requests,
) -> http1::Connection<TokioIo<Guarded<Stream>>, Requests> {
    let guarded = Guarded {
        stream,
        guard: Guard::default(),
        last,
    };
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LATER_HEAD)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(guarded), requests)
}

/// What becomes of a connection whose requests are all answered: a WebSocket, where one was agreed. `read` is what the
/// client sent after that already.
async fn go_on(stream: Stream, read: &[u8], link: Arc<Link>, pipeline: &Pipeline) {
    let upgraded = link
        .upgraded
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some(peer) = upgraded else {
        return linger(stream, &link, pipeline).await;
    };
    // Nothing else holds the link once its requests are answered.
    let Some(link) = Arc::into_inner(link) else {
        return;
    };
    let socket = WebSocket::new(stream, read, pipeline.context.engine.world().clone());
    let serving = Arc::clone(&pipeline.dialect).serve(socket, peer, link.seat);
    pipeline.context.engine.tasks().spawn("client", serving);
}

/// Shakes hands, within the time of a first head. `None` when that came to nothing.
async fn secured(
    mut stream: TcpStream,
    tls: &ServerTls,
    pipeline: &Pipeline,
    seat: &Seat,
    ends: &Ends,
) -> Option<Stream> {
    let shaking = async {
        let mut first = [0_u8; 1];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first[0] != TLS_HANDSHAKE {
            // A browser would show nothing at all for a connection that just closes.
            if let Err(error) = stream.write_all(NOT_TLS).await {
                tracing::debug!(%error, "A client without TLS could not be told so.");
            }
            return None;
        }
        let stream = Patient::new(stream, pipeline.context.engine.world().clone());
        match tls.accept(stream).await {
            Ok(stream) => Some(Stream::Tls(Box::new(stream))),
            Err(error) => {
                tracing::debug!(%error, "A TLS handshake failed.");
                None
            }
        }
    };
    tokio::select! {
        biased;
        () = ends.kill.cancelled() => None,
        () = ends.drain.cancelled() => None,
        () = seat.evicted() => None,
        () = pipeline.context.engine.world().sleep_ms(FIRST_HEAD_MS) => None,
        stream = shaking => stream,
    }
}

/// Drives HTTP. `false` when the connection was cut.
async fn drive(
    connection: &mut http1::Connection<TokioIo<Guarded<Stream>>, Requests>,
    pipeline: &Pipeline,
    link: &Link,
    ends: &Ends,
) -> bool {
    let mut first_head = Some(pipeline.context.engine.world().sleep_ms(FIRST_HEAD_MS));
    let mut is_draining = false;
    loop {
        tokio::select! {
            biased;
            done = poll_fn(|context| connection.poll_without_shutdown(context)) => return done.is_ok(),
            () = ends.kill.cancelled() => return false,
            () = link.seat.evicted() => return false,
            () = ends.drain.cancelled(), if !is_draining => {
                is_draining = true;
                if link.requests.load(Ordering::Relaxed) == 0 {
                    return false;
                }
                Pin::new(&mut *connection).graceful_shutdown();
            }
            () = async { match &mut first_head { Some(wait) => wait.await, None => std::future::pending().await } } => {
                first_head = None;
                if link.requests.load(Ordering::Relaxed) == 0 {
                    return false;
                }
            }
        }
    }
}

/// Closes our half first and swallows a little of what the client still sends: closing with unread bytes would reset
/// the connection and could destroy the answer on its way.
async fn linger(mut stream: Stream, link: &Link, pipeline: &Pipeline) {
    if stream.shutdown().await.is_err() || !link.unread.load(Ordering::Relaxed) {
        return;
    }
    let swallow = async {
        let mut buffer = [0_u8; 1024];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count),
            }
        }
    };
    tokio::select! {
        () = pipeline.context.engine.world().sleep_ms(LINGER_MS) => {}
        () = swallow => {}
    }
}
