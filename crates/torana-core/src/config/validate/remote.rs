//! Checks of the gateway elsewhere: an address one can connect to, a fingerprint that can match, headers one can send.

use url::Url;

use super::Checks;
use crate::auth::Fingerprint;
use crate::config::path::KeyPath;
use crate::config::tree::GatewayMode;

impl Checks<'_> {
    pub(super) fn remote(&mut self) {
        let gateway = &self.config.gateway;
        let remote = &gateway.remote;
        let key = |name: &str| KeyPath::from_keys(&["gateway", "remote", name]);
        let url = remote.url.as_deref().map(str::trim);
        match url {
            None | Some("") if gateway.mode == Some(GatewayMode::Remote) => self.problem(
                key("url"),
                "is missing, but `gateway.mode` is `remote`",
                Some("write the address of the gateway, such as `wss://gateway.example.org`"),
            ),
            None | Some("") => {}
            Some(url) if !is_socket(url) => self.problem(
                key("url"),
                "must be an address such as `wss://gateway.example.org`, without a user name",
                None,
            ),
            Some(_) => {}
        }
        if remote
            .tls_fingerprint
            .as_deref()
            .is_some_and(|text| Fingerprint::parse(text).is_none())
        {
            self.problem(
                key("tlsFingerprint"),
                "must be a SHA-256: 64 hexadecimal digits, with or without colons",
                None,
            );
        }
        for name in remote.edge_auth.keys() {
            if !is_header(name) {
                let path = key("edgeAuth").key(name);
                self.problem(
                    path,
                    "is no header that can be sent",
                    Some("write the name the proxy reads, such as `CF-Access-Client-Id`"),
                );
            }
        }
    }
}

fn is_socket(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "ws" | "wss" | "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// A header of our own choice: a word of the kind HTTP allows, and none of those that make the upgrade.
fn is_header(name: &str) -> bool {
    let is_word = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let lower = name.to_ascii_lowercase();
    let is_ours = matches!(
        lower.as_str(),
        "host" | "origin" | "connection" | "upgrade" | "content-length" | "transfer-encoding"
    ) || lower.starts_with("sec-websocket-");
    is_word && !is_ours
}
