//! What one command knows before it does anything: places, environment, how to reach the gateway.

use std::path::PathBuf;

use torana_core::config::Config;
use torana_core::port::World;
use torana_host::env::Environment;
use torana_host::files;
use torana_host::lock::{Holder, StateLock};
use torana_host::secret::Secret;

use super::args::Global;
use super::failure::{Exit, Failure};
use super::offline::Offline;
use super::output::Output;
use super::rpc::{Caller, Client, Endpoint, Identity, Persona};
use crate::configuration::{self, Configuration, Variables};
use crate::paths::{PathFlags, Paths};

/// Names under which the environment gives the gateway's secret, the first one set wins; the gateway reads the same.
const SECRET_NAMES: [&str; 4] = [
    "TORANA_GATEWAY_TOKEN",
    "OPENCLAW_GATEWAY_TOKEN",
    "TORANA_GATEWAY_PASSWORD",
    "OPENCLAW_GATEWAY_PASSWORD",
];
/// Names under which the environment gives the port.
const PORT_NAMES: [&str; 2] = ["TORANA_GATEWAY_PORT", "OPENCLAW_GATEWAY_PORT"];
/// A token file holds one line; more is not a token.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// One command's surroundings.
pub(crate) struct Invocation {
    pub(crate) output: Output,
    pub(crate) paths: Paths,
    pub(crate) environment: Environment,
    pub(crate) world: World,
    pub(crate) url: Option<String>,
    port: Option<u16>,
    token: Option<Secret>,
}

/// Where answers come from.
pub(crate) enum Access {
    /// A running gateway.
    Gateway(Box<Client>),
    /// The store itself, locked while we use it.
    Store(Box<Offline>),
}

// === impl Invocation ===

