//! One client, one future: challenge, handshake, then requests side by side until somebody ends it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use torana_core::auth::{Role, Scope, same_secret};
use torana_core::limit::{
    FRAME_BYTES_MAX, HANDSHAKE_TIMEOUT_MS, REQUESTS_MAX, REQUESTS_PER_CLIENT_MAX,
};
use torana_core::port::{BoxFuture, World};
use torana_engine::service::devices::IssuedToken;
use torana_engine::service::nodes::{Arrival, Mouth, Order};
use torana_engine::service::presence::PresenceEntry;

use super::catalog;
use super::client::Client;
use super::connect::{Connect, is_newer_release};
use super::error::{UNAVAILABLE, WireError};
use super::frame::{self, FrameFault, Request};
use super::gateway::OpenClaw;
use super::handshake::{Doorkeeper, Principal, Refusal};
use super::hello::{self, HelloFacts};
use super::legacy::{Legacy, guide};
use super::methods;
use super::quirks::{self, close};
use super::surface;
use crate::context::FrontSettings;
use crate::front::outgoing::{Encoded, Fate, Outgoing};
use crate::front::peer::Peer;
use crate::front::seats::Seat;
use crate::front::socket::{Incoming, WebSocket};

/// How a connection ends.
pub(super) struct End {
    pub(super) code: u16,
    pub(super) reason: String,
}

/// Random bytes of a challenge (decision 47).
const NONCE_BYTES: usize = 32;
/// Time for the last answers before the close frame, milliseconds (OpenClaw 2026.9.6 terminates after a second).
const LAST_WORDS_MS: u64 = 1_000;
/// How long a hello waits for what it says of health, milliseconds: looking takes two, and a sick store must not keep
/// anybody out.
const LOOK_MS: u64 = 250;
/// Requests every client may have waiting even when all together have too many: enough to look, to ask and to stop
/// something, so that a few floods lock nobody out.
pub(super) const REQUESTS_PER_CLIENT_MIN: usize = 4;
/// Work of one client: answers that are being made.
type Work = FuturesUnordered<BoxFuture<'static, ()>>;

impl OpenClaw {
    /// Serves a client after the upgrade, until it is gone. `seat` is its place among all connections.
    pub(crate) async fn serve(self: Arc<Self>, mut socket: WebSocket, peer: Peer, seat: Seat) {
        let outgoing = Outgoing::new();
        // On the heap and freed with the greeting, as are the last words: what is not boxed here stays reserved for as
        // long as the client is connected.
        let greeted = Box::pin(self.greet(&mut socket, &outgoing, &peer, &seat)).await;
        let end = match greeted {
            Ok((client, waiting)) => {
                let end = self.talk(&mut socket, &client, waiting).await;
                self.forget(client.id);
                if let (Role::Node, Some(device)) = (client.role, &client.device) {
                    self.nodes().leave(device, client.id);
                }
                end
            }
            Err(end) => end,
        };
        if let Some(end) = end {
            Box::pin(self.part(socket, &outgoing, end)).await;
        }
    }

    async fn part(&self, mut socket: WebSocket, outgoing: &Outgoing, end: End) {
        // The last words are worth a moment, not more: the client may have stopped reading.
        let limit = self.context().engine.world().sleep_ms(LAST_WORDS_MS);
        let flushed = tokio::select! {
            biased;
            flushed = socket.flush(outgoing) => flushed.is_ok(),
            () = limit => true,
        };
        if flushed {
            socket.close(end.code, &end.reason).await;
        }
    }

