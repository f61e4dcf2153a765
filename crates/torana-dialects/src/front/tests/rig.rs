//! A gateway in a test: an engine over a fresh store, an agent that answers as told, the front on a free port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use torana_core::ask::ToolCall;
use torana_core::id::AgentId;
use torana_core::media::MediaKind;
use torana_core::port::{
    AgentBackend, AgentConversation, BackendFailure, BoxFuture, OpenRequest, RunStream, Steer,
    TurnRequest,
};
use torana_core::problem::{Code, Problem};
use torana_core::run::{Outcome, RunEvent, Settled, Usage};
use torana_engine::{AgentSettings, Bus, Engine, Options, Settings, Store};
use torana_host::tls::ServerTls;

use crate::context::{
    AuthMode, Context, EmbedRequest, Embeddings, FrontSettings, Host, LogsPage, LogsRequest,
    RestartPlan, RestartRequest,
};
use crate::front::{Gate, Listeners, Place, bind, serve};
use crate::site::{ConfigFile, Site};
use crate::site_memory::MemorySite;

/// The shared secret of every test gateway; long enough to count as strong.
pub(crate) const TOKEN: &str = "test-token-test-token-test-token-0";
/// Longest wait for anything over a local socket; only failures take that long.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How the agent answers.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// `echo: ` and what was said, in two pieces, with history and system counted.
    Echo,
    /// Fails like a provider.
    Fail,
    /// Ends without a word.
    Empty,
    /// Says something and then nothing for ever.
    Hang,
}

struct Scripted(Script);

impl AgentBackend for Scripted {
    fn open(
        &self,
        _: OpenRequest,
    ) -> BoxFuture<'_, Result<Box<dyn AgentConversation>, BackendFailure>> {
        let script = self.0.clone();
        Box::pin(async move { Ok(Box::new(Conversation(script)) as Box<dyn AgentConversation>) })
    }

    fn takes_wishes(&self) -> bool {
        true
    }

    fn takes(&self, kind: MediaKind) -> bool {
        kind == MediaKind::Image
    }
}

struct Conversation(Script);

impl AgentConversation for Conversation {
    fn turn(&mut self, request: TurnRequest) -> RunStream {
        let results: String = request
            .attached
            .results
            .iter()
            .map(|result| format!("[{} -> {}]", result.id, result.text))
            .collect();
        let kept = request.media.iter().filter(|media| media.is_new).count();
        let images = "*".repeat(request.attached.images.len() + kept);
        let answer = format!(
            "echo: {results}{}{images} ({} before)",
            request.input,
            request.history.len()
        );
        let usage = Usage {
            input: 3,
            output: 2,
            cache_read: 1,
            ..Usage::default()
        };
        let settled = Settled {
            outcome: Outcome::Ok,
            text: answer.clone(),
            error: None,
            usage,
            provider: None,
            model: None,
            calls: Vec::new(),
        };
        match self.0 {
            Script::Echo if !request.wishes.tools.is_empty() && results.is_empty() => {
                let calls = vec![ToolCall {
                    id: "call_1".to_owned(),
                    name: request.wishes.tools[0].name.clone(),
                    arguments: "{\"place\":\"here\"}".to_owned(),
                }];
                let settled = Settled {
                    outcome: Outcome::ClientTools,
                    text: String::new(),
                    calls,
                    ..settled
                };
                Box::pin(futures_util::stream::iter([RunEvent::Settled(settled)]))
            }
            Script::Echo => {
                let (first, second) = answer.split_at(5);
                let events = [
                    RunEvent::TextDelta(first.to_owned()),
                    RunEvent::TextDelta(second.to_owned()),
                    RunEvent::Settled(settled),
                ];
                Box::pin(futures_util::stream::iter(events))
            }
            Script::Fail => {
                let failed = Settled::failed(
                    torana_core::run::FailureKind::RateLimit,
                    "the provider asks for patience",
                );
                Box::pin(futures_util::stream::iter([RunEvent::Settled(failed)]))
            }
            Script::Empty => {
                let settled = Settled {
                    outcome: Outcome::Empty,
                    text: String::new(),
                    ..settled
                };
                Box::pin(futures_util::stream::iter([RunEvent::Settled(settled)]))
            }
            Script::Hang => {
                let first = futures_util::stream::iter([RunEvent::TextDelta("well, ".to_owned())]);
                Box::pin(first.chain(futures_util::stream::pending()))
            }
        }
    }

    fn steer(&self) -> Option<Arc<dyn Steer>> {
        None
    }
}

struct Nobody(Arc<MemorySite>);

impl Host for Nobody {
    fn config_file(&self) -> &dyn ConfigFile {
        self.0.as_ref()
    }
    fn site(&self) -> &dyn Site {
        self.0.as_ref()
    }
    fn logs(&self, _: LogsRequest) -> BoxFuture<'_, Result<LogsPage, Problem>> {
        Box::pin(async { Ok(LogsPage::default()) })
    }
    fn offers(&self, _: bool) -> BoxFuture<'_, Vec<Value>> {
        Box::pin(async { Vec::new() })
    }
    fn exec_policy(&self) -> BoxFuture<'_, Result<crate::ExecPolicyFile, Problem>> {
        Box::pin(async { Ok(crate::ExecPolicyFile::default()) })
    }
    fn set_exec_policy(
        &self,
        _: Option<String>,
        _: String,
    ) -> BoxFuture<'_, Result<Option<crate::ExecPolicyFile>, Problem>> {
        Box::pin(async { Ok(None) })
    }
    fn embed(&self, request: EmbedRequest) -> BoxFuture<'_, Result<Embeddings, Problem>> {
        if request.texts == ["hang"] {
            return Box::pin(std::future::pending());
        }
        let problem = Problem::new(Code::Internal, "no model for embeddings is configured");
        Box::pin(std::future::ready(Err(problem)))
    }
    fn stop(&self, _: &str) {}
    fn restart(&self, _: RestartRequest) -> Result<RestartPlan, Problem> {
        Ok(RestartPlan::default())
    }
}

