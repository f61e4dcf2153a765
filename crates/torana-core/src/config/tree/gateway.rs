//! `gateway.*`: listener, authentication, Control UI, HTTP endpoints, reload.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Remote;
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
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub trusted_proxies: Vec<String>,
    /// The address people use from outside, for example `https://gateway.example.org`; its host name is accepted in requests.
    #[schemars(url, extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub public_origin: Option<String>,
    /// Encryption of the gateway's own port.
    pub tls: Tls,
    /// HTTP interfaces beside the WebSocket.
    pub http: Http,
    /// Devices that lend commands to agents.
    pub nodes: Nodes,
    /// Scopes, such as `operator.read`, of clients that speak an older guide's dialect and come from another machine. On this machine the shared secret gives them what the command line gets.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub legacy_client_scopes: Vec<String>,
    /// What happens when this file changes while the gateway runs.
    pub reload: Reload,
    /// The gateway that commands on this machine talk to when `mode` is `remote`.
    pub remote: Remote,
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
    #[schemars(extend("default" = "token", "x-reload" = "live", "x-since" = "0.1.0"))]
    pub mode: Option<AuthMode>,
    /// The shared token; at least 24 characters when the gateway listens beyond loopback. Changing it signs out every client at once.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub token: Option<Secret>,
    /// The shared password; at least 12 characters when the gateway listens beyond loopback. Changing it signs out every client at once.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub password: Option<Secret>,
    /// Who may come in when `mode` is `trusted-proxy`.
    pub trusted_proxy: TrustedProxy,
    /// Let persons in whom a Tailscale proxy on this machine names, on WebSockets only and still with a paired device. Off unless written: any program of this machine could write these headers too.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub allow_tailscale: bool,
    /// How many wrong secrets a place may present before it is locked out.
    pub rate_limit: AuthRateLimit,
}

/// The lockout of whoever presents wrong secrets. Beside it wrong guesses are answered ever more slowly, whatever is written here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AuthRateLimit {
    /// Wrong secrets within `windowMs` after which an address, or a page on this machine, is locked out. More than 1000 count as 1000.
    #[schemars(range(min = 1), extend("default" = 10, "x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub max_attempts: Option<u32>,
    /// How long a wrong secret counts, in milliseconds.
    #[schemars(range(min = 1), extend("default" = 60_000, "x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub window_ms: Option<u64>,
    /// How long a lockout lasts, in milliseconds; a right secret is refused meanwhile too.
    #[schemars(range(min = 1), extend("default" = 300_000, "x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub lockout_ms: Option<u64>,
    /// Never lock out programs on this machine, so that nobody on it can keep its owner out.
    #[schemars(extend("default" = true, "x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub exempt_loopback: Option<bool>,
}

/// Whom an identity-aware proxy may name, and how. The proxy's address must be in `gateway.trustedProxies`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct TrustedProxy {
    /// Header in which the proxy names the person, for example `x-forwarded-user`; the proxy must remove it from what clients send.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub user_header: Option<String>,
    /// Headers that must be there too; they show that a request passed the proxy.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub required_headers: Vec<String>,
    /// Persons who may come in; empty means everybody whom the proxy names.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub allow_users: Vec<String>,
    /// Believe a proxy on this machine. Off unless written: any program of this machine could pose as it.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub allow_loopback: bool,
}

/// Devices that lend commands to agents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Nodes {
    /// Commands nodes may offer.
    pub commands: NodeCommands,
    /// How nodes are let in.
    pub pairing: NodePairing,
}

/// Commands nodes may offer, besides what each platform is allowed anyway.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeCommands {
    /// Further commands, for example `camera.snap`; `camera.*` stands for everything below. A person still approves them per node.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub allow: Vec<String>,
    /// Commands no node may offer, whatever else says so.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub deny: Vec<String>,
}

/// How nodes are let in. Their commands always take a person's approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NodePairing {
    /// Pair a node of this machine without a question.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub auto_approve_local: bool,
    /// Networks (`10.0.0.0/8`) whose nodes are paired without a question at their first visit.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub auto_approve_cidrs: Vec<String>,
}

impl Default for NodePairing {
    fn default() -> Self {
        Self {
            auto_approve_local: true,
            auto_approve_cidrs: Vec::new(),
        }
    }
}

/// How clients prove themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-value-aliases" = { "off": "none" }))]
pub enum AuthMode {
    /// A shared token, generated if not written.
    Token,
    /// A password.
    Password,
    /// No secret at all; loopback only.
    #[serde(alias = "off")]
    None,
    /// A proxy names the person; see `trustedProxy`. The shared secret counts only on this machine.
    TrustedProxy,
}

/// The Control UI in the browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ControlUi {
    /// Serve the Control UI.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub enabled: bool,
    /// Path below which the Control UI lives, for gateways behind a shared proxy.
    #[schemars(extend("x-reload" = "live", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub base_path: String,
    /// Folder with a Control UI to serve instead of the built-in one, for example the one OpenClaw publishes. It is read at the start.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub root: Option<String>,
    /// Further browser origins that may connect, for example `https://panel.example.org`; `*` lets no page in, because it would let in every one.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub allowed_origins: Vec<String>,
}

impl Default for ControlUi {
    fn default() -> Self {
        Self {
            enabled: true,
            base_path: "/".to_owned(),
            root: None,
            allowed_origins: Vec::new(),
        }
    }
}

/// Encryption of the gateway's own port. With it, plain `http://` and `ws://` are not answered there any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Tls {
    /// Speak TLS (1.2 and 1.3).
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub enabled: bool,
    /// Make a self-signed certificate when neither file exists. Its SHA-256 fingerprint is printed at the start, for clients that pin it.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub auto_generate: bool,
    /// PEM file with the certificate and its chain. Unset means `gateway/tls/cert.pem` in the state directory. A renewed file is taken without a restart.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub cert_path: Option<String>,
    /// PEM file with the private key. Unset means `gateway/tls/key.pem` in the state directory.
    #[schemars(extend("x-reload" = "restart", "x-since" = "0.1.0"))]
    pub key_path: Option<String>,
    /// PEM file with further certificates that complete the chain.
    #[schemars(extend("x-reload" = "restart", "x-advanced" = true, "x-since" = "0.1.0"))]
    pub ca_path: Option<String>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            enabled: false,
            auto_generate: true,
            cert_path: None,
            key_path: None,
            ca_path: None,
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
    /// `POST /v1/responses`, always behind the gateway secret.
    pub responses: Endpoint,
    /// `POST /v1/embeddings`, always behind the gateway secret.
    pub embeddings: EmbeddingsEndpoint,
}

/// Vectors for texts over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct EmbeddingsEndpoint {
    /// The model that makes vectors, as `provider/model`; the provider is one of `models.providers` or a known one, and speaks the OpenAI wire format. Unset means that only requests with the header `x-openclaw-model` are answered.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub model: Option<String>,
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
    /// How far a changed file is applied without being asked. A restart finishes what runs, within the time of a drain, and starts the same program again; at most one every 30 seconds.
    #[schemars(extend("x-reload" = "live", "x-since" = "0.1.0"))]
    pub mode: ReloadMode,
}

/// How far a changed file is applied without being asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReloadMode {
    /// Watch and validate only.
    Off,
    /// Apply what can be applied; the log names the keys that wait for a restart.
    Hot,
    /// Restart the gateway for every change.
    Restart,
    /// Apply what can be applied, and restart the gateway for what cannot.
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
