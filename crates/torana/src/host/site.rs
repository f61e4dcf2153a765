//! Workspaces, accounts, model services and the machine, as clients may ask for them.

use std::path::PathBuf;

use torana_agents::presets;
use torana_agents::provider::probe;
use torana_core::config::Config;
use torana_core::id::{AccountId, ChannelId};
use torana_core::port::BoxFuture;
use torana_core::problem::Problem;
use torana_core::run::FailureKind;
use torana_dialects::site::{KeySource, MachineFacts, ProviderFacts, ProviderProbe, Site};
use torana_host::egress::is_local_server;
use torana_host::{files, machine};

use super::gateway::GatewayHost;
use crate::compose::{self, workspace::Workspaces};

impl GatewayHost {
    fn builtin(&self, config: &Config) -> torana_agents::builtin::BuiltinSettings {
        compose::agents::builtin(config, &self.variables.merged())
    }
}

impl Site for GatewayHost {
    fn workspace(&self, agent: &str) -> PathBuf {
        let home = self.variables.merged().home();
        let running = self.in_force.load();
        Workspaces::new(&running.config, &self.paths.state, home.as_deref()).folder_of(agent)
    }

    fn trash(&self) -> PathBuf {
        self.paths.trash()
    }

    fn workspace_changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Ok(runner) = self.runner() {
                runner.refresh().await;
            }
        })
    }

    fn start_account(
        &self,
        channel: ChannelId,
        account: AccountId,
    ) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async move { self.runner()?.start_one(channel, account).await })
    }

    fn stop_account(
        &self,
        channel: ChannelId,
        account: AccountId,
    ) -> BoxFuture<'_, Result<bool, Problem>> {
        Box::pin(async move { self.runner()?.stop_one(channel, account).await })
    }

    fn credential_keys(&self, channel: &str) -> &'static [&'static str] {
        torana_channels::kind(channel).map_or(&[], |kind| kind.credentials)
    }

    fn providers(&self) -> Vec<ProviderFacts> {
        let running = self.in_force.load();
        let config = &running.config;
        self.builtin(config)
            .providers
            .iter()
            .map(|(id, provider)| {
                let written = config.models.providers.get(id);
                let key = if written
                    .and_then(|provider| provider.api_key.as_ref())
                    .is_some_and(|key| key.expose().is_some())
                {
                    KeySource::Config
                } else if provider.api_key.is_some() {
                    KeySource::Environment
                } else if provider
                    .base_url
                    .parse()
                    .is_ok_and(|url| is_local_server(&url))
                {
                    KeySource::Local
                } else {
                    KeySource::Missing
                };
                ProviderFacts {
                    id: id.clone(),
                    name: presets::preset(id)
                        .map_or_else(|| id.clone(), |preset| preset.name.to_owned()),
                    key,
                }
            })
            .collect()
    }

    fn probe_provider<'a>(
        &'a self,
        id: &'a str,
        timeout_ms: u64,
    ) -> BoxFuture<'a, Option<ProviderProbe>> {
        Box::pin(async move {
            let config = self.in_force.load().config.clone();
            let settings = self.builtin(&config).providers.get(id)?.clone();
            let found = probe(&self.world, &self.egress, &settings, timeout_ms).await;
            Some(ProviderProbe {
                status: found.failure.map_or("ok", status_word),
                latency_ms: found.latency_ms,
                error: found.detail,
            })
        })
    }

    fn machine(&self) -> MachineFacts {
        let found = machine::machine();
        let space = files::space(&self.paths.state).ok();
        MachineFacts {
            system: format!("{} {}", found.system, found.release),
            platform: match std::env::consts::OS {
                "macos" => "darwin",
                other => other,
            },
            arch: match std::env::consts::ARCH {
                "x86_64" => "x64",
                "aarch64" => "arm64",
                other => other,
            },
            hostname: found.hostname,
            address: found.address,
            release: found.release,
            pid: std::process::id(),
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            processor: found.processor,
            load: found.load,
            memory_total: found.memory_total,
            memory_free: found.memory_free,
            process_memory: found.process_memory,
            disk_total: space.map(|space| space.total),
            disk_free: space.map(|space| space.free),
        }
    }
}

/// The words of OpenClaw 2026.9.6 for how a probe ended.
fn status_word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Auth | FailureKind::NotConfigured => "auth",
        FailureKind::RateLimit => "rate_limit",
        FailureKind::Billing => "billing",
        FailureKind::Timeout => "timeout",
        FailureKind::Format => "format",
        FailureKind::ModelNotFound => "no_model",
        FailureKind::ContextLength
        | FailureKind::Refusal
        | FailureKind::Unavailable
        | FailureKind::Internal => "unknown",
    }
}
