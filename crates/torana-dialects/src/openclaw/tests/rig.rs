//! A gateway in a test: an engine over a fresh store, an agent that echoes, the front on a free port, and a client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use torana_core::auth::PublicKey;
use torana_core::id::AgentId;
use torana_core::media::MediaKind;
use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, Clock, OpenRequest, RunStream,
    Steer, TurnRequest, World,
};
use torana_core::problem::Problem;
use torana_core::run::{Outcome, RunEvent, Settled, Usage};
use torana_engine::{AgentSettings, Bus, Engine, Options, Settings, Store};

use crate::context::{
    AuthMode, Context, ExecPolicyFile, FrontSettings, Host, LogsPage, LogsRequest, RestartPlan,
    RestartRequest,
};
use crate::front::tests::{Reply, read_all, read_until};
use crate::front::{Gate, Place, bind, serve};
use crate::openclaw::OpenClaw;
use crate::openclaw::connect::Connect;
use crate::site::{ConfigFile, Site};
use crate::site_memory::MemorySite;

/// The shared secret of every test gateway.
pub(super) const TOKEN: &str = "test-token-test-token-test-token-0";
/// Longest wait for anything over a local socket; only failures take that long.
const PATIENCE: Duration = Duration::from_secs(20);

struct Echo;

/// Whether a run is asked for the first time; run ids of tests that look are their own.
fn is_first(run_id: &str) -> bool {
    static ASKED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    let mut asked = ASKED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let is_first = !asked.iter().any(|known| known == run_id);
    asked.push(run_id.to_owned());
    is_first
}

impl AgentBackend for Echo {
    fn open(
        &self,
        _: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>> {
        Box::pin(async { Ok(Box::new(Echo) as Box<dyn AgentConversation>) })
    }

    fn takes(&self, kind: MediaKind) -> bool {
        matches!(kind, MediaKind::Image | MediaKind::Text)
    }
}

impl AgentConversation for Echo {
    fn turn(&mut self, request: TurnRequest) -> RunStream {
        if request.input == "hang" {
            let first = futures_util::stream::iter([RunEvent::TextDelta("well".to_owned())]);
            return Box::pin(first.chain(futures_util::stream::pending()));
        }
        if request.input == "fail" {
            let failed = Settled::failed(
                torana_core::run::FailureKind::RateLimit,
                "the provider asks for patience",
            );
            return Box::pin(futures_util::stream::iter([RunEvent::Settled(failed)]));
        }
        if request.input == "empty" {
            let nothing = Settled {
                outcome: Outcome::Empty,
                ..settled("")
            };
            return Box::pin(futures_util::stream::iter([RunEvent::Settled(nothing)]));
        }
        if request.input == "empty at first" && is_first(request.run_id.as_str()) {
            let nothing = Settled {
                outcome: Outcome::Empty,
                ..settled("")
            };
            return Box::pin(futures_util::stream::iter([RunEvent::Settled(nothing)]));
        }
        if request.input == "break off" {
            let mut failed = Settled::failed(
                torana_core::run::FailureKind::Unavailable,
                "the provider hung up",
            );
            "half an ans".clone_into(&mut failed.text);
            return Box::pin(futures_util::stream::iter([RunEvent::Settled(failed)]));
        }
        if request.input == "use a tool" {
            return Box::pin(futures_util::stream::iter(with_tool()));
        }
        if request.system.starts_with("You summarise") {
            let summary = Settled {
                text: "They talked.".to_owned(),
                ..settled("")
            };
            return Box::pin(futures_util::stream::iter([RunEvent::Settled(summary)]));
        }
        let files = request.media.iter().filter(|media| media.is_new).count();
        let mut second = request.input;
        if files > 0 {
            second.push_str(&format!(" with {files} files"));
        }
        if second == "count" {
            second = format!("{} lines before", request.history.len());
        }
        let first = "echo: ".to_owned();
        let settled = settled(&format!("{first}{second}"));
        let events = [
            RunEvent::TextDelta(first),
            RunEvent::TextDelta(second),
            RunEvent::Settled(settled),
        ];
        Box::pin(futures_util::stream::iter(events))
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        None
    }
}

/// The binary's side: a configuration and a policy document in memory.
struct Nobody {
    site: Arc<MemorySite>,
    policy: std::sync::Mutex<Option<String>>,
    restarts: Arc<std::sync::Mutex<Vec<RestartRequest>>>,
}

impl Nobody {
    fn policy(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.policy
            .lock()
            .expect("no test panics while it holds the policy")
    }
}

/// A run that chooses a model, calls a tool and answers.
fn with_tool() -> [RunEvent; 5] {
    [
        RunEvent::Model {
            provider: "acme".to_owned(),
            model: "big".to_owned(),
        },
        RunEvent::ToolStarted {
            id: "c1".to_owned(),
            name: "clock".to_owned(),
            arguments: r#"{"zone":"UTC"}"#.to_owned(),
        },
        RunEvent::ToolFinished {
            id: "c1".to_owned(),
            name: "clock".to_owned(),
            is_error: false,
            text: "noon".to_owned(),
        },
        RunEvent::TextDelta("It is noon.".to_owned()),
        RunEvent::Settled(settled("It is noon.")),
    ]
}

fn settled(text: &str) -> Settled {
    let usage = Usage {
        input: 3,
        output: 2,
        ..Usage::default()
    };
    Settled {
        outcome: Outcome::Ok,
        text: text.to_owned(),
        error: None,
        usage,
        provider: None,
        model: None,
        calls: Vec::new(),
    }
}

impl Host for Nobody {
    fn config_file(&self) -> &dyn ConfigFile {
        self.site.as_ref()
    }
    fn site(&self) -> &dyn Site {
        self.site.as_ref()
    }
    fn logs(&self, _: LogsRequest) -> BoxFuture<'_, Result<LogsPage, Problem>> {
        let line = r#"{"time":"2026-01-01T00:00:00Z","level":"INFO","message":"Ready.","port":1,"target":"torana"}"#;
        let page = LogsPage {
            file: "torana.log".to_owned(),
            cursor: 9,
            size: 9,
            lines: vec![line.to_owned()],
            ..LogsPage::default()
        };
        Box::pin(async { Ok(page) })
    }
    fn offers(&self, _: bool) -> BoxFuture<'_, Vec<Value>> {
        Box::pin(async { Vec::new() })
    }
    fn exec_policy(&self) -> BoxFuture<'_, Result<ExecPolicyFile, Problem>> {
        let text = self.policy().clone();
        let path = "exec-approvals.json".to_owned();
        Box::pin(async { Ok(ExecPolicyFile { path, text }) })
    }
    fn set_exec_policy(
        &self,
        seen: Option<String>,
        text: String,
    ) -> BoxFuture<'_, Result<Option<ExecPolicyFile>, Problem>> {
        let mut stored = self.policy();
        if *stored != seen {
            return Box::pin(async { Ok(None) });
        }
        *stored = Some(text.clone());
        let path = "exec-approvals.json".to_owned();
        Box::pin(async {
            Ok(Some(ExecPolicyFile {
                path,
                text: Some(text),
            }))
        })
    }
    fn stop(&self, _: &str) {}
    fn restart(&self, request: RestartRequest) -> Result<RestartPlan, Problem> {
        let mut asked = self.restarts.lock().expect("no test panics while it asks");
        let joined = !asked.is_empty();
        asked.push(request);
        Ok(RestartPlan {
            joined,
            ..RestartPlan::default()
        })
    }
}

