//! Where the gateway listens, and the secrets that keep others out.

use std::net::IpAddr;

use url::Url;

use super::Checks;
use crate::auth::Scope;
use crate::config::path::KeyPath;
use crate::config::tree::{AuthMode, Bind, WeakSecret};

impl Checks<'_> {
    /// What is open to others asks who they are.
    pub(super) fn listener(&mut self) {
        let gateway = &self.config.gateway;
        let mode = gateway.auth.effective_mode();
        if mode == AuthMode::None {
            let path = KeyPath::from_keys(&["gateway", "auth", "mode"]);
            if gateway.is_loopback() {
                self.warn(
                    path,
                    "lets every program on this machine use the gateway",
                    Some("set it to `token`"),
                );
            } else {
                self.problem(
                    path,
                    "is `none` while the gateway listens beyond loopback",
                    Some("set it to `token`, or `gateway.bind` to `loopback`"),
                );
            }
        }
        if mode == AuthMode::TrustedProxy {
            self.trusted_proxy();
        }
        for (index, word) in gateway.legacy_client_scopes.iter().enumerate() {
            if Scope::parse(word).is_none() {
                let path = KeyPath::from_keys(&["gateway", "legacyClientScopes"]).index(index);
                self.problem(path, "must be a scope such as `operator.read`", None);
            }
        }
        if gateway.bind == Some(Bind::Custom) {
            let path = KeyPath::from_keys(&["gateway", "customBindHost"]);
            match gateway.custom_bind_host.as_deref() {
                None => self.problem(
                    path,
                    "is missing, but `gateway.bind` is `custom`",
                    Some("write an IP address"),
                ),
                Some(host) if host.parse::<IpAddr>().is_err() => {
                    self.problem(path, "must be an IP address", None);
                }
                Some(_) => {}
            }
        }
    }

    /// Mode `trusted-proxy` without a proxy, or without a header, would let in nobody or anybody.
    fn trusted_proxy(&mut self) {
        let gateway = &self.config.gateway;
        let header = gateway.auth.trusted_proxy.user_header.as_deref();
        if header.is_none_or(|header| header.trim().is_empty()) {
            let path = KeyPath::from_keys(&["gateway", "auth", "trustedProxy", "userHeader"]);
            self.problem(
                path,
                "is missing, but `gateway.auth.mode` is `trusted-proxy`",
                Some("write the header in which the proxy names the person"),
            );
        }
        if gateway.trusted_proxies.is_empty() {
            let path = KeyPath::from_keys(&["gateway", "trustedProxies"]);
            self.problem(
                path,
                "is empty, but `gateway.auth.mode` is `trusted-proxy`",
                Some("write the proxy's address"),
            );
        }
    }

    /// The shared secrets: present where needed, resolved, and long enough for where the gateway listens.
    pub(super) fn secrets(&mut self) {
        let gateway = &self.config.gateway;
        let auth = &gateway.auth;
        if auth.effective_mode() == AuthMode::Password && auth.password.is_none() {
            let path = KeyPath::from_keys(&["gateway", "auth", "password"]);
            self.problem(
                path,
                "is missing, but `gateway.auth.mode` is `password`",
                None,
            );
        }
        for (key, secret) in [("token", &auth.token), ("password", &auth.password)] {
            let Some(secret) = secret else { continue };
            let path = KeyPath::from_keys(&["gateway", "auth", key]);
            match secret.expose() {
                None => self.problem(
                    path,
                    "cannot be resolved, and another secret than the written one would surprise everybody",
                    Some("set the variable, or remove the key to get a generated token"),
                ),
                Some(text) if is_placeholder(text) => {
                    self.warn(path, "is a placeholder that everybody knows", Some("use a long random text"));
                }
                Some(_) => {}
            }
        }
        if gateway.is_loopback() {
            return;
        }
        for WeakSecret {
            key,
            chars,
            chars_min,
        } in auth.weak_secrets()
        {
            let path = KeyPath::from_keys(&["gateway", "auth", key]);
            let message =
                format!("has {chars} characters; at least {chars_min} are needed beyond loopback");
            self.problem(path, message, Some("use a long random text"));
        }
    }

    /// Addresses and origins have the shape of one.
    pub(super) fn addresses(&mut self) {
        let gateway = &self.config.gateway;
        for (index, proxy) in gateway.trusted_proxies.iter().enumerate() {
            if !is_address_or_network(proxy) {
                let path = KeyPath::from_keys(&["gateway", "trustedProxies"]).index(index);
                self.problem(
                    path,
                    "must be an IP address or a network such as `10.0.0.0/8`",
                    None,
                );
            }
        }
        for (index, network) in gateway.nodes.pairing.auto_approve_cidrs.iter().enumerate() {
            if !is_address_or_network(network) {
                let path = KeyPath::from_keys(&["gateway", "nodes", "pairing", "autoApproveCidrs"])
                    .index(index);
                self.problem(
                    path,
                    "must be an IP address or a network such as `10.0.0.0/8`",
                    None,
                );
            }
        }
        if let Some(origin) = &gateway.public_origin
            && !is_origin(origin)
        {
            let path = KeyPath::from_keys(&["gateway", "publicOrigin"]);
            self.problem(
                path,
                "must be scheme and host only, such as `https://gateway.example.org`",
                None,
            );
        }
        for (index, origin) in gateway.control_ui.allowed_origins.iter().enumerate() {
            let path = KeyPath::from_keys(&["gateway", "controlUi", "allowedOrigins"]).index(index);
            if origin == "*" {
                self.warn(
                    path,
                    "is not honoured: it would let every website in through a visitor's browser",
                    Some("list the origins you use"),
                );
            } else if !is_origin(origin) {
                self.problem(
                    path,
                    "must be scheme, host and port only, such as `https://panel.example.org`",
                    None,
                );
            }
        }
        if !gateway.control_ui.base_path.starts_with('/') {
            let path = KeyPath::from_keys(&["gateway", "controlUi", "basePath"]);
            self.problem(path, "must start with `/`", None);
        }
    }
}

/// Words that ship in examples everywhere; as a secret they keep nobody out.
fn is_placeholder(text: &str) -> bool {
    const PLACEHOLDERS: &[&str] = &[
        "changeme",
        "change-me",
        "secret",
        "password",
        "token",
        "test",
        "admin",
        "12345678",
    ];
    let folded = text.to_ascii_lowercase();
    PLACEHOLDERS.contains(&folded.as_str())
        || folded.starts_with("your-")
        || folded.starts_with("replace-")
}

fn is_address_or_network(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let bits_max: u8 = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= bits_max))
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}
