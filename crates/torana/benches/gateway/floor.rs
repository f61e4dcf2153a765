//! Bare servers of the same libraries, without anything a gateway is for: the floor that ours is shown beside.
//!
//! Each runs as a process of its own, like the gateway: this program with [`FLAG`] and `<kind>,<port>,<model server>`.
//! `http` answers, `echo` echoes over WebSocket, `turn` commits, asks the model, streams and commits again,
//! `fanout` writes the same frames to everybody.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rusqlite::Connection;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::gateway::{Home, free_port};
use super::http::Caller;
use super::{Fault, clock};

/// Makes this program a floor.
pub(super) const FLAG: &str = "--floor";
/// Frames that may wait for one listener of `fanout`; more than any run sends.
const FRAMES_MAX: usize = 65_536;
/// Rows of one group commit, as in the gateway.
const COMMIT_ROWS_MAX: usize = 256;
/// Answers that wait for one client of `turn`.
const ANSWERS_MAX: usize = 4_096;

/// A running floor.
pub(super) struct Floor {
    child: Child,
    pub(super) port: u16,
    // Its working directory, which a killed process cannot remove itself.
    _home: Home,
}

impl Floor {
    /// Starts one and waits until it listens.
    pub(super) fn start(kind: &str, provider: SocketAddr) -> Result<Self, Fault> {
        let port = free_port()?;
        let home = Home::new()?;
        let child = command(kind, port, provider)?
            .current_dir(&home.path)
            .spawn()?;
        let floor = Self {
            child,
            port,
            _home: home,
        };
        let begun = clock::now();
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err(format!("the floor `{kind}` does not listen").into());
            }
            clock::sleep(Duration::from_millis(1));
        }
        Ok(floor)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The command that starts one.
pub(super) fn command(kind: &str, port: u16, provider: SocketAddr) -> Result<Command, Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(FLAG)
        .arg(format!("{kind},{port},{provider}"))
        .stdin(Stdio::null());
    Ok(command)
}

/// Serves until killed.
pub(super) fn serve(what: &str) -> ExitCode {
    torana_host::descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let served = runtime
        .map_err(Fault::from)
        .and_then(|runtime| runtime.block_on(listen(what)));
    if served.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn listen(what: &str) -> Result<(), Fault> {
    let mut parts = what.split(',');
    let kind = parts.next().unwrap_or_default();
    let port: u16 = parts.next().ok_or("no port")?.parse()?;
    let provider: SocketAddr = parts.next().ok_or("no model server")?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let turns = if kind == "turn" {
        Some(Arc::new(Turns::new(provider)?))
    } else {
        None
    };
    let (frames, _) = broadcast::channel(FRAMES_MAX);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (turns, frames) = (turns.clone(), frames.clone());
        let kind = kind.to_owned();
        drop(tokio::spawn(async move {
            // A client that left is none of the floor's business.
            drop(match (kind.as_str(), turns) {
                ("http", _) => answer(stream).await,
                ("fanout", _) => fan_out(stream, frames).await,
                (_, Some(turns)) => talk(stream, turns).await,
                _ => echo(stream).await,
            });
        }));
    }
}

async fn answer(stream: TcpStream) -> Result<(), Fault> {
    let respond = |_: Request<hyper::body::Incoming>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from_static(
            b"{\"ok\":true,\"status\":\"live\"}",
        ))))
    };
    let server = hyper::server::conn::http1::Builder::new();
    Ok(server
        .serve_connection(TokioIo::new(stream), service_fn(respond))
        .await?)
}

