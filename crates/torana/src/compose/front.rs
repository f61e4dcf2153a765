//! The front's settings: who may connect, from where, and with which secret.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use torana_core::config::{Config, tree};
use torana_core::port::World;
use torana_dialects::{AuthMode, FrontSettings};
use torana_host::files;

/// Reads the generated token, or makes one: 256 random bits, readable by the owner only (S-011).
pub(crate) fn token(file: &Path, world: &World) -> Result<String, String> {
    match files::read_capped(file, 4_096) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            if text.len() >= 32 {
                return Ok(text);
            }
            Err(format!(
                "{} does not hold a token; remove it and a new one is made",
                file.display()
            ))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = hex(&random::<32>(world));
            files::create_private(file, format!("{text}\n").as_bytes())
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            Ok(text)
        }
        Err(error) => Err(format!("cannot read {}: {error}", file.display())),
    }
}

/// Reads or makes the key everything private to this installation is derived from.
pub(crate) fn install_key(file: &Path, world: &World) -> Result<[u8; 32], String> {
    match files::read_capped(file, 64) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            format!(
                "{} is damaged; restore it, or remove it and pair every device again",
                file.display()
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = random::<32>(world);
            files::create_private(file, &key)
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            Ok(key)
        }
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
    };
    let configured = match mode {
        AuthMode::Password => auth.password.as_ref().or(auth.token.as_ref()),
        AuthMode::Token => auth.token.as_ref().or(auth.password.as_ref()),
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
        port,
    })
}

fn network(text: &str) -> Option<ipnet::IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(ipnet::IpNet::from))
}

fn host_of(origin: &str) -> Option<String> {
    let rest = origin.split_once("://")?.1;
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, port)| {
            if port.chars().all(|character| character.is_ascii_digit()) {
                host
            } else {
                authority
            }
        });
    Some(host.to_ascii_lowercase())
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