/// A running gateway.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) context: Arc<Context>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: tokio::task::JoinHandle<()>,
    folder: PathBuf,
}

impl Rig {
    pub(crate) async fn start(script: Script) -> Self {
        Self::with(script, |_| {}).await
    }

    pub(crate) async fn with(script: Script, change: impl FnOnce(&mut FrontSettings)) -> Self {
        Self::build(script, None, change).await
    }

    /// A gateway that speaks TLS.
    pub(crate) async fn secured(tls: Arc<ServerTls>) -> Self {
        Self::build(Script::Echo, Some(tls), |_| {}).await
    }

    async fn build(
        script: Script,
        tls: Option<Arc<ServerTls>>,
        change: impl FnOnce(&mut FrontSettings),
    ) -> Self {
        let world = torana_host::world();
        let folder = std::env::temp_dir().join(format!("torana-front-{}", world.uuid()));
        std::fs::create_dir_all(&folder).expect("a folder");
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
            backend: Arc::new(Scripted(script)),
        };
        let settings = Settings::single(AgentId::new("main").expect("an id"), agent);
        let engine = Engine::open(Options {
            store,
            world: world.clone(),
            settings,
            bus: Bus::default(),
        })
        .await
        .expect("an engine");
        let media = torana_host::media::MediaFolder::new(folder.join("media"));
        engine.keep_media(Arc::new(media));
        engine.recover().await.expect("recovered");
        let listeners = bind(&Place::Addresses(vec![SocketAddr::from((
            [127, 0, 0, 1],
            0,
        ))]))
        .expect("a listener");
        let address = listeners[0].local_addr().expect("an address");
        let mut front = FrontSettings {
            allowed_origins: vec!["https://panel.example.net".to_owned()],
            ..FrontSettings::new(AuthMode::Token, Some(TOKEN.into()), address.port())
        };
        change(&mut front);
        let context = Arc::new(Context {
            front: ArcSwap::from_pointee(front),
            gate: Gate::new(world.clone()),
            logins: torana_engine::service::login::LoginCodes::new(world.clone()),
            host: Arc::new(Nobody(Arc::new(MemorySite::new(folder.clone())))),
            version: "0.0.0-test",
            state_dir: folder.clone(),
            config_path: folder.join("torana.json"),
            boot_id: world.uuid(),
            install_key: [7; 32],
            engine,
        });
        let stop = CancellationToken::new();
        let dialect = crate::openclaw::OpenClaw::new(Arc::clone(&context), context.gate.clone());
        let served = tokio::spawn(serve(
            Arc::clone(&context),
            dialect,
            Listeners {
                tls,
                ..Listeners::from(listeners)
            },
            stop.clone(),
        ));
        Self {
            address,
            context,
            stop,
            served,
            folder,
        }
    }

    /// A folder of the test's own.
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Opens a connection and says something.
    pub(crate) async fn connect(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        stream.write_all(bytes.as_ref()).await.expect("written");
        stream
    }

    /// Says something and reads until the gateway closes.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect(bytes).await;
        read_all(&mut stream).await
    }

    /// A request with the token, and `Connection: close`.
    pub(crate) async fn ask(&self, method: &str, path: &str, fields: &[&str], body: &str) -> Reply {
        let credential = format!("Authorization: Bearer {TOKEN}");
        self.send(
            method,
            path,
            &[&[credential.as_str()], fields].concat(),
            body,
        )
        .await
    }

    /// A request as it is, with `Host` and `Connection: close`.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[&str],
        body: &str,
    ) -> Reply {
        let host = if fields
            .iter()
            .any(|field| field.to_ascii_lowercase().starts_with("host:"))
        {
            String::new()
        } else {
            format!("Host: {}\r\n", self.address)
        };
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\n{fields}{length}\r\n{body}"
        );
        Reply::read(&self.raw(request).await)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
        // A leftover folder in the temporary directory harms nobody.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Reads until the other side closes.
pub(crate) async fn read_all(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the gateway closes")
        .ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until a text has come.
pub(crate) async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        let mut piece = [0_u8; 4096];
        loop {
            let count = stream.read(&mut piece).await.expect("readable");
            bytes.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.contains(wanted) || count == 0 {
                return text;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the text comes")
}

/// An answer taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        let is_chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        let body = if is_chunked {
            unchunk(body)
        } else {
            body.to_owned()
        };
        Self {
            status,
            head: head.to_ascii_lowercase(),
            body,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

fn unchunk(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 || after.len() < size {
            break;
        }
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    body
}

/// Drives a fuzz target with its corpus, then with seeded random bytes and mutations of the corpus.
pub(crate) fn drive(corpus: &[&[u8]], target: impl Fn(&[u8])) {
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (rounds, mut state) = (
        number("TORANA_FUZZ_ROUNDS", 2_000),
        number("TORANA_FUZZ_SEED", 1).max(1),
    );
    // xorshift64: small, and good enough to pick bytes.
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    corpus.iter().for_each(|bytes| target(bytes));
    for _ in 0..rounds {
        let pick = usize::try_from(next() % corpus.len() as u64).expect("small");
        let mut bytes = corpus[pick].to_vec();
        for _ in 0..=next() % 6 {
            let at = usize::try_from(next() % (bytes.len() as u64 + 1)).expect("small");
            let byte = next().to_le_bytes()[0];
            match next() % 3 {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ => bytes.truncate(at),
            }
        }
        target(&bytes);
    }
}
