//! Which gateway a command talks to, and with which secret.
//!
//! The first that says so wins: `--url`, `--port` (this machine), the environment, `gateway.mode` `remote` in the
//! configuration, and else the gateway of this machine. A secret goes only where it was meant for: one of this machine
//! never to a gateway elsewhere, be it in the configuration or in a `.env` file, one of the environment of the process
//! only to where that or the configuration points, and the configuration's own to the address beside it (S-004).

use torana_core::config::Config;
use torana_core::config::Secret as Written;
use torana_core::config::tree::{AuthMode, GatewayMode, Remote};
use torana_host::files;
use torana_host::secret::Secret;

use super::failure::{Exit, Failure};
use super::invocation::Invocation;
use super::rpc::{Endpoint, Identity};

/// Names under which the environment gives the gateway's token, the first one set wins; the gateway reads the same.
const TOKEN_NAMES: [&str; 2] = ["TORANA_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_TOKEN"];
/// The same for its password.
const PASSWORD_NAMES: [&str; 2] = ["TORANA_GATEWAY_PASSWORD", "OPENCLAW_GATEWAY_PASSWORD"];
/// Names under which the environment gives the address of a gateway elsewhere.
const URL_NAMES: [&str; 2] = ["TORANA_GATEWAY_URL", "OPENCLAW_GATEWAY_URL"];
/// A token file holds one line; more is not a token.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// Who says which gateway it is.
enum Target {
    /// `--url`.
    Named(String),
    /// The environment of this process. Not a `.env` file: a folder somebody sent must not redirect our secrets.
    Environment(String),
    /// `gateway.remote` of the configuration.
    Configured(Box<Remote>),
    /// The configuration, but something in it is wrong.
    Unclear,
    /// Nobody: the one of this machine.
    Here,
}

/// What can be read of the configuration.
struct Readable {
    config: Option<Config>,
    /// It describes a gateway elsewhere, be it valid or not.
    is_remote: bool,
}

// === impl Invocation ===

impl Invocation {
    /// A file that is wrong at the moment must not keep people from asking a gateway that runs here. One that meant a
    /// gateway elsewhere must not lead to the one here either.
    fn readable(&self) -> Readable {
        let Ok(configuration) = self.configuration() else {
            return Readable {
                config: None,
                is_remote: false,
            };
        };
        let value = crate::configuration::value_of(&configuration.loaded);
        let is_remote = value["gateway"]["mode"].as_str() == Some("remote");
        let config = configuration.loaded.config;
        Readable { config, is_remote }
    }

    fn target(&self, readable: &Readable) -> Target {
        if let Some(url) = &self.wanted.url {
            return Target::Named(url.clone());
        }
        if self.wanted.port.is_some() {
            return Target::Here;
        }
        if let Some(url) = self.environment.first(URL_NAMES) {
            return Target::Environment(url.trim().to_owned());
        }
        match &readable.config {
            Some(config) if config.gateway.mode == Some(GatewayMode::Remote) => {
                Target::Configured(Box::new(config.gateway.remote.clone()))
            }
            None if readable.is_remote => Target::Unclear,
            Some(_) | None => Target::Here,
        }
    }

    /// The gateway is not the one of this state directory.
    pub(crate) fn is_elsewhere(&self) -> bool {
        !matches!(self.target(&self.readable()), Target::Here)
    }

