//! Accepts connections within the limits, and survives a shortage of descriptors and a panic.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use torana_core::event::Event;

use super::connection;
use super::door::{Door, Ends};
use super::peer::network;
use super::pipeline::Pipeline;
use super::seats::SeatSource;

/// First wait when descriptors have run out.
const SHORTAGE_MS_FIRST: u64 = 50;
/// Longest such wait.
const SHORTAGE_MS_MAX: u64 = 1_000;
/// Wait after accepting panicked, milliseconds: a fault of every connection must not fill the log.
const PANIC_MS: u64 = 250;
/// Said to a connection there is no room for.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Held by everything that must end before a drain is over; nothing is ever sent.
pub(super) type Open = mpsc::Sender<Infallible>;

/// Accepts until the drain. What goes wrong with one connection must not close the door for all others, so a panic ends
/// only that one; the socket queues the rest meanwhile.
pub(super) async fn keep_accepting(
    listener: TcpListener,
    door: Door,
    pipeline: Arc<Pipeline>,
    ends: Ends,
    open: Open,
) {
    let engine = pipeline.context.engine.clone();
    loop {
        let life = accept(&listener, &door, &pipeline, &ends, &open);
        if AssertUnwindSafe(life).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!("Accepting a connection panicked.");
        engine.bus().publish(Event::TaskPanicked {
            task: "listener".to_owned(),
        });
        engine.world().sleep_ms(PANIC_MS).await;
    }
}

async fn accept(
    listener: &TcpListener,
    door: &Door,
    pipeline: &Arc<Pipeline>,
    ends: &Ends,
    open: &Open,
) {
    let world = pipeline.context.engine.world().clone();
    let mut shortage_ms = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = ends.drain.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                shortage_ms = 0;
                admit(stream, address, door.clone(), pipeline, ends, open);
            }
            Err(error) if is_shortage(&error) => {
                // Accepting again at once would fail again at once: the queue keeps its connections meanwhile.
                if shortage_ms == 0 {
                    tracing::warn!(%error, "No connection can be accepted for want of resources.");
                }
                pipeline.seats.drop_oldest();
                shortage_ms = (shortage_ms * 2).clamp(SHORTAGE_MS_FIRST, SHORTAGE_MS_MAX);
                world.sleep_ms(shortage_ms).await;
            }
            // The client went away while it waited.
            Err(error) => tracing::debug!(%error, "A connection was lost before it was accepted."),
        }
    }
}

fn admit(
    stream: TcpStream,
    address: SocketAddr,
    door: Door,
    pipeline: &Arc<Pipeline>,
    ends: &Ends,
    open: &Open,
) {
    let ip = address.ip().to_canonical();
    let source = if ip.is_loopback() {
        SeatSource::Local
    } else {
        SeatSource::Remote(network(ip))
    };
    let Ok(seat) = pipeline.seats.take(source) else {
        // Only as much as the socket takes at once; nobody waits for a stranger.
        if let Err(error) = stream.try_write(NO_ROOM) {
            tracing::debug!(%error, "A refused connection could not be told so.");
        }
        return;
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "A connection cannot send small packets at once.");
    }
    let serving = connection::serve(Arc::clone(pipeline), stream, door, seat, ends.clone());
    let open = open.clone();
    pipeline
        .context
        .engine
        .tasks()
        .spawn("connection", async move {
            serving.await;
            drop(open);
        });
}

/// Out of descriptors or memory, in this process or the whole machine.
fn is_shortage(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM on Linux; ENOBUFS is 55 on the BSDs.
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 55 | 12))
}
