//! Opens the stage: listens on a second port wherever the gateway does, and accepts there.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use torana_host::tls::ServerTls;

use super::accept::keep_accepting;
use super::door::{Door, Ends};
use super::listen::{BindError, listen};
use super::pipeline::Pipeline;

/// What opening the stage takes. Nothing here keeps a gateway that ends.
pub(super) struct Opening {
    /// Where the gateway itself listens.
    pub(super) addresses: Vec<SocketAddr>,
    /// TLS of the gateway, as a frame without it is not shown in a page that has it.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// What answers.
    pub(super) pipeline: Weak<Pipeline>,
    /// What ends it.
    pub(super) ends: Ends,
    /// Held while it is open.
    pub(super) open: mpsc::WeakSender<Infallible>,
}

// === impl Opening ===

impl Opening {
    /// Listens wherever the gateway does, and accepts there; with port 0 the system chooses one.
    pub(super) fn open(&self, mut port: u16) -> Result<u16, BindError> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        for address in &self.addresses {
            let listener = listen(SocketAddr::new(address.ip(), port))?;
            port = listener.local_addr().map_or(port, |bound| bound.port());
            listeners.push(listener);
        }
        // Both are gone while the gateway ends; nobody is left to show a document to.
        if let Some((pipeline, open)) = self.pipeline.upgrade().zip(self.open.upgrade()) {
            for listener in listeners {
                let door = Door {
                    tls: self.tls.clone(),
                    is_stage: true,
                };
                let pipeline = Arc::clone(&pipeline);
                let tasks = pipeline.context.engine.tasks().clone();
                let accepting =
                    keep_accepting(listener, door, pipeline, self.ends.clone(), open.clone());
                tasks.spawn("stage", accepting);
            }
        }
        tracing::info!(
            port,
            "Documents of agents are shown on a port of their own."
        );
        Ok(port)
    }
}
