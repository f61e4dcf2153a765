//! The installation of a test: a configuration in memory, checked like a real one, and a machine that never changes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use torana_core::config::{LoadInput, ReloadPlan, TreeSchema, load, read_text};
use torana_core::id::{AccountId, ChannelId};
use torana_core::port::BoxFuture;
use torana_core::problem::{Code, Problem};

use crate::site::{
    ConfigEffect, ConfigFile, ConfigIssue, ConfigView, KeySource, MachineFacts, ProviderFacts,
    ProviderProbe, Site,
};

/// A site without disk.
pub(crate) struct MemorySite {
    schema: LazyLock<TreeSchema>,
    view: Mutex<Arc<ConfigView>>,
    folder: PathBuf,
    /// How long the restart was to wait that the last change needs.
    pub(crate) restart_delay_ms: AtomicU64,
}

fn view_of(text: String, exists: bool, running: Arc<Value>, running_hash: String) -> ConfigView {
    let merged = read_text(&text).unwrap_or_else(|_| json!({}));
    ConfigView {
        path: "torana.json".to_owned(),
        exists,
        // Tests compare dialogues, so the hash must be the same everywhere.
        hash: hash_of(&text),
        merged,
        included: Vec::new(),
        valid: true,
        issues: Vec::new(),
        warnings: Vec::new(),
        running,
        running_hash,
        text,
    }
}

fn hash_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let short = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
    format!("hmac-sha256:v1:{}", short.collect::<String>())
}

impl MemorySite {
    /// A site whose workspaces are below a folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self::with("", false, folder)
    }

    /// A site with a configuration file.
    pub(crate) fn with_config(text: &str, folder: PathBuf) -> Self {
        Self::with(text, true, folder)
    }

    fn with(text: &str, exists: bool, folder: PathBuf) -> Self {
        let running = Arc::new(read_text(text).unwrap_or_else(|_| json!({})));
        Self {
            schema: LazyLock::new(|| TreeSchema::new(&[])),
            view: Mutex::new(Arc::new(view_of(
                text.to_owned(),
                exists,
                running,
                hash_of(text),
            ))),
            folder,
            restart_delay_ms: AtomicU64::default(),
        }
    }

    fn now(&self) -> Arc<ConfigView> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hash a write must name.
    pub(crate) fn hash(&self) -> String {
        self.now().hash.clone()
    }

    /// What is in the file.
    pub(crate) fn text(&self) -> String {
        self.now().text.clone()
    }
}

impl ConfigFile for MemorySite {
    fn view(&self) -> BoxFuture<'_, Result<Arc<ConfigView>, Problem>> {
        Box::pin(async { Ok(self.now()) })
    }

    fn schema(&self) -> &TreeSchema {
        &self.schema
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "TEST_SECRET").then(|| "what-the-variable-holds".to_owned())
    }

    fn check(&self, text: &str) -> Vec<ConfigIssue> {
        load(LoadInput {
            path: "torana.json",
            text,
            env: &|_| None,
            include: &|_| Err("no includes here".to_owned()),
            schema: &self.schema,
            known_providers: &[],
        })
        .problems
        .into_iter()
        .map(|finding| ConfigIssue {
            path: finding.path,
            message: finding.message,
        })
        .collect()
    }

    fn write(
        &self,
        before: Arc<ConfigView>,
        text: String,
        restart_delay_ms: u64,
    ) -> BoxFuture<'_, Result<ConfigEffect, Problem>> {
        self.restart_delay_ms
            .store(restart_delay_ms, Ordering::SeqCst);
        Box::pin(async move {
            let running =
                Arc::new(read_text(&text).map_err(|error| Problem::invalid(error.to_string()))?);
            let plan = ReloadPlan::between(&self.schema, &before.merged, &running);
            let hash = hash_of(&text);
            *self.view.lock().unwrap_or_else(PoisonError::into_inner) =
                Arc::new(view_of(text, true, running, hash));
            Ok(ConfigEffect {
                live: plan.live.iter().map(ToString::to_string).collect(),
                accounts: Vec::new(),
                restart: plan.restart.iter().map(ToString::to_string).collect(),
                restarts: !plan.restart.is_empty(),
            })
        })
    }
}

impl Site for MemorySite {
    fn workspace(&self, agent: &str) -> PathBuf {
        self.folder.join(format!("workspace-{agent}"))
    }

    fn trash(&self) -> PathBuf {
        self.folder.join("trash")
    }

    fn workspace_changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn start_account(
        &self,
        channel: ChannelId,
        account: AccountId,
    ) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async move {
            if account.as_str() == "work" {
                return Ok(());
            }
            Err(Problem::new(
                Code::NotFound,
                format!("no account {account} is configured on {channel}"),
            ))
        })
    }

    fn stop_account(&self, _: ChannelId, _: AccountId) -> BoxFuture<'_, Result<bool, Problem>> {
        Box::pin(async { Ok(false) })
    }

    fn credential_keys(&self, _: &str) -> &'static [&'static str] {
        &["botToken"]
    }

    fn providers(&self) -> Vec<ProviderFacts> {
        vec![ProviderFacts {
            id: "fake".to_owned(),
            name: "Fake".to_owned(),
            key: KeySource::Config,
        }]
    }

    fn probe_provider<'a>(&'a self, id: &'a str, _: u64) -> BoxFuture<'a, Option<ProviderProbe>> {
        Box::pin(async move {
            (id == "fake").then(|| ProviderProbe {
                status: "auth",
                latency_ms: 3,
                error: Some("the key is not accepted".to_owned()),
            })
        })
    }

    fn machine(&self) -> MachineFacts {
        MachineFacts {
            hostname: "desk".to_owned(),
            release: "6.1".to_owned(),
            system: "Linux 6.1".to_owned(),
            platform: "linux",
            arch: "x64",
            pid: 7,
            processors: 2,
            memory_total: 1_024,
            memory_free: 512,
            ..MachineFacts::default()
        }
    }
}
