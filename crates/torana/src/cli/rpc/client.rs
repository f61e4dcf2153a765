//! One connection to a gateway: handshake, requests with answers by id, events in between.

use std::collections::VecDeque;
use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};
use torana_core::port::World;
use torana_host::tls_client::{ClientTls, Refused, Trust};

use super::endpoint::Endpoint;
use super::frame::{Frame, Response};
use super::identity::{Identity, Proof};
use super::persona::Persona;
use crate::cli::failure::{Exit, Failure, Reason};

/// The protocol version we speak.
const PROTOCOL: u32 = 4;
/// Connecting and shaking hands: a gateway on this machine needs milliseconds, one far away a few round trips.
const CONNECT_MS_MAX: u64 = 10_000;
/// Waiting for an ordinary answer; methods that take longer have a wait of their own.
const CALL_MS_MAX: u64 = 30_000;
/// Largest frame taken: a page of history with long messages fits several times.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Events kept while an answer is awaited; above it the oldest go, since every command reads state afterwards.
const EVENTS_KEPT_MAX: usize = 4_096;
/// A connected client.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    requests: u64,
    hello: Value,
    events: VecDeque<(String, Value)>,
    /// How long an ordinary answer may take.
    wait_ms: u64,
    expects_final: bool,
}

/// Who connects.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    /// As whom.
    pub(crate) persona: &'a Persona,
    /// Folder of the device key and its tokens.
    pub(crate) credentials: &'a Path,
    /// Clock and randomness.
    pub(crate) world: &'a World,
    /// Prove the device when the secret alone opens nothing.
    pub(crate) may_sign: bool,
    /// How long connecting and an ordinary answer may take, when somebody said.
    pub(crate) wait_ms: Option<u64>,
    /// Wait over answers that only say that something was accepted.
    pub(crate) expects_final: bool,
}

impl Caller<'_> {
    /// Something secret will be sent.
    fn has_credential(&self, endpoint: &Endpoint) -> bool {
        endpoint.secret.is_some() || Identity::token(self.credentials, &endpoint.origin()).is_some()
    }
}

/// What arrives.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// An answer to the request with this id.
    Answer {
        /// The request.
        id: u64,
        /// What it was answered with.
        outcome: Result<Value, Failure>,
    },
    /// An event with its payload.
    Event(String, Value),
}

// === impl Client ===

impl Client {
    /// Connects and introduces itself.
    ///
    /// A gateway of this machine believes whoever knows its secret. Every other one also wants to know the device, and so
    /// does one behind a proxy of this machine: it shows by taking all rights away, and is asked again with the device.
    pub(crate) async fn connect(endpoint: &Endpoint, caller: &Caller<'_>) -> Result<Self, Failure> {
        let wait_ms = caller.wait_ms.unwrap_or(CONNECT_MS_MAX);
        let connected = within(wait_ms, Box::pin(Self::introduce(endpoint, caller))).await;
        connected.unwrap_or_else(|| {
            Err(Failure::new(
                Exit::Unreachable,
                format!(
                    "the gateway at {} does not answer within {}",
                    endpoint.url(),
                    spoken(wait_ms)
                ),
            )
            .hint("look at `torana logs`; restart it if it hangs"))
        })
    }

    async fn introduce(endpoint: &Endpoint, caller: &Caller<'_>) -> Result<Self, Failure> {
        let stream = dial(endpoint, caller.has_credential(endpoint)).await?;
        let is_near = stream.peer_addr()?.ip().is_loopback();
        let signs =
            caller.persona.must_sign || !is_near || endpoint.secret.is_none() && endpoint.explicit;
        let first = Self::open(endpoint, stream, caller, signs).await?;
        if signs || !caller.may_sign || !first.is_powerless() {
            return Ok(first);
        }
        first.close().await;
        let stream = dial(endpoint, caller.has_credential(endpoint)).await?;
        Self::open(endpoint, stream, caller, true).await
    }