    /// Challenge and handshake. `Err(None)` means the client is gone.
    async fn greet(
        self: &Arc<Self>,
        socket: &mut WebSocket,
        outgoing: &Arc<Outgoing>,
        peer: &Peer,
        seat: &Seat,
    ) -> Result<(Arc<Client>, VecDeque<String>), Option<End>> {
        let world = self.context().engine.world().clone();
        let nonce = nonce(&world);
        let challenge = json!({
            "nonce": nonce, "ts": world.wall_ms().max(0), "capabilities": [catalog::CAPABILITY],
        });
        // The challenge is the one event without `seq`.
        outgoing.text(frame::event("connect.challenge", &challenge));
        let mut deadline = world
            .clock
            .sleep_until(seat.began_ms().saturating_add(HANDSHAKE_TIMEOUT_MS));
        let late = || {
            Some(End {
                code: close::NORMAL,
                reason: String::new(),
            })
        };
        let text = tokio::select! {
            biased;
            () = &mut deadline => return Err(late()),
            () = seat.evicted() => return Err(late()),
            text = first_text(socket, outgoing) => text?,
        };
        seat.heard();
        let Opening { request, guide } = first_request(&text, outgoing)?;
        let mut waiting = VecDeque::new();
        let front = self.context().front.load_full();
        let admission = Box::pin(self.admit(&request, guide, peer, &nonce, &front));
        let admitted = tokio::select! {
            biased;
            () = &mut deadline => return Err(late()),
            admitted = admission => admitted,
            end = collect(socket, outgoing, &mut waiting) => return Err(end),
        };
        let (connect, principal) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return Err(Some(refuse(outgoing, &request.id, refusal))),
        };
        if seat.authenticated().is_err() {
            let error =
                WireError::new(UNAVAILABLE, "too many clients are connected").retry_after(5_000);
            let refusal = Refusal {
                code: 1013,
                reason: error.message.clone(),
                error: Some(error),
            };
            return Err(Some(refuse(outgoing, &request.id, refusal)));
        }
        socket.set_message_bytes_max(FRAME_BYTES_MAX);
        let token = principal.token.clone();
        if principal.role == Role::Operator && principal.scopes.allows(Scope::Read) {
            tokio::select! {
                () = self.look_around() => {}
                () = self.context().engine.world().sleep_ms(LOOK_MS) => {}
            }
        }
        let client = self.welcome(outgoing, peer, &request.id, &connect, principal);
        self.still_holds(&client, token, &front).await?;
        if connect.is_ui() {
            self.offer_health(&client);
        }
        catalog::offer(self, &client, &connect).await;
        if client.role == Role::Node {
            self.node_arrives(&client, peer, &connect).await?;
        }
        Ok((client, waiting))
    }

    /// Looks once more at what the client was let in by. Whoever takes a credential away ends the connections that
    /// are listed then; this one was not listed while its handshake was on the way (S-040).
    pub(super) async fn still_holds(
        &self,
        client: &Arc<Client>,
        token: Option<IssuedToken>,
        front: &FrontSettings,
    ) -> Result<(), Option<End>> {
        let now = self.context().front.load();
        let is_same_secret = now.proves_the_same(front);
        let holds = match &client.device {
            None => Ok(is_same_secret),
            Some(device) => {
                let live = self.devices().token(device, client.role).await;
                // A device's own token outlives the shared secret, but this proof may have been the secret.
                live.map(|live| {
                    let is_same = matches!((live, token), (Some(live), Some(token)) if same_secret(&live.token, &token.token));
                    is_same_secret && is_same
                })
            }
        };
        let end = match holds {
            Ok(true) => return Ok(()),
            Ok(false) => End {
                code: close::CREDENTIAL,
                reason: "client invalidated: credential changed".to_owned(),
            },
            Err(problem) => {
                tracing::warn!(%problem, "A credential could not be looked at again.");
                End {
                    code: 1013,
                    reason: "try again".to_owned(),
                }
            }
        };
        self.forget(client.id);
        Err(Some(end))
    }

    /// A node is asked for commands from now on.
    async fn node_arrives(
        &self,
        client: &Arc<Client>,
        peer: &Peer,
        connect: &Connect,
    ) -> Result<(), Option<End>> {
        let Some(device) = client.device.clone() else {
            return Ok(());
        };
        let remote_ip = (!peer.direct_local).then(|| peer.remote.to_string());
        let arrival = Arrival {
            device: device.clone(),
            connection: client.id,
            mouth: node_mouth(Arc::clone(&client.outgoing), device.to_string()),
            declared: connect.declared(remote_ip),
        };
        match self.nodes().arrive(arrival).await {
            Ok(_) => {
                methods::tell_wake_words(self, client, &connect.caps).await;
                Ok(())
            }
            Err(problem) => {
                tracing::warn!(%problem, node = %device, "A node could not be registered.");
                self.forget(client.id);
                Err(Some(End {
                    code: 1013,
                    reason: "the node could not be registered".to_owned(),
                }))
            }
        }
    }

    async fn admit(
        &self,
        request: &Request,
        guide: bool,
        peer: &Peer,
        nonce: &str,
        front: &FrontSettings,
    ) -> Result<(Connect, Principal), Refusal> {
        let connect = if guide {
            guide::connect(&request.params)?
        } else {
            Connect::read(&request.params)?
        };
        let engine = &self.context().engine;
        methods::door_before(engine)?;
        let doorkeeper = Doorkeeper {
            front,
            peer,
            gate: self.gate(),
            devices: self.devices(),
            logins: self.logins(),
            nonce,
            now_ms: engine.world().wall_ms(),
        };
        match doorkeeper.admit(&connect).await {
            Ok(principal) => {
                methods::door_after(engine, &principal)?;
                Ok((connect, principal))
            }
            Err(refusal) => {
                self.count_refusal(peer, &refusal);
                Err(if guide {
                    guide::reworded(refusal)
                } else {
                    refusal
                })
            }
        }
    }

    /// Wrong credentials and device proofs are in the audit log; whoever brings none is only asked for one.
    fn count_refusal(&self, peer: &Peer, refusal: &Refusal) {
        let details = refusal
            .error
            .as_ref()
            .and_then(|error| error.details.as_ref());
        let Some(details) = details else { return };
        let reason = details["authReason"].as_str().or_else(|| {
            let is_proof = details["code"]
                .as_str()
                .is_some_and(|code| code.starts_with("DEVICE_AUTH_"));
            details["reason"].as_str().filter(|_| is_proof)
        });
        if let Some(reason) = reason.filter(|reason| !reason.ends_with("_missing")) {
            self.audit().refused(&peer.remote.to_string(), reason);
        }
    }

    /// What the hello of a reader says of health and configuration is known before it is written. What cannot be learnt
    /// in time is left out.
    async fn look_around(&self) {
        if let Err(problem) = self.health().recent().await {
            tracing::debug!(%problem, "The state of the gateway is not known to a newcomer.");
        }
        if self.desk().applied_hash().is_none()
            && let Err(problem) = self.desk().shown(self.context().host.config_file()).await
        {
            tracing::debug!(%problem, "The configuration is not known to a newcomer.");
        }
    }

    fn welcome(
        &self,
        outgoing: &Arc<Outgoing>,
        peer: &Peer,
        request_id: &str,
        connect: &Connect,
        principal: Principal,
    ) -> Arc<Client> {
        let world = self.context().engine.world();
        let wire_id = world.uuid();
        let is_guide = connect.legacy == Some(Legacy::Guide);
        let own = seen(connect, peer, &principal, world.wall_ms());
        let observed = connect.is_ui() || is_guide;
        let id = self.next_connection();
        let base_url = surface::base_url(peer, &self.context().front.load());
        let hello = if is_guide {
            frame::answer_value(request_id, &guide::hello(&principal))
        } else {
            let canvas = base_url
                .as_deref()
                .filter(|_| surface::sees_canvas(principal.role, principal.scopes))
                .and_then(|base_url| self.surfaces().open_canvas(id, base_url));
            let facts = HelloFacts {
                wire_id: &wire_id,
                observed,
                protocol: connect.hello_protocol(),
                canvas_url: canvas.map(|canvas| canvas.url),
                own: own.as_ref(),
            };
            frame::answer_value(request_id, &hello::hello(self, &principal, &facts))
        };
        outgoing.text(hello);
        let announced = |cap: &str| connect.caps.iter().any(|known| known == cap);
        let client = Arc::new(Client {
            id,
            outgoing: Arc::clone(outgoing),
            role: principal.role,
            scopes: principal.scopes,
            device: principal.device,
            address: peer.remote.to_string(),
            local_tool: principal.local_tool,
            host: peer.host.clone(),
            base_url,
            protocol: connect.max_protocol,
            newer: is_newer_release(&connect.client_version),
            observed,
            guide: is_guide,
            tool_events: announced("tool-events"),
            session_scoped: announced("session-scoped-events"),
            subscriptions: Mutex::default(),
        });
        if is_guide {
            client.listen_to_everything();
        }
        self.hub().join(Arc::clone(&client));
        if let Some(own) = own {
            self.presence().join(client.id, own);
        }
        client
    }

    /// The life after hello. `None` means the client is gone.
    async fn talk(
        self: &Arc<Self>,
        socket: &mut WebSocket,
        client: &Arc<Client>,
        waiting: VecDeque<String>,
    ) -> Option<End> {
        let world = self.context().engine.world().clone();
        let mut work = Work::new();
        let mut wrong_role = 0;
        for text in waiting {
            self.take(&text, client, &mut work, &mut wrong_role);
        }
        let mut pulse = world.sleep_ms(quirks::PING_MS);
        let mut unanswered = false;
        loop {
            tokio::select! {
                biased;
                Some(()) = work.next(), if !work.is_empty() => {}
                incoming = socket.turn(&client.outgoing) => match incoming {
                    Incoming::Text(text) => {
                        self.take(&text, client, &mut work, &mut wrong_role);
                        if wrong_role > quirks::WRONG_ROLE_MAX {
                            return Some(End { code: close::POLICY, reason: "repeated unauthorized calls".to_owned() });
                        }
                    }
                    // Text only in this dialect (S-047).
                    Incoming::Binary(_) => {
                        return Some(End { code: 1003, reason: "text frames only".to_owned() });
                    }
                    Incoming::Pong => unanswered = false,
                    Incoming::Gone => return None,
                    Incoming::End { code, reason } => return Some(End { code, reason }),
                },
                () = &mut pulse => {
                    // A ping would stand behind what a slow client still takes, and its answer says nothing then.
                    if !socket.is_writing(&client.outgoing) {
                        // The answer to the last ping had a whole interval; a client that is read from answers at once.
                        if unanswered {
                            return None;
                        }
                        unanswered = client.outgoing.ping();
                    }
                    pulse = world.sleep_ms(quirks::PING_MS);
                }
            }
        }
    }

    /// Whether one more request may wait for a client that has so many already. The bound of all together is for those
    /// who wait for much: a few clients that fill it lock nobody out.
    fn has_room(&self, own: usize) -> bool {
        own < REQUESTS_PER_CLIENT_MAX
            && (own < REQUESTS_PER_CLIENT_MIN || self.waiting() < REQUESTS_MAX)
    }

    /// Reads one frame after hello and starts its work.
    fn take(
        self: &Arc<Self>,
        text: &str,
        client: &Arc<Client>,
        work: &mut Work,
        wrong_role: &mut u32,
    ) {
        let read = if client.guide {
            guide::read(text, self.context().engine.world())
        } else {
            frame::read(text)
        };
        match read {
            Ok(request) if client.guide && request.method == guide::INFO => {
                let info = guide::info(self);
                client
                    .outgoing
                    .text(frame::answer_value(&request.id, &info));
            }
            Ok(request) if !self.has_room(work.len()) => {
                let error = WireError::new(UNAVAILABLE, "too many requests wait for an answer");
                client
                    .outgoing
                    .text(frame::failure(&request.id, &error.retry_after(1_000)));
            }
            Ok(request) => match methods::admit(self, client, request) {
                Ok(running) => {
                    *wrong_role = 0;
                    work.push(running);
                }
                Err((id, error)) => {
                    if error.message.starts_with("unauthorized role:") {
                        *wrong_role += 1;
                    }
                    client.outgoing.text(frame::failure(&id, &error));
                }
            },
            Err(FrameFault::NotJson) => {
                tracing::debug!(connection = %client.id, "A frame was not JSON.")
            }
            Err(FrameFault::Invalid { id, message }) => {
                let error = WireError::invalid(format!("invalid request frame: {message}"));
                client
                    .outgoing
                    .text(frame::failure(id.as_deref().unwrap_or("invalid"), &error));
            }
        }
    }
}

