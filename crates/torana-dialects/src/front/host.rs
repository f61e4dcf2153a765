//! Which names and which pages a request may come by: the `Host` allowlist against DNS rebinding (S-003, decision 37),
//! and the `Origin` rule against foreign pages (S-002, decision 39). Pure functions over text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name in DNS.
const NAME_BYTES_MAX: usize = 253;
/// Suffixes that no stranger can register, so no stranger can point them at us.
const LOCAL_SUFFIXES: [&str; 6] = [
    "localhost",
    "local",
    "internal",
    "home.arpa",
    "lan",
    "ts.net",
];

/// A host and perhaps a port, as in `Host` and in origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    pub(super) host: HostName<'a>,
    pub(super) port: Option<u16>,
}

/// What stands for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostName<'a> {
    /// An address.
    Address(IpAddr),
    /// A name in lower case, without the final dot.
    Name(&'a str),
}

/// Reads `host[:port]`; expects lower case. Anything unusual is `None`: user names, paths, spaces, escapes.
pub(super) fn authority(text: &str) -> Option<Authority<'_>> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(read_port(port)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        return Some(Authority {
            host: HostName::Address(IpAddr::V6(address)),
            port,
        });
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(read_port(port)?)),
        None => (text, None),
    };
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Some(Authority {
            host: HostName::Address(IpAddr::V4(address)),
            port,
        });
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    is_name(name).then_some(Authority {
        host: HostName::Name(name),
        port,
    })
}

fn read_port(text: &str) -> Option<u16> {
    let is_plain =
        !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
            })
    };
    name.len() <= NAME_BYTES_MAX && name.split('.').all(is_label)
}

/// Whether a `Host` value in lower case may be served; `None` when it cannot be read at all.
///
/// Addresses pass: a rebinding attack needs a name. So do names no stranger can register, and what the operator
/// listed. Ports do not matter.
pub(super) fn is_host_allowed(
    host: &str,
    public_hosts: &[String],
    allowed_origins: &[String],
) -> Option<bool> {
    let name = match authority(host)?.host {
        HostName::Address(_) => return Some(true),
        HostName::Name(name) => name,
    };
    let is_local = !name.contains('.')
        || LOCAL_SUFFIXES.iter().any(|suffix| {
            name.strip_suffix(suffix)
                .is_some_and(|rest| rest.ends_with('.'))
        });
    let is_listed = public_hosts
        .iter()
        .any(|public| authority(public).is_some_and(|public| public.host == HostName::Name(name)))
        || allowed_origins
            .iter()
            .filter_map(|origin| split_origin(origin))
            .any(|(_, listed)| listed.host == HostName::Name(name));
    Some(is_local || is_listed)
}

/// The two schemes pages are served by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Reads `scheme://host[:port]` and nothing more.
fn split_origin(origin: &str) -> Option<(Scheme, Authority<'_>)> {
    let (scheme, rest) = origin.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    Some((scheme, authority(rest)?))
}

/// Whether a page may talk to us: its origin is the one the request was sent to, or a listed one.
///
/// `host` is the request's own, already checked `Host` in lower case. Without TLS `http` must match, and an `https` page
/// is a TLS proxy in front of us when it names the same authority; with TLS only an `https` page is ours (control
/// decision 14).
pub(super) fn is_origin_allowed(
    origin: &str,
    host: &str,
    allowed_origins: &[String],
    is_tls: bool,
) -> bool {
    let Some((scheme, page)) = split_origin(origin) else {
        return false;
    };
    if allowed_origins.iter().any(|allowed| allowed == origin) {
        return true;
    }
    if is_tls && scheme == Scheme::Http {
        return false;
    }
    let Some(own) = authority(host) else {
        return false;
    };
    let port = page.port.unwrap_or(scheme.port());
    // Without a port in `Host` the default of the page's own scheme is meant.
    let is_same_port = port == own.port.unwrap_or(scheme.port());
    let is_same_host = page.host == own.host
        || (is_loopback(page.host) && is_loopback(own.host) && (scheme == Scheme::Http || is_tls));
    is_same_port && is_same_host
}

/// A `Host` that can be repeated in an address: a name or address and perhaps a port, nothing else.
pub(crate) fn is_plain_host(host: &str) -> bool {
    authority(host).is_some()
}

/// A `Host` that only this machine can use; what cannot be read counts as one.
pub(crate) fn is_local_name(host: &str) -> bool {
    authority(host).is_none_or(|authority| is_loopback(authority.host))
}

/// `localhost` and the loopback addresses name one and the same machine.
fn is_loopback(host: HostName<'_>) -> bool {
    match host {
        HostName::Address(address) => address.to_canonical().is_loopback(),
        HostName::Name(name) => name == "localhost",
    }
}

/// Fuzz entry: hosts and origins of any bytes are read without panic, and an accepted host is one that can be read.
pub fn fuzz_host(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    if is_host_allowed(&text, &["public.example.org".to_owned()], &[]) == Some(true) {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        assert!(
            text.bytes().all(safe),
            "an accepted host can be printed into a header"
        );
    }
    let (origin, host) = text.split_at(text.floor_char_boundary(text.len() / 2));
    if is_origin_allowed(origin, host, &[], bytes.len().is_multiple_of(2)) {
        assert!(origin.starts_with("http://") || origin.starts_with("https://"));
    }
}

