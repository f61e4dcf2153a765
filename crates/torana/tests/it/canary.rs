//! What requests may not move: the real gateway asks only the model endpoints of its configuration (S-084), listens nowhere
//! else (S-029) and leaves no image of its memory (S-115).

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream as Socket;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use torana_agents::fake::{FakeProvider, Script};

use crate::cli::{Home, Running};
use crate::wait;

/// Anything on a busy machine with a development build.
const PATIENCE: Duration = Duration::from_secs(30);
/// The key of the configured endpoint; no other may see it.
const KEY: &str = "canary-provider-key";

/// A gateway with one provider, and an endpoint nobody configured.
struct Scene {
    provider: FakeProvider,
    canary: FakeProvider,
    port: u16,
    token: String,
    gateway: Running,
    _home: Home,
    // Dropped last: the servers are its tasks.
    runtime: Runtime,
}

/// A connection with every right.
struct Wire {
    stream: WebSocketStream<MaybeTlsStream<Socket>>,
    calls: u32,
}

impl Wire {
    async fn connect(port: u16, token: &str) -> Self {
        let (stream, _) = connect_async(format!("ws://127.0.0.1:{port}/"))
            .await
            .expect("an upgrade");
        let mut wire = Self { stream, calls: 0 };
        let hello = json!({
            "minProtocol": 4, "maxProtocol": 4, "scopes": ["operator.admin"], "auth": { "token": token },
            "client": { "id": "cli", "version": "1", "platform": "linux", "mode": "cli" },
        });
        let answer = wire.call("connect", &hello).await;
        assert_eq!(answer["ok"], true, "{answer}");
        wire
    }

    /// Calls a method; the first answer, good or bad.
    async fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let id = self.calls.to_string();
        let request = json!({ "type": "req", "id": id, "method": method, "params": params });
        self.stream
            .send(Message::text(request.to_string()))
            .await
            .expect("sent");
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .expect("in time");
            let Message::Text(text) = next.expect("open").expect("a frame") else {
                continue;
            };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            if frame["type"] == "res" && frame["id"] == id.as_str() {
                return frame;
            }
        }
    }
}

impl Scene {
    fn new(name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let serve = || {
            runtime
                .block_on(FakeProvider::start(Script::default()))
                .expect("a free port")
        };
        let (provider, canary) = (serve(), serve());
        let home = Home::new(name);
        let config = json!({
            "models": { "providers": { "fake": {
                "baseUrl": provider.base_url(), "apiKey": KEY, "api": "openai-completions",
                "models": [{ "id": "echo" }],
            } } },
            "agents": { "defaults": { "model": "fake/echo" } },
        });
        home.write_config(&config.to_string());
        let gateway = Running::start(&home);
        let status: Value =
            serde_json::from_str(&home.run("gateway status --json").stdout).expect("JSON");
        let port = status["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        let token = home.path.join(".torana/credentials/gateway-token");
        Self {
            port: port.expect("a port"),
            token: std::fs::read_to_string(token)
                .expect("a token")
                .trim()
                .to_owned(),
            provider,
            canary,
            gateway,
            _home: home,
            runtime,
        }
    }

    /// Posts to an interface; the whole answer.
    fn post(&self, path: &str, fields: &str, body: &Value) -> String {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            self.port,
            self.token,
            body.len(),
        );
        exchange(self.port, &request)
    }
}

