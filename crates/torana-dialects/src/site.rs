//! What of this installation clients may look at and change: the configuration file, workspaces, accounts, model
//! services and the machine. The binary implements it; dialects decide who may ask and what an answer looks like.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use torana_core::config::TreeSchema;
use torana_core::id::{AccountId, ChannelId};
use torana_core::port::BoxFuture;
use torana_core::problem::Problem;

/// Something about a key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigIssue {
    /// The key; empty for the file as a whole.
    pub path: String,
    /// What is wrong; holds no secret.
    pub message: String,
}

/// The configuration on disk at one moment, secrets included: it never leaves the gateway as it is.
pub struct ConfigView {
    /// The main file.
    pub path: String,
    /// It is there.
    pub exists: bool,
    /// What is in it; empty when it is not there.
    pub text: String,
    /// Its value with includes followed, variables as they are written.
    pub merged: Value,
    /// Included files.
    pub included: Vec<String>,
    /// It could be used.
    pub valid: bool,
    /// What keeps it from being used.
    pub issues: Vec<ConfigIssue>,
    /// What deserves a look.
    pub warnings: Vec<ConfigIssue>,
    /// Keyed hash of the text, which clients compare.
    pub hash: String,
    /// The value in force.
    pub running: Arc<Value>,
    /// Hash of the text that is in force.
    pub running_hash: String,
}

/// What a written change needs to take effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigEffect {
    /// Keys that are in force already.
    pub live: Vec<String>,
    /// Channel accounts that were restarted, as `channel` or `channel/account`.
    pub accounts: Vec<String>,
    /// Keys that wait for a restart of the gateway.
    pub restart: Vec<String>,
    /// That restart is on its way.
    pub restarts: bool,
}

/// The configuration file.
pub trait ConfigFile: Send + Sync {
    /// As it is now. The same value as before while nothing changed, so that work on it can be kept.
    fn view(&self) -> BoxFuture<'_, Result<Arc<ConfigView>, Problem>>;
    /// The schema of the whole tree with all channels.
    fn schema(&self) -> &TreeSchema;
    /// What is wrong with a text, as if it were the file.
    fn check(&self, text: &str) -> Vec<ConfigIssue>;
    /// A variable of the process, which texts of the configuration may name; what it holds may be a secret.
    fn variable(&self, name: &str) -> Option<String>;
    /// Replaces the file, keeps the old version, and applies what can be applied. Refuses when the file is not the one
    /// of `before` any more, or when the change looks like an accident. A restart it needs waits for `restart_delay_ms`.
    fn write(
        &self,
        before: Arc<ConfigView>,
        text: String,
        restart_delay_ms: u64,
    ) -> BoxFuture<'_, Result<ConfigEffect, Problem>>;
}

/// Where the credential of a model service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// It is written in the configuration.
    Config,
    /// The environment has it.
    Environment,
    /// A server on this machine or network needs none.
    Local,
    /// There is none.
    Missing,
}

/// A configured model service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFacts {
    /// Its id in model references.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Where its key comes from.
    pub key: KeySource,
}

/// How a model service answered when it was asked for nothing but its attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderProbe {
    /// `ok`, `auth`, `rate_limit`, `billing`, `timeout`, `format` or `unknown`.
    pub status: &'static str,
    /// How long it took, milliseconds.
    pub latency_ms: u64,
    /// What is wrong, for people; holds no secret.
    pub error: Option<String>,
}

/// The machine and the process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MachineFacts {
    /// Its network name.
    pub hostname: String,
    /// The address by which other machines reach it.
    pub address: Option<std::net::IpAddr>,
    /// Kernel release.
    pub release: String,
    /// The system for people.
    pub system: String,
    /// Its name as OpenClaw spells it: `linux`, `darwin`.
    pub platform: &'static str,
    /// Its processors' kind as OpenClaw spells it: `x64`, `arm64`.
    pub arch: &'static str,
    /// This process.
    pub pid: u32,
    /// Processors.
    pub processors: usize,
    /// Name of the processor.
    pub processor: Option<String>,
    /// Load over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Memory of the machine, bytes.
    pub memory_total: u64,
    /// Memory that is free or can be freed, bytes.
    pub memory_free: u64,
    /// Memory of this process, bytes.
    pub process_memory: Option<u64>,
    /// Size of the file system of the state directory, bytes.
    pub disk_total: Option<u64>,
    /// What is free there, bytes.
    pub disk_free: Option<u64>,
}

/// The installation beside its configuration file.
pub trait Site: Send + Sync {
    /// The workspace folder of an agent, which need not exist yet; of any id, also one that is not configured.
    fn workspace(&self, agent: &str) -> PathBuf;
    /// Where folders go that are given up, out of the way but not lost.
    fn trash(&self) -> PathBuf;
    /// A file of a workspace changed: what is made from it is made anew.
    fn workspace_changed(&self) -> BoxFuture<'_, ()>;
    /// Starts an account that was stopped, or starts a running one anew.
    fn start_account(
        &self,
        channel: ChannelId,
        account: AccountId,
    ) -> BoxFuture<'_, Result<(), Problem>>;
    /// Stops an account until it is started or the gateway is; `false` when it did not run.
    fn stop_account(
        &self,
        channel: ChannelId,
        account: AccountId,
    ) -> BoxFuture<'_, Result<bool, Problem>>;
    /// Keys of a channel section whose removal signs an account out.
    fn credential_keys(&self, channel: &str) -> &'static [&'static str];
    /// Configured model services.
    fn providers(&self) -> Vec<ProviderFacts>;
    /// Asks a model service whether it lets us in; `None` when it is not configured.
    fn probe_provider<'a>(
        &'a self,
        id: &'a str,
        timeout_ms: u64,
    ) -> BoxFuture<'a, Option<ProviderProbe>>;
    /// The machine now.
    fn machine(&self) -> MachineFacts;
}

/// Notes of a workspace that are told to the model, in this order. The names are OpenClaw's.
pub const NOTES: &[&str] = &[
    "AGENTS.md",
    "SOUL.md",
    "IDENTITY.md",
    "USER.md",
    "TOOLS.md",
    "MEMORY.md",
];
