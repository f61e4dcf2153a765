//! The HTTP clients of the gateway: few, shared, and made on first use.
//!
//! Making a TLS client reads the system's certificates, which costs milliseconds and memory, so a gateway that talks to
//! nobody never does it, and all callers share one client per kind.

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipnet::IpNet;
use reqwest::{Client, ClientBuilder, NoProxy, Proxy, Url};
use url::Host;

use super::address::is_public;
use super::guard::{Reach, Resolver};

/// A connection that is not there after this time will not come: ten seconds cover two lost SYN packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The net under all other timeouts: longer than the longest first byte of a model server (300 s).
const READ_TIMEOUT: Duration = Duration::from_secs(310);
/// Idle connections kept per host: those of as many turns as a busy gateway has under way, since opening one costs more
/// than a turn's first request; small enough to stay out of sight of file limits.
const IDLE_PER_HOST_MAX: usize = 64;
/// Below the keep-alive time of common proxies (60 to 75 s), so that a reused connection is seldom dead already.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Finds half-open connections of long polls and silent streams.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A proxy cannot reach this machine's own servers, such as a local model.
const NOT_PROXIED: &str = "localhost,127.0.0.0/8,::1";

/// Why a request could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The URL is not an absolute http or https URL, or carries a user name.
    #[error("not a usable http(s) address")]
    BadUrl,
    /// A credential would travel unencrypted over the public internet.
    #[error("a credential must not be sent over plain http to a public address; use https")]
    PlainCredential,
    /// The address belongs to an inner network (S-022).
    #[error("the address is not on the public internet")]
    Blocked,
    /// More redirects than allowed.
    #[error("too many redirects")]
    Redirects,
    /// The client could not be made, for instance because no certificates were found.
    #[error("no HTTP client: {0}")]
    Client(String),
    /// The request failed on the way.
    #[error("{0}")]
    Connection(String),
}

impl EgressError {
    /// The code shown to protocol clients.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Blocked => "SSRF_BLOCKED",
            Self::BadUrl => "BAD_URL",
            Self::PlainCredential => "PLAIN_CREDENTIAL",
            Self::Redirects => "TOO_MANY_REDIRECTS",
            Self::Client(_) | Self::Connection(_) => "UNREACHABLE",
        }
    }
}

/// What the operator decided about outgoing connections.
#[derive(Debug, Clone, Default)]
pub struct EgressOptions {
    /// Sent as `torana/<version>`.
    pub version: String,
    /// A proxy the operator configured; ambient proxy variables are never read.
    pub proxy: Option<String>,
    /// Inner networks that guarded fetches may reach nevertheless.
    pub guarded_allow: Vec<IpNet>,
}

/// Installs the process-wide TLS provider; later calls do nothing.
pub fn install_crypto() {
    // An error only says that a provider is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
}

#[derive(Debug, Default)]
struct Clients {
    // https: certificates are checked, any address may be reached.
    secure: OnceLock<Client>,
    // http without a credential.
    plain: OnceLock<Client>,
    // http with a credential: only to addresses that are not public.
    plain_private: OnceLock<Client>,
    guarded: OnceLock<Client>,
}

/// Makes and shares the clients. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    options: Arc<EgressOptions>,
    clients: Arc<Clients>,
}

impl Egress {
    /// Remembers the options; nothing is opened or read yet.
    pub fn new(options: EgressOptions) -> Self {
        Self {
            options: Arc::new(options),
            clients: Arc::default(),
        }
    }

    /// The client for an address that the operator wrote (decision 32): any address, no redirects; a credential over
    /// plain http only to addresses that are not public.
    pub fn operator(&self, url: &Url, credential: bool) -> Result<Client, EgressError> {
        match (url.scheme(), credential) {
            ("https", _) => self.made(&self.clients.secure, |builder| {
                builder.dns_resolver(Resolver::new(Reach::Anywhere, Vec::new()))
            }),
            ("http", false) => self.made(&self.clients.plain, |builder| {
                without_certificates(builder)
                    .dns_resolver(Resolver::new(Reach::Anywhere, Vec::new()))
            }),
            ("http", true) => {
                let address = match url.host() {
                    Some(Host::Ipv4(address)) => Some(address.into()),
                    Some(Host::Ipv6(address)) => Some(address.into()),
                    Some(Host::Domain(_)) => None,
                    None => return Err(EgressError::BadUrl),
                };
                if address.is_some_and(is_public) {
                    return Err(EgressError::PlainCredential);
                }
                // Never through a proxy: it would resolve the name itself, past the check of the address.
                build(&self.clients.plain_private, || {
                    without_certificates(self.base().no_proxy())
                        .dns_resolver(Resolver::new(Reach::PrivateOnly, Vec::new()))
                })
            }
            _ => Err(EgressError::BadUrl),
        }
    }

    /// The client behind guarded fetches. It never uses a proxy, which would resolve the name a second time.
    pub(super) fn guarded(&self) -> Result<Client, EgressError> {
        let allow = self.options.guarded_allow.clone();
        build(&self.clients.guarded, || {
            self.base()
                .no_proxy()
                .dns_resolver(Resolver::new(Reach::PublicOnly, allow))
        })
    }

    /// Inner networks that guarded fetches may reach.
    pub(super) fn guarded_allow(&self) -> &[IpNet] {
        &self.options.guarded_allow
    }

    fn made(
        &self,
        slot: &OnceLock<Client>,
        shape: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Client, EgressError> {
        let proxy = match &self.options.proxy {
            Some(proxy) => Some(
                Proxy::all(proxy.as_str())
                    .map_err(|error| EgressError::Client(describe(&error)))?
                    .no_proxy(NoProxy::from_string(NOT_PROXIED)),
            ),
            None => None,
        };
        build(slot, || {
            let builder = shape(self.base().no_proxy());
            match proxy {
                Some(proxy) => builder.proxy(proxy),
                None => builder,
            }
        })
    }

    fn base(&self) -> ClientBuilder {
        install_crypto();
        Client::builder()
            .user_agent(format!("torana/{}", self.options.version))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_keepalive(KEEPALIVE)
            .tcp_nodelay(true)
    }
}

fn build(
    slot: &OnceLock<Client>,
    builder: impl FnOnce() -> ClientBuilder,
) -> Result<Client, EgressError> {
    if let Some(client) = slot.get() {
        return Ok(client.clone());
    }
    let client = builder()
        .build()
        .map_err(|error| EgressError::Client(describe(&error)))?;
    // Two callers may race; both end up with the same client.
    Ok(slot.get_or_init(|| client).clone())
}

/// A client that only speaks plain http needs no certificates, and reading them is what makes a client expensive.
fn without_certificates(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

/// A failure in words without the URL, which may hold a token, and with its innermost cause, which says most.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "could not connect"
    } else if error.is_body() || error.is_decode() {
        "the connection broke off"
    } else if error.is_builder() {
        "the request is not valid"
    } else {
        "the request failed"
    };
    let mut cause = error.source();
    let mut innermost = None;
    while let Some(inner) = cause {
        innermost = Some(inner.to_string());
        cause = inner.source();
    }
    match innermost {
        Some(reason) if !reason.contains("://") => format!("{what} ({reason})"),
        _ => what.to_owned(),
    }
}

impl From<reqwest::Error> for EgressError {
    fn from(error: reqwest::Error) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(refused) = inner.downcast_ref::<EgressError>() {
                return refused.clone();
            }
            cause = inner.source();
        }
        Self::Connection(describe(&error))
    }
}