    async fn open(
        endpoint: &Endpoint,
        stream: TcpStream,
        caller: &Caller<'_>,
        signs: bool,
    ) -> Result<Self, Failure> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let request = upgrade(endpoint)?;
        let socket = if endpoint.tls {
            let trust = endpoint.pin.map_or(Trust::System, Trust::Pin);
            let tls = ClientTls::new(trust).map_err(|error| {
                Failure::failed(format!(
                    "the authorities this system trusts cannot be read: {error}"
                ))
                .hint("pin the gateway's certificate with --tls-fingerprint")
            })?;
            // The certificate is judged in here, before the first byte of ours is sent.
            tokio_tungstenite::client_async_tls_with_config(
                request,
                stream,
                Some(config),
                Some(Connector::Rustls(tls.config())),
            )
            .await
            .map_err(|error| match tls.refused() {
                Some(certificate) => untrusted(&certificate, endpoint),
                None => refused(&error, endpoint),
            })
        } else {
            tokio_tungstenite::client_async_with_config(
                request,
                MaybeTlsStream::Plain(stream),
                Some(config),
            )
            .await
            .map_err(|error| refused(&error, endpoint))
        };
        let (socket, _) = socket?;
        let mut client = Self {
            socket,
            requests: 0,
            hello: Value::Null,
            events: VecDeque::new(),
            wait_ms: caller.wait_ms.unwrap_or(CALL_MS_MAX),
            expects_final: caller.expects_final,
        };
        let identity = signs
            .then(|| Identity::open(caller.credentials, caller.world))
            .transpose()?;
        client
            .shake_hands(endpoint, caller, identity.as_ref())
            .await?;
        Ok(client)
    }

    async fn shake_hands(
        &mut self,
        endpoint: &Endpoint,
        caller: &Caller<'_>,
        identity: Option<&Identity>,
    ) -> Result<(), Failure> {
        let challenge = loop {
            match self.next().await? {
                Incoming::Event(name, payload) if name == "connect.challenge" => break payload,
                Incoming::Event(..) | Incoming::Answer { .. } => {}
            }
        };
        let persona = caller.persona;
        let mut params = json!({
            "minProtocol": persona.protocol_min,
            "maxProtocol": PROTOCOL,
            "client": {
                "id": persona.client_id, "mode": persona.mode, "version": env!("CARGO_PKG_VERSION"),
                "platform": std::env::consts::OS,
            },
            "role": "operator",
            "scopes": persona.scopes,
            "caps": persona.caps,
        });
        let origin = endpoint.origin();
        let kept = match (&endpoint.secret, identity) {
            (None, Some(_)) => Identity::token(caller.credentials, &origin),
            _ => None,
        };
        let token = if let Some(secret) = &endpoint.secret {
            params["auth"] = json!({ "token": secret.expose() });
            secret.expose()
        } else if let Some(token) = &kept {
            params["auth"] = json!({ "deviceToken": token.expose() });
            token.expose()
        } else {
            ""
        };
        if let Some(identity) = identity {
            let proof = Proof {
                nonce: challenge["nonce"].as_str().unwrap_or_default(),
                signed_at_ms: challenge["ts"]
                    .as_i64()
                    .unwrap_or_else(|| caller.world.wall_ms()),
                token,
            };
            params["device"] = identity.sign(persona, proof);
        }
        self.hello = match (self.call("connect", params).await, identity) {
            (Err(failure), Some(identity))
                if kept.is_some() && failure.reason == Reason::TokenStale =>
            {
                // It was taken back; keeping it would only fail again.
                identity.forget(&origin)?;
                return Err(failure);
            }
            (answer, _) => answer?,
        };
        if let (Some(identity), true) = (identity, endpoint.explicit) {
            let auth = &self.hello["auth"];
            if let Some(token) = auth["deviceToken"].as_str() {
                let issued_at_ms = auth["issuedAtMs"].as_i64();
                let issued_at_ms = issued_at_ms.unwrap_or_else(|| caller.world.wall_ms());
                identity.keep(&origin, token, issued_at_ms)?;
            }
        }
        Ok(())
    }

    /// The gateway let us in and allows nothing.
    fn is_powerless(&self) -> bool {
        self.hello["auth"]["scopes"]
            .as_array()
            .is_some_and(Vec::is_empty)
    }

    /// What the gateway said of itself.
    pub(crate) fn hello(&self) -> &Value {
        &self.hello
    }

    /// Asks and waits for the answer.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, Failure> {
        if self.expects_final {
            return self.call_to_the_end(method, params, self.wait_ms).await;
        }
        self.call_within(method, params, self.wait_ms).await
    }

    /// Asks and waits for the answer for a given time.
    pub(crate) async fn call_within(
        &mut self,
        method: &str,
        params: Value,
        wait_ms: u64,
    ) -> Result<Value, Failure> {
        let id = self.request(method, params).await?;
        within(wait_ms, self.answer(id)).await.unwrap_or_else(|| {
            Err(Failure::failed(format!(
                "no answer to `{method}` within {}",
                spoken(wait_ms)
            )))
        })
    }

    /// Asks, and waits over a first answer that only says that it was accepted.
    pub(crate) async fn call_to_the_end(
        &mut self,
        method: &str,
        params: Value,
        wait_ms: u64,
    ) -> Result<Value, Failure> {
        let id = self.request(method, params).await?;
        let ended = within(wait_ms, async {
            loop {
                let answer = self.answer(id).await?;
                if answer["status"].as_str() != Some("accepted") {
                    return Ok(answer);
                }
            }
        });
        ended.await.unwrap_or_else(|| {
            Err(Failure::failed(format!(
                "no answer to `{method}` within {}",
                spoken(wait_ms)
            )))
        })
    }

    /// Asks; the answer is waited for with [`Client::answer`] or [`Client::next`].
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Result<u64, Failure> {
        self.requests += 1;
        let id = self.requests;
        let frame =
            json!({ "type": "req", "id": id.to_string(), "method": method, "params": params });
        self.socket
            .send(Message::Text(Utf8Bytes::from(frame.to_string())))
            .await
            .map_err(|error| lost(&error))?;
        Ok(id)
    }

    /// The next answer to a request; events that come before it are kept.
    pub(crate) async fn answer(&mut self, wanted: u64) -> Result<Value, Failure> {
        loop {
            match self.read().await? {
                Incoming::Answer { id, outcome } if id == wanted => return outcome,
                Incoming::Answer { .. } => {}
                Incoming::Event(name, payload) => {
                    if self.events.len() >= EVENTS_KEPT_MAX {
                        self.events.pop_front();
                    }
                    self.events.push_back((name, payload));
                }
            }
        }
    }

    /// The next thing that arrives or has arrived. May be dropped at any time without losing anything.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Failure> {
        if let Some((name, payload)) = self.events.pop_front() {
            return Ok(Incoming::Event(name, payload));
        }
        self.read().await
    }

    async fn read(&mut self) -> Result<Incoming, Failure> {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame
                        .map(|frame| frame.reason.to_string())
                        .filter(|reason| !reason.is_empty());
                    return Err(closed(reason.as_deref()));
                }
                // Pings are answered by the library; the protocol has no binary frames.
                Some(Ok(
                    Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_),
                )) => continue,
                Some(Err(error)) => return Err(lost(&error)),
                None => return Err(closed(None)),
            };
            match serde_json::from_str::<Frame>(&text) {
                Ok(Frame::Res(response)) => {
                    if let Some(incoming) = answer_of(response) {
                        return Ok(incoming);
                    }
                }
                Ok(Frame::Event(event)) => return Ok(Incoming::Event(event.event, event.payload)),
                Ok(Frame::Unknown) => {}
                Err(_) => {
                    return Err(Failure::failed(
                        "the gateway sent something that is not a frame of the protocol",
                    ));
                }
            }
        }
    }

    /// Ends the connection in order.
    pub(crate) async fn close(mut self) {
        // The gateway notices a lost connection as well; closing is a courtesy.
        drop(within(1_000, self.socket.close(None)).await);
    }
}

