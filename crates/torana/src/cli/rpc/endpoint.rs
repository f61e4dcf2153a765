//! Where a gateway is, and the secret for it.

use std::net::IpAddr;

use torana_core::auth::Fingerprint;
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
    /// A gateway elsewhere, whose device token is kept.
    pub(super) explicit: bool,
    /// The one certificate that is trusted.
    pub(super) pin: Option<Fingerprint>,
    /// Headers for a proxy in front of it.
    pub(super) edge: Vec<(String, Secret)>,
}

// === impl Endpoint ===

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
            edge: Vec::new(),
        }
    }

    /// The gateway of this machine over TLS, when it presents this certificate.
    pub(crate) fn pinned(self, pin: Option<Fingerprint>) -> Self {
        Self {
            tls: pin.is_some(),
            pin,
            ..self
        }
    }

    /// Trusts one certificate only. Over an unencrypted connection nobody shows one.
    pub(crate) fn trust_only(self, pin: Fingerprint) -> Result<Self, Failure> {
        if !self.tls {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "{} is not encrypted, so it shows no certificate to compare with the fingerprint",
                    self.origin()
                ),
            )
            .hint("write the address as `wss://…`"));
        }
        Ok(Self {
            pin: Some(pin),
            ..self
        })
    }

    /// Sends headers for a proxy with the upgrade. They are credentials, so they never travel unencrypted.
    pub(crate) fn with_edge(self, edge: Vec<(String, Secret)>) -> Result<Self, Failure> {
        if !self.tls && !edge.is_empty() {
            return Err(Failure::new(
                Exit::Config,
                format!(
                    "`gateway.remote.edgeAuth` would travel unencrypted to {}",
                    self.origin()
                ),
            )
            .hint("write `gateway.remote.url` as `wss://…`, or remove the headers"));
        }
        Ok(Self { edge, ..self })
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
            edge: Vec::new(),
        })
    }

    /// It is not the gateway of this machine.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.explicit
    }

    /// A secret goes with it.
    pub(crate) fn has_secret(&self) -> bool {
        self.secret.is_some()
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

    /// Where a browser finds the same gateway.
    pub(crate) fn page(&self) -> String {
        let origin = self.origin();
        let rest = origin.split_once("://").map_or("", |(_, rest)| rest);
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{rest}{}", self.path.trim_end_matches('/'))
    }

    /// What is sent to this machine could be read on the way.
    pub(super) fn is_exposed(&self, peer: IpAddr) -> bool {
        !self.tls && is_public(peer)
    }
}
