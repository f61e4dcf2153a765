//! The world around the gateway: a runtime for the load, a model that answers at once, and a platform.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use torana_agents::fake::{FakeProvider, Script};
use torana_channels::telegram::fake::{FakeServer, Options};

use super::Fault;

/// A bot of nobody.
pub(super) const BOT: &str = "4343:bench-bot-secret-of-nobody";

/// What every benchmark shares.
pub(super) struct World {
    pub(super) provider: FakeProvider,
    pub(super) runtime: Runtime,
}

impl World {
    pub(super) fn new() -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let provider = runtime.block_on(FakeProvider::start(Script::default()))?;
        Ok(Self { provider, runtime })
    }

    /// A platform without messages.
    pub(super) fn platform(&self) -> Result<FakeServer, Fault> {
        Ok(self
            .runtime
            .block_on(FakeServer::start(Options::default(), torana_host::world()))?)
    }

    /// The model answers in this many pieces, without any pause.
    pub(super) fn pieces(&self, chunks: usize) {
        self.provider.set_script(Script {
            chunks,
            ..Script::default()
        });
    }

    /// The configuration all benchmarks start from: defaults, and the model above.
    pub(super) fn config(&self) -> Value {
        json!({
            "models": { "providers": { "fake": {
                "baseUrl": self.provider.base_url(),
                "apiKey": "none",
                "api": "openai-completions",
                "models": [{ "id": "echo" }],
            } } },
            "agents": { "defaults": { "model": "fake/echo" } },
        })
    }

    /// The same with a Telegram account at a platform.
    pub(super) fn config_with_telegram(&self, platform: &FakeServer) -> Value {
        let mut config = self.config();
        config["session"] = json!({ "dmScope": "per-channel-peer" });
        config["messages"] = json!({ "queue": { "mode": "followup", "cap": 10_000 } });
        config["channels"] = json!({ "telegram": {
            "botToken": BOT,
            "apiRoot": platform.api_root(),
            "dmPolicy": "open",
            "allowFrom": ["*"],
            "rateLimit": "off",
        } });
        config
    }
}

/// Where a fake server listens.
pub(super) fn address_of(platform: &FakeServer) -> Result<SocketAddr, Fault> {
    let root = platform.api_root();
    Ok(root
        .strip_prefix("http://")
        .ok_or("no http address")?
        .parse()?)
}