async fn dial(endpoint: &Endpoint, has_credential: bool) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|error| {
            Failure::new(
                Exit::Unreachable,
                format!(
                    "cannot connect to {}: {}",
                    endpoint.url(),
                    why(error.kind(), &error)
                ),
            )
            .hint("check the address, and that the gateway runs")
        })?;
    // Frames are small and each waits for an answer; collecting them would only delay it.
    stream.set_nodelay(true)?;
    if has_credential && endpoint.is_exposed(stream.peer_addr()?.ip()) {
        return Err(Failure::new(
            Exit::Usage,
            "the token would travel unencrypted to a public address",
        )
        .hint("use a `wss://` address, or a tunnel: `ssh -L 18789:127.0.0.1:18789 host`"));
    }
    Ok(stream)
}

fn answer_of(response: Response) -> Option<Incoming> {
    let id = response.id.parse().ok()?;
    let outcome = match (response.ok, response.error) {
        (true, _) => Ok(response.payload.unwrap_or(Value::Null)),
        (false, Some(error)) => Err(error.into_failure()),
        (false, None) => Err(Failure::failed("the gateway refused without a reason")),
    };
    Some(Incoming::Answer { id, outcome })
}

/// The result within a time, or nothing.
pub(super) async fn within<T>(wait_ms: u64, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_millis(wait_ms), work)
        .await
        .ok()
}

