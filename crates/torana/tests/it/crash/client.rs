//! People in front of a browser: a client of the gateway's own protocol that talks, remembers what was promised to it,
//! and connects again whenever the gateway is there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::gateway::Place;
use crate::wait;

/// Numbers of these messages, far from those of people on the platform.
const FIRST_NUMBER: usize = 1_000_000;
/// Longest wait for one frame; a gateway that answers at all is much faster.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two messages, and between two attempts to connect.
const PACE: Duration = Duration::from_millis(60);
/// Sessions it talks in.
const SESSIONS: usize = 5;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Talks until it is asked what was confirmed, or dropped.
#[derive(Debug)]
pub(super) struct Talker {
    acknowledged: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Talker {
    /// Begins to talk to whatever gateway is at this place.
    pub(super) fn start(runtime: &tokio::runtime::Handle, place: &Place) -> Self {
        let talker = Self {
            acknowledged: Arc::default(),
            stop: Arc::default(),
        };
        let (acknowledged, stop) = (Arc::clone(&talker.acknowledged), Arc::clone(&talker.stop));
        let (port, token) = (place.port, place.state.join("credentials/gateway-token"));
        runtime.spawn(async move {
            let next = AtomicUsize::new(0);
            while !stop.load(Ordering::SeqCst) {
                // The gateway is gone, or not there yet: what was promised until now is what counts.
                talk(port, &token, &next, &acknowledged, &stop).await;
                wait::pause(PACE).await;
            }
        });
        talker
    }

    /// Stops talking, and gives the keys of all messages that the gateway said it has.
    pub(super) fn acknowledged(&self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.confirmed()
    }

    /// The same so far, going on.
    pub(super) fn confirmed(&self) -> Vec<String> {
        let keys = self.acknowledged.lock();
        keys.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// Which of these keys the journals do not show as answered.
pub(super) fn unanswered(database: &Path, keys: &[String]) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).expect("the store can be read");
    let mut statement = connection
        .prepare("SELECT count(*) FROM inbox WHERE event_id = ?1 AND state = 'done' AND reason IS NOT 'failed'")
        .expect("the inbox is as documented");
    let mut is_missing = |key: &String| {
        let found = statement.query_row([format!("chat.send:{key}")], |row| row.get::<_, i64>(0));
        found.expect("the inbox can be read") != 1
    };
    keys.iter().filter(|key| is_missing(key)).cloned().collect()
}

/// Whether the store lacks one of these messages, or cannot be read at all.
pub(super) fn is_any_lost(database: &Path, keys: &[String]) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(database, flags) else {
        return true;
    };
    let is_lost = |key: &String| {
        let sql = "SELECT count(*) FROM inbox WHERE event_id = ?1";
        let found = connection.query_row(sql, [format!("chat.send:{key}")], |row| {
            row.get::<_, i64>(0)
        });
        found != Ok(1)
    };
    keys.iter().any(is_lost)
}

async fn talk(
    port: u16,
    token: &PathBuf,
    next: &AtomicUsize,
    acknowledged: &Mutex<Vec<String>>,
    stop: &AtomicBool,
) -> Option<()> {
    let token = std::fs::read_to_string(token).ok()?;
    let url = format!("ws://127.0.0.1:{port}/");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.ok()?;
    let hello = json!({
        "minProtocol": 4,
        "maxProtocol": 4,
        "client": { "id": "gateway-client", "version": "2026.9.6", "platform": "linux", "mode": "backend" },
        "role": "operator",
        "scopes": ["operator.read", "operator.write"],
        "caps": [],
        "auth": { "token": token.trim() },
    });
    frame(&mut socket).await?;
    call(&mut socket, "hello", "connect", &hello).await?;
    while !stop.load(Ordering::SeqCst) {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let key = format!("browser-{number}");
        let message = json!({
            "sessionKey": format!("agent:main:browser-{}", number % SESSIONS),
            "message": format!("t{}x0 from a browser", FIRST_NUMBER + number),
            "idempotencyKey": key,
        });
        call(&mut socket, &key, "chat.send", &message).await?;
        remember(acknowledged, key);
        wait::pause(PACE).await;
    }
    Some(())
}

fn remember(acknowledged: &Mutex<Vec<String>>, key: String) {
    let keys = acknowledged.lock();
    keys.unwrap_or_else(PoisonError::into_inner).push(key);
}

/// Nothing when the connection ends or the gateway says no.
async fn call(socket: &mut Socket, id: &str, method: &str, params: &Value) -> Option<()> {
    let request = json!({ "type": "req", "id": id, "method": method, "params": params });
    let sent = socket.send(Message::text(request.to_string())).await;
    sent.ok()?;
    loop {
        let answer = frame(socket).await?;
        if answer["type"] == "res" && answer["id"] == id {
            return (answer["ok"] == true).then_some(());
        }
    }
}

async fn frame(socket: &mut Socket) -> Option<Value> {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await;
        match next.ok()??.ok()? {
            Message::Text(text) => return serde_json::from_str(&text).ok(),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}
