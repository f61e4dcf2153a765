//! Where a gateway is, and the secret for it.

use std::net::IpAddr;

use torana_host::egress::is_public;
use torana_host::secret::Secret;

use crate::cli::failure::{Exit, Failure};

/// A gateway's address.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) tls: bool,
    pub(super) secret: Option<Secret>,
    /// Named with `--url`: a gateway elsewhere, whose device token is kept.
    pub(super) explicit: bool,
    /// The one certificate that is trusted, by its SHA-256.
    pub(super) pin: Option<String>,
}

impl Endpoint {
    /// The gateway of this machine.
    pub(crate) fn local(port: u16, secret: Option<Secret>) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            path: "/".to_owned(),
            tls: false,
            secret,
            explicit: false,
            pin: None,
        }
    }

    /// The same over TLS, when it presents this certificate.
    pub(crate) fn pinned(self, pin: Option<String>) -> Self {
        Self {
            tls: pin.is_some(),
            pin,
            ..self
        }
    }

    /// A gateway elsewhere, from `ws://`, `wss://`, `http://` or `https://` addresses.
    pub(crate) fn remote(url: &str, secret: Option<Secret>) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::new(Exit::Usage, format!("`{url}` {why}"))
                .hint("write it as `ws://127.0.0.1:18789` or `wss://gateway.example.org`")
        };
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| wrong("is not an address"))?;
        let tls = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(wrong("has an unknown scheme")),
        };
        let (authority, path) = rest
            .split_once('/')
            .map_or((rest, String::new()), |(authority, path)| {
                (authority, path.to_owned())
            });
        if authority.contains('@') {
            return Err(wrong("holds a user name; give the secret with --token"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (
                host,
                port.parse()
                    .map_err(|_| wrong("has a port that is not a number"))?,
            ),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        let path = path.split(['?', '#']).next().unwrap_or_default().to_owned();
        Ok(Self {
            host: host.to_owned(),
            port,
            path: format!("/{path}"),
            tls,
            secret,
            explicit: true,
            pin: None,
        })
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of the socket.
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// Scheme, host and port: what a device token belongs to.
    pub(crate) fn origin(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.to_ascii_lowercase()
        };
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// What is sent to this machine could be read on the way.
    pub(super) fn is_exposed(&self, peer: IpAddr) -> bool {
        !self.tls && is_public(peer)
    }
}
