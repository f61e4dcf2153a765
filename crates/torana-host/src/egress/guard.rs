//! The guard for addresses that strangers or models influence (S-022, S-082).
//!
//! A name is resolved once, inside the client's own resolver, so the address that was checked is the address that is
//! connected to. Every redirect is checked like a first request, and credentials stay with their origin.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Response, Url};
use url::Host;

use super::address::is_public;
use super::client::{Egress, EgressError};

/// Redirects followed; each hop is checked, so the count only stops loops (decisions-control-and-agents 54).
pub const REDIRECTS_MAX: usize = 5;

/// Which addresses a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Anywhere,
    PublicOnly,
    PrivateOnly,
}

type Lookup = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;
type LookupFn = fn(String) -> Lookup;

/// Resolves through the operating system and lets only permitted addresses pass.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    reach: Reach,
    allow: Vec<IpNet>,
    lookup: LookupFn,
}

impl Resolver {
    pub(super) fn new(reach: Reach, allow: Vec<IpNet>) -> Self {
        Self {
            reach,
            allow,
            lookup: system_lookup,
        }
    }

    #[cfg(test)]
    pub(super) fn with_lookup(reach: Reach, lookup: LookupFn) -> Self {
        Self {
            reach,
            allow: Vec::new(),
            lookup,
        }
    }

    /// One forbidden address refuses the whole name: a name with a public and a private address is an attack.
    pub(super) async fn addresses(&self, name: String) -> Result<Vec<SocketAddr>, EgressError> {
        let addresses = (self.lookup)(name).await.map_err(|error| {
            EgressError::Connection(format!("its name cannot be resolved: {error}"))
        })?;
        let refused = match self.reach {
            Reach::Anywhere => None,
            Reach::PublicOnly => addresses
                .iter()
                .any(|address| !may_reach(address.ip(), &self.allow))
                .then_some(EgressError::Blocked),
            Reach::PrivateOnly => addresses
                .iter()
                .any(|address| is_public(address.ip()))
                .then_some(EgressError::PlainCredential),
        };
        match refused {
            Some(error) => Err(error),
            None => Ok(addresses),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str().to_owned()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn system_lookup(name: String) -> Lookup {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

fn may_reach(address: IpAddr, allow: &[IpNet]) -> bool {
    is_public(address)
        || allow
            .iter()
            .any(|network| network.contains(&address.to_canonical()))
}

/// Checks what can be checked of a URL without resolving its name: scheme, no user name, no forbidden literal.
///
/// The URL parser has already turned decimal, octal, hexadecimal and short spellings of addresses into their usual form.
pub fn parse_guarded_url(text: &str, allow: &[IpNet]) -> Result<Url, EgressError> {
    let url = Url::parse(text).map_err(|_| EgressError::BadUrl)?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none();
    if !usable {
        return Err(EgressError::BadUrl);
    }
    let permitted = match url.host() {
        Some(Host::Ipv4(address)) => may_reach(address.into(), allow),
        Some(Host::Ipv6(address)) => may_reach(address.into(), allow),
        Some(Host::Domain(_)) => true,
        None => return Err(EgressError::BadUrl),
    };
    if permitted {
        Ok(url)
    } else {
        Err(EgressError::Blocked)
    }
}

/// A fetch of an address that somebody else chose.
#[derive(Debug, Clone, Default)]
pub struct GuardedRequest {
    /// The address.
    pub url: String,
    /// Headers for the first origin only; they are dropped when a redirect leaves it.
    pub headers: HeaderMap,
}

impl Egress {
    /// Fetches with GET under the guard, following at most [`REDIRECTS_MAX`] redirects. Read the body with
    /// [`read_capped`](super::read_capped) and put your own deadline around both.
    pub async fn fetch_guarded(&self, request: GuardedRequest) -> Result<Response, EgressError> {
        let client = self.guarded()?;
        let mut url = parse_guarded_url(&request.url, self.guarded_allow())?;
        let mut headers = request.headers;
        for _ in 0..=REDIRECTS_MAX {
            let response = client
                .get(url.clone())
                .headers(headers.clone())
                .send()
                .await?;
            let location = response
                .status()
                .is_redirection()
                .then(|| response.headers().get(LOCATION))
                .flatten();
            let Some(location) = location else {
                return Ok(response);
            };
            let target = location.to_str().map_err(|_| EgressError::BadUrl)?;
            let joined = url.join(target).map_err(|_| EgressError::BadUrl)?;
            let next = parse_guarded_url(joined.as_str(), self.guarded_allow())?;
            if next.origin() != url.origin() {
                headers.clear();
            }
            url = next;
        }
        Err(EgressError::Redirects)
    }
}
