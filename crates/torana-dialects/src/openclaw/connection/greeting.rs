//! The greeting: challenge, handshake, hello.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::json;
use torana_core::auth::{Role, Scope, same_secret};
use torana_core::limit::{FRAME_BYTES_MAX, HANDSHAKE_TIMEOUT_MS};
use torana_core::port::World;
use torana_engine::service::devices::IssuedToken;

use super::end::{End, refuse};
use super::opening::{Opening, collect, first_request, first_text};
use crate::context::FrontSettings;
use crate::front::outgoing::Outgoing;
use crate::front::peer::Peer;
use crate::front::seats::Seat;
use crate::front::socket::WebSocket;
use crate::openclaw::catalog;
use crate::openclaw::client::Client;
use crate::openclaw::connect::Connect;
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::{self, Request};
use crate::openclaw::gateway::OpenClaw;
use crate::openclaw::handshake::{Doorkeeper, Principal, Refusal};
use crate::openclaw::legacy::guide;
use crate::openclaw::methods;
use crate::openclaw::quirks::close;

/// Random bytes of a challenge (decision 47).
const NONCE_BYTES: usize = 32;
/// How long a hello waits for what it says of health, milliseconds: looking takes two, and a sick store must not keep
/// anybody out.
const LOOK_MS: u64 = 250;

impl OpenClaw {
    /// Challenge and handshake. `Err(None)` means the client is gone.
    pub(super) async fn greet(
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
            return Err(Some(refuse(outgoing, &request.id, crowded())));
        }
        socket.set_message_bytes_max(FRAME_BYTES_MAX);
        let client = self
            .let_in(outgoing, peer, &request.id, &connect, principal, &front)
            .await?;
        Ok((client, waiting))
    }

    /// Says hello to a client whose handshake was good, and takes what it offers.
    async fn let_in(
        self: &Arc<Self>,
        outgoing: &Arc<Outgoing>,
        peer: &Peer,
        request_id: &str,
        connect: &Connect,
        principal: Principal,
        front: &FrontSettings,
    ) -> Result<Arc<Client>, Option<End>> {
        let token = principal.token.clone();
        if principal.role == Role::Operator && principal.scopes.allows(Scope::Read) {
            tokio::select! {
                () = self.look_around() => {}
                () = self.context().engine.world().sleep_ms(LOOK_MS) => {}
            }
        }
        let client = self.welcome(outgoing, peer, request_id, connect, principal);
        self.still_holds(&client, token, front).await?;
        if connect.is_ui() {
            self.offer_health(&client);
        }
        catalog::offer(self, &client, connect).await;
        if client.role == Role::Node {
            self.node_arrives(&client, peer, connect).await?;
        }
        Ok(client)
    }

    /// Looks once more at what the client was let in by. Whoever takes a credential away ends the connections that
    /// are listed then; this one was not listed while its handshake was on the way (S-040).
    pub(in crate::openclaw) async fn still_holds(
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
}

/// All places for clients are taken.
fn crowded() -> Refusal {
    let error = WireError::new(UNAVAILABLE, "too many clients are connected").retry_after(5_000);
    Refusal {
        code: 1013,
        reason: error.message.clone(),
        error: Some(error),
    }
}

fn nonce(world: &World) -> String {
    use base64::Engine as _;
    let mut bytes = [0_u8; NONCE_BYTES];
    world.entropy.fill(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