    /// Where the gateway is and what it wants to hear.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        let readable = self.readable();
        let config = readable.config.as_ref();
        let remote = config.map(|config| &config.gateway.remote);
        let endpoint = match self.target(&readable) {
            Target::Unclear => {
                return Err(Failure::new(
                    Exit::Config,
                    format!(
                        "{} describes a gateway elsewhere, and is not valid",
                        self.paths.config.display()
                    ),
                )
                .hint("list the problems with `torana config validate`"));
            }
            Target::Named(url) => {
                // Stored secrets belong to the gateway they were made for (S-004).
                let endpoint = Endpoint::remote(&url, self.wanted.secret.clone())?;
                self.has_some_secret(&endpoint, "--url")?;
                recognised(endpoint, remote)?
            }
            Target::Environment(url) => {
                let secret = self.wanted.secret.clone().or_else(|| {
                    let names = TOKEN_NAMES.into_iter().chain(PASSWORD_NAMES);
                    self.environment.first(names).map(Secret::new)
                });
                let endpoint = Endpoint::remote(&url, secret)?;
                self.has_some_secret(&endpoint, URL_NAMES[0])?;
                recognised(endpoint, remote)?
            }
            Target::Configured(remote) => {
                let secret = self.secret_of(&remote)?;
                let url = remote.url.as_deref().unwrap_or_default();
                let endpoint = Endpoint::remote(url.trim(), secret)?;
                self.has_some_secret(&endpoint, "`gateway.remote.url`")?;
                recognised(endpoint, Some(&remote))?
            }
            Target::Here => {
                let port = self.port(config)?;
                let pin = config.and_then(|config| crate::compose::tls::pin(config, &self.paths));
                Endpoint::local(port, self.own_secret(config)).pinned(pin)
            }
        };
        match self.wanted.pin {
            Some(pin) => endpoint.trust_only(pin),
            None => Ok(endpoint),
        }
    }

    /// A gateway elsewhere wants a secret, ours or the token it once gave this device.
    fn has_some_secret(&self, endpoint: &Endpoint, who: &str) -> Result<(), Failure> {
        let is_known = Identity::token(&self.paths.credentials(), &endpoint.origin()).is_some();
        if endpoint.has_secret() || is_known {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, format!("{who} needs --token"))
            .hint("give the token of that gateway with --token; later calls use the one it gives this device"))
    }

    /// The secret of a configured gateway elsewhere, in the order of OpenClaw 2026.9.6. Unlike there `gateway.auth` and
    /// `.env` files are not asked: what they hold opens the gateway of this machine.
    fn secret_of(&self, remote: &Remote) -> Result<Option<Secret>, Failure> {
        if self.wanted.secret.is_some() {
            return Ok(self.wanted.secret.clone());
        }
        if let Some(token) = written(remote.token.as_ref(), "gateway.remote.token")? {
            return Ok(Some(token));
        }
        let names = TOKEN_NAMES.into_iter().chain(PASSWORD_NAMES);
        if let Some(secret) = self.environment.first(names) {
            return Ok(Some(Secret::new(secret)));
        }
        written(remote.password.as_ref(), "gateway.remote.password")
    }

    /// The secret of the gateway of this machine.
    pub(crate) fn own_secret(&self, config: Option<&Config>) -> Option<Secret> {
        if let Some(secret) = &self.wanted.secret {
            return Some(secret.clone());
        }
        let variables = self.variables();
        let names = TOKEN_NAMES.into_iter().chain(PASSWORD_NAMES);
        if let Some(secret) = names.into_iter().find_map(|name| variables.get(name)) {
            return Some(Secret::new(secret));
        }
        let auth = config.map(|config| &config.gateway.auth);
        let written = auth.and_then(|auth| match auth.effective_mode() {
            AuthMode::Password => auth.password.as_ref().or(auth.token.as_ref()),
            AuthMode::Token | AuthMode::TrustedProxy | AuthMode::None => {
                auth.token.as_ref().or(auth.password.as_ref())
            }
        });
        if let Some(secret) = written.and_then(Written::expose) {
            return Some(Secret::new(secret));
        }
        let bytes = files::read_capped(&self.paths.token_file(), TOKEN_BYTES_MAX).ok()?;
        Some(Secret::new(String::from_utf8_lossy(&bytes))).filter(|secret| !secret.is_empty())
    }
}

/// A written secret; one whose variable is not set is no reason to use another.
fn written(secret: Option<&Written>, key: &str) -> Result<Option<Secret>, Failure> {
    match secret {
        None => Ok(None),
        Some(secret) => match secret.unresolved() {
            Some(name) => Err(Failure::new(
                Exit::Config,
                format!("`{key}` refers to `{name}`, which is not set"),
            )),
            None => Ok(secret.expose().map(Secret::new)),
        },
    }
}

