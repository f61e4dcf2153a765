//! `discovery.*`: whether this gateway tells the local network that it is there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How this gateway is found by those who look for one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Discovery {
    /// Multicast DNS, also called Bonjour.
    pub mdns: Mdns,
}

/// Multicast DNS, also called Bonjour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Mdns {
    /// Announce this gateway as `_openclaw-gw._tcp` in the local network. A gateway that only listens on loopback is never announced.
    #[schemars(extend("default" = "off", "x-reload" = "restart", "x-since" = "0.1.0"))]
    pub mode: Option<MdnsMode>,
}

/// How much the local network is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MdnsMode {
    /// Nothing.
    Off,
    /// Name, port, and the fingerprint of the certificate.
    Minimal,
    /// Also the port of SSH and the path of this program.
    Full,
}
