//! The order of the handshake: version, role, origin, device proof, credential, pairing. Scopes come out as
//! requested ∩ granted (S-006).

use serde_json::json;
use torana_core::auth::{self, Role, ScopeSet};
use torana_core::id::DeviceId;
use torana_engine::service::devices::{IssuedToken, ProvenDevice};
use torana_engine::service::login::{Setup, SetupDone};

use super::credential::Proof;
use super::doorkeeper::Doorkeeper;
use super::principal::Principal;
use super::refusal::{AuthFault, Refusal, device_refusal};
use crate::context::AuthMode;
use crate::front::peer::Via;
use crate::openclaw::connect::Connect;
use crate::openclaw::error::{NOT_PAIRED, WireError};
use crate::openclaw::quirks::{self, close};

/// Which version is spoken. A probe may be older, so that old tools can still say that we live.
fn negotiate(connect: &Connect) -> Result<(), Refusal> {
    if connect.legacy.is_some() {
        return Ok(());
    }
    let (min, max) = (connect.min_protocol, connect.max_protocol);
    let speaks = max >= quirks::PROTOCOL && min <= quirks::PROTOCOL;
    let is_old_range = max >= quirks::PROBE_PROTOCOL_MIN && min <= quirks::PROTOCOL;
    let is_node = connect.role_text == Role::Node.as_str() && connect.client_mode == "node";
    if speaks || (is_old_range && (connect.client_mode == "probe" || is_node)) {
        return Ok(());
    }
    let error = WireError::invalid("protocol mismatch").details(json!({
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": min,
        "clientMaxProtocol": max,
        "expectedProtocol": quirks::PROTOCOL,
        "minimumProbeProtocol": quirks::PROBE_PROTOCOL_MIN,
    }));
    Err(Refusal {
        error: Some(error),
        code: close::PROTOCOL,
        reason: "protocol mismatch".to_owned(),
    })
}

/// What a device comes in with.
struct Pass {
    scopes: ScopeSet,
    method: &'static str,
    token: IssuedToken,
    handoff: Vec<(Role, IssuedToken)>,
}

