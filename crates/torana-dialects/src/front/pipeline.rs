//! What requests are answered from and with: the pipeline all share, the link of a connection, one exchange.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::http::request::Parts;
use tokio::sync::Semaphore;

use super::peer::Peer;
use super::seats::{Seat, Seats};
use super::static_ui::Site;
use crate::context::{Context, FrontSettings};
use crate::openai;
use crate::openclaw::OpenClaw;

/// Everything requests are answered from.
pub(super) struct Pipeline {
    pub(super) context: Arc<Context>,
    pub(super) site: Site,
    pub(super) seats: Seats,
    pub(super) runs: openai::Runs,
    /// Places for files of conversations that are being sent.
    pub(super) files: Arc<Semaphore>,
    /// Takes the WebSockets.
    pub(super) dialect: Arc<OpenClaw>,
}

/// What one connection and its requests share.
pub(super) struct Link {
    pub(super) address: IpAddr,
    /// The connection is encrypted.
    pub(super) is_tls: bool,
    /// It came to the port that documents run on.
    pub(super) is_stage: bool,
    pub(super) seat: Seat,
    /// The current request must be the connection's last.
    pub(super) last: Arc<AtomicBool>,
    /// Requests so far.
    pub(super) requests: AtomicU64,
    /// An upgrade was agreed, with this peer.
    pub(super) upgraded: Mutex<Option<Peer>>,
    /// The last answer left a body unread.
    pub(super) unread: AtomicBool,
}

/// One request being answered.
pub(super) struct Exchange {
    pub(super) parts: Parts,
    /// The body, until somebody reads it.
    pub(super) body: Option<Incoming>,
    /// Reading the body was given up.
    pub(super) is_cut: bool,
}

/// Who asks, over which connection, and what holds while the answer is made.
pub(super) struct Visit<'a> {
    pub(super) link: &'a Link,
    pub(super) peer: &'a Peer,
    pub(super) front: &'a FrontSettings,
}
