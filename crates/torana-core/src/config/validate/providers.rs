//! Providers of models: none twice, and no key over an open wire.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::Checks;
use crate::config::finding::Part;
use crate::config::path::KeyPath;
use crate::config::tree::Provider;

impl Checks<'_> {
    /// Providers name each model once, and get their key by a safe way.
    pub(super) fn providers(&mut self) {
        for (name, provider) in &self.config.models.providers {
            let path = KeyPath::from_keys(&["models", "providers", name]);
            let mut ids = BTreeSet::new();
            for (index, model) in provider.models.iter().enumerate() {
                if !ids.insert(model.id.as_str()) {
                    let path = path.key("models").index(index).key("id");
                    self.problem(path, "names a model that is listed twice", None);
                }
            }
            let Some(base_url) = provider.base_url.as_deref() else {
                continue;
            };
            let Ok(url) = Url::parse(base_url) else {
                continue;
            };
            let path = path.key("baseUrl");
            if !matches!(url.scheme(), "http" | "https") {
                self.problem(path, "must start with `http://` or `https://`", None);
            } else if url.scheme() == "http" && has_credential(provider) && !is_local_host(&url) {
                let message = "would send the key over the internet unencrypted, so this stays off: the provider; use https";
                self.refuse(path, Part::Provider(name.clone()), message);
            }
        }
    }
}

fn has_credential(provider: &Provider) -> bool {
    provider.api_key.is_some() || !provider.headers.is_empty()
}

/// Addresses that stay within the operator's own network: loopback, private ranges, local names.
fn is_local_host(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(Host::Ipv4(address)) => {
            let [first, second, ..] = address.octets();
            // 100.64.0.0/10 is the carrier range that tailnets use.
            let is_tailnet = first == 100 && (64..128).contains(&second);
            address.is_loopback() || address.is_private() || address.is_link_local() || is_tailnet
        }
        Some(Host::Ipv6(address)) => {
            let first = address.segments()[0];
            // fc00::/7 is unique local, fe80::/10 link local.
            address.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
        Some(Host::Domain(name)) => {
            const LOCAL_SUFFIXES: &[&str] = &[
                ".localhost",
                ".local",
                ".lan",
                ".internal",
                ".home.arpa",
                ".ts.net",
            ];
            name == "localhost"
                || !name.contains('.')
                || LOCAL_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        }
    }
}