/// What the configuration knows of a gateway holds however that gateway was named: its certificate, and the headers of
/// the proxy in front of it. Another address inherits neither.
fn recognised(endpoint: Endpoint, remote: Option<&Remote>) -> Result<Endpoint, Failure> {
    let Some(remote) = remote else {
        return Ok(endpoint);
    };
    let configured = remote
        .url
        .as_deref()
        .and_then(|url| Endpoint::remote(url.trim(), None).ok());
    if configured.is_none_or(|configured| configured.origin() != endpoint.origin()) {
        return Ok(endpoint);
    }
    let mut edge = Vec::new();
    for (name, value) in &remote.edge_auth {
        let key = format!("gateway.remote.edgeAuth.{name}");
        if let Some(secret) = written(Some(value), &key)? {
            edge.push((name.clone(), secret));
        }
    }
    let endpoint = endpoint.with_edge(edge)?;
    match &remote.tls_fingerprint {
        None => Ok(endpoint),
        Some(text) => {
            let pin = torana_core::auth::Fingerprint::parse(text).ok_or_else(|| {
                Failure::new(
                    Exit::Config,
                    "`gateway.remote.tlsFingerprint` is not the SHA-256 of a certificate",
                )
            })?;
            endpoint.trust_only(pin)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;
    use torana_host::env::Environment;

    use super::*;
    use crate::cli::args::Global;

    /// Files of one state directory, and what the process's environment says beside it.
    fn invocation(folder: &Path, variables: &[(&str, &str)]) -> Invocation {
        let state = folder.to_string_lossy().into_owned();
        let own = [("TORANA_STATE_DIR", state.as_str())];
        let environment = Environment::from_pairs(own.into_iter().chain(variables.iter().copied()));
        Invocation::of(&Global::default(), environment).expect("places")
    }

    #[test]
    fn a_gateway_that_runs_is_found_on_its_own_port() {
        let name = format!("torana-port-{}", torana_host::world().uuid());
        let folder = std::env::temp_dir().join(name);
        let asked = invocation(&folder, &[("TORANA_GATEWAY_PORT", "21000")]);
        assert_eq!(asked.port(None).ok(), Some(21_000), "none runs");
        let mut lock = torana_host::lock::StateLock::acquire(&folder, 0).expect("free");
        lock.set_port(21_002).expect("written");
        assert_eq!(asked.port(None).ok(), Some(21_002));
        drop(lock);
        assert_eq!(asked.port(None).ok(), Some(21_000), "it is gone");
        std::fs::remove_dir_all(folder).ok();
    }

    #[test]
    fn no_secret_of_this_machine_goes_to_a_gateway_elsewhere() {
        let name = format!("torana-place-{}", torana_host::world().uuid());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let config = r#"{ gateway: {
            mode: "remote", remote: { url: "wss://gateway.example.org" },
            auth: { token: "own-token", password: "own-password" },
        } }"#;
        std::fs::write(folder.join("torana.json"), config).expect("written");
        std::fs::write(
            folder.join(".env"),
            "TORANA_GATEWAY_TOKEN=own-token\nOPENCLAW_GATEWAY_PASSWORD=own-password\n",
        )
        .expect("written");
        let refused = invocation(&folder, &[]).endpoint().err();
        let refused = refused.expect("nothing there is meant for it");
        assert!(refused.message.contains("needs --token"), "{refused:?}");

        // Nor does it stand in front of the token that gateway gave this device.
        let kept = json!({ "origins": { "wss://gateway.example.org:443": { "token": "given" } } });
        let credentials = folder.join("credentials");
        std::fs::create_dir_all(&credentials).expect("a folder");
        std::fs::write(credentials.join("device-tokens.json"), kept.to_string()).expect("written");
        let known = invocation(&folder, &[]).endpoint().expect("an address");
        assert!(!known.has_secret());

        // What somebody sets for this shell is meant for what the configuration points to.
        let set = invocation(&folder, &[("TORANA_GATEWAY_TOKEN", "theirs")]);
        assert!(set.endpoint().expect("an address").has_secret());
        std::fs::remove_dir_all(folder).ok();
    }
}
