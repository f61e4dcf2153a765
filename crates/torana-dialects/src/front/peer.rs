//! Facts about who is asking: address, locality, browser origin. Established once per request, before any credential.
//!
//! Forwarding headers count only when the TCP peer is a trusted proxy; from anybody else they are a refusal, because a
//! reverse proxy on this machine would make the whole internet look local (S-010).

use std::net::{IpAddr, Ipv6Addr};

use hyper::{HeaderMap, header};
use ipnet::IpNet;

use super::gate::{Place, Source};
use crate::context::{AuthMode, FrontSettings};

/// Headers by which proxies tell whom they speak for, and by which identity proxies name people.
const FORWARDING: [&str; 9] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-user",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "tailscale-user-login",
];
/// Hops read from the right of a forwarding list; longer lists are somebody playing.
const HOPS_MAX: usize = 32;
/// Characters kept of a client's name for logs and presence (S-071).
const USER_AGENT_CHARS_MAX: usize = 256;

/// Who is asking, as far as the connection itself tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The client's address: the TCP peer, or what a trusted proxy says.
    pub(crate) remote: IpAddr,
    /// The TCP peer is this machine and nobody forwards for somebody else.
    pub(crate) direct_local: bool,
    /// The `Origin` header, only browsers send it.
    pub(crate) origin: Option<String>,
    /// The origin is our own or listed; `true` when there is none.
    pub(crate) origin_ok: bool,
    /// The `Host` header in lower case, with port; empty when the client sent none.
    pub(crate) host: String,
    /// The client's name for itself, cut and without control characters.
    pub(crate) user_agent: Option<String>,
    /// The person a proxy of the operator's names.
    pub(crate) identity: Option<Identity>,
    /// The connection itself is encrypted.
    pub(crate) is_tls: bool,
}

/// Who named a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// The operator's identity-aware proxy.
    TrustedProxy,
    /// The tailnet's proxy on this machine.
    Tailscale,
}

/// A person named by a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name.
    pub(crate) user: String,
    /// By whom.
    pub(crate) via: Via,
}

/// Bytes of a person's name in a header; an e-mail address has at most 254.
const USER_BYTES_MAX: usize = 256;

/// A header that stands exactly once, with readable text.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next()?, values.next());
    let text = first.to_str().ok()?.trim();
    let is_fit = second.is_none() && !text.is_empty() && text.len() <= USER_BYTES_MAX;
    is_fit.then_some(text)
}

/// The person a trusted proxy names, in the mode that asks for one (behaviour 13.3). Headers of anybody else count for
/// nothing (S-010).
pub(super) fn proxied(
    address: IpAddr,
    headers: &HeaderMap,
    front: &FrontSettings,
) -> Option<Identity> {
    let address = address.to_canonical();
    let proxy = &front.proxy;
    let is_trusted = front
        .trusted_proxies
        .iter()
        .any(|network| network.contains(&address));
    if front.auth != AuthMode::TrustedProxy
        || !is_trusted
        || (address.is_loopback() && !proxy.allow_loopback)
        || proxy
            .required_headers
            .iter()
            .any(|name| single(headers, name).is_none())
    {
        return None;
    }
    let user = single(headers, &proxy.user_header)?;
    let is_allowed = proxy.allow_users.is_empty()
        || proxy
            .allow_users
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(user));
    is_allowed.then(|| Identity {
        user: user.to_owned(),
        via: Via::TrustedProxy,
    })
}

