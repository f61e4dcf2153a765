//! Listeners: opens them, accepts within the limits, survives a shortage of descriptors, and drains in order.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use torana_core::event::Event;
use torana_core::limit::DRAIN_MS;
use torana_host::tls::ServerTls;

use super::connection::{self, Ends};
use super::patience::SENDING_BYTES;
use super::peer::network;
use super::request::Pipeline;
use super::seats::{SeatSource, Seats};
use super::stage::Opening;
use super::static_ui::Site;
use super::surface::FILES_MAX;
use crate::context::Context;
use crate::openai::Runs;
use crate::openclaw::OpenClaw;

/// Connections the system queues before we accept them; a restart makes thousands of clients reconnect at once.
const BACKLOG: u32 = 4_096;
/// First wait when descriptors have run out.
const SHORTAGE_MS_FIRST: u64 = 50;
/// Longest such wait.
const SHORTAGE_MS_MAX: u64 = 1_000;
/// Wait after accepting panicked, milliseconds: a fault of every connection must not fill the log.
const PANIC_MS: u64 = 250;
/// Said to a connection there is no room for.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This machine only, IPv4 and, where there is any, IPv6.
    Loopback(u16),
    /// These addresses.
    Addresses(Vec<SocketAddr>),
}

/// Why we cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("{address} is already in use")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// Anything else, such as an address this machine does not have.
    #[error("cannot listen on {address}: {source}")]
    Failed {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens the listeners. With port 0 all get the same port, chosen by the system.
pub fn bind(place: &Place) -> Result<Vec<TcpListener>, BindError> {
    bind_or_adopt(place, &mut Vec::new())
}

/// The same, but a socket in `inherited` that listens at a wanted address already is taken instead of a new one. Any
/// port of the address will do where the system may choose it.
pub fn bind_or_adopt(
    place: &Place,
    inherited: &mut Vec<std::net::TcpListener>,
) -> Result<Vec<TcpListener>, BindError> {
    let mut listen = |address| match adopt(address, inherited) {
        Some(listener) => Ok(listener),
        None => listen(address),
    };
    match place {
        Place::Addresses(addresses) => addresses.iter().copied().map(listen).collect(),
        Place::Loopback(port) => {
            let first = listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), *port))?;
            let port = first.local_addr().map_or(*port, |address| address.port());
            match listen(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
                Ok(second) => Ok(vec![first, second]),
                // Somebody else on the IPv6 side would get half of our clients.
                Err(error @ BindError::InUse { .. }) => Err(error),
                Err(BindError::Failed { .. }) => Ok(vec![first]),
            }
        }
    }
}

/// The inherited socket for an address.
fn adopt(address: SocketAddr, inherited: &mut Vec<std::net::TcpListener>) -> Option<TcpListener> {
    let fits = |socket: &std::net::TcpListener| {
        socket.local_addr().is_ok_and(|own| {
            own.ip() == address.ip() && (address.port() == 0 || own.port() == address.port())
        })
    };
    let at = inherited.iter().position(fits)?;
    let socket = inherited.swap_remove(at);
    let adopted = socket
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(socket));
    match adopted {
        Ok(listener) => Some(bounded(listener)),
        Err(error) => {
            tracing::warn!(%error, %address, "An inherited socket cannot be used; a new one is opened.");
            None
        }
    }
}

/// The same listener, whose connections show soon enough that the other side takes what it is sent.
fn bounded(listener: TcpListener) -> TcpListener {
    if let Err(error) = torana_host::sockets::bound_sending(&listener, SENDING_BYTES) {
        tracing::warn!(%error, "Clients on slow lines may be cut off: what is sent to them cannot be bounded.");
    }
    listener
}

pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let open = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map(bounded).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Failed { address, source },
    })
}

/// What is listened on.
pub struct Listeners {
    /// The gateway's own port.
    pub gateway: Vec<TcpListener>,
    /// Addresses that a proxy in front already sends webhooks to; always without TLS (decision 51).
    pub webhooks: Vec<TcpListener>,
    /// TLS on the gateway's own port.
    pub tls: Option<Arc<ServerTls>>,
    /// Port for documents of agents, opened when the first one is shown; with 0 the system chooses one.
    pub stage_port: u16,
}

impl Listeners {
    /// Where the gateway's own port can be reached.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.gateway
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }
}

impl From<Vec<TcpListener>> for Listeners {
    fn from(gateway: Vec<TcpListener>) -> Self {
        Self {
            gateway,
            webhooks: Vec::new(),
            tls: None,
            stage_port: 0,
        }
    }
}

/// Serves until `stop` is cancelled; WebSockets go to `dialect`. Then finishes what is being answered and returns. WebSocket clients are told by
/// their dialect and are not waited for.
pub async fn serve(
    context: Arc<Context>,
    dialect: Arc<OpenClaw>,
    listeners: impl Into<Listeners>,
    stop: CancellationToken,
) {
    let listeners = listeners.into();
    let world = context.engine.world().clone();
    let tasks = context.engine.tasks().clone();
    let pipeline = Arc::new(Pipeline {
        site: Site::embedded(),
        seats: Seats::new(world.clone()),
        runs: Runs::new(context.engine.bus()),
        files: Arc::new(Semaphore::new(FILES_MAX)),
        dialect,
        context,
    });
    let ends = Ends {
        drain: stop.clone(),
        kill: CancellationToken::new(),
    };
    let (open, mut all_closed) = mpsc::channel(1);
    pipeline.dialect.stage().prepare(Opening {
        addresses: listeners.addresses(),
        port: listeners.stage_port,
        tls: listeners.tls.clone(),
        pipeline: Arc::downgrade(&pipeline),
        ends: ends.clone(),
        open: open.downgrade(),
    });
    let door = |tls| Door {
        tls,
        is_stage: false,
    };
    let plain = listeners.webhooks.into_iter();
    let plain = plain.map(|socket| (socket, door(None)));
    let own = listeners.gateway.into_iter();
    let own = own.map(|socket| (socket, door(listeners.tls.clone())));
    for (socket, door) in own.chain(plain) {
        let accepting = keep_accepting(
            socket,
            door,
            Arc::clone(&pipeline),
            ends.clone(),
            open.clone(),
        );
        tasks.spawn("listener", accepting);
    }
    stop.cancelled().await;
    drop(open);
    tokio::select! {
        _ = all_closed.recv() => {}
        () = world.sleep_ms(DRAIN_MS) => ends.kill.cancel(),
    }
}

/// What a listener is for.
#[derive(Clone)]
pub(super) struct Door {
    /// TLS, where it is spoken.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// Only the page that documents run in is there.
    pub(super) is_stage: bool,
}

/// Held by everything that must end before a drain is over; nothing is ever sent.
type Open = mpsc::Sender<Infallible>;

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
