//! The listener and what happens on each connection.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::http::{self, Request};
use super::script::{Behaviour, Script};
use super::wire::{Format, embeddings, last_results, last_user_text};

/// Requests remembered for tests; benchmarks send millions.
const RECORDED_MAX: usize = 256;
/// Tokens are what four characters are, near enough.
const CHARS_PER_TOKEN: usize = 4;

/// A request the server got.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Path with query.
    pub path: String,
    /// Header names in lower case, with values.
    pub headers: Vec<(String, String)>,
    /// The body as JSON, `Null` when it was none.
    pub body: Value,
}

impl Recorded {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    recorded: VecDeque<Recorded>,
    count: u64,
}

/// A running fake server; it stops when dropped.
#[derive(Debug)]
pub struct FakeProvider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

impl FakeProvider {
    /// Starts on a free port of loopback.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), script).await
    }

    /// Starts on a given address.
    pub async fn listen(address: SocketAddr, script: Script) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            script,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A connection that breaks is what tests provoke.
                let shared = Arc::clone(&shared);
                drop(tokio::spawn(
                    async move { drop(serve(socket, shared).await) },
                ));
            }
        });
        Ok(Self {
            address,
            state,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL for either wire format.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Changes the behaviour from the next request on.
    pub fn set_script(&self, script: Script) {
        self.lock().script = script;
    }

    /// Model requests so far.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// The latest requests, oldest first.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.lock().recorded.iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut socket: TcpStream, state: Arc<Mutex<State>>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = BytesMut::new();
    while let Some(request) = http::read(&mut socket, &mut buffer).await? {
        let json = [("content-type", "application/json")];
        match (
            request.method.as_str(),
            request.path.as_str(),
            Format::of_path(&request.path),
        ) {
            ("POST", _, Some(format)) => {
                if !answer(&mut socket, &state, format, request).await? {
                    return Ok(());
                }
            }
            ("POST", path, _) if path.ends_with("/embeddings") => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
                let answer = embeddings(&body).to_string();
                remember(&state, &request, body);
                http::respond(&mut socket, 200, &json, answer.as_bytes()).await?;
            }
            ("POST", "/control", _) => {
                let script = Script::from_json(&request.body);
                let (status, body) = match script {
                    Some(script) => {
                        state.lock().unwrap_or_else(PoisonError::into_inner).script = script;
                        (200, json!({"ok":true}))
                    }
                    None => (400, json!({"ok":false})),
                };
                http::respond(&mut socket, status, &json, body.to_string().as_bytes()).await?;
            }
            ("GET", "/control", _) => {
                let body = {
                    let state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    json!({"count":state.count,"last":state.recorded.back().map(|last| &last.body)})
                };
                http::respond(&mut socket, 200, &json, body.to_string().as_bytes()).await?;
            }
            ("GET", path, _) if path.ends_with("/models") => {
                let body = json!({"object":"list","data":[{"id":"fake-model","object":"model"}]});
                http::respond(&mut socket, 200, &json, body.to_string().as_bytes()).await?;
            }
            _ => {
                http::respond(
                    &mut socket,
                    404,
                    &json,
                    br#"{"error":{"message":"no such path"}}"#,
                )
                .await?
            }
        }
    }
    Ok(())
}

fn remember(state: &Mutex<State>, request: &Request, body: Value) {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.count += 1;
    if state.recorded.len() == RECORDED_MAX {
        state.recorded.pop_front();
    }
    state.recorded.push_back(Recorded {
        path: request.path.clone(),
        headers: request.headers.clone(),
        body,
    });
}