impl Doorkeeper<'_> {
    /// Decides about one connect request.
    pub(crate) async fn admit(&self, connect: &Connect) -> Result<Principal, Refusal> {
        if connect.claims_worker() {
            return Err(Refusal::silent(close::POLICY, "invalid-handshake"));
        }
        negotiate(connect)?;
        let Some(role) = Role::parse(&connect.role_text) else {
            return Err(WireError::invalid("invalid role").into());
        };
        self.check_origin(connect)?;
        let device = self.check_device(connect)?;
        match device {
            None => self.admit_without_device(connect, role).await,
            Some(device) => self.admit_device(connect, role, device).await,
        }
    }

    fn check_origin(&self, connect: &Connect) -> Result<(), Refusal> {
        let missing = connect.client_id == "openclaw-control-ui" && self.peer.origin.is_none();
        if self.peer.origin_ok && !missing {
            return Ok(());
        }
        let reason = if missing {
            "origin missing or invalid"
        } else {
            "origin not allowed"
        };
        let message = "origin not allowed (open the Control UI from the gateway host or allow it in \
                       gateway.controlUi.allowedOrigins)";
        let details = json!({ "code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": reason });
        Err(WireError::invalid(message).details(details).into())
    }

    fn check_device(&self, connect: &Connect) -> Result<Option<ProvenDevice>, Refusal> {
        let Some(proof) = &connect.device else {
            return Ok(None);
        };
        let key = connect
            .with_claim(proof, |claim| {
                auth::verify_device(claim, self.nonce, self.now_ms)
            })
            .map_err(device_refusal)?;
        let remote_ip = (!self.peer.direct_local).then(|| self.peer.remote.to_string());
        Ok(Some(ProvenDevice {
            id: key.device_id(),
            key,
            facts: connect.facts(remote_ip),
        }))
    }

    async fn admit_without_device(
        &self,
        connect: &Connect,
        role: Role,
    ) -> Result<Principal, Refusal> {
        let via = self.peer.identity.as_ref().map(|identity| identity.via);
        let is_proxied = via == Some(Via::TrustedProxy);
        if connect.is_ui() && role == Role::Operator && !is_proxied {
            let message =
                "control ui requires device identity (use HTTPS or localhost secure context)";
            let details = json!({ "code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED" });
            return Err(WireError::invalid(message).details(details).into());
        }
        let anonymous = connect.auth.token.is_none() && connect.auth.password.is_none();
        let needs_credential = via.is_none() && self.front.auth != AuthMode::None;
        if role == Role::Node || (anonymous && needs_credential) {
            let details = json!({ "code": "DEVICE_IDENTITY_REQUIRED" });
            return Err(WireError::new(NOT_PAIRED, "device identity required")
                .details(details)
                .into());
        }
        let method = self
            .check_shared(connect, &self.peer.source(), false)
            .await?;
        // Decision 34: only these two, and only straight from this machine, keep what they ask for.
        let keeps = connect.is_local_tool() && self.is_local_program();
        let scopes = if keeps || (is_proxied && connect.is_ui()) {
            connect.requested()
        } else if connect.legacy.is_some() {
            // Control decision 28: they have no device, so elsewhere they get what the operator lists.
            self.front.legacy_scopes.limit(connect.requested())
        } else {
            ScopeSet::NONE
        };
        Ok(Principal {
            role,
            scopes,
            method,
            device: None,
            token: None,
            handoff: Vec::new(),
            local_tool: keeps,
        })
    }

    async fn admit_device(
        &self,
        connect: &Connect,
        role: Role,
        device: ProvenDevice,
    ) -> Result<Principal, Refusal> {
        let source = self.peer.source().with_device(device.id.as_str());
        let proof = self
            .check_credential(connect, role, &device, &source)
            .await?;
        let requested = if role == Role::Operator {
            connect.requested()
        } else {
            ScopeSet::NONE
        };
        let pass = match proof {
            Proof::Device { presented, granted } => {
                if !granted.covers(requested) {
                    return Err(AuthFault::scope_mismatch().into());
                }
                self.renew_facts(connect, role, &device).await?;
                Pass {
                    scopes: granted.limit(requested),
                    method: "device-token",
                    token: self.still_live(&device.id, role, &presented).await?,
                    handoff: Vec::new(),
                }
            }
            Proof::Bootstrap(setup) => self.set_up(setup, role, requested, &device).await?,
            Proof::Shared(method) => {
                let token = self.pair(connect, role, requested, &device).await?;
                Pass {
                    scopes: token.scopes.limit(requested),
                    method,
                    token,
                    handoff: Vec::new(),
                }
            }
        };
        self.devices.seen(&device.id);
        Ok(Principal {
            role,
            scopes: pass.scopes,
            method: pass.method,
            device: Some(device.id),
            token: Some(pass.token),
            handoff: pass.handoff,
            local_tool: false,
        })
    }

    /// Pairs a device that came with a code of ours.
    async fn set_up(
        &self,
        setup: Option<Setup>,
        role: Role,
        requested: ScopeSet,
        device: &ProvenDevice,
    ) -> Result<Pass, Refusal> {
        let granted = setup
            .as_ref()
            .map_or_else(ScopeSet::every, |setup| setup.profile.scopes());
        let scopes = granted.limit(requested);
        let token = self
            .devices
            .admit(device, role, scopes, "bootstrap")
            .await?;
        let handoff = match setup {
            Some(setup) => self.hand_over(setup, role, &token, device).await?,
            None => Vec::new(),
        };
        Ok(Pass {
            scopes,
            method: "bootstrap-token",
            token,
            handoff,
        })
    }

    /// The token a device came with, unless it was taken away or replaced since it was found right: whoever holds the
    /// old one is not handed the new one (S-040).
    async fn still_live(
        &self,
        device: &DeviceId,
        role: Role,
        presented: &str,
    ) -> Result<IssuedToken, Refusal> {
        let live = self.devices.token(device, role).await?;
        live.filter(|live| auth::same_secret(&live.token, presented))
            .ok_or_else(|| AuthFault::device_token_mismatch().into())
    }

    /// Tokens for every role a setup code grants: a phone is set up once and then comes in both roles.
    async fn hand_over(
        &self,
        setup: Setup,
        role: Role,
        token: &IssuedToken,
        device: &ProvenDevice,
    ) -> Result<Vec<(Role, IssuedToken)>, Refusal> {
        let mut tokens = vec![(role, token.clone())];
        for other in [Role::Operator, Role::Node] {
            if other != role && setup.profile.grants(other) {
                let scopes = if other == Role::Operator {
                    setup.profile.scopes()
                } else {
                    ScopeSet::NONE
                };
                let token = self
                    .devices
                    .admit(device, other, scopes, "bootstrap")
                    .await?;
                tokens.push((other, token));
            }
        }
        self.devices.set_up(&device.id, &setup.id, || {
            self.logins.set_up(SetupDone {
                device_id: device.id.to_string(),
                device_name: device.facts.display_name.clone(),
                at_ms: self.now_ms,
                setup: setup.clone(),
            });
        });
        Ok(tokens)
    }
}