async fn echo(stream: TcpStream) -> Result<(), Fault> {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

/// `go <count> <bytes>` from anybody writes that many frames to everybody.
async fn fan_out(stream: TcpStream, frames: broadcast::Sender<Utf8Bytes>) -> Result<(), Fault> {
    // Before the client knows that it is connected, so that it misses nothing from then on.
    let mut mine = frames.subscribe();
    let (mut sink, mut source) = tokio_tungstenite::accept_async(stream).await?.split();
    loop {
        tokio::select! {
            frame = mine.recv() => {
                sink.feed(Message::Text(frame?)).await?;
                while let Ok(frame) = mine.try_recv() {
                    sink.feed(Message::Text(frame)).await?;
                }
                sink.flush().await?;
            }
            message = source.next() => {
                let Some(message) = message else { return Ok(()) };
                let text = message?.into_text()?;
                let mut words = text.split(' ').skip(1);
                let count: usize = words.next().unwrap_or("0").parse()?;
                let bytes: usize = words.next().unwrap_or("0").parse()?;
                let frame = Utf8Bytes::from("x".repeat(bytes));
                for _ in 0..count {
                    // There is always a listener: this connection.
                    drop(frames.send(frame.clone()));
                }
            }
        }
    }
}

type Row = (String, oneshot::Sender<()>);

/// What the `turn` floor shares: a writer with group commit, and connections to the model.
struct Turns {
    writer: std::sync::mpsc::SyncSender<Row>,
    provider: SocketAddr,
    callers: Mutex<Vec<Caller>>,
}

impl Turns {
    fn new(provider: SocketAddr) -> Result<Self, Fault> {
        let connection = journal(Path::new("."))?;
        let (writer, rows) = std::sync::mpsc::sync_channel::<Row>(ANSWERS_MAX);
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || write(connection, &rows))?;
        Ok(Self {
            writer,
            provider,
            callers: Mutex::default(),
        })
    }

    async fn commit(&self, text: &str) -> Result<(), Fault> {
        let (done, wait) = oneshot::channel();
        self.writer
            .send((text.to_owned(), done))
            .map_err(|_| "the writer ended")?;
        Ok(wait.await?)
    }

    /// One turn: journal, model, frames, journal.
    async fn turn(&self, text: &str, answers: &mpsc::Sender<Message>) -> Result<(), Fault> {
        self.commit(text).await?;
        let free = self.callers.lock().await.pop();
        let mut caller = match free {
            Some(caller) => caller,
            None => Caller::connect(self.provider, None).await?,
        };
        let (answer, _) = caller.post("/v1/chat/completions", &question(text)).await?;
        self.callers.lock().await.push(caller);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        for event in answer.split("\n\n").filter(|event| !event.is_empty()) {
            answers.send(Message::text(event)).await?;
        }
        self.commit(&answer).await?;
        Ok(answers.send(Message::text(format!("final {text}"))).await?)
    }
}

/// A durable table, flushed on every commit, as the gateway's store is.
pub(super) fn journal(folder: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open(folder.join("floor.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT);",
    )?;
    Ok(connection)
}

/// Commits whatever queued up while the last flush ran.
fn write(mut connection: Connection, rows: &std::sync::mpsc::Receiver<Row>) {
    while let Ok(first) = rows.recv() {
        let mut batch = vec![first];
        batch.extend(rows.try_iter().take(COMMIT_ROWS_MAX - 1));
        let texts = batch.iter().map(|(text, _)| text.as_str());
        if commit(&mut connection, texts).is_err() {
            return;
        }
        for (_, done) in batch {
            if done.send(()).is_err() {
                // Its client left in the meantime; the row is committed all the same.
            }
        }
    }
}

/// Commits some rows at once.
pub(super) fn commit<'a>(
    connection: &mut Connection,
    texts: impl Iterator<Item = &'a str>,
) -> Result<(), Fault> {
    let transaction = connection.transaction()?;
    for text in texts {
        transaction
            .prepare_cached("INSERT INTO row (text) VALUES (?1)")?
            .execute([text])?;
    }
    Ok(transaction.commit()?)
}

async fn talk(stream: TcpStream, turns: Arc<Turns>) -> Result<(), Fault> {
    let (mut sink, mut source) = tokio_tungstenite::accept_async(stream).await?.split();
    let (answers, mut waiting) = mpsc::channel(ANSWERS_MAX);
    loop {
        tokio::select! {
            Some(answer) = waiting.recv() => {
                sink.feed(answer).await?;
                while let Ok(answer) = waiting.try_recv() {
                    sink.feed(answer).await?;
                }
                sink.flush().await?;
            }
            message = source.next() => {
                let Some(message) = message else { return Ok(()) };
                let text = message?.into_text()?;
                let (turns, answers) = (Arc::clone(&turns), answers.clone());
                drop(tokio::spawn(async move { drop(turns.turn(&text, &answers).await) }));
            }
        }
    }
}

/// What a model is asked.
pub(super) fn question(text: &str) -> String {
    json!({ "model": "echo", "stream": true, "messages": [{ "role": "user", "content": text }] })
        .to_string()
}
