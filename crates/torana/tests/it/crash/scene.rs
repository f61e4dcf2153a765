//! The world around one gateway: a home directory, a platform, a model, and people who keep writing.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use torana_agents::fake::{FakeProvider, Script};
use torana_channels::telegram::fake::{FakeServer, Options};

use super::check::{self, Findings, Journals};
use super::gateway::Place;
use super::http;
use super::traffic::{Dice, Written};
use super::witness::{Chats, Questions};
use crate::wait;

/// A bot of nobody. The part after the colon must never be seen in a log.
pub(super) const TOKEN: &str = "4242:crash-harness-bot-secret";
const TOKEN_SECRET: &str = "crash-harness-bot-secret";
/// After the last restart everything must settle in this time: a busy machine, and retries that wait 30 s at most.
const SETTLE_MAX: Duration = Duration::from_secs(90);

/// What is different from run to run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    /// `channels.telegram.streaming`.
    pub(super) streaming: &'static str,
    /// Words of every message, and so of every answer.
    pub(super) words: usize,
    /// Longest message of the bot, in UTF-16 units.
    pub(super) chunk: usize,
    /// Chats at once.
    pub(super) chats: usize,
    /// Time between two messages.
    pub(super) every: Duration,
    /// Longest pause of the model before a piece of its answer, milliseconds.
    pub(super) pause_ms: u64,
    /// With every how many messages one answer of the platform is lost after the reply was shown; 0 is never.
    pub(super) lost_every: usize,
}

