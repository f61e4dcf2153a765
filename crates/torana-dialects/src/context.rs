//! What every dialect is given: the engine, the front's settings, and the few things only the binary can provide.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use torana_core::auth::{CommandRules, ScopeSet, same_secret};
use torana_core::port::BoxFuture;
use torana_core::problem::Problem;
use torana_core::run::ModelRef;
use torana_engine::Engine;
use torana_engine::service::login::LoginCodes;

use crate::front::{Gate, UiFolder};
use crate::site::{ConfigFile, Site};

/// How clients prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// The shared secret; accepted as token or password.
    Token,
    /// The same, named a password in messages.
    Password,
    /// No credential; loopback only.
    None,
    /// A proxy of the operator's names the person; the secret counts only straight from this machine.
    TrustedProxy,
}

/// Whom an identity-aware proxy may name, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyIdentity {
    /// Header with the person, in lower case.
    pub user_header: String,
    /// Headers that must be there too, in lower case; they show that the request really passed the proxy.
    pub required_headers: Vec<String>,
    /// Persons let in; empty lets in everybody the proxy names.
    pub allow_users: Vec<String>,
    /// A proxy on this machine counts; without it any local program could name anybody.
    pub allow_loopback: bool,
}

/// Settings of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// A node on this machine is paired without a question; its commands still need an approval.
    pub auto_approve_local: bool,
    /// Networks whose nodes are paired without a question.
    pub auto_approve_networks: Vec<ipnet::IpNet>,
    /// Commands nodes may offer.
    pub commands: CommandRules,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            auto_approve_local: true,
            auto_approve_networks: Vec::new(),
            commands: CommandRules::default(),
        }
    }
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
    /// `/v1/responses` answers.
    pub responses: bool,
    /// The model that makes vectors, where one is configured.
    pub embeddings_model: Option<ModelRef>,
    /// A Control UI of the operator's own, instead of ours.
    pub ui_folder: Option<UiFolder>,
    /// Port we listen on, for origins and links.
    pub port: u16,
    /// The address people use from outside, as written.
    pub public_origin: Option<String>,
    /// Who may be named by a proxy, in mode `TrustedProxy`.
    pub proxy: ProxyIdentity,
    /// The identity headers of a Tailscale proxy on this machine replace the secret on sockets.
    pub allow_tailscale: bool,
    /// Scopes of clients of the older guides that come from elsewhere than this machine.
    pub legacy_scopes: ScopeSet,
    /// Nodes.
    pub nodes: NodeSettings,
}

impl FrontSettings {
    /// Settings with a secret and nothing unusual.
    pub fn new(auth: AuthMode, secret: Option<Arc<str>>, port: u16) -> Self {
        Self {
            auth,
            secret,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            public_hosts: Vec::new(),
            control_ui: true,
            base_path: String::new(),
            chat_completions: true,
            responses: true,
            embeddings_model: None,
            ui_folder: None,
            port,
            public_origin: None,
            proxy: ProxyIdentity::default(),
            allow_tailscale: false,
            legacy_scopes: ScopeSet::NONE,
            nodes: NodeSettings::default(),
        }
    }

    /// Whoever proved himself by the shared secret under the one settings has also done so under the other.
    pub fn proves_the_same(&self, other: &Self) -> bool {
        let is_same_secret = match (&self.secret, &other.secret) {
            (None, None) => true,
            (Some(own), Some(other)) => same_secret(own, other),
            _ => false,
        };
        is_same_secret && self.auth == other.auth
    }
}

/// What the binary knows and the engine does not: config files, logs, the process itself.
pub trait Host: Send + Sync {
    /// The configuration file.
    fn config_file(&self) -> &dyn ConfigFile;
    /// Workspaces, accounts, model services, the machine.
    fn site(&self) -> &dyn Site;
    /// One page of the log file: the arguments and result of `logs.tail`.
    fn logs(&self, request: LogsRequest) -> BoxFuture<'_, Result<LogsPage, Problem>>;
    /// Model services found in the environment or, when asked for by a person, on this machine.
    fn offers(&self, probe: bool) -> BoxFuture<'_, Vec<Value>>;
    /// The policy document for commands, as stored.
    fn exec_policy(&self) -> BoxFuture<'_, Result<ExecPolicyFile, Problem>>;
    /// Replaces the policy document durably if it is still what the caller saw; `None` when somebody else changed it.
    fn set_exec_policy(
        &self,
        seen: Option<String>,
        text: String,
    ) -> BoxFuture<'_, Result<Option<ExecPolicyFile>, Problem>>;
    /// Turns texts into vectors with the configured model.
    fn embed(&self, request: EmbedRequest) -> BoxFuture<'_, Result<Embeddings, Problem>> {
        drop(request);
        let message = "no model for embeddings is configured";
        Box::pin(std::future::ready(Err(Problem::new(
            torana_core::problem::Code::Internal,
            message,
        ))))
    }
    /// Begins an orderly stop.
    fn stop(&self, reason: &str);
    /// Asks for a restart; requests that come together make one.
    fn restart(&self, request: RestartRequest) -> Result<RestartPlan, Problem>;
}

/// A restart somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartRequest {
    /// Why, for the log and for clients.
    pub reason: String,
    /// How long to wait first, milliseconds.
    pub delay_ms: u64,
    /// How long to wait for what runs, milliseconds; what is not over by then goes on after the restart.
    pub patience_ms: u64,
}

/// What a request for a restart came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestartPlan {
    /// A restart was asked for already; this is the same one.
    pub joined: bool,
    /// How long it waits at least, milliseconds.
    pub delay_ms: u64,
    /// How much of that is because the last restart was a moment ago, milliseconds.
    pub cooldown_ms: u64,
}

/// The policy document for commands, as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecPolicyFile {
    /// Where it is, or would be.
    pub path: String,
    /// What is in it; `None` when there is none.
    pub text: Option<String>,
}

/// Texts to turn into vectors.
#[derive(Debug, Clone, Default)]
pub struct EmbedRequest {
    /// The model, when there is one.
    pub model: Option<ModelRef>,
    /// The texts.
    pub texts: Vec<String>,
    /// Length of the vectors, when the client wants another than the model's own.
    pub dimensions: Option<u32>,
}

/// Vectors, one for each text, in order.
#[derive(Debug, Clone, Default)]
pub struct Embeddings {
    /// The vectors.
    pub vectors: Vec<Vec<f64>>,
    /// Tokens read.
    pub tokens: u64,
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
    /// Bytes between a cursor that was too far behind and where reading went on.
    pub skipped_bytes: Option<u64>,
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