/// The request that asks for a socket, with what a proxy in front wants to see.
fn upgrade(endpoint: &Endpoint) -> Result<Request, Failure> {
    let wrong = |what: &str| Failure::new(Exit::Usage, format!("{what} cannot be sent over HTTP"));
    let mut request = endpoint
        .url()
        .into_client_request()
        .map_err(|_| wrong(&format!("the address `{}`", endpoint.url())))?;
    for (name, secret) in &endpoint.edge {
        let header = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(secret.expose());
        let (Ok(header), Ok(mut value)) = (header, value) else {
            return Err(wrong(&format!("`gateway.remote.edgeAuth.{name}`")));
        };
        value.set_sensitive(true);
        request.headers_mut().insert(header, value);
    }
    Ok(request)
}

fn untrusted(certificate: &Refused, endpoint: &Endpoint) -> Failure {
    let Refused { fingerprint, why } = certificate;
    let (origin, seen) = (endpoint.origin(), fingerprint);
    let failure = match endpoint.pin {
        Some(pin) => Failure::failed(format!(
            "{origin} shows another certificate than the pinned one, and nothing was sent to it\nseen    {seen}\npinned  {pin}"
        ))
        .hint(format!(
            "find out why before you trust it; if the gateway has a new certificate, pin that with `--tls-fingerprint {seen}` or in `gateway.remote.tlsFingerprint`"
        )),
        None => Failure::failed(format!(
            "the certificate of {origin} is not trusted: {why}, and nothing was sent to it\nseen    {seen}"
        ))
        .hint(format!(
            "compare this with the fingerprint the gateway prints when it starts; if it is the same, repeat with `--tls-fingerprint {seen}` or set `gateway.remote.tlsFingerprint`"
        )),
    };
    Failure {
        reason: Reason::Untrusted,
        ..failure
    }
}

/// A wait as people say it.
fn spoken(wait_ms: u64) -> String {
    if wait_ms.is_multiple_of(1_000) {
        format!("{} s", wait_ms / 1_000)
    } else {
        format!("{wait_ms} ms")
    }
}

fn why(kind: ErrorKind, error: &std::io::Error) -> String {
    match kind {
        ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        ErrorKind::TimedOut => "it does not answer".to_owned(),
        _ => error.to_string(),
    }
}

fn refused(error: &SocketError, endpoint: &Endpoint) -> Failure {
    let text = match error {
        SocketError::Http(response) => format!(
            "{} answered with HTTP {}",
            endpoint.url(),
            response.status().as_u16()
        ),
        other => format!("{} is not a gateway: {other}", endpoint.url()),
    };
    let hint = match error {
        // A gateway without TLS answers a TLS greeting with plain text, and the other way round.
        SocketError::Tls(_) | SocketError::Io(_) if endpoint.tls => {
            "check the port, and whether the gateway there speaks TLS; without it the address begins with `ws://`"
        }
        _ if endpoint.tls => "check which program listens there, and the port of the gateway",
        _ => {
            "check which program listens there and its port; if it speaks TLS, the address begins with `wss://`"
        }
    };
    Failure::new(Exit::Unreachable, text).hint(hint)
}

fn closed(reason: Option<&str>) -> Failure {
    match reason {
        Some("service restart") => Failure::new(Exit::Unreachable, "the gateway stopped"),
        Some(reason) => Failure::new(
            Exit::Unreachable,
            format!("the gateway closed the connection: {reason}"),
        ),
        None => Failure::new(Exit::Unreachable, "the gateway closed the connection"),
    }
}

fn lost(error: &SocketError) -> Failure {
    match error {
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => closed(None),
        other => Failure::new(
            Exit::Unreachable,
            format!("the connection was lost: {other}"),
        ),
    }
}