/// Answers one model request; false ends the connection.
async fn answer(
    socket: &mut TcpStream,
    state: &Mutex<State>,
    format: Format,
    request: Request,
) -> io::Result<bool> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let results = last_results(&body);
    let echo = results.clone().unwrap_or_else(|| last_user_text(&body));
    let model = body["model"].as_str().unwrap_or("").to_owned();
    remember(state, &request, body);
    let (behaviour, plan) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.script.take(&model)
    };
    let behaviour = match behaviour {
        Behaviour::Tool(_) if results.is_some() => Behaviour::Answer,
        behaviour => behaviour,
    };
    if plan.first_delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(plan.first_delay_ms)).await;
    }
    let html = [("content-type", "text/html")];
    let json = [("content-type", "application/json")];
    let pieces = plan.pieces(&echo);
    let tokens = (
        request.body.len().div_ceil(CHARS_PER_TOKEN),
        pieces.concat().len().div_ceil(CHARS_PER_TOKEN),
    );
    match behaviour {
        Behaviour::Status {
            status,
            retry_after,
            body,
        } => {
            let mut headers = json.to_vec();
            headers.extend(retry_after.as_deref().map(|value| ("retry-after", value)));
            http::respond(socket, status, &headers, body.as_bytes()).await?;
        }
        Behaviour::Redirect(to) => {
            http::respond(socket, 302, &[("location", to.as_str())], b"").await?
        }
        Behaviour::Html => {
            http::respond(socket, 200, &html, b"<!doctype html><title>hello</title>").await?
        }
        Behaviour::Document => {
            let document = format
                .document(&pieces.concat(), tokens.0, tokens.1)
                .to_string();
            http::respond(socket, 200, &json, document.as_bytes()).await?;
        }
        Behaviour::Silent => {
            std::future::pending::<()>().await;
        }
        behaviour => return stream(socket, format, &plan, &behaviour, &pieces, tokens).await,
    }
    Ok(true)
}

async fn stream(
    socket: &mut TcpStream,
    format: Format,
    plan: &Script,
    behaviour: &Behaviour,
    pieces: &[String],
    (input_tokens, output_tokens): (usize, usize),
) -> io::Result<bool> {
    let mut out = http::stream_head("text/event-stream");
    for event in format.opening(input_tokens) {
        http::chunk(&mut out, event.as_bytes());
    }
    if let Some(thinking) = &plan.thinking {
        http::chunk(&mut out, format.thinking(thinking).as_bytes());
    }
    let (limit, end) = match behaviour {
        Behaviour::Reset(count) => (*count, Some(End::Reset)),
        Behaviour::Truncate(count) => (*count, Some(End::Close)),
        Behaviour::Stall(count) => (*count, Some(End::Hang)),
        Behaviour::Empty | Behaviour::Malformed | Behaviour::Flood | Behaviour::Tool(_) => {
            (0, None)
        }
        Behaviour::ErrorEvent(_) => (1, None),
        _ => (pieces.len(), None),
    };
    for piece in pieces.iter().take(limit) {
        if plan.delay_ms > 0 {
            socket.write_all(&std::mem::take(&mut out)).await?;
            tokio::time::sleep(Duration::from_millis(plan.delay_ms)).await;
        }
        http::chunk(&mut out, format.piece(piece).as_bytes());
    }
    match behaviour {
        Behaviour::Malformed => http::chunk(&mut out, b"data: {\"choices\": oops\n\n"),
        Behaviour::Flood => {
            http::chunk(&mut out, b"data: ");
            // Twice what a line may have.
            for _ in 0..32 {
                http::chunk(&mut out, &[b'x'; 64 * 1024]);
            }
        }
        Behaviour::Tool(name) => {
            for event in format.call(name) {
                http::chunk(&mut out, event.as_bytes());
            }
        }
        Behaviour::ErrorEvent(code) => http::chunk(&mut out, format.error(code).as_bytes()),
        _ => {}
    }
    if let Some(end) = end {
        return finish_early(socket, out, end).await;
    }
    let reason = match behaviour {
        Behaviour::Length => "length",
        Behaviour::Refuse => "refuse",
        Behaviour::Tool(_) => "tool",
        _ => "stop",
    };
    for event in format.closing(
        reason,
        input_tokens,
        output_tokens,
        *behaviour != Behaviour::NoMarker,
    ) {
        http::chunk(&mut out, event.as_bytes());
    }
    http::chunk(&mut out, b"");
    socket.write_all(&out).await?;
    Ok(true)
}

#[derive(Debug, Clone, Copy)]
enum End {
    Reset,
    Close,
    Hang,
}

async fn finish_early(socket: &mut TcpStream, mut out: Vec<u8>, end: End) -> io::Result<bool> {
    match end {
        End::Reset => {
            socket.write_all(&out).await?;
            socket.flush().await?;
            socket.set_zero_linger()?;
        }
        End::Close => {
            http::chunk(&mut out, b"");
            socket.write_all(&out).await?;
        }
        End::Hang => {
            socket.write_all(&out).await?;
            std::future::pending::<()>().await;
        }
    }
    Ok(matches!(end, End::Close))
}