#[cfg(test)]
mod fuzz {
    #[test]
    fn host() {
        let corpus: [&[u8]; 4] = [
            b"127.0.0.1:18789",
            b"[::1]:18789",
            b"http://localhost:1localhost:1",
            b"rebind.evil.example",
        ];
        crate::front::tests::drive(&corpus, super::fuzz_host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: &str) -> Option<bool> {
        let public = ["gateway.example.org".to_owned()];
        let origins = ["https://panel.example.net:8443".to_owned()];
        is_host_allowed(host, &public, &origins)
    }

    #[test]
    fn addresses_and_names_no_stranger_can_own_are_served() {
        for host in [
            "127.0.0.1:18789",
            "127.0.0.1",
            "[::1]:18789",
            "192.168.1.5:80",
            "[2001:db8::1]",
            "0.0.0.0",
            "localhost",
            "localhost:1",
            "localhost.",
            "torana",
            "my_box:18789",
            "box.local",
            "gateway.internal",
            "nas.home.arpa",
            "pi.lan",
            "host.tail1234.ts.net",
            "gateway.example.org",
            "gateway.example.org:8443",
            "panel.example.net",
            "app.localhost",
        ] {
            assert_eq!(allowed(host), Some(true), "{host}");
        }
    }

    #[test]
    fn names_anybody_can_register_are_not() {
        for host in [
            "rebind.evil.example",
            "rebind.evil.example:18789",
            "gateway.example.org.evil.example",
            "example.org",
            "evilgateway.example.org",
            "x.gateway.example.org",
            "localhost.evil.example",
            "127.0.0.1.nip.example",
            "notlocal.example",
            "a.notlan",
            "0x7f.1",
            "127.1",
        ] {
            assert_eq!(allowed(host), Some(false), "{host}");
        }
    }

    #[test]
    fn what_is_not_a_host_cannot_be_read() {
        for host in [
            "",
            ":80",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "user@localhost",
            "localhost:",
            "localhost:99999",
            "localhost:-1",
            "localhost:1:2",
            "[::1",
            "::1",
            "[::1]x",
            "[127.0.0.1]",
            "a..b",
            "localhost,evil.example",
            "a\u{0}",
            "ex%61mple",
            "local\u{ff48}ost",
            "localhost..",
        ] {
            assert_eq!(allowed(host), None, "{host:?}");
        }
    }

    #[test]
    fn hostile_origins_are_refused() {
        let host = "127.0.0.1:18789";
        for origin in [
            "http://127.0.0.1:18789.evil.example",
            "http://localhost.evil.example",
            "http://localhost.evil.example:18789",
            "http://127.0.0.1.evil.example:18789",
            "http://evil.example",
            "http://evil.example:18789",
            "https://evil.example",
            "http://user@127.0.0.1:18789",
            "http://127.0.0.1:18789@evil.example",
            "http://127.0.0.1:18789/",
            "http://127.0.0.1:18789#x",
            "http://127.0.0.1:18790",
            "http://127.0.0.1",
            "http://localhost:3000",
            "https://localhost:18789",
            "null",
            "",
            "file://",
            "chrome-extension://abcdefgh",
            "ws://127.0.0.1:18789",
            "http://127.0.0.1:18789, http://evil.example",
            "http://192.168.1.5:18789",
            "http://127.0.0.1:18789\\.evil.example",
        ] {
            assert!(
                !is_origin_allowed(
                    origin,
                    host,
                    &["https://panel.example.net".to_owned()],
                    false
                ),
                "{origin}"
            );
        }
    }

    #[test]
    fn own_and_listed_origins_are_accepted() {
        let listed = [
            "https://panel.example.net".to_owned(),
            "http://localhost:5173".to_owned(),
        ];
        for (origin, host) in [
            ("http://127.0.0.1:18789", "127.0.0.1:18789"),
            ("http://localhost:18789", "127.0.0.1:18789"),
            ("http://127.0.0.1:18789", "localhost:18789"),
            ("http://[::1]:18789", "localhost:18789"),
            ("http://gateway.lan", "gateway.lan"),
            ("http://gateway.lan", "gateway.lan:80"),
            ("https://gateway.example.org", "gateway.example.org"),
            ("https://gateway.example.org:443", "gateway.example.org"),
            (
                "https://gateway.example.org:8443",
                "gateway.example.org:8443",
            ),
            ("https://panel.example.net", "127.0.0.1:18789"),
            ("http://localhost:5173", "localhost:18789"),
        ] {
            assert!(
                is_origin_allowed(origin, host, &listed, false),
                "{origin} at {host}"
            );
        }
    }

    #[test]
    fn names_are_never_taken_for_a_listed_one_by_prefix_or_suffix() {
        let listed = ["https://panel.example.net".to_owned()];
        for origin in [
            "https://panel.example.net.evil.example",
            "https://xpanel.example.net",
            "https://panel.example.net:444",
            "http://panel.example.net",
        ] {
            assert!(
                !is_origin_allowed(origin, "127.0.0.1:18789", &listed, false),
                "{origin}"
            );
        }
    }
}
