//! The certificate of the gateway's own port, from config and the state directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use torana_core::auth::Fingerprint;
use torana_core::config::Config;
use torana_core::port::World;
use torana_host::tls::{ServerTls, TlsError, TlsFiles, own_names};

use super::origin::host_of;
use crate::paths::Paths;

/// Where the certificate is; relative paths start at the config file.
pub(crate) fn files(config: &Config, paths: &Paths) -> TlsFiles {
    let tls = &config.gateway.tls;
    let own = |name: &str| paths.state.join("gateway").join("tls").join(name);
    let written = |path: &Option<String>| path.as_deref().map(|path| resolve(path, paths));
    TlsFiles {
        cert: written(&tls.cert_path).unwrap_or_else(|| own("cert.pem")),
        key: written(&tls.key_path).unwrap_or_else(|| own("key.pem")),
        ca: written(&tls.ca_path),
    }
}

/// A path as people write it in the config file.
pub(crate) fn resolve(path: &str, paths: &Paths) -> PathBuf {
    let folder = paths.config.parent().unwrap_or(Path::new("."));
    folder.join(path)
}

/// Loads the certificate, made first where it may be; `None` without TLS. There is no fallback to plain text.
pub(crate) fn load(
    config: &Config,
    paths: &Paths,
    addresses: &[SocketAddr],
    world: &World,
) -> Result<Option<Arc<ServerTls>>, TlsError> {
    if !config.gateway.tls.enabled {
        return Ok(None);
    }
    let files = files(config, paths);
    if config.gateway.tls.auto_generate {
        let public = config.gateway.public_origin.as_deref();
        let host = public.and_then(host_of);
        let names = own_names(addresses.iter().map(SocketAddr::ip), host.as_deref());
        if files.generate_missing(&names, world.wall_ms())? {
            tracing::info!(certificate = %files.cert.display(), "A self-signed certificate was made.");
        }
    }
    let tls = ServerTls::load(files)?;
    tracing::info!(fingerprint = %tls.fingerprint(), "TLS is on.");
    Ok(Some(Arc::new(tls)))
}

/// SHA-256 of the certificate a gateway with this config presents, for clients on this machine.
pub(crate) fn pin(config: &Config, paths: &Paths) -> Option<Fingerprint> {
    if !config.gateway.tls.enabled {
        return None;
    }
    let text = files(config, paths).fingerprint().ok()?;
    Fingerprint::parse(&text)
}
