//! Multicast DNS: saying in the local network that a gateway is here, and listening for those that say so.
//!
//! What is heard is a hint and never a reason to trust anything: anybody in the network can say it (S-080). The
//! library runs on a thread of its own, which ends with [`Announcement`] or with the search.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use torana_core::port::World;

/// The service as OpenClaw 2026.9.6 announces it.
const SERVICE: &str = "_openclaw-gw._tcp.local.";
/// Longest label of the domain name system, bytes.
const LABEL_BYTES_MAX: usize = 63;
/// Gateways one search reports; more in one network are somebody's game.
const FOUND_MAX: usize = 64;
/// Between two looks at what was heard, milliseconds; short against the time a search takes.
const LOOK_MS: u64 = 20;
/// How long the farewell may take; it is one packet, and not worth more.
const FAREWELL: Duration = Duration::from_millis(200);

/// Multicast DNS does not work here; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("multicast DNS does not work here: {0}")]
pub struct MdnsError(String);

/// What is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// Name people see.
    pub name: String,
    /// Name of this machine.
    pub host: String,
    /// Addresses the gateway listens on; none means those of every interface.
    pub addresses: Vec<IpAddr>,
    /// Its port.
    pub port: u16,
    /// Further facts.
    pub facts: BTreeMap<&'static str, String>,
}

/// The gateway is announced as long as this lives.
pub struct Announcement {
    daemon: ServiceDaemon,
    name: String,
}

/// A gateway that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its name, as announced.
    pub name: String,
    /// The machine, as announced.
    pub host: String,
    /// Where the network found it, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// The port the network found.
    pub port: u16,
    /// Everything else it says of itself.
    pub facts: BTreeMap<String, String>,
}

// === impl Beacon ===

impl Beacon {
    /// The name of the machine as one label of a domain name; a name that cannot be one is replaced.
    fn label(&self) -> String {
        let first = self.host.split('.').next().unwrap_or_default();
        let is_label = !first.is_empty()
            && first.len() <= LABEL_BYTES_MAX
            && !first.starts_with('-')
            && !first.ends_with('-')
            && first
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_label { first } else { "torana" }.to_ascii_lowercase()
    }

    fn service(&self) -> Result<ServiceInfo, MdnsError> {
        let mut name = self.name.clone();
        while name.len() > LABEL_BYTES_MAX {
            name.pop();
        }
        let host = format!("{}.local.", self.label());
        let mut facts: Vec<(&str, String)> = vec![("lanHost", format!("{}.local", self.label()))];
        facts.extend(
            self.facts
                .iter()
                .map(|(name, value)| (*name, value.clone())),
        );
        let made = ServiceInfo::new(
            SERVICE,
            &name,
            &host,
            self.addresses.as_slice(),
            self.port,
            facts.as_slice(),
        );
        let service = made.map_err(wrong)?;
        Ok(if self.addresses.is_empty() {
            service.enable_addr_auto()
        } else {
            service
        })
    }
}

// === impl Announcement ===

impl Announcement {
    /// Announces a gateway. What goes wrong later, in a network that does not take part, is nobody's loss.
    pub fn begin(beacon: &Beacon) -> Result<Self, MdnsError> {
        let service = beacon.service()?;
        let name = service.get_fullname().to_owned();
        let daemon = ServiceDaemon::new().map_err(wrong)?;
        // An address of this machine alone would lead others to themselves.
        let own = [IfKind::LoopbackV4, IfKind::LoopbackV6];
        daemon.disable_interface(own.to_vec()).map_err(wrong)?;
        daemon.register(service).map_err(wrong)?;
        Ok(Self { daemon, name })
    }

    /// Tells the network that the facts changed. A beacon of the same name takes the place of the one before.
    pub fn change(&self, beacon: &Beacon) -> Result<(), MdnsError> {
        self.daemon.register(beacon.service()?).map_err(wrong)
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // A farewell keeps others from trying a gateway that is gone; without it they notice a little later.
        if let Ok(said) = self.daemon.unregister(&self.name) {
            drop(said.recv_timeout(FAREWELL));
        }
        drop(self.daemon.shutdown());
    }
}

/// Listens for gateways for a while.
pub async fn search(world: &World, wait_ms: u64) -> Result<Vec<Heard>, MdnsError> {
    let daemon = ServiceDaemon::new().map_err(wrong)?;
    let heard = listen(&daemon, world, wait_ms).await;
    drop(daemon.shutdown());
    heard
}

async fn listen(
    daemon: &ServiceDaemon,
    world: &World,
    wait_ms: u64,
) -> Result<Vec<Heard>, MdnsError> {
    let events = daemon.browse(SERVICE).map_err(wrong)?;
    let until_ms = world.monotonic_ms().saturating_add(wait_ms);
    let mut heard: BTreeMap<String, Heard> = BTreeMap::new();
    while world.monotonic_ms() < until_ms {
        while let Ok(event) = events.try_recv() {
            match event {
                ServiceEvent::ServiceResolved(service)
                    if heard.len() < FOUND_MAX || heard.contains_key(&service.fullname) =>
                {
                    heard.insert(service.fullname.clone(), read(&service));
                }
                ServiceEvent::ServiceRemoved(_, name) => drop(heard.remove(&name)),
                _ => {}
            }
        }
        world.sleep_ms(LOOK_MS).await;
    }
    Ok(heard.into_values().collect())
}

fn read(service: &ResolvedService) -> Heard {
    let suffix = format!(".{SERVICE}");
    let name = service.fullname.strip_suffix(&suffix);
    let mut addresses: Vec<IpAddr> = service
        .addresses
        .iter()
        .map(mdns_sd::ScopedIp::to_ip_addr)
        // Nobody else in the network can be there, whatever they say.
        .filter(|address| !address.is_loopback() && !address.is_unspecified())
        .collect();
    addresses.sort_unstable_by_key(|address| (address.is_ipv6(), *address));
    addresses.dedup();
    Heard {
        name: name.unwrap_or(&service.fullname).replace('\\', ""),
        host: service.host.trim_end_matches('.').to_owned(),
        addresses,
        port: service.port,
        facts: service
            .txt_properties
            .iter()
            .map(|fact| (fact.key().to_owned(), fact.val_str().to_owned()))
            .collect(),
    }
}

fn wrong(error: mdns_sd::Error) -> MdnsError {
    MdnsError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beacon(host: &str) -> Beacon {
        Beacon {
            name: "Kitchen".repeat(12),
            host: host.to_owned(),
            addresses: vec!["192.168.7.2".parse().expect("an address")],
            port: 18_789,
            facts: BTreeMap::from([("role", "gateway".to_owned())]),
        }
    }

    #[test]
    fn what_is_announced_is_a_valid_name_with_its_facts() {
        for (host, label) in [
            ("box.example.org", "box"),
            ("My Laptop_2", "torana"),
            ("-x", "torana"),
            ("", "torana"),
            ("NAS-7", "nas-7"),
        ] {
            let service = beacon(host).service().expect("a service");
            assert_eq!(service.get_hostname(), format!("{label}.local."), "{host}");
            assert_eq!(service.get_property_val_str("role"), Some("gateway"));
            let lan_host = format!("{label}.local");
            assert_eq!(
                service.get_property_val_str("lanHost"),
                Some(lan_host.as_str())
            );
            assert!(
                service
                    .get_fullname()
                    .ends_with("._openclaw-gw._tcp.local.")
            );
            assert!(service.get_fullname().len() <= LABEL_BYTES_MAX + 1 + SERVICE.len());
        }
    }
}