/// A clock that is at once wherever somebody would sleep until.
#[derive(Default)]
struct Hurried(AtomicU64);

impl Clock for Hurried {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        self.0.fetch_max(monotonic_ms, Ordering::SeqCst);
        Box::pin(async {})
    }
}

/// The clock of the machine, except that no two looks at the wall tell the same moment.
struct Distinct {
    real: Arc<dyn Clock>,
    wall_ms: AtomicI64,
}

impl Clock for Distinct {
    fn wall_ms(&self) -> i64 {
        self.wall_ms.fetch_add(1, Ordering::SeqCst)
    }
    fn monotonic_ms(&self) -> u64 {
        self.real.monotonic_ms()
    }
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        self.real.sleep_until(monotonic_ms)
    }
}

/// A running gateway.
pub(super) struct Rig {
    pub(super) address: SocketAddr,
    pub(super) dialect: Arc<OpenClaw>,
    pub(super) context: Arc<Context>,
    pub(super) site: Arc<MemorySite>,
    /// Restarts that were asked for.
    pub(super) restarts: Arc<std::sync::Mutex<Vec<RestartRequest>>>,
    stop: CancellationToken,
    folder: PathBuf,
}

impl Rig {
    pub(super) async fn start() -> Self {
        let world = torana_host::world();
        Self::with(MemorySite::new, world.clone(), world).await
    }

    /// A gateway in which everything that is looked at has a moment of its own.
    pub(super) async fn distinct() -> Self {
        let pace = torana_host::world();
        let clock = Distinct {
            wall_ms: AtomicI64::new(pace.wall_ms()),
            real: Arc::clone(&pace.clock),
        };
        let world = World {
            clock: Arc::new(clock),
            ..torana_host::world()
        };
        Self::with(MemorySite::new, pace, world).await
    }

    /// A gateway with a configuration file.
    pub(super) async fn configured(text: &str) -> Self {
        let site = |folder| MemorySite::with_config(text, folder);
        let world = torana_host::world();
        Self::with(site, world.clone(), world).await
    }

