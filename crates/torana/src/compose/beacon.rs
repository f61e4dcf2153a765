//! What the local network is told of this gateway, when the configuration asks for it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use torana_core::config::Config;
use torana_core::config::tree::MdnsMode;
use torana_host::mdns::{Announcement, Beacon};
use torana_host::tls::ServerTls;

use crate::configuration::Variables;

/// Says whether the network is told anything, wherever the configuration came from (OpenClaw 2026.9.6).
const DISABLE: &str = "OPENCLAW_DISABLE_BONJOUR";
/// Name of this machine in the network, instead of the system's.
const HOST_NAMES: [&str; 2] = ["TORANA_MDNS_HOSTNAME", "OPENCLAW_MDNS_HOSTNAME"];
/// Port of SSH that `full` names.
const SSH_PORTS: [&str; 2] = ["TORANA_SSH_PORT", "OPENCLAW_SSH_PORT"];
/// Port of SSH when nobody says another.
const SSH_PORT: &str = "22";

/// Fact that names the certificate of the gateway.
const CERTIFICATE: &str = "gatewayTlsSha256";

/// The gateway is announced as long as this lives.
pub(crate) struct Announced {
    announcement: Announcement,
    beacon: Beacon,
}

// === impl Announced ===

impl Announced {
    /// The certificate was renewed; the network is told the new one.
    pub(crate) fn renewed(&self, fingerprint: &str) {
        let beacon = with_certificate(&self.beacon, fingerprint);
        if let Err(error) = self.announcement.change(&beacon) {
            tracing::warn!(%error, "The local network cannot be told of the new certificate.");
        }
    }
}

fn with_certificate(beacon: &Beacon, fingerprint: &str) -> Beacon {
    let mut beacon = beacon.clone();
    beacon.facts.insert(CERTIFICATE, fingerprint.to_owned());
    beacon
}

/// Announces the gateway as long as the result lives. A network that does not take part does not stop the start.
pub(crate) fn announce(
    config: &Config,
    variables: &Variables,
    addresses: &[SocketAddr],
    tls: Option<&ServerTls>,
) -> Option<Announced> {
    let machine = torana_host::machine::machine().hostname;
    let fingerprint = tls.map(ServerTls::fingerprint);
    let beacon = beacon(
        config,
        &|name| variables.get(name),
        addresses,
        fingerprint.as_deref(),
        machine,
    )?;
    match Announcement::begin(&beacon) {
        Ok(announcement) => {
            tracing::info!(name = %beacon.name, port = beacon.port, "The local network is told of this gateway.");
            Some(Announced {
                announcement,
                beacon,
            })
        }
        Err(error) => {
            tracing::warn!(%error, "The local network cannot be told of this gateway.");
            None
        }
    }
}

fn beacon(
    config: &Config,
    variable: &dyn Fn(&str) -> Option<String>,
    addresses: &[SocketAddr],
    fingerprint: Option<&str>,
    machine: String,
) -> Option<Beacon> {
    let mode = config.discovery.mdns.mode.unwrap_or(MdnsMode::Off);
    let is_disabled = variable(DISABLE).is_some_and(|text| matches!(text.trim(), "1" | "true"));
    // What only this machine can reach is nobody else's business.
    let open: Vec<&SocketAddr> = addresses
        .iter()
        .filter(|address| !address.ip().is_loopback())
        .collect();
    if mode == MdnsMode::Off || is_disabled || open.is_empty() {
        return None;
    }
    let first = |names: [&str; 2]| names.iter().find_map(|name| variable(name));
    let host = first(HOST_NAMES).unwrap_or(machine);
    let port = open.first()?.port();
    let mut facts = BTreeMap::from([
        ("role", "gateway".to_owned()),
        ("transport", "gateway".to_owned()),
        ("displayName", host.clone()),
        ("gatewayPort", port.to_string()),
        ("gatewayDirectReachable", "1".to_owned()),
    ]);
    if let Some(fingerprint) = fingerprint {
        facts.insert("gatewayTls", "1".to_owned());
        facts.insert(CERTIFICATE, fingerprint.to_owned());
    }
    if mode == MdnsMode::Full {
        let ssh = first(SSH_PORTS).unwrap_or_else(|| SSH_PORT.to_owned());
        facts.insert("sshPort", ssh);
        if let Some(path) = torana_host::machine::program() {
            facts.insert("cliPath", path);
        }
    }
    let is_everywhere = open.iter().any(|address| address.ip().is_unspecified());
    let addresses: Vec<IpAddr> = if is_everywhere {
        Vec::new()
    } else {
        open.iter().map(|address| address.ip()).collect()
    };
    Some(Beacon {
        name: host.clone(),
        host,
        addresses,
        port,
        facts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        mode: Option<MdnsMode>,
        listens: &[&str],
        variables: &[(&str, &str)],
    ) -> Option<Beacon> {
        let mut config = Config::default();
        config.discovery.mdns.mode = mode;
        let addresses: Vec<SocketAddr> = listens
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        };
        beacon(
            &config,
            &variable,
            &addresses,
            Some("ab12"),
            "box".to_owned(),
        )
    }

    #[test]
    fn nothing_is_told_unless_somebody_asks_for_it_and_others_can_come_in() {
        let open = ["0.0.0.0:18789"];
        for (mode, listens, variables) in [
            (None, &open[..], &[][..]),
            (Some(MdnsMode::Off), &open, &[]),
            (
                Some(MdnsMode::Full),
                &["127.0.0.1:18789", "[::1]:18789"],
                &[],
            ),
            (Some(MdnsMode::Minimal), &open, &[(DISABLE, "1")]),
        ] {
            assert_eq!(told(mode, listens, variables), None, "{mode:?} {listens:?}");
        }
    }

    #[test]
    fn minimal_tells_no_more_than_a_client_needs() {
        let listens = ["127.0.0.1:18789", "192.168.7.2:18789"];
        let beacon = told(Some(MdnsMode::Minimal), &listens, &[]).expect("a beacon");
        let names: Vec<&str> = beacon.facts.keys().copied().collect();
        assert_eq!(
            names,
            [
                "displayName",
                "gatewayDirectReachable",
                "gatewayPort",
                "gatewayTls",
                "gatewayTlsSha256",
                "role",
                "transport"
            ]
        );
        assert_eq!(
            beacon.addresses,
            ["192.168.7.2".parse::<IpAddr>().expect("one")]
        );
        let renewed = with_certificate(&beacon, "cd34");
        assert_eq!(renewed.facts["gatewayTlsSha256"], "cd34");
        assert_eq!((renewed.name, renewed.port), (beacon.name, beacon.port));
        let full = told(
            Some(MdnsMode::Full),
            &["0.0.0.0:1"],
            &[
                ("OPENCLAW_SSH_PORT", "2222"),
                ("OPENCLAW_MDNS_HOSTNAME", "attic"),
            ],
        )
        .expect("a beacon");
        assert_eq!(full.facts["sshPort"], "2222");
        assert!(full.facts.contains_key("cliPath"));
        assert_eq!((full.host.as_str(), full.addresses.len()), ("attic", 0));
    }
}