fn exchange(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.write_all(request.as_bytes()).expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The names under which somebody might try to give an endpoint or a key.
fn redirections(url: &str) -> Vec<(&'static str, Value)> {
    let names = [
        "baseUrl", "base_url", "baseURL", "apiBase", "api_base", "endpoint", "url", "host",
        "proxy", "apiKey", "api_key",
    ];
    let mut all: Vec<_> = names.map(|name| (name, json!(url))).into();
    all.push((
        "headers",
        json!({ "Host": url, "Authorization": "Bearer x" }),
    ));
    all.push(("providers", json!({ "fake": { "baseUrl": url } })));
    all.push(("provider", json!({ "id": "fake", "baseUrl": url })));
    all.push(("provider", json!(url)));
    all.push(("model", json!({ "id": "fake/echo", "baseUrl": url })));
    all.push(("model", json!(format!("{url}/echo"))));
    all.push(("model", json!(format!("fake@{url}/echo"))));
    all
}

#[test]
fn s_084_no_request_moves_a_model_endpoint() {
    let scene = Scene::new("canary");
    let url = scene.canary.base_url();
    let mut wire = scene
        .runtime
        .block_on(Wire::connect(scene.port, &scene.token));
    let mut call = |method: &str, params: &Value| scene.runtime.block_on(wire.call(method, params));
    for (number, (name, value)) in redirections(&url).into_iter().enumerate() {
        let key = format!("agent:main:r{number}");
        for (method, mut params) in [
            (
                "chat.send",
                json!({ "sessionKey": key, "message": "hi", "idempotencyKey": format!("c{number}") }),
            ),
            (
                "agent",
                json!({ "sessionKey": key, "message": "hi", "idempotencyKey": format!("a{number}") }),
            ),
            ("sessions.create", json!({ "key": key })),
            ("sessions.patch", json!({ "key": key })),
        ] {
            params[name] = value.clone();
            call(method, &params);
        }
        // Whatever was taken of it: the session's next turn.
        let next =
            json!({ "sessionKey": key, "message": "hi", "idempotencyKey": format!("n{number}") });
        assert_eq!(call("agent", &next)["ok"], true, "{name}");
        for path in ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"] {
            let mut body = json!({
                "model": "openclaw", "messages": [{ "role": "user", "content": "hi" }], "input": "hi",
            });
            body[name] = value.clone();
            scene.post(path, "", &body);
        }
    }
    for field in [
        format!("X-OpenClaw-Model: {url}/echo\r\n"),
        format!("X-OpenClaw-Model: fake@{url}/echo\r\n"),
        format!("X-OpenClaw-Base-Url: {url}\r\n"),
        format!("OpenAI-Base: {url}\r\n"),
        format!("X-Api-Base: {url}\r\n"),
    ] {
        let body =
            json!({ "model": "openclaw", "messages": [{ "role": "user", "content": "hi" }] });
        scene.post("/v1/chat/completions", &field, &body);
    }
    // An accepted turn may still ask; nothing is counted before all are over.
    wait::until("nothing runs", PATIENCE, || {
        let status = call("torana.status", &json!({}));
        let figures = (&status["payload"]["running"], &status["payload"]["waiting"]);
        (figures == (&json!(0), &json!(0))).then_some(())
    });
    assert_eq!(scene.canary.count(), 0, "{:?}", scene.canary.recorded());
    // The configured one was asked meanwhile and is still where it was.
    let plain = json!({ "model": "openclaw", "messages": [{ "role": "user", "content": "hi" }] });
    let before = scene.provider.count();
    let answer = scene.post("/v1/chat/completions", "", &plain);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(scene.provider.count(), before + 1);
    let bearer = format!("Bearer {KEY}");
    let asked = scene.provider.recorded();
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization") == Some(&bearer))
    );
}

/// Sockets of a process that listen, by port. Only Linux tells.
#[cfg(target_os = "linux")]
fn listening(pid: u32) -> BTreeSet<u16> {
    let open: BTreeSet<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("our own child")
        .flatten()
        .filter_map(|entry| {
            std::fs::read_link(entry.path())
                .ok()?
                .into_os_string()
                .into_string()
                .ok()
        })
        .collect();
    let lists = ["tcp", "tcp6"]
        .map(|list| std::fs::read_to_string(format!("/proc/net/{list}")).unwrap_or_default());
    let lines = lists.iter().flat_map(|list| list.lines());
    lines
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            // 0A is a socket that listens, in the kernel's numbers.
            let is_ours = *state == "0A" && open.contains(&format!("socket:[{inode}]"));
            let (_, port) = address.rsplit_once(':')?;
            is_ours.then(|| u16::from_str_radix(port, 16).ok())?
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn s_029_nothing_listens_beside_the_port_and_it_asks_for_the_secret() {
    let scene = Scene::new("listening");
    assert_eq!(listening(scene.gateway.pid()), BTreeSet::from([scene.port]));
    let status = |port: u16| {
        let request = format!(
            "GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        );
        exchange(port, &request)
            .split(' ')
            .nth(1)
            .map(str::to_owned)
    };
    assert_eq!(status(scene.port).as_deref(), Some("401"));

    // A document that is shown opens the stage, which has nothing but its frame.
    let mut wire = scene
        .runtime
        .block_on(Wire::connect(scene.port, &scene.token));
    let params = json!({ "html": "<p>a document</p>" });
    let shown = scene
        .runtime
        .block_on(wire.call("canvas.document.preview", &params));
    let stage = shown["payload"]["sandboxPort"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .expect("a port");
    let both = BTreeSet::from([scene.port, stage]);
    assert_eq!(listening(scene.gateway.pid()), both);
    assert_eq!(status(stage).as_deref(), Some("404"));
}

#[cfg(target_os = "linux")]
#[test]
fn s_115_no_image_of_the_memory_is_written() {
    let scene = Scene::new("core");
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", scene.gateway.pid())).expect("told");
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let figures: Vec<&str> = core.expect("a line").split_whitespace().take(2).collect();
    assert_eq!(figures, ["0", "0"], "neither now nor raised later");
}