    /// A gateway whose gate orders the same waits after wrong guesses, which take no time.
    pub(super) async fn hurried() -> Self {
        let pace = World {
            clock: Arc::new(Hurried::default()),
            ..torana_host::world()
        };
        Self::with(MemorySite::new, pace, torana_host::world()).await
    }

    async fn with(site: impl FnOnce(PathBuf) -> MemorySite, pace: World, world: World) -> Self {
        let folder = std::env::temp_dir().join(format!("torana-openclaw-{}", world.uuid()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let site = Arc::new(site(folder.clone()));
        let store = Store::open(torana_engine::store::Options::new(folder.join("torana.db")))
            .expect("a store");
        let agent = AgentSettings {
            name: "Test".to_owned(),
            emoji: None,
            avatar: None,
            system: String::new(),
            notes: Vec::new(),
            model: None,
            thinking: None,
            context_tokens: 100_000,
            rules: torana_engine::AgentRules::default(),
            backend: Arc::new(Echo),
        };
        let settings = Settings::single(AgentId::new("main").expect("an id"), agent);
        let options = Options {
            store,
            world: world.clone(),
            settings,
            bus: Bus::default(),
        };
        let engine = Engine::open(options).await.expect("an engine");
        let media = torana_host::media::MediaFolder::new(folder.join("media"));
        engine.keep_media(Arc::new(media));
        engine.recover().await.expect("recovered");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners = bind(&Place::Addresses(vec![any])).expect("a listener");
        let address = listeners[0].local_addr().expect("an address");
        let restarts = Arc::default();
        let context = Arc::new(Context {
            front: ArcSwap::from_pointee(front(address.port())),
            gate: Gate::new(pace),
            logins: torana_engine::service::login::LoginCodes::new(world.clone()),
            host: Arc::new(Nobody {
                site: Arc::clone(&site),
                policy: std::sync::Mutex::default(),
                restarts: Arc::clone(&restarts),
            }),
            version: "0.0.0-test",
            state_dir: folder.clone(),
            config_path: folder.join("torana.json"),
            boot_id: "boot".to_owned(),
            install_key: [7; 32],
            engine,
        });
        let stop = CancellationToken::new();
        let dialect = OpenClaw::new(Arc::clone(&context), context.gate.clone());
        drop(tokio::spawn(serve(
            Arc::clone(&context),
            Arc::clone(&dialect),
            listeners,
            stop.clone(),
        )));
        Self {
            restarts,
            address,
            dialect,
            context,
            site,
            stop,
            folder,
        }
    }

    /// A client before its first frame.
    pub(super) async fn client(&self) -> Client {
        self.visitor("", None).await
    }

    /// The same by another address of the gateway, perhaps as a page of an origin.
    pub(super) async fn visitor(&self, tail: &str, origin: Option<&str>) -> Client {
        let mut request = format!("ws://{}/{tail}", self.address)
            .into_client_request()
            .expect("a request");
        if let Some(origin) = origin {
            let origin = origin.parse().expect("a header");
            request.headers_mut().insert("origin", origin);
        }
        let (stream, _) = connect_async(request).await.expect("an upgrade");
        let mut client = Client {
            stream,
            events: Vec::new(),
            nonce: String::new(),
        };
        let challenge = client.frame().await.expect("the challenge");
        assert_eq!(challenge["event"], "connect.challenge");
        assert!(challenge["seq"].is_null());
        client.nonce = challenge["payload"]["nonce"]
            .as_str()
            .expect("a nonce")
            .to_owned();
        client
    }

    /// A client whose device of this seed signed its connect, and the answer.
    pub(super) async fn device(&self, params: Value, seed: u8) -> (Client, Value) {
        let mut client = self.client().await;
        let now_ms = self.context.engine.world().wall_ms();
        let params = signed(params, seed, &client.nonce, now_ms);
        let hello = client.ask("connect", params).await;
        (client, hello)
    }

    /// A connected node of this platform that offers these commands.
    pub(super) async fn node(&self, seed: u8, platform: &str, commands: &[&str]) -> Client {
        let (client, hello) = self.device(node(platform, commands), seed).await;
        assert_eq!(hello["payload"]["auth"]["role"], "node", "{hello}");
        client
    }

    /// An HTTP request as it is, with `Host` and `Connection: close`.
    pub(super) async fn http(&self, method: &str, path: &str, fields: &[&str]) -> Reply {
        self.http_at(self.address, method, path, fields).await
    }

    /// The same at another address.
    pub(super) async fn http_at(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        fields: &[&str],
    ) -> Reply {
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let host = if fields.contains("Host:") {
            String::new()
        } else {
            format!("Host: {address}\r\n")
        };
        let request =
            format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{fields}\r\n");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("written");
        Reply::read(&read_all(&mut stream).await)
    }

    /// A request whose answer has begun and is not read on.
    pub(super) async fn unread(&self, path: &str) -> TcpStream {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("written");
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        stream
    }

    /// What the audit log has of a kind, newest first: what was done, and to what.
    pub(super) async fn acts(&self, kind: &str) -> Vec<Value> {
        let mut admin = self.operator(&["operator.admin"]).await;
        let page = admin
            .ask("torana.audit.list", json!({ "kind": kind }))
            .await;
        let records = page["payload"]["records"].as_array().expect("a list");
        let act = |record: &Value| json!([record["action"], record["target"]]);
        records.iter().map(act).collect()
    }

    /// The command line with the secret and these scopes.
    pub(super) async fn operator(&self, scopes: &[&str]) -> Client {
        let mut client = self.client().await;
        let hello = client
            .ask(
                "connect",
                connect("cli", "cli", scopes, json!({ "token": TOKEN })),
            )
            .await;
        assert_eq!(hello["ok"], true, "{hello}");
        client
    }
}

pub(super) fn front(port: u16) -> FrontSettings {
    FrontSettings::new(AuthMode::Token, Some(TOKEN.into()), port)
}

/// Parameters of `connect`.
pub(super) fn connect(id: &str, mode: &str, scopes: &[&str], auth: Value) -> Value {
    json!({
        "minProtocol": 4, "maxProtocol": 4,
        "client": { "id": id, "version": "2026.9.6", "platform": "linux", "mode": mode },
        "scopes": scopes, "caps": [], "auth": auth,
    })
}

/// Parameters of a node's `connect`.
pub(super) fn node(platform: &str, commands: &[&str]) -> Value {
    let mut params = connect("node-host", "node", &[], json!({ "token": TOKEN }));
    params["role"] = json!("node");
    params["client"]["platform"] = json!(platform);
    params["commands"] = json!(commands);
    params
}

/// The id of the device of a seed.
pub(super) fn device_id(seed: u8) -> String {
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let text = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    PublicKey::parse(&text)
        .expect("a key")
        .device_id()
        .to_string()
}

/// Adds the device of a seed with a right signature.
pub(super) fn signed(mut params: Value, seed: u8, nonce: &str, now_ms: i64) -> Value {
    use ed25519_dalek::Signer;
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    params["device"] = json!({
        "id": device_id(seed), "publicKey": public, "signature": "-", "signedAt": now_ms, "nonce": nonce,
    });
    let connect = Connect::read(&params).expect("readable");
    let proof = connect.device.as_ref().expect("a device");
    let text = connect.with_claim(proof, |claim| claim.text_v3());
    params["device"]["signature"] =
        json!(URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()));
    params
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
        // A leftover folder in the temporary directory harms nobody.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A client.
pub(super) struct Client {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Events that came while an answer was awaited.
    pub(super) events: Vec<Value>,
    /// The challenge.
    pub(super) nonce: String,
}

impl Client {
    /// Sends any WebSocket message.
    pub(super) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.expect("sent");
    }

    pub(super) async fn say(&mut self, text: impl Into<String>) {
        self.stream
            .send(Message::text(text.into()))
            .await
            .expect("sent");
    }

    /// The next frame; `Err` is how the gateway closed.
    pub(super) async fn frame(&mut self) -> Result<Value, (u16, String)> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("something comes");
            match next {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("JSON"));
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err((frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(Message::Close(None))) => return Err((1005, String::new())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err((1006, String::new())),
            }
        }
    }

