//! A client of the OpenClaw protocol, as a trusted program on the same machine: `gateway-client/backend` with the token.

use bytes::Bytes;
use serde_json::{Value, json};

use super::Fault;
use super::gateway::Gateway;
use super::socket::Socket;

/// Only events of sessions it listens to, as busy clients ask for.
pub(super) const SCOPED: &[&str] = &["session-scoped-events"];

/// One authenticated connection.
pub(super) struct Client {
    pub(super) socket: Socket,
    requests: u64,
}

impl Client {
    /// Connects, answers the challenge and waits for the hello.
    pub(super) async fn connect(gateway: &Gateway, caps: &[&str]) -> Result<Self, Fault> {
        let mut client = Self {
            socket: Socket::connect(gateway.port).await?,
            requests: 0,
        };
        client.socket.next().await?;
        let params = json!({
            "minProtocol": 4,
            "maxProtocol": 4,
            "client": { "id": "gateway-client", "version": "2026.9.6", "platform": "linux", "mode": "backend" },
            "role": "operator",
            "scopes": ["operator.read", "operator.write"],
            "caps": caps,
            "auth": { "token": gateway.token },
        });
        let id = client.send("connect", &params).await?;
        // The hello is some kilobytes: taking it apart would measure this program and not the gateway.
        let welcome = format!("{{\"type\":\"res\",\"id\":\"{id}\",\"ok\":true,");
        let hello = client.socket.next().await?;
        if !hello.starts_with(welcome.as_bytes()) {
            return Err(format!("connect: {}", String::from_utf8_lossy(&hello)).into());
        }
        Ok(client)
    }

    /// Sends a request without waiting for its answer.
    pub(super) async fn send(&mut self, method: &str, params: &Value) -> Result<String, Fault> {
        self.requests += 1;
        let id = self.requests.to_string();
        let frame = format!(
            "{{\"type\":\"req\",\"id\":\"{id}\",\"method\":\"{method}\",\"params\":{params}}}"
        );
        self.socket.send(&frame).await?;
        Ok(id)
    }

    /// Sends a request and waits for its answer; events on the way are dropped.
    pub(super) async fn call(&mut self, method: &str, params: &Value) -> Result<Value, Fault> {
        let id = self.send(method, params).await?;
        loop {
            let frame = self.socket.next().await?;
            if !is_answer(&frame) {
                continue;
            }
            let mut answer: Value = serde_json::from_slice(&frame)?;
            if answer["id"] != id.as_str() {
                continue;
            }
            if answer["ok"] != true {
                return Err(format!("{method}: {}", answer["error"]).into());
            }
            return Ok(answer["payload"].take());
        }
    }
}

/// Whether a frame answers a request. Looks only at its beginning.
pub(super) fn is_answer(frame: &Bytes) -> bool {
    frame.starts_with(b"{\"type\":\"res\"")
}

/// Whether a frame is an event of this name.
pub(super) fn is_event(frame: &Bytes, name: &str) -> bool {
    frame
        .strip_prefix(b"{\"type\":\"event\",\"event\":\"")
        .and_then(|rest| rest.strip_prefix(name.as_bytes()))
        .is_some_and(|rest| rest.first() == Some(&b'"'))
}

/// The text of a field, found without parsing the frame.
pub(super) fn field<'a>(frame: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = frame.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
