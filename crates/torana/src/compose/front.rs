//! The front's settings: who may connect, from where, and with which secret.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use torana_core::auth::{CommandRules, ScopeSet};
use torana_core::config::{Config, tree};
use torana_core::port::World;
use torana_core::run::ModelRef;
use torana_dialects::front::{Lockout, UiFolder};
use torana_dialects::{AuthMode, FrontSettings, NodeSettings, ProxyIdentity};
use torana_host::files;
use torana_host::files::NewFile;

use super::origin::host_of;
use crate::paths::Paths;

/// What an installation made for itself at its first start.
pub(crate) struct Credentials {
    /// The generated token: 256 random bits (S-011).
    pub(crate) token: String,
    /// Everything private to this installation is derived from it.
    pub(crate) install_key: [u8; 32],
    /// What is not on disk yet; written before anything is promised with it.
    pub(crate) missing: Vec<NewFile>,
}

/// Reads the credentials, or makes what is missing. Nothing is written here.
pub(crate) fn credentials(paths: &Paths, world: &World) -> Result<Credentials, String> {
    let mut missing = Vec::new();
    let file = paths.token_file();
    let token = match read(&file, 4_096)? {
        Some(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        None => {
            let text = hex(&random::<32>(world));
            missing.push(NewFile {
                path: file.clone(),
                bytes: format!("{text}\n").into_bytes(),
            });
            text
        }
    };
    if token.len() < 32 {
        return Err(format!(
            "{} does not hold a token; remove it and a new one is made",
            file.display()
        ));
    }
    let file = paths.install_key_file();
    let install_key = match read(&file, 64)? {
        Some(bytes) => bytes.try_into().map_err(|_| {
            format!(
                "{} is damaged; restore it, or remove it and pair every device again",
                file.display()
            )
        })?,
        None => {
            let key = random::<32>(world);
            missing.push(NewFile {
                path: file,
                bytes: key.to_vec(),
            });
            key
        }
    };
    Ok(Credentials {
        token,
        install_key,
        missing,
    })
}

fn read(file: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, String> {
    match files::read_capped(file, bytes_max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", file.display())),
    }
}

fn random<const N: usize>(world: &World) -> [u8; N] {
    let mut bytes = [0; N];
    world.entropy.fill(&mut bytes);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Config in the front's terms. `flag_token` wins over environment, environment over config, config over the generated one.
pub(crate) fn settings(
    config: &Config,
    port: u16,
    given: Option<String>,
    generated: &str,
) -> Result<FrontSettings, String> {
    let auth = &config.gateway.auth;
    let mode = match auth.effective_mode() {
        tree::AuthMode::Token => AuthMode::Token,
        tree::AuthMode::Password => AuthMode::Password,
        tree::AuthMode::None => AuthMode::None,
        tree::AuthMode::TrustedProxy => AuthMode::TrustedProxy,
    };
    let configured = match mode {
        AuthMode::Password => auth.password.as_ref().or(auth.token.as_ref()),
        AuthMode::Token | AuthMode::TrustedProxy => auth.token.as_ref().or(auth.password.as_ref()),
        AuthMode::None => None,
    };
    if let Some(name) = configured.and_then(|secret| secret.unresolved()) {
        return Err(format!(
            "the gateway's secret refers to `{name}`, which is not set"
        ));
    }
    let secret = given
        .or_else(|| {
            configured
                .and_then(|secret| secret.expose())
                .map(str::to_owned)
        })
        .unwrap_or_else(|| generated.to_owned());
    let public = config
        .gateway
        .public_origin
        .iter()
        .chain(&config.gateway.control_ui.allowed_origins);
    let base = config.gateway.control_ui.base_path.trim_matches('/');
    Ok(FrontSettings {
        secret: (mode != AuthMode::None).then(|| Arc::from(secret)),
        auth: mode,
        trusted_proxies: config
            .gateway
            .trusted_proxies
            .iter()
            .filter_map(|text| network(text))
            .collect(),
        allowed_origins: public
            .clone()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect(),
        public_hosts: public.filter_map(|origin| host_of(origin)).collect(),
        control_ui: config.gateway.control_ui.enabled,
        base_path: if base.is_empty() {
            String::new()
        } else {
            format!("/{base}")
        },
        chat_completions: config.gateway.http.endpoints.chat_completions.enabled,
        responses: config.gateway.http.endpoints.responses.enabled,
        embeddings_model: embeddings_model(config)?,
        ui_folder: None,
        port,
        public_origin: config.gateway.public_origin.clone(),
        proxy: ProxyIdentity {
            user_header: lower(
                auth.trusted_proxy
                    .user_header
                    .as_deref()
                    .unwrap_or_default(),
            ),
            required_headers: auth
                .trusted_proxy
                .required_headers
                .iter()
                .map(|name| lower(name))
                .collect(),
            allow_users: auth.trusted_proxy.allow_users.clone(),
            allow_loopback: auth.trusted_proxy.allow_loopback,
        },
        allow_tailscale: auth.allow_tailscale,
        legacy_scopes: ScopeSet::parse(&config.gateway.legacy_client_scopes),
        nodes: nodes(&config.gateway.nodes),
    })
}

/// When wrong secrets lock their source out.
pub(crate) fn lockout(config: &Config) -> Lockout {
    let (written, usual) = (&config.gateway.auth.rate_limit, Lockout::default());
    Lockout {
        failures_max: written.max_attempts.map_or(usual.failures_max, |count| {
            usize::try_from(count).unwrap_or(usize::MAX)
        }),
        window_ms: written.window_ms.unwrap_or(usual.window_ms),
        lockout_ms: written.lockout_ms.unwrap_or(usual.lockout_ms),
        exempt_local: written.exempt_loopback.unwrap_or(usual.exempt_local),
    }
}

fn lower(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

fn nodes(nodes: &tree::Nodes) -> NodeSettings {
    NodeSettings {
        auto_approve_local: nodes.pairing.auto_approve_local,
        auto_approve_networks: nodes
            .pairing
            .auto_approve_cidrs
            .iter()
            .filter_map(|text| network(text))
            .collect(),
        commands: CommandRules {
            allow: nodes.commands.allow.clone(),
            deny: nodes.commands.deny.clone(),
        },
    }
}

/// The model that makes vectors.
pub(crate) fn embeddings_model(config: &Config) -> Result<Option<ModelRef>, String> {
    let model = config.gateway.http.endpoints.embeddings.model.as_deref();
    let Some(text) = model.filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    ModelRef::parse(text.trim()).map(Some).ok_or_else(|| {
        format!(
            "`gateway.http.endpoints.embeddings.model` is `{text}`; write it as `provider/model`"
        )
    })
}

/// The Control UI folder of the operator's own, read into memory.
pub(crate) fn ui_folder(
    config: &Config,
    paths: &Paths,
    base_path: &str,
) -> Result<Option<UiFolder>, String> {
    let ui = &config.gateway.control_ui;
    let Some(root) = ui.root.as_deref().filter(|_| ui.enabled) else {
        return Ok(None);
    };
    UiFolder::read(&super::tls::resolve(root, paths), base_path)
        .map(Some)
        .map_err(|error| format!("`gateway.controlUi.root`: {error}"))
}

fn network(text: &str) -> Option<ipnet::IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(ipnet::IpNet::from))
}

/// Addresses to listen on. Loopback means both families where the machine has them.
pub(crate) fn addresses(
    config: &Config,
    bind: Option<&str>,
    port: u16,
    in_container: bool,
) -> Result<Vec<SocketAddr>, String> {
    let loopback = || {
        vec![
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ]
    };
    let everywhere = || vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
    let custom = |host: &str| {
        host.parse::<IpAddr>()
            .map(|address| vec![SocketAddr::from((address, port))])
            .map_err(|_| {
                format!("`{host}` is not an IP address; use loopback, lan, auto or an address")
            })
    };
    match bind {
        Some("loopback") => return Ok(loopback()),
        Some("lan" | "auto") => return Ok(everywhere()),
        Some(host) => return custom(host),
        None => {}
    }
    match config.gateway.bind {
        Some(tree::Bind::Loopback) => Ok(loopback()),
        Some(tree::Bind::Lan | tree::Bind::Auto) => Ok(everywhere()),
        Some(tree::Bind::Custom) => custom(
            config
                .gateway
                .custom_bind_host
                .as_deref()
                .unwrap_or_default(),
        ),
        // Inside a container loopback would be unreachable; the token guards it all the same (decision 23).
        None if in_container => Ok(everywhere()),
        None => Ok(loopback()),
    }
}

/// True inside a detected container.
pub(crate) fn in_container(environment: &torana_host::env::Environment) -> bool {
    Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
        || environment.get("KUBERNETES_SERVICE_HOST").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lockout_is_the_usual_one_where_nothing_is_written() {
        let mut config = Config::default();
        assert_eq!(lockout(&config), Lockout::default());
        let written = &mut config.gateway.auth.rate_limit;
        (written.max_attempts, written.exempt_loopback) = (Some(3), Some(false));
        let expected = Lockout {
            failures_max: 3,
            exempt_local: false,
            ..Lockout::default()
        };
        assert_eq!(lockout(&config), expected);
    }
}
