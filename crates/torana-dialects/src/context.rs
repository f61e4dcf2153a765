//! What every dialect is given: the engine, the front's settings, and the few things only the binary can provide.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use torana_core::port::BoxFuture;
use torana_core::problem::Problem;
use torana_engine::Engine;
use torana_engine::service::login::LoginCodes;

use crate::front::Gate;

/// How clients prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// The shared secret; accepted as token or password.
    Token,
    /// The same, named a password in messages.
    Password,
    /// No credential; loopback only.
    None,
}

/// Settings of the front, made from config by the binary. Replaced as a whole when config changes.
#[derive(Clone)]
pub struct FrontSettings {
    /// How clients prove who they are.
    pub auth: AuthMode,
    /// The shared secret; absent only in mode `None`.
    pub secret: Option<Arc<str>>,
    /// Proxies whose forwarding headers count, as networks.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Origins allowed besides our own, `scheme://host[:port]` in lower case.
    pub allowed_origins: Vec<String>,
    /// Host names allowed besides literals, local names and our own (decision 37), in lower case.
    pub public_hosts: Vec<String>,
    /// The Control UI is served.
    pub control_ui: bool,
    /// Path prefix of the Control UI, without trailing slash; empty for `/`.
    pub base_path: String,
    /// `/v1/chat/completions` answers.
    pub chat_completions: bool,
    /// Port we listen on, for origins and links.
    pub port: u16,
}

/// What the binary knows and the engine does not: config files, logs, the process itself.
pub trait Host: Send + Sync {
    /// The result object of `config.get`, redacted.
    fn config(&self) -> BoxFuture<'_, Result<Value, Problem>>;
    /// The JSON Schema of the whole config with all channels.
    fn config_schema(&self) -> Value;
    /// One page of the log file: the arguments and result of `logs.tail`.
    fn logs(&self, request: LogsRequest) -> BoxFuture<'_, Result<LogsPage, Problem>>;
    /// Model services found in the environment or, when asked for by a person, on this machine.
    fn offers(&self, probe: bool) -> BoxFuture<'_, Vec<Value>>;
    /// Begins an orderly stop.
    fn stop(&self, reason: &str);
}

/// Which part of the log to read.
#[derive(Debug, Clone, Default)]
pub struct LogsRequest {
    /// Byte offset of an earlier answer.
    pub cursor: Option<u64>,
    /// Lines at most.
    pub limit: usize,
    /// Bytes at most.
    pub max_bytes: usize,
}

/// A page of the log.
#[derive(Debug, Clone, Default)]
pub struct LogsPage {
    /// The file.
    pub file: String,
    /// Where the next page starts.
    pub cursor: u64,
    /// Size of the file.
    pub size: u64,
    /// Our JSON lines.
    pub lines: Vec<String>,
    /// Older lines were left out.
    pub truncated: bool,
    /// The cursor was not in this file (rotated): reading started anew.
    pub reset: bool,
}

/// Everything a dialect needs. Shared by all connections.
pub struct Context {
    /// The engine.
    pub engine: Engine,
    /// The front's settings.
    pub front: ArcSwap<FrontSettings>,
    /// Checks secrets and slows guessers; one for all dialects, made with [`Gate::new`].
    pub gate: Gate,
    /// Issues and redeems printed sign-in links; one for the binary and all dialects.
    pub logins: LoginCodes,
    /// What only the binary knows.
    pub host: Arc<dyn Host>,
    /// Torana's own version.
    pub version: &'static str,
    /// The state directory, told to administrators only.
    pub state_dir: PathBuf,
    /// The config file, told to administrators only.
    pub config_path: PathBuf,
    /// Uuid of this process.
    pub boot_id: String,
    /// Key of this installation: device tokens and config hashes are derived from it.
    pub install_key: [u8; 32],
}
