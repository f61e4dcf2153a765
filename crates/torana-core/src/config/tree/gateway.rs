//! `gateway.*`: listener, authentication, Control UI, HTTP endpoints, reload.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Secret;

/// Where the gateway listens and who may connect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Gateway {
    /// `local` runs the gateway on this machine; with `remote` this file only describes how to reach another one, and `gateway run` refuses.
    #[schemars(extend("default" = "local", "x-reload" = "restart", "x-since" = "0.1.0"))]
    pub mode: Option<GatewayMode>,
    /// Port for everything: WebSocket, HTTP, Control UI and webhooks. `--port` and `TORANA_GATEWAY_PORT` win over it; the `dev` profile uses 19001 by default.
    #[schemars(range(min = 1, max = 65535), extend("default" = 18789, "x-reload" = "restart", "x-since" = "0.1.0"))]
    pub port: Option<u16>,
    /// Which network addresses to listen on. Unset means loopback, but all interfaces inside a container.
    #[schemars(extend("default" = "loopback", "x-reload" = "restart", "x-since" = "0.1.0"))]
    pub bind: Option<Bind>,
    /// Address to listen on when `bind` is `custom`.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub custom_bind_host: Option<String>,
    /// The secret clients present.
    pub auth: Auth,
    /// The Control UI in the browser.
    pub control_ui: ControlUi,
    /// Addresses or networks (`10.0.0.0/8`) of reverse proxies whose forwarding headers are believed.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub trusted_proxies: Vec<String>,
    /// The address people use from outside, for example `https://gateway.example.org`; its host name is accepted in requests.
    #[schemars(url, extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub public_origin: Option<String>,
    /// HTTP interfaces beside the WebSocket.
    pub http: Http,
    /// What happens when this file changes while the gateway runs.
    pub reload: Reload,
}

/// What this configuration describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GatewayMode {
    /// The gateway runs on this machine.
    Local,
    /// The gateway runs elsewhere.
    Remote,
}

/// Which network addresses the gateway listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bind {
    /// This machine only.
    Loopback,
    /// All interfaces; needs a token or password.
    Lan,
    /// Loopback, but all interfaces inside a container.
    Auto,
    /// The address in `customBindHost`.
    Custom,
}

/// The secret clients present.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Auth {
    /// How clients prove themselves. Unset means `password` when only a password is given, else `token`; a token is generated when none is written. `none` (also spelled `off`) is refused off loopback.
    #[schemars(extend("default" = "token", "x-reload" = "restart", "x-since" = "0.1.0"))]
    pub mode: Option<AuthMode>,
    /// The shared token; at least 24 characters when the gateway listens beyond loopback.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub token: Option<Secret>,
    /// The shared password; at least 12 characters when the gateway listens beyond loopback.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub password: Option<Secret>,
}

/// How clients prove themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("x-value-aliases" = { "off": "none" }))]
pub enum AuthMode {
    /// A shared token, generated if not written.
    Token,
    /// A password.
    Password,
    /// No secret at all; loopback only.
    #[serde(alias = "off")]
    None,
}

/// The Control UI in the browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ControlUi {
    /// Serve the Control UI.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub enabled: bool,
    /// Path below which the Control UI lives, for gateways behind a shared proxy.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub base_path: String,
    /// Further browser origins that may connect, for example `https://panel.example.org`; `*` admits every website and is a risk.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub allowed_origins: Vec<String>,
}

impl Default for ControlUi {
    fn default() -> Self {
        Self {
            enabled: true,
            base_path: "/".to_owned(),
            allowed_origins: Vec::new(),
        }
    }
}

/// HTTP interfaces beside the WebSocket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Http {
    /// Switches for single endpoints.
    pub endpoints: HttpEndpoints,
}

/// Switches for single endpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpEndpoints {
    /// `POST /v1/chat/completions` and `GET /v1/models`, always behind the gateway secret.
    pub chat_completions: Endpoint,
}

/// One HTTP endpoint that can be switched off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Endpoint {
    /// Answer on this endpoint.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub enabled: bool,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// What happens when this file changes while the gateway runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Reload {
    /// How far a changed file is applied without being asked. Torana never restarts itself: with every mode but `off` it applies what can be applied, and its log names the keys that wait for a restart.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub mode: ReloadMode,
}

/// How far a changed file is applied without being asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReloadMode {
    /// Watch and validate only.
    Off,
    /// Apply what can be applied; the log names the rest.
    Hot,
    /// The same as `hybrid`; accepted because existing files have it.
    Restart,
    /// Apply what can be applied, start single channel accounts anew where needed; the log names the rest.
    #[default]
    Hybrid,
}

/// Shortest shared token accepted beyond loopback: with fewer characters guessing over a network is feasible (S-005).
const TOKEN_CHARS_MIN: usize = 24;

/// Shortest password accepted beyond loopback (S-005).
const PASSWORD_CHARS_MIN: usize = 12;

/// A secret that is too short for a listener beyond loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeakSecret {
    /// Its key below `gateway.auth`.
    pub key: &'static str,
    /// How many characters it has.
    pub chars: usize,
    /// How many it needs.
    pub chars_min: usize,
}

// === impl Auth ===

impl Auth {
    /// The written secrets that are too short beyond loopback.
    ///
    /// A load checks them when the file itself opens the listener; whoever opens it otherwise (a flag, a container's
    /// default) asks here.
    #[must_use]
    pub fn weak_secrets(&self) -> Vec<WeakSecret> {
        let secrets = [
            ("token", &self.token, TOKEN_CHARS_MIN),
            ("password", &self.password, PASSWORD_CHARS_MIN),
        ];
        secrets
            .into_iter()
            .filter_map(|(key, secret, chars_min)| {
                let chars = secret.as_ref()?.expose()?.chars().count();
                (chars < chars_min).then_some(WeakSecret {
                    key,
                    chars,
                    chars_min,
                })
            })
            .collect()
    }

    /// The mode in force: the written one, else the one the given secrets imply.
    #[must_use]
    pub fn effective_mode(&self) -> AuthMode {
        match self.mode {
            Some(mode) => mode,
            None if self.password.is_some() && self.token.is_none() => AuthMode::Password,
            None => AuthMode::Token,
        }
    }
}

// === impl Gateway ===

impl Gateway {
    /// True when the written settings keep the listener on this machine; an unset `bind` counts as loopback.
    ///
    /// `auto` does not: inside a container it means all interfaces.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.bind {
            None | Some(Bind::Loopback) => true,
            Some(Bind::Lan | Bind::Auto) => false,
            Some(Bind::Custom) => self
                .custom_bind_host
                .as_deref()
                .and_then(|host| host.parse::<std::net::IpAddr>().ok())
                .is_some_and(|address| address.is_loopback()),
        }
    }
}