impl Invocation {
    /// Reads flags and environment; touches no file.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let environment = Environment::capture();
        let flags = PathFlags {
            config: global.config.clone(),
            profile: global.profile.clone(),
            dev: global.dev,
        };
        let paths = Paths::resolve(&flags, &environment)
            .map_err(|message| Failure::new(Exit::Usage, message))?;
        Ok(Self {
            output: Output { json: global.json },
            paths,
            environment,
            world: torana_host::world(),
            url: global.url.clone(),
            port: global.port,
            token: global.token.as_deref().map(Secret::new),
        })
    }

    /// The variables config may use.
    pub(crate) fn variables(&self) -> Variables {
        Variables::read(self.environment.clone(), &self.paths)
    }

    /// The config file as it is now.
    pub(crate) fn configuration(&self) -> Result<Configuration, Failure> {
        configuration::read(&self.paths, &self.variables())
            .map_err(|message| Failure::new(Exit::Config, message))
    }

    /// The effective configuration; the problems, when it has some.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let configuration = self.configuration()?;
        configuration.loaded.config.ok_or_else(|| {
            Failure::new(
                Exit::Config,
                format!("{} is not valid", self.paths.config.display()),
            )
            .hint("list the problems with `torana config validate`")
        })
    }

    /// The gateway that holds our state directory now.
    pub(crate) fn holder(&self) -> Option<Holder> {
        StateLock::running(&self.paths.state)
    }

    /// The port a gateway of ours would be reached on, and the gateway that runs, if one does.
    pub(crate) fn port(&self, config: Option<&Config>) -> Result<u16, Failure> {
        if let Some(port) = self.port {
            return Ok(port);
        }
        if let Some(text) = self.environment.first(PORT_NAMES) {
            return text.trim().parse().map_err(|_| {
                Failure::new(
                    Exit::Config,
                    format!("`{text}` in the environment is not a port number"),
                )
                .hint(format!(
                    "set {} to a number between 1 and 65535",
                    PORT_NAMES[0]
                ))
            });
        }
        let running = self.holder().and_then(|holder| holder.port);
        Ok(running
            .or(config.and_then(|config| config.gateway.port))
            .unwrap_or_else(|| self.paths.default_port()))
    }

    /// Where the gateway is and what it wants to hear.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Failure> {
        if let Some(url) = &self.url {
            // Stored secrets belong to the gateway they were made for (S-004).
            let endpoint = Endpoint::remote(url, self.token.clone())?;
            if self.token.is_none()
                && Identity::token(&self.paths.credentials(), &endpoint.origin()).is_none()
            {
                return Err(Failure::new(Exit::Usage, "--url needs --token")
                    .hint("give the token of that gateway with --token; later calls use the one it gives this device"));
            }
            return Ok(endpoint);
        }
        // A file that is wrong at the moment must not keep people from asking a gateway that runs.
        let config = self
            .configuration()
            .ok()
            .and_then(|configuration| configuration.loaded.config);
        let port = self.port(config.as_ref())?;
        let pin = config
            .as_ref()
            .and_then(|config| crate::compose::tls::pin(config, &self.paths));
        Ok(Endpoint::local(port, self.secret(config.as_ref())).pinned(pin))
    }

    fn secret(&self, config: Option<&Config>) -> Option<Secret> {
        if let Some(token) = &self.token {
            return Some(token.clone());
        }
        let variables = self.variables();
        if let Some(secret) = SECRET_NAMES.iter().find_map(|name| variables.get(name)) {
            return Some(Secret::new(secret));
        }
        let auth = config.map(|config| &config.gateway.auth);
        let written = auth.and_then(|auth| match auth.effective_mode() {
            torana_core::config::tree::AuthMode::Password => {
                auth.password.as_ref().or(auth.token.as_ref())
            }
            torana_core::config::tree::AuthMode::Token
            | torana_core::config::tree::AuthMode::TrustedProxy
            | torana_core::config::tree::AuthMode::None => {
                auth.token.as_ref().or(auth.password.as_ref())
            }
        });
        if let Some(secret) = written.and_then(|secret| secret.expose()) {
            return Some(Secret::new(secret));
        }
        let bytes = files::read_capped(&self.paths.token_file(), TOKEN_BYTES_MAX).ok()?;
        Some(Secret::new(String::from_utf8_lossy(&bytes))).filter(|secret| !secret.is_empty())
    }

    /// Connects to the gateway, as one command.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        self.connect_as(&Persona::CLI).await
    }

    /// Connects to the gateway.
    pub(crate) async fn connect_as(&self, persona: &Persona) -> Result<Client, Failure> {
        let endpoint = self.endpoint()?;
        let credentials = self.paths.credentials();
        let caller = Caller {
            persona,
            credentials: &credentials,
            world: &self.world,
            may_sign: self.url.is_some() && *persona != Persona::PROBE,
        };
        match Client::connect(&endpoint, &caller).await {
            Err(failure) if failure.exit == Exit::Unreachable && self.url.is_none() => {
                match self.holder() {
                    // It has the lock and does not listen on that port: it starts, or it was told another port.
                    Some(holder) => Err(Failure::new(
                        Exit::Unreachable,
                        format!(
                            "process {} runs the gateway, but it does not answer on port {}",
                            holder.pid,
                            endpoint.port()
                        ),
                    )
                    .hint("wait a moment if it was just started; else look at `torana logs`")),
                    None => Err(Failure::not_running()),
                }
            }
            other => other,
        }
    }

    /// The running gateway, or the store when none runs (decision 52).
    pub(crate) async fn access(&self) -> Result<Access, Failure> {
        match self.connect().await {
            Ok(client) => Ok(Access::Gateway(Box::new(client))),
            Err(failure) if failure == Failure::not_running() => {
                Ok(Access::Store(Box::new(Offline::open(self).await?)))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Where the gateway writes its log.
    pub(crate) fn log_file(&self) -> PathBuf {
        let configured = self
            .configuration()
            .ok()
            .and_then(|configuration| configuration.loaded.config?.logging.file);
        configured.map_or_else(|| self.paths.log_file(), PathBuf::from)
    }
}