/// Everything around the gateway.
pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) dice: Dice,
    pub(super) written: Vec<Written>,
    variant: Variant,
    platform: FakeServer,
    provider: FakeProvider,
    chats: Chats,
    questions: Questions,
    // Dropped last: the servers are its tasks.
    _runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub(super) fn new(name: &str, seed: u64, variant: Variant) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("torana-crash-{}-{number}-{name}", std::process::id());
        let home = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&home).expect("the temporary folder is writable");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let platform = FakeServer::start(Options::default(), torana_host::world());
        let platform = runtime
            .block_on(platform)
            .expect("loopback has a free port");
        let provider = runtime.block_on(FakeProvider::start(Script::default()));
        let provider = provider.expect("loopback has a free port");
        let place = Place {
            state: home.join("state"),
            port: free_port(),
            home,
        };
        let scene = Self {
            place,
            dice: Dice::new(seed),
            written: Vec::new(),
            variant,
            platform,
            provider,
            chats: Chats::default(),
            questions: Questions::default(),
            _runtime: runtime,
        };
        let config = scene.config().to_string();
        std::fs::write(scene.place.config(), config).expect("the home is writable");
        scene
    }

    fn config(&self) -> Value {
        json!({
            "gateway": { "port": self.place.port },
            "models": { "providers": { "fake": {
                "baseUrl": self.provider.base_url(),
                "apiKey": "none",
                "api": "openai-completions",
                "models": [{ "id": "echo" }],
            } } },
            "agents": { "defaults": { "model": "fake/echo" } },
            "session": { "dmScope": "per-channel-peer" },
            "messages": { "queue": { "mode": "followup", "cap": 10_000 } },
            "channels": { "telegram": {
                "botToken": TOKEN,
                "apiRoot": self.platform.api_root(),
                "dmPolicy": "open",
                "allowFrom": ["*"],
                "rateLimit": "off",
                "streaming": self.variant.streaming,
                "textChunkLimit": self.variant.chunk,
            } },
        })
    }

    fn platform_address(&self) -> SocketAddr {
        let root = self.platform.api_root();
        let address = root.strip_prefix("http://");
        address
            .and_then(|address| address.parse().ok())
            .expect("the fake server listens on an address")
    }

    /// People write at their steady rate for this long, and the model is a little faster or slower every time.
    pub(super) fn write_for(&mut self, time: Duration) {
        let started = wait::now();
        while started.elapsed() < time {
            self.write();
            wait::pass(
                self.variant
                    .every
                    .min(time.saturating_sub(started.elapsed())),
            );
        }
    }

    /// One message more.
    pub(super) fn write(&mut self) {
        let message = Written::new(self.written.len(), self.variant.chats, self.variant.words);
        self.provider.set_script(Script {
            chunks: usize::try_from(self.dice.between(1, 9)).expect("small"),
            delay_ms: self.dice.between(0, self.variant.pause_ms),
            first_delay_ms: self.dice.between(20, 120),
            ..Script::default()
        });
        let injection = message.injection(TOKEN);
        http::post_json(self.platform_address(), "/control/message", &injection);
        self.written.push(message);
        let every = self.variant.lost_every;
        if every > 0 && self.written.len().is_multiple_of(every) {
            let fault = json!({ "token": TOKEN, "method": "sendMessage", "kind": "reset_after" });
            http::post_json(self.platform_address(), "/control/faults", &fault);
        }
        self.questions.refresh(&self.provider);
    }

    /// Waits until everybody has an answer and nothing is open any more.
    pub(super) fn settle(&mut self, mut alive: impl FnMut()) {
        let expected: usize = self.written.iter().map(|message| message.words).sum();
        let platform = self.platform_address();
        let database = self.place.database();
        let mut seen = String::new();
        let started = wait::now();
        wait::until(
            "everything is answered",
            SETTLE_MAX + Duration::from_secs(5),
            || {
                alive();
                self.questions.refresh(&self.provider);
                self.chats.refresh(platform, TOKEN);
                let open = Journals::read(&database).map(|journals| journals.open.len());
                seen = format!(
                    "{} of {expected} words seen, open rows: {open:?}",
                    self.chats.words()
                );
                let settled = self.chats.words() >= expected && matches!(open, Ok(0));
                // What is missing is the checker's to say, in words.
                (settled || started.elapsed() > SETTLE_MAX).then_some(())
            },
        );
        assert!(
            started.elapsed() <= SETTLE_MAX || !self.chats.messages.is_empty(),
            "nothing came: {seen}\n{}",
            self.place.console_tail()
        );
    }

    /// Compares everything, after the gateway has stopped.
    pub(super) fn findings(&mut self) -> Findings {
        self.chats.refresh(self.platform_address(), TOKEN);
        self.questions.refresh(&self.provider);
        let journals = Journals::read(&self.place.database()).expect("the store can be read");
        let mut findings = check::check(&self.written, &self.chats, &self.questions, &journals);
        for (what, text) in self.logs() {
            for secret in self.secrets() {
                if text.contains(&secret) {
                    findings.broken(format!("{what} shows a secret"));
                }
            }
        }
        findings
    }

    /// Updates the platform still holds because the gateway did not confirm them.
    pub(super) fn unconfirmed(&self) -> u64 {
        let path = format!("/control/acks?token={TOKEN}");
        let acks = http::get_json(self.platform_address(), &path);
        acks["waiting"].as_u64().unwrap_or(0)
    }

    /// How often people saw a message change.
    pub(super) fn edits(&self) -> usize {
        self.chats.edits
    }

    fn logs(&self) -> Vec<(String, String)> {
        let folder = self.place.state.join("logs");
        let mut paths: Vec<PathBuf> = vec![self.place.console()];
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        paths.extend(entries.map(|entry| entry.path()));
        let read = |path: PathBuf| {
            let text =
                String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
            (path.display().to_string(), text)
        };
        paths.into_iter().map(read).collect()
    }

    fn secrets(&self) -> Vec<String> {
        let path = self.place.state.join("credentials").join("gateway-token");
        let token = std::fs::read_to_string(path).unwrap_or_default();
        let token = token.trim().to_owned();
        assert!(token.len() >= 16, "the gateway made itself a token");
        vec![token, TOKEN_SECRET.to_owned()]
    }

    /// Removes the home of a run that went well; one that failed stays, to be looked at.
    pub(super) fn clean(self) {
        drop(std::fs::remove_dir_all(&self.place.home));
    }
}

/// A port nobody listens on. Another process could take it before we do; then the gateway says so.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    address.port()
}