/// Client and person behind the tailnet's proxy, which connects from this machine and writes these headers itself. Only
/// where the operator switched it on, and only under a tailnet name: a page cannot choose its `Host`.
pub(super) fn tailnet(
    address: IpAddr,
    headers: &HeaderMap,
    host: &str,
    front: &FrontSettings,
) -> Option<(IpAddr, Identity)> {
    let name = host.split(':').next().unwrap_or_default();
    if !front.allow_tailscale
        || !address.to_canonical().is_loopback()
        || !name.trim_end_matches('.').ends_with(".ts.net")
    {
        return None;
    }
    let user = single(headers, "tailscale-user-login")?;
    // Serve writes exactly one hop; a list was written by somebody in front of it.
    let client = single(headers, "x-forwarded-for")?.parse::<IpAddr>().ok()?;
    let others = [
        "forwarded",
        "x-real-ip",
        "cf-connecting-ip",
        "true-client-ip",
        "x-forwarded-user",
    ];
    if others.iter().any(|name| headers.contains_key(*name)) {
        return None;
    }
    let identity = Identity {
        user: user.to_owned(),
        via: Via::Tailscale,
    };
    Some((client.to_canonical(), identity))
}

impl Peer {
    /// What guesses of this client are counted under.
    pub(crate) fn source(&self) -> Source {
        let place = if self.direct_local {
            Place::Local
        } else {
            Place::Remote(network(self.remote))
        };
        Source {
            place,
            origin: self.origin.clone(),
            device: None,
        }
    }
}

/// Why forwarding headers cannot be honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ForwardFault {
    /// They come from somebody who is not a trusted proxy.
    Untrusted,
    /// A trusted proxy sent something we cannot read.
    Unreadable,
}

/// The client behind a TCP peer and whether it is local.
pub(super) fn attribute(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Result<(IpAddr, bool), ForwardFault> {
    let peer = peer.to_canonical();
    let is_forwarded = FORWARDING.iter().any(|name| headers.contains_key(*name));
    if !is_forwarded {
        // `Via` names nobody, so it is no reason to refuse, but whoever speaks through a proxy is not this machine.
        return Ok((
            peer,
            peer.is_loopback() && !headers.contains_key(header::VIA),
        ));
    }
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(peer) {
        return Err(ForwardFault::Untrusted);
    }
    let hops = hops(headers)?;
    // The right-most hop that is not one of our own proxies is the client; what stands left of it, it wrote itself.
    let client = hops
        .iter()
        .rev()
        .find(|hop| !is_trusted(**hop))
        .or(hops.first());
    Ok((client.copied().unwrap_or(peer), false))
}

fn hops(headers: &HeaderMap) -> Result<Vec<IpAddr>, ForwardFault> {
    let mut hops = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        let value = value.to_str().map_err(|_| ForwardFault::Unreadable)?;
        for hop in value.split(',') {
            hops.push(address(hop).ok_or(ForwardFault::Unreadable)?);
        }
    }
    if hops.is_empty() {
        for value in headers.get_all("forwarded") {
            let value = value.to_str().map_err(|_| ForwardFault::Unreadable)?;
            hops.extend(forwarded_for(value)?);
        }
    }
    if hops.is_empty()
        && let Some(value) = headers.get("x-real-ip")
    {
        let value = value.to_str().map_err(|_| ForwardFault::Unreadable)?;
        hops.push(address(value).ok_or(ForwardFault::Unreadable)?);
    }
    if hops.len() > HOPS_MAX {
        Err(ForwardFault::Unreadable)
    } else {
        Ok(hops)
    }
}

/// The `for=` elements of a `Forwarded` header (RFC 7239); obfuscated names are nobody's address.
fn forwarded_for(value: &str) -> Result<Vec<IpAddr>, ForwardFault> {
    let mut hops = Vec::new();
    for element in value.split(',') {
        for pair in element.split(';') {
            let Some((name, node)) = pair.split_once('=') else {
                return Err(ForwardFault::Unreadable);
            };
            if name.trim().eq_ignore_ascii_case("for") {
                hops.push(address(node.trim().trim_matches('"')).ok_or(ForwardFault::Unreadable)?);
            }
        }
    }
    Ok(hops)
}

/// An address with or without port, with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        // One colon separates a port; several belong to an IPv6 address.
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

/// The network that counts as one source: one address, or the /64 an IPv6 client can choose its addresses from.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

