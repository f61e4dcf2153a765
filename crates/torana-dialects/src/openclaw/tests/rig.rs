//! A gateway in a test: an engine over a fresh store, an agent that echoes, the front on a free port, and a client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;
use torana_core::id::AgentId;
use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, OpenRequest, RunStream, Steer,
    TurnRequest,
};
use torana_core::problem::Problem;
use torana_core::run::{Outcome, RunEvent, Settled, Usage};
use torana_engine::{AgentSettings, Bus, Engine, Options, Settings, Store};

use crate::context::{AuthMode, Context, FrontSettings, Host, LogsPage, LogsRequest};
use crate::front::{Gate, Place, bind, serve};
use crate::openclaw::OpenClaw;

/// The shared secret of every test gateway.
pub(super) const TOKEN: &str = "test-token-test-token-test-token-0";
/// Longest wait for anything over a local socket; only failures take that long.
const PATIENCE: Duration = Duration::from_secs(20);

struct Echo;

impl AgentBackend for Echo {
    fn open(
        &self,
        _: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>> {
        Box::pin(async { Ok(Box::new(Echo) as Box<dyn AgentConversation>) })
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
        let (first, second) = ("echo: ".to_owned(), request.input);
        let usage = Usage {
            input: 3,
            output: 2,
            ..Usage::default()
        };
        let text = format!("{first}{second}");
        let settled = Settled {
            outcome: Outcome::Ok,
            text,
            error: None,
            usage,
            provider: None,
            model: None,
        };
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

struct Nobody;

impl Host for Nobody {
    fn config(&self) -> BoxFuture<'_, Result<Value, Problem>> {
        Box::pin(async { Ok(json!({ "path": "torana.json", "exists": false })) })
    }
    fn config_schema(&self) -> Value {
        json!({ "type": "object" })
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
    fn stop(&self, _: &str) {}
}

/// A running gateway.
pub(super) struct Rig {
    pub(super) address: SocketAddr,
    pub(super) dialect: Arc<OpenClaw>,
    pub(super) context: Arc<Context>,
    stop: CancellationToken,
    folder: PathBuf,
}

impl Rig {
    pub(super) async fn start() -> Self {
        let world = torana_host::world();
        let folder = std::env::temp_dir().join(format!("torana-openclaw-{}", world.uuid()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let store = Store::open(torana_engine::store::Options::new(folder.join("torana.db")))
            .expect("a store");
        let agent = AgentSettings {
            name: "Test".to_owned(),
            emoji: None,
            system: String::new(),
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
        engine.recover().await.expect("recovered");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners = bind(&Place::Addresses(vec![any])).expect("a listener");
        let address = listeners[0].local_addr().expect("an address");
        let context = Arc::new(Context {
            front: ArcSwap::from_pointee(front(address.port())),
            gate: Gate::new(world.clone()),
            logins: torana_engine::service::login::LoginCodes::new(world.clone()),
            host: Arc::new(Nobody),
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
            address,
            dialect,
            context,
            stop,
            folder,
        }
    }

    /// A client before its first frame.
    pub(super) async fn client(&self) -> Client {
        let (stream, _) = connect_async(format!("ws://{}/", self.address))
            .await
            .expect("an upgrade");
        let mut client = Client {
            stream,
            events: Vec::new(),
        };
        let challenge = client.frame().await.expect("the challenge");
        assert_eq!(challenge["event"], "connect.challenge");
        assert!(challenge["seq"].is_null());
        client
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
    FrontSettings {
        auth: AuthMode::Token,
        secret: Some(TOKEN.into()),
        trusted_proxies: Vec::new(),
        allowed_origins: Vec::new(),
        public_hosts: Vec::new(),
        control_ui: true,
        base_path: String::new(),
        chat_completions: true,
        port,
    }
}

/// Parameters of `connect`.
pub(super) fn connect(id: &str, mode: &str, scopes: &[&str], auth: Value) -> Value {
    json!({
        "minProtocol": 4, "maxProtocol": 4,
        "client": { "id": id, "version": "2026.9.6", "platform": "linux", "mode": mode },
        "scopes": scopes, "caps": [], "auth": auth,
    })
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
}

impl Client {
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
