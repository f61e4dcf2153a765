//! What a listener gives every connection it accepts: what it is for, and what ends it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use torana_host::tls::ServerTls;

/// What a listener is for.
#[derive(Clone)]
pub(super) struct Door {
    /// TLS, where it is spoken.
    pub(super) tls: Option<Arc<ServerTls>>,
    /// Only the page that documents run in is there.
    pub(super) is_stage: bool,
}

/// What ends connections from outside.
#[derive(Clone)]
pub(super) struct Ends {
    /// Finish what is being answered, take nothing new.
    pub(super) drain: CancellationToken,
    /// End now.
    pub(super) kill: CancellationToken,
}
