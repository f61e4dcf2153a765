//! `gateway.remote.*`: the gateway elsewhere that commands on this machine talk to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Secret;

/// A gateway on another machine. It is used when `gateway.mode` is `remote`; nothing here changes a gateway that runs on this machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Remote {
    /// Its address, `wss://gateway.example.org` or `ws://127.0.0.1:18789` at the near end of a tunnel. Unencrypted addresses work on private networks only.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub url: Option<String>,
    /// Its token; `TORANA_GATEWAY_TOKEN` is used when this is not set. Once the gateway has let this device in, neither is needed.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub token: Option<Secret>,
    /// Its password; `TORANA_GATEWAY_PASSWORD` wins over it.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub password: Option<Secret>,
    /// SHA-256 of the one certificate it may show, as `AB:CD:…` or plain hexadecimal. For certificates that no authority of this system has signed; `--tls-fingerprint` wins over it.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub tls_fingerprint: Option<String>,
    /// Headers for a proxy in front of it that wants to know who comes, such as `CF-Access-Client-Id`. Sent to this address only, and only encrypted.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub edge_auth: BTreeMap<String, Secret>,
}
