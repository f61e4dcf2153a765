//! What clients reach by address instead of by method: the canvas, and files of conversations.

use torana_core::auth::{Role, Scope, ScopeSet};
use torana_core::id::ConnectionId;
use torana_core::media::MediaRef;
use torana_core::port::World;

use super::capability::{Bounds, Capabilities};
use crate::context::FrontSettings;
use crate::front::host::is_plain_host;
use crate::front::path::DOWNLOADS;
use crate::front::peer::Peer;

/// The one surface there is.
pub(crate) const CANVAS: &str = "canvas";
/// Life of every address, milliseconds (OpenClaw 2026.9.6).
const LIFE_MS: u64 = 600_000;
/// Addresses of the canvas that one connection may use at once: those of hello and of three renewals, so that what is
/// being shown while a page renews its address goes on being shown.
const CANVAS_PER_CONNECTION: usize = 4;
/// Addresses of files that one connection may use at once: a long page full of pictures.
const DOWNLOADS_PER_CONNECTION: usize = 64;
/// Addresses of one kind in all, about ten megabytes of memory.
const ALL: usize = 65_536;

/// An address that is its own permission. It has no `Debug`, so that no log can show it by accident.
pub(crate) struct Address {
    /// The address, or the path of one.
    pub(crate) url: String,
    /// When it ends, Unix milliseconds.
    pub(crate) expires_at_ms: i64,
}

/// Addresses that were given out.
pub(crate) struct Surfaces {
    canvas: Capabilities<()>,
    downloads: Capabilities<MediaRef>,
}

// === impl Surfaces ===

impl Surfaces {
    /// None yet.
    pub(crate) fn new(world: &World) -> Self {
        let bounds = |per_connection| Bounds {
            life_ms: LIFE_MS,
            per_connection,
            all: ALL,
        };
        Self {
            canvas: Capabilities::new(world.clone(), bounds(CANVAS_PER_CONNECTION)),
            downloads: Capabilities::new(world.clone(), bounds(DOWNLOADS_PER_CONNECTION)),
        }
    }

    /// A fresh address of the canvas, below the gateway's own address.
    pub(crate) fn open_canvas(&self, connection: ConnectionId, base_url: &str) -> Option<Address> {
        let issued = self.canvas.issue(connection, ())?;
        Some(Address {
            url: format!("{base_url}/__openclaw__/cap/{}", issued.token),
            expires_at_ms: issued.expires_at_ms,
        })
    }

    /// A token of ours opens the canvas.
    pub(crate) fn opens_canvas(&self, token: &str) -> bool {
        self.canvas.find(token).is_some()
    }

    /// A fresh address of a file, as a path of the gateway.
    pub(crate) fn open_download(
        &self,
        connection: ConnectionId,
        file: MediaRef,
    ) -> Option<Address> {
        let issued = self.downloads.issue(connection, file)?;
        Some(Address {
            url: format!("{DOWNLOADS}{}", issued.token),
            expires_at_ms: issued.expires_at_ms,
        })
    }

    /// The file that a token opens.
    pub(crate) fn download(&self, token: &str) -> Option<MediaRef> {
        self.downloads.find(token)
    }

    /// Ends the addresses of a connection.
    pub(crate) fn revoke(&self, connection: ConnectionId) {
        self.canvas.revoke(connection);
        self.downloads.revoke(connection);
    }
}

/// Who is told where the canvas is: nodes show it, and operators who may look at what agents do.
pub(crate) fn sees_canvas(role: Role, scopes: ScopeSet) -> bool {
    role == Role::Node || scopes.allows(Scope::Read)
}

/// The address under which a client reaches us; `None` when it did not say one that can be repeated.
pub(crate) fn base_url(peer: &Peer, front: &FrontSettings) -> Option<String> {
    let host = peer.host.as_str();
    if !is_plain_host(host) {
        return None;
    }
    // A proxy in front of us may be the one that speaks TLS.
    let is_secure = |address: &str| address.strip_prefix("https://") == Some(host);
    let origin = peer.origin.as_deref().filter(|_| peer.origin_ok);
    let public = front.public_origin.as_deref();
    let public = public.map(|address| address.trim_end_matches('/').to_ascii_lowercase());
    let is_secure =
        peer.is_tls || origin.is_some_and(is_secure) || public.as_deref().is_some_and(is_secure);
    let scheme = if is_secure { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::context::AuthMode;

    fn peer(host: &str, origin: Option<&str>, is_tls: bool) -> Peer {
        Peer {
            remote: IpAddr::from([192, 0, 2, 1]),
            direct_local: false,
            origin: origin.map(str::to_owned),
            origin_ok: true,
            host: host.to_owned(),
            user_agent: None,
            identity: None,
            is_tls,
        }
    }

    #[test]
    fn the_address_is_the_one_the_client_used() {
        let mut front = FrontSettings::new(AuthMode::Token, None, 18_789);
        front.public_origin = Some("https://Gateway.example.org/".to_owned());
        for (host, origin, is_tls, wanted) in [
            (
                "127.0.0.1:18789",
                None,
                false,
                Some("http://127.0.0.1:18789"),
            ),
            ("10.0.0.2:18789", None, true, Some("https://10.0.0.2:18789")),
            (
                "gateway.example.org",
                None,
                false,
                Some("https://gateway.example.org"),
            ),
            (
                "box.lan:8443",
                Some("https://box.lan:8443"),
                false,
                Some("https://box.lan:8443"),
            ),
            (
                "box.lan",
                Some("https://other.example"),
                false,
                Some("http://box.lan"),
            ),
            ("", None, false, None),
            ("a b", None, false, None),
            ("user@host", None, false, None),
        ] {
            let found = base_url(&peer(host, origin, is_tls), &front);
            assert_eq!(found.as_deref(), wanted, "{host}");
        }
    }
}