    /// The next answer; events before it are kept.
    pub(super) async fn answer(&mut self) -> Result<Value, (u16, String)> {
        loop {
            let frame = self.frame().await?;
            if frame["type"] == "res" {
                return Ok(frame);
            }
            self.events.push(frame);
        }
    }

    /// The next event of a name; other frames before it are left.
    pub(super) async fn event(&mut self, name: &str) -> Value {
        self.until(|event| event["event"] == name).await;
        let at = self
            .events
            .iter()
            .position(|event| event["event"] == name)
            .expect("it came");
        self.events.remove(at)
    }

    /// Asks without waiting.
    pub(super) async fn begin(&mut self, id: &str, method: &str, params: Value) {
        self.say(
            json!({ "type": "req", "id": id, "method": method, "params": params }).to_string(),
        )
        .await;
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.say(
            json!({ "type": "req", "id": "1", "method": method, "params": params }).to_string(),
        )
        .await;
        self.answer().await.expect("an answer")
    }

    /// Reads until an event is there; answers on the way are returned.
    pub(super) async fn until(&mut self, found: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut answers = Vec::new();
        while !self.events.iter().any(&found) {
            let frame = self.frame().await.expect("a frame");
            if frame["type"] == "res" {
                answers.push(frame)
            } else {
                self.events.push(frame)
            }
        }
        answers
    }
}
