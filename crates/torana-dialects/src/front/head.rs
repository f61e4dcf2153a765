//! The head of a request, checked: its target, its `Host`, who sent it, and whether another site's page did.

use std::net::IpAddr;

use hyper::header;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, StatusCode, Version};

use super::answer::{Checked, closing, malformed, refuse, text, wrong_method};
use super::host::{is_host_allowed, is_origin_allowed};
use super::path::{Route, route};
use super::peer::{ForwardFault, Peer, attribute, proxied, tailnet, user_agent};
use crate::context::FrontSettings;

/// Bytes of a request target (threat model section 7).
const TARGET_BYTES_MAX: usize = 8 * 1024;

/// Nothing is changed by it.
pub(super) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The one reading of the target that routing and authority share.
pub(super) fn target(parts: &Parts) -> Checked<Route> {
    if matches!(parts.method, Method::TRACE | Method::CONNECT) {
        return Err(Box::new(closing(wrong_method("GET, HEAD, POST"))));
    }
    if parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len())
        > TARGET_BYTES_MAX
    {
        return Err(Box::new(closing(text(
            StatusCode::URI_TOO_LONG,
            "URI Too Long",
        ))));
    }
    // Absolute targets are for proxies, and a second place to name a host.
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        return malformed("Bad Request");
    }
    route(parts.uri.path()).or_else(|_| malformed("Bad Request"))
}

/// The `Host` header in lower case; exactly one.
pub(super) fn host(parts: &Parts) -> Checked<String> {
    let mut values = parts.headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => match value.to_str() {
            Ok(host) => Ok(host.to_ascii_lowercase()),
            Err(_) => malformed("the Host header cannot be read"),
        },
        (None, _) if parts.version == Version::HTTP_10 => Ok(String::new()),
        (None, _) => malformed("the Host header is missing"),
        (Some(_), Some(_)) => malformed("the Host header stands twice"),
    }
}

/// How a request came.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) is_hook: bool,
    pub(super) is_tls: bool,
}

/// Whoever sent the request, as far as its head and its address tell.
pub(super) fn peer(
    address: IpAddr,
    headers: &HeaderMap,
    host: String,
    front: &FrontSettings,
    arrival: Arrival,
) -> Checked<Peer> {
    let mut identity = proxied(address, headers, front);
    let tailnet = tailnet(address, headers, &host, front);
    let (remote, direct_local) = match attribute(address, headers, &front.trusted_proxies) {
        // Whoever comes through a proxy is not here, whatever headers the proxy left out.
        Ok((remote, local)) => (remote, local && identity.is_none()),
        Err(ForwardFault::Untrusted) if tailnet.is_some() => {
            let (client, person) =
                tailnet.map_or((address, None), |(client, person)| (client, Some(person)));
            identity = person;
            (client, false)
        }
        Err(_) if arrival.is_hook => (address.to_canonical(), false),
        Err(ForwardFault::Untrusted) => {
            let message =
                "a proxy header came from an address that is not in gateway.trustedProxies";
            return refuse(StatusCode::FORBIDDEN, "proxy_attribution_required", message);
        }
        Err(ForwardFault::Unreadable) => return malformed("the forwarding headers cannot be read"),
    };
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => None,
        (Some(origin), None) => {
            Some(String::from_utf8_lossy(origin.as_bytes()).to_ascii_lowercase())
        }
        (Some(_), Some(_)) => return malformed("the Origin header stands twice"),
    };
    let origin_ok = origin.as_deref().is_none_or(|origin| {
        is_origin_allowed(origin, &host, &front.allowed_origins, arrival.is_tls)
    });
    Ok(Peer {
        remote,
        direct_local,
        origin,
        origin_ok,
        host,
        user_agent: user_agent(headers),
        identity,
        is_tls: arrival.is_tls,
    })
}

/// A name under which this gateway is known.
pub(super) fn check_host(host: &str, front: &FrontSettings) -> Checked<()> {
    match is_host_allowed(host, &front.public_hosts, &front.allowed_origins) {
        Some(true) => Ok(()),
        Some(false) => {
            let message = "this gateway is not known under that host name; to allow it, set gateway.publicOrigin \
                           or add its origin to gateway.controlUi.allowedOrigins";
            refuse(StatusCode::MISDIRECTED_REQUEST, "host_not_allowed", message)
        }
        None => malformed("the Host header cannot be read"),
    }
}

/// Pages of other sites may not act through a person's browser, whatever credential they know (S-066).
pub(super) fn refuse_foreign_page(headers: &HeaderMap, peer: &Peer) -> Checked<()> {
    let is_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site" || site == "same-site");
    let is_ours = peer.origin.is_some() && peer.origin_ok;
    if !peer.origin_ok || (is_elsewhere && !is_ours) {
        return refuse(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "requests of other sites are not served",
        );
    }
    Ok(())
}