/// How a node is told something: an event on its connection.
fn node_mouth(outgoing: Arc<Outgoing>, node_id: String) -> Mouth {
    Arc::new(move |order| {
        let (name, payload) = match order {
            Order::Call {
                id,
                command,
                params_json,
                timeout_ms,
                idempotency_key,
            } => {
                let mut payload = json!({
                    "id": id, "nodeId": node_id, "command": command, "timeoutMs": timeout_ms,
                    "idempotencyKey": idempotency_key,
                });
                if let Some(text) = params_json {
                    payload["paramsJSON"] = json!(text);
                }
                ("node.invoke.request", payload)
            }
            Order::Cancel { id } => (
                "node.invoke.cancel",
                json!({ "invokeId": id, "nodeId": node_id }),
            ),
            Order::Replaced => {
                outgoing.close(close::NORMAL, "this node connected again");
                return true;
            }
        };
        outgoing.event(&Encoded::new(frame::event(name, &payload), Fate::Keep))
    })
}

fn nonce(world: &World) -> String {
    use base64::Engine as _;
    let mut bytes = [0_u8; NONCE_BYTES];
    world.entropy.fill(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

async fn first_text(socket: &mut WebSocket, outgoing: &Outgoing) -> Result<String, Option<End>> {
    loop {
        match socket.turn(outgoing).await {
            Incoming::Text(text) => return Ok(text.to_string()),
            Incoming::Binary(_) => {
                return Err(Some(End {
                    code: 1003,
                    reason: "text frames only".to_owned(),
                }));
            }
            Incoming::Pong => {}
            Incoming::Gone => return Err(None),
            Incoming::End { code, reason } => return Err(Some(End { code, reason })),
        }
    }
}

/// Keeps what comes while `connect` is being processed; ends only when the connection must.
async fn collect(
    socket: &mut WebSocket,
    outgoing: &Outgoing,
    waiting: &mut VecDeque<String>,
) -> Option<End> {
    loop {
        match first_text(socket, outgoing).await {
            Ok(_) if waiting.len() >= quirks::PENDING_FRAMES_MAX => {
                return Some(End {
                    code: close::POLICY,
                    reason: "too many pending handshake frames".to_owned(),
                });
            }
            Ok(text) => waiting.push_back(text),
            Err(end) => return end,
        }
    }
}

/// The first request of a connection.
struct Opening {
    request: Request,
    /// It speaks the bare dialect of an older guide.
    guide: bool,
}

/// Reads the first frame, which must be `connect`, or `auth` in the bare dialect.
fn first_request(text: &str, outgoing: &Outgoing) -> Result<Opening, Option<End>> {
    if let Some(request) = guide::opening(text) {
        outgoing.adapt(guide::translate);
        return Ok(Opening {
            request,
            guide: true,
        });
    }
    match frame::read(text) {
        Ok(request) if request.method == "connect" => Ok(Opening {
            request,
            guide: false,
        }),
        Ok(request) => {
            let error = WireError::invalid("invalid handshake: first request must be connect");
            Err(Some(refuse(outgoing, &request.id, error.into())))
        }
        Err(FrameFault::NotJson) => Err(Some(End {
            code: close::NORMAL,
            reason: String::new(),
        })),
        Err(FrameFault::Invalid { .. }) => Err(Some(End {
            code: close::POLICY,
            reason: "invalid request frame".to_owned(),
        })),
    }
}

fn refuse(outgoing: &Outgoing, id: &str, refusal: Refusal) -> End {
    if let Some(error) = &refusal.error {
        outgoing.text(frame::failure(id, error));
    }
    End {
        code: refusal.code,
        reason: refusal.reason,
    }
}

/// The entry in presence of a client that people want to see: programs with a window, and nodes.
fn seen(
    connect: &Connect,
    peer: &Peer,
    principal: &Principal,
    at_ms: i64,
) -> Option<PresenceEntry> {
    if !connect.is_ui() && principal.role != Role::Node {
        return None;
    }
    let shortened = |text: &str| Some(text.chars().take(64).collect());
    let name = connect.display_name.as_deref().unwrap_or("unknown");
    Some(PresenceEntry {
        host: connect
            .display_name
            .clone()
            .or_else(|| Some(connect.client_id.clone())),
        ip: (!peer.direct_local).then(|| peer.remote.to_string()),
        version: shortened(&connect.client_version),
        platform: shortened(&connect.platform),
        device_family: connect.device_family.clone(),
        model_identifier: connect.model_identifier.clone(),
        mode: Some(connect.client_mode.clone()),
        reason: Some("connect".to_owned()),
        // Quirk: whatever it is, it is called a node (OpenClaw 2026.9.6).
        text: Some(format!("Node: {name} · mode {}", connect.client_mode)),
        at_ms,
        online_since_ms: Some(at_ms),
        device_id: principal.device.as_ref().map(ToString::to_string),
        roles: vec![principal.role.as_str().to_owned()],
        scopes: principal
            .scopes
            .words()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        instance_id: connect.instance_id.clone(),
        ..PresenceEntry::default()
    })
}
