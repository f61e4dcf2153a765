//! What the tests share: a clock that never waits, a server that answers by script, and accounts pointed at it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use torana_core::id::{AccountId, ChannelId};
use torana_core::message::{Conversation, Peer, PeerKind, RenderedText};
use torana_core::port::{AccountParts, BoxFuture, Clock, Entropy, World};
use torana_host::egress::{Egress, EgressOptions};

use crate::kind::{AccountConfig, Build, Issue};
use crate::menu::MenuCommand;
use crate::telegram::kind::KIND;

pub(in crate::telegram) const TOKEN: &str = "4242:AAtest-token_0123456789";
/// Wall time of all tests: 2026-01-01.
pub(in crate::telegram) const NOW_MS: i64 = 1_767_225_600_000;

/// What sleeping does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::telegram) enum Sleep {
    /// Time jumps to the end of the sleep.
    Jump,
    /// Time stands still, so only an event ends a wait.
    Never,
}

pub(in crate::telegram) struct TestClock {
    now_ms: AtomicU64,
    sleep: Sleep,
}

impl TestClock {
    pub(in crate::telegram) fn advance(&self, by_ms: u64) {
        self.now_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn wall_ms(&self) -> i64 {
        NOW_MS + i64::try_from(self.monotonic_ms()).expect("a test is short")
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'static, ()> {
        if self.sleep == Sleep::Never && monotonic_ms > self.monotonic_ms() {
            return Box::pin(std::future::pending());
        }
        self.now_ms.fetch_max(monotonic_ms, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

pub(in crate::telegram) fn world(sleep: Sleep) -> (World, Arc<TestClock>) {
    let clock = Arc::new(TestClock {
        now_ms: AtomicU64::new(1),
        sleep,
    });
    (
        World {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(Zeros),
        },
        clock,
    )
}

/// The accounts of a section, without environment.
pub(in crate::telegram) fn accounts(section: &Value) -> Result<Vec<AccountConfig>, Vec<Issue>> {
    KIND.accounts(section, &|_| None)
}

/// The only account of a section that must be fine.
pub(in crate::telegram) fn account(section: &Value) -> AccountConfig {
    let mut accounts = accounts(section).expect("a valid section");
    assert_eq!(accounts.len(), 1);
    accounts.remove(0)
}

/// Builds the only account of a section, pointed at a server.
pub(in crate::telegram) fn parts_with(api_root: &str, extra: Value, world: World) -> AccountParts {
    let mut section = json!({ "botToken": TOKEN, "apiRoot": api_root });
    for (key, value) in extra.as_object().expect("an object") {
        section[key] = value.clone();
    }
    let url = api_root.parse().expect("a URL");
    let client = Egress::new(EgressOptions::default())
        .operator(&url, true)
        .expect("a client");
    let commands = vec![MenuCommand {
        name: "status".to_owned(),
        description: "Show the state".to_owned(),
    }];
    KIND.build(
        account(&section),
        Build {
            client,
            world,
            commands,
        },
    )
    .expect("an account")
}

pub(in crate::telegram) fn parts(api_root: &str) -> AccountParts {
    parts_with(api_root, json!({}), world(Sleep::Jump).0)
}

pub(in crate::telegram) fn conversation(
    kind: PeerKind,
    id: &str,
    thread: Option<&str>,
) -> Conversation {
    Conversation {
        channel: ChannelId::new("telegram").expect("an id"),
        account: AccountId::new("default").expect("an id"),
        peer: Peer {
            kind,
            id: Arc::from(id),
        },
        thread: thread.map(Arc::from),
    }
}

pub(in crate::telegram) fn direct() -> Conversation {
    conversation(PeerKind::Direct, "7", None)
}

pub(in crate::telegram) fn words(text: &str) -> RenderedText {
    RenderedText {
        markup: text.to_owned(),
        plain: text.to_owned(),
    }
}

/// A server that records requests and answers by script; without a script it says yes.
pub(in crate::telegram) struct Scripted {
    pub(in crate::telegram) api_root: String,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Scripted {
    pub(in crate::telegram) async fn start(
        script: impl IntoIterator<Item = (u16, &'static str)>,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let api_root = format!("http://{}", listener.local_addr().expect("an address"));
        let script: Arc<Mutex<VecDeque<(u16, &'static str)>>> =
            Arc::new(Mutex::new(script.into_iter().collect()));
        let requests: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let recorded = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, recorded) = (Arc::clone(&script), Arc::clone(&recorded));
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                    let (script, recorded) = (Arc::clone(&script), Arc::clone(&recorded));
                    async move {
                        let method = request
                            .uri()
                            .path()
                            .rsplit('/')
                            .next()
                            .unwrap_or_default()
                            .to_owned();
                        let body = request.into_body().collect().await?.to_bytes();
                        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                        recorded.lock().expect("no panic").push((method, body));
                        let scripted = script.lock().expect("no panic").pop_front();
                        let (status, text) =
                            scripted.unwrap_or((200, r#"{"ok":true,"result":{"message_id":7}}"#));
                        let mut response =
                            Response::new(Full::new(Bytes::from_static(text.as_bytes())));
                        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
                        Ok::<_, hyper::Error>(response)
                    }
                });
                tokio::spawn(async move {
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                });
            }
        });
        Self {
            api_root,
            requests,
            task,
        }
    }

    pub(in crate::telegram) fn requests(&self) -> Vec<(String, Value)> {
        self.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}
