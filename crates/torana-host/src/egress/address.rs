//! Which addresses are public: the pure half of the guard against requests to inner networks (S-022).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// True when the address belongs to the public internet and to nothing else.
///
/// Everything special-purpose counts as not public: loopback, private, link-local (with the metadata services of clouds),
/// shared carrier space, documentation, benchmarking, multicast, reserved, and every IPv6 form that carries an IPv4
/// address inside, judged by that inner address or refused altogether.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        // "This network", loopback, multicast and reserved with broadcast.
        0 | 10 | 127 | 224..=255 => true,
        // Shared address space of carriers, RFC 6598; some clouds keep their metadata service here.
        100 => (64..128).contains(&b),
        // Link-local, with the metadata service of most clouds at 169.254.169.254.
        169 => b == 254,
        172 => (16..32).contains(&b),
        // 192.0.0.0/24 protocol assignments, 192.0.2.0/24 documentation, 192.88.99.0/24 old 6to4 relays.
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99),
        // Benchmarking 198.18.0.0/15 and documentation 198.51.100.0/24.
        198 => (18..20).contains(&b) || (b == 51 && c == 100),
        // Documentation 203.0.113.0/24.
        203 => b == 0 && c == 113,
        // A public address at which one cloud answers its machines' metadata requests.
        168 => address == Ipv4Addr::new(168, 63, 129, 16),
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        // IPv4-mapped, ::ffff:0:0/96, and IPv4-translated, ::ffff:0:0:0/96.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            is_public_v4(inner(high, low))
        }
        // NAT64, 64:ff9b::/96.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(inner(high, low)),
        // 6to4 carries the IPv4 address in its prefix.
        [0x2002, high, low, ..] => is_public_v4(inner(high, low)),
        // 2001::/23 holds Teredo, ORCHID and other protocol assignments; Teredo hides an obfuscated IPv4 address.
        [0x2001, second, ..] if second < 0x200 => false,
        // Documentation.
        [0x2001, 0x0db8, ..] => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Only 2000::/3 is allocated as global unicast; this refuses loopback, unspecified, IPv4-compatible, local-use
        // NAT64 (64:ff9b:1::/48), discard-only, unique local, link-local, site-local and multicast.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

fn inner(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

/// True when the URL names a machine of the operator's own network: loopback or private literals, `localhost`, single-label
/// names and local suffixes. Model servers there load weights before the first byte, so they get more time (decision 32).
pub fn is_local_server(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public_v4(address),
        Some(Host::Ipv6(address)) => !is_public_v6(address),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let local_suffixes = [
                ".localhost",
                ".local",
                ".lan",
                ".internal",
                ".home.arpa",
                ".ts.net",
            ];
            !name.contains('.') || local_suffixes.iter().any(|suffix| name.ends_with(suffix))
        }
        None => false,
    }
}
