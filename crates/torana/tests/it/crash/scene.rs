//! The world around one gateway: a home directory, a platform, a model, and people who keep writing.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use torana_agents::fake::{FakeProvider, Script};
use torana_channels::telegram::fake::{FakeServer, Options};

use super::check::{self, Findings, Journals};
use super::client::Talker;
use super::gateway::Place;
use super::http;
use super::traffic::{Dice, Written};
use super::valve::Valve;
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

/// The wires to the peers, where they can freeze.
pub(super) struct Valves {
    pub(super) platform: Valve,
    pub(super) provider: Valve,
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
    valves: Option<Valves>,
    /// The model may be asked more than once in one attempt, because its first answer was cut off.
    pub(super) model_is_asked_again: bool,
    // Dropped last: the servers are its tasks.
    runtime: tokio::runtime::Runtime,
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
            environment: Vec::new(),
        };
        let scene = Self {
            valves: None,
            model_is_asked_again: false,
            place,
            dice: Dice::new(seed),
            written: Vec::new(),
            variant,
            platform,
            provider,
            chats: Chats::default(),
            questions: Questions::default(),
            runtime,
        };
        scene.write_config(&scene.config());
        scene
    }

    /// The same, with wires that can freeze.
    pub(super) fn behind_valves(name: &str, seed: u64, variant: Variant) -> Self {
        let mut scene = Self::new(name, seed, variant);
        let start = |peer| {
            let valve = scene.runtime.block_on(Valve::start(peer));
            valve.expect("loopback has a free port")
        };
        scene.valves = Some(Valves {
            platform: start(scene.platform_address()),
            provider: start(scene.provider.address()),
        });
        scene.write_config(&scene.config());
        scene
    }

    pub(super) fn valves(&self) -> &Valves {
        self.valves.as_ref().expect("this scene has valves")
    }

    /// Another configuration that people cannot tell from the first: the account and the model start anew.
    pub(super) fn rewrite_config(&self, version: u32) {
        let mut config = self.config();
        config["channels"]["telegram"]["timeoutSeconds"] = (30 + version % 7).into();
        config["models"]["providers"]["fake"]["headers"] =
            json!({ "x-version": version.to_string() });
        self.write_config(&config);
    }

    /// The platform calls us instead of being asked.
    pub(super) fn use_webhook(&self, url: &str, secret: &str) {
        let mut config = self.config();
        let account = &mut config["channels"]["telegram"];
        (account["webhookUrl"], account["webhookSecret"]) = (url.into(), secret.into());
        // A port of its own for the listener beside the gateway's.
        account["webhookPort"] = free_port().into();
        self.write_config(&config);
    }

    /// In one step, as careful editors do it.
    fn write_config(&self, config: &Value) {
        let path = self.place.config();
        let new = path.with_extension("new");
        std::fs::write(&new, config.to_string()).expect("the home is writable");
        std::fs::rename(new, path).expect("the home is writable");
    }

    fn config(&self) -> Value {
        let (mut platform, mut provider) = (self.platform.api_root(), self.provider.base_url());
        if let Some(valves) = &self.valves {
            platform = format!("http://{}", valves.platform.address);
            let direct = self.provider.address().to_string();
            provider = provider.replace(&direct, &valves.provider.address.to_string());
        }
        json!({
            "gateway": { "port": self.place.port },
            "models": { "providers": { "fake": {
                "baseUrl": provider,
                "apiKey": "none",
                "api": "openai-completions",
                "models": [{ "id": "echo" }],
            } } },
            "agents": { "defaults": { "model": "fake/echo" } },
            "session": { "dmScope": "per-channel-peer" },
            "messages": { "queue": { "mode": "followup", "cap": 10_000 } },
            "channels": { "telegram": {
                "botToken": TOKEN,
                "apiRoot": platform,
                "dmPolicy": "open",
                "allowFrom": ["*"],
                "rateLimit": "off",
                "streaming": self.variant.streaming,
                "textChunkLimit": self.variant.chunk,
            } },
        })
    }

    /// Somebody in front of a browser begins to talk as well.
    pub(super) fn talk(&self) -> Talker {
        Talker::start(self.runtime.handle(), &self.place)
    }

    pub(super) fn platform_address(&self) -> SocketAddr {
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

    /// One message more, to a model that takes this long before its first word, now and from now on.
    pub(super) fn write_to_a_model_that_waits(&mut self, first_delay_ms: u64) {
        let message = Written::new(self.written.len(), self.variant.chats, self.variant.words);
        self.provider.set_script(Script {
            first_delay_ms,
            ..Script::default()
        });
        http::post_json(
            self.platform_address(),
            "/control/message",
            &message.injection(TOKEN),
        );
        self.written.push(message);
    }

    /// The model answers at once from now on.
    pub(super) fn hurry(&self) {
        self.provider.set_script(Script::default());
    }

    /// Waits until the model was asked about a message for so many times in all.
    pub(super) fn until_asked(&mut self, number: usize, times: u32) {
        wait::until("the model is asked", SETTLE_MAX, || {
            self.questions.refresh(&self.provider);
            let asked = self.questions.by_message.get(&number);
            asked.is_some_and(|asked| *asked >= times).then_some(())
        });
    }

    /// Waits until somebody sees a text of the bot with these words.
    pub(super) fn until_seen(&mut self, words: &str) {
        wait::until(words, SETTLE_MAX, || {
            self.chats.refresh(self.platform_address(), TOKEN);
            let texts = self.chats.messages.values();
            texts
                .flat_map(|texts| texts.values())
                .any(|text| text.contains(words))
                .then_some(())
        });
    }

    /// Writes a changed configuration over the one in force.
    pub(super) fn change_config(&self, change: impl FnOnce(&mut Value)) {
        let mut config = self.config();
        change(&mut config);
        std::fs::write(self.place.config(), config.to_string()).expect("the home is writable");
    }

    /// Rows that are neither done nor delivered, in words.
    pub(super) fn open_rows(&self) -> Vec<String> {
        Journals::read(&self.place.database())
            .expect("the store can be read")
            .open
    }

    /// Waits until everybody has an answer and nothing is open any more. `false` when that did not come in time.
    pub(super) fn settle(&mut self, mut alive: impl FnMut()) -> bool {
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
        let is_settled = started.elapsed() <= SETTLE_MAX;
        assert!(
            is_settled || !self.chats.messages.is_empty(),
            "nothing came: {seen}\n{}",
            self.place.console_tail()
        );
        is_settled
    }

    /// Compares everything, after the gateway has stopped.
    pub(super) fn findings(&mut self) -> Findings {
        self.chats.refresh(self.platform_address(), TOKEN);
        self.questions.refresh(&self.provider);
        let journals = Journals::read(&self.place.database()).expect("the store can be read");
        if self.model_is_asked_again {
            self.questions.by_message.clear();
        }
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
