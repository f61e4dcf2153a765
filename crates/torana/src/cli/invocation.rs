//! What one command knows before it does anything: places, environment, how to reach the gateway.

use std::path::PathBuf;

use torana_core::auth::Fingerprint;
use torana_core::config::Config;
use torana_core::port::World;
use torana_host::env::Environment;
use torana_host::lock::{Holder, StateLock};
use torana_host::secret::Secret;

use super::args::Global;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::rpc::{Caller, Client, Endpoint, Persona};
use crate::configuration;
use crate::configuration::{Configuration, Variables};
use crate::paths::{PathFlags, Paths};

/// Names under which the environment gives the port.
const PORT_NAMES: [&str; 2] = ["TORANA_GATEWAY_PORT", "OPENCLAW_GATEWAY_PORT"];

/// One command's surroundings.
pub(crate) struct Invocation {
    pub(crate) output: Output,
    pub(crate) paths: Paths,
    pub(crate) environment: Environment,
    pub(crate) world: World,
    /// What the command line says about the gateway to talk to.
    pub(super) wanted: Wanted,
    /// How long connecting and an ordinary answer may take, when the command line says it.
    pub(crate) wait_ms: Option<u64>,
    /// A first answer that only says that it was accepted is not enough.
    pub(crate) expects_final: bool,
}

/// What the command line says about the gateway to talk to.
pub(super) struct Wanted {
    pub(super) url: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) secret: Option<Secret>,
    pub(super) pin: Option<Fingerprint>,
}

// === impl Invocation ===

impl Invocation {
    /// Reads flags and environment; touches no file.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        Self::of(global, Environment::capture())
    }

    /// The same with another environment than the process's.
    pub(super) fn of(global: &Global, environment: Environment) -> Result<Self, Failure> {
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
            wanted: Wanted {
                url: global.url.clone(),
                port: global.port,
                secret: global
                    .token
                    .as_deref()
                    .or(global.password.as_deref())
                    .map(Secret::new),
                pin: global.tls_fingerprint.as_deref().map(pin).transpose()?,
            },
            wait_ms: None,
            expects_final: false,
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

    /// Who holds our state directory now: a gateway, or a command that works on the store without one.
    pub(crate) fn holder(&self) -> Option<Holder> {
        StateLock::running(&self.paths.state)
    }

    /// The gateway that runs on our state directory. Nobody else may be sent a signal.
    pub(crate) fn gateway(&self) -> Option<Holder> {
        self.holder().filter(Holder::listens)
    }

    /// The port our gateway is reached on. The one that runs says so itself, whatever shell, file and command line it
    /// was started from; without one it is where the next would listen.
    pub(crate) fn port(&self, config: Option<&Config>) -> Result<u16, Failure> {
        let running = || self.holder().and_then(|holder| holder.port);
        if let Some(port) = self.wanted.port.or_else(running) {
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
        Ok(config
            .and_then(|config| config.gateway.port)
            .unwrap_or_else(|| self.paths.default_port()))
    }

    /// The port the command line names.
    pub(crate) fn wanted_port(&self) -> Option<u16> {
        self.wanted.port
    }

    /// A port of this machine that leads to a gateway elsewhere, which gets no secret but the one that was typed.
    pub(crate) fn near(&self, port: u16) -> Endpoint {
        Endpoint::local(port, self.wanted.secret.clone()).pinned(self.wanted.pin)
    }

    /// Connects to the gateway, as one command.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        self.connect_as(&Persona::CLI).await
    }

    /// Connects to the gateway.
    pub(crate) async fn connect_as(&self, persona: &Persona) -> Result<Client, Failure> {
        let endpoint = self.endpoint()?;
        let is_elsewhere = endpoint.is_elsewhere();
        let credentials = self.paths.credentials();
        let caller = Caller {
            persona,
            credentials: &credentials,
            world: &self.world,
            may_sign: is_elsewhere && *persona != Persona::PROBE,
            wait_ms: self.wait_ms,
            expects_final: self.expects_final,
        };
        match Client::connect(&endpoint, &caller).await {
            Err(failure) if failure.exit == Exit::Unreachable && !is_elsewhere => {
                match self.holder() {
                    Some(holder) => Err(not_on_port(&holder, endpoint.port())),
                    None => Err(Failure::not_running()),
                }
            }
            other => other,
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

/// Somebody has the lock and does not answer on that port: it starts, or it listens on another one and said so.
fn not_on_port(holder: &Holder, port: u16) -> Failure {
    let failure = Failure::new(
        Exit::Unreachable,
        format!(
            "process {} has the state directory, but no gateway answers on port {port}",
            holder.pid
        ),
    );
    match holder.port.filter(|own| *own != port) {
        Some(own) => failure.hint(format!(
            "it listens on port {own}; leave --port away to ask it"
        )),
        None => failure.hint("wait a moment if it was just started; else look at `torana logs`"),
    }
}

/// Reads a fingerprint from the command line.
fn pin(text: &str) -> Result<Fingerprint, Failure> {
    Fingerprint::parse(text).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("`{text}` is not the SHA-256 of a certificate"),
        )
        .hint("give 64 hexadecimal digits, with or without colons, as the gateway prints them when it starts")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_listens_elsewhere_is_named_with_its_port() {
        let holder = |port| Holder {
            pid: 7,
            started_at_ms: 0,
            port,
        };
        for (own, words) in [
            (Some(1_234), "it listens on port 1234"),
            (Some(4_321), "wait a moment"),
            (None, "wait a moment"),
        ] {
            let hint = not_on_port(&holder(own), 4_321).hint;
            assert!(hint.is_some_and(|hint| hint.starts_with(words)), "{own:?}");
        }
    }
}
