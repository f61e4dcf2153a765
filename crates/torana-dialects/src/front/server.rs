//! Serves what is listened on, and drains in order.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use torana_core::limit::DRAIN_MS;
use torana_host::tls::ServerTls;

use super::accept::keep_accepting;
use super::door::{Door, Ends};
use super::pipeline::Pipeline;
use super::seats::Seats;
use super::stage_door::Opening;
use super::static_ui::Site;
use super::surface::FILES_MAX;
use crate::context::Context;
use crate::openai::Runs;
use crate::openclaw::OpenClaw;

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

/// Serves until `stop` is cancelled; WebSockets go to `dialect`. Then finishes what is being answered and returns.
/// WebSocket clients are told by their dialect and are not waited for.
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
    let stage = Opening {
        addresses: listeners.addresses(),
        tls: listeners.tls.clone(),
        pipeline: Arc::downgrade(&pipeline),
        ends: ends.clone(),
        open: open.downgrade(),
    };
    let prepared = pipeline.dialect.stage();
    prepared.prepare(listeners.stage_port, move |port| stage.open(port));
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