/// A client's name for itself, fit for logs.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(hyper::header::USER_AGENT)?.to_str().ok()?;
    let text: String = text
        .chars()
        .filter(|character| !character.is_control())
        .take(USER_AGENT_CHARS_MAX)
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn check(
        peer: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<(String, bool), ForwardFault> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let trusted = ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]
            .map(|network| network.parse().expect("a network"));
        let trusted = if peer.starts_with('!') {
            &[][..]
        } else {
            &trusted[..]
        };
        let peer = peer.trim_start_matches('!').parse().expect("an address");
        attribute(peer, &map, trusted).map(|(address, local)| (address.to_string(), local))
    }

    #[test]
    fn without_forwarding_headers_the_tcp_peer_is_the_client() {
        assert_eq!(check("127.0.0.1", &[]), Ok(("127.0.0.1".to_owned(), true)));
        assert_eq!(check("::1", &[]), Ok(("::1".to_owned(), true)));
        assert_eq!(
            check("::ffff:127.0.0.1", &[]),
            Ok(("127.0.0.1".to_owned(), true))
        );
        assert_eq!(check("192.0.2.7", &[]), Ok(("192.0.2.7".to_owned(), false)));
    }

    #[test]
    fn any_forwarding_header_from_an_unlisted_peer_is_refused() {
        for name in FORWARDING {
            for peer in ["!127.0.0.1", "!::1", "192.0.2.7"] {
                assert_eq!(
                    check(peer, &[(name, "127.0.0.1")]),
                    Err(ForwardFault::Untrusted),
                    "{name} from {peer}"
                );
            }
        }
    }

    #[test]
    fn a_trusted_proxy_names_the_client_by_its_right_most_foreign_hop() {
        let client =
            |value| check("127.0.0.1", &[("x-forwarded-for", value)]).map(|(address, _)| address);
        assert_eq!(client("203.0.113.9"), Ok("203.0.113.9".to_owned()));
        assert_eq!(
            client("127.0.0.1, 203.0.113.9, 10.1.2.3"),
            Ok("203.0.113.9".to_owned())
        );
        assert_eq!(client("[2001:db8::1]:443"), Ok("2001:db8::1".to_owned()));
        assert_eq!(client("203.0.113.9:5000"), Ok("203.0.113.9".to_owned()));
        assert_eq!(client("unknown"), Err(ForwardFault::Unreadable));
        for (more, wanted) in [
            (HOPS_MAX - 1, Ok("203.0.113.9".to_owned())),
            (HOPS_MAX, Err(ForwardFault::Unreadable)),
        ] {
            let hops = format!("203.0.113.9{}", ", 10.1.2.3".repeat(more));
            assert_eq!(client(hops.leak()), wanted, "{more} more");
        }
        assert_eq!(
            check(
                "10.0.0.1",
                &[(
                    "forwarded",
                    "for=\"[2001:db8::7]:80\";proto=https, for=10.0.0.2"
                )]
            ),
            Ok(("2001:db8::7".to_owned(), false))
        );
    }

    #[test]
    fn forwarding_ends_local_trust_even_for_loopback_clients() {
        assert_eq!(
            check("!127.0.0.1", &[("via", "1.1 relay")]),
            Ok(("127.0.0.1".to_owned(), false))
        );
        assert_eq!(
            check("127.0.0.1", &[("x-forwarded-for", "127.0.0.1")]),
            Ok(("127.0.0.1".to_owned(), false))
        );
        assert_eq!(
            check("127.0.0.1", &[("x-forwarded-proto", "https")]),
            Ok(("127.0.0.1".to_owned(), false))
        );
    }

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        map
    }

    /// S-010: a person is whom the operator's proxy names, never whom anybody else writes into a header.
    #[test]
    fn s_010_only_a_listed_proxy_names_a_person() {
        let mut front = FrontSettings::new(AuthMode::TrustedProxy, None, 1);
        front.trusted_proxies = ["10.0.0.0/8", "127.0.0.1/32"]
            .map(|network| network.parse().expect("a network"))
            .to_vec();
        front.proxy.user_header = "x-auth-user".to_owned();
        front.proxy.required_headers = vec!["x-auth-proof".to_owned()];
        let good = [("x-auth-user", "ann@example.org"), ("x-auth-proof", "1")];
        let twice = [good[0], good[1], ("x-auth-user", "eve@example.org")];
        let user = |front: &FrontSettings, peer: &str, headers: &[(&'static str, &'static str)]| {
            let peer = peer.parse().expect("an address");
            proxied(peer, &map(headers), front).map(|identity| identity.user)
        };
        assert_eq!(
            user(&front, "10.1.2.3", &good).as_deref(),
            Some("ann@example.org")
        );
        for (peer, headers) in [
            ("192.0.2.7", &good[..]),
            ("127.0.0.1", &good),
            ("10.1.2.3", &good[..1]),
            ("10.1.2.3", &good[1..]),
            ("10.1.2.3", &twice),
            ("10.1.2.3", &[("x-auth-user", ""), ("x-auth-proof", "1")]),
        ] {
            assert_eq!(user(&front, peer, headers), None, "{peer} {headers:?}");
        }
        front.proxy.allow_users = vec!["Ann@Example.org".to_owned()];
        assert!(user(&front, "10.1.2.3", &good).is_some());
        front.proxy.allow_users = vec!["bob@example.org".to_owned()];
        assert_eq!(user(&front, "10.1.2.3", &good), None);
        front.proxy.allow_users.clear();
        front.proxy.allow_loopback = true;
        assert!(user(&front, "127.0.0.1", &good).is_some());
        front.auth = AuthMode::Token;
        assert_eq!(
            user(&front, "10.1.2.3", &good),
            None,
            "only in the mode that asks for it"
        );
    }

    /// S-010: the tailnet's headers count only where they were switched on, from this machine, under a tailnet name.
    #[test]
    fn s_010_the_tailnets_proxy_counts_only_where_it_was_switched_on() {
        let mut front = FrontSettings::new(AuthMode::Token, None, 1);
        let good = [
            ("tailscale-user-login", "ann@example.org"),
            ("x-forwarded-for", "100.64.1.2"),
            ("x-forwarded-proto", "https"),
        ];
        let found = |front: &FrontSettings,
                     peer: &str,
                     host: &str,
                     headers: &[(&'static str, &'static str)]| {
            let peer = peer.parse().expect("an address");
            tailnet(peer, &map(headers), host, front).map(|(client, _)| client.to_string())
        };
        let host = "gateway.tail1.ts.net";
        assert_eq!(found(&front, "127.0.0.1", host, &good), None);
        front.allow_tailscale = true;
        assert_eq!(
            found(&front, "127.0.0.1", host, &good).as_deref(),
            Some("100.64.1.2")
        );
        assert_eq!(
            found(&front, "::1", "gateway.tail1.ts.net:443", &good).as_deref(),
            Some("100.64.1.2")
        );
        let listed = [good[0], ("x-forwarded-for", "127.0.0.1, 100.64.1.2")];
        let foreign = [good[0], good[1], ("x-real-ip", "1.2.3.4")];
        for (peer, host, headers) in [
            ("192.0.2.7", host, &good[..]),
            ("127.0.0.1", "localhost:18789", &good),
            ("127.0.0.1", "evil-ts.net.example", &good),
            ("127.0.0.1", host, &good[..1]),
            ("127.0.0.1", host, &good[1..]),
            ("127.0.0.1", host, &listed),
            ("127.0.0.1", host, &foreign),
        ] {
            assert_eq!(
                found(&front, peer, host, headers),
                None,
                "{peer} {host} {headers:?}"
            );
        }
    }

    #[test]
    fn an_ipv6_client_is_one_source_with_its_whole_network() {
        let of = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
