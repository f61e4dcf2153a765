//! The handshake: from a `connect` request to a principal, or to a refusal with the exact words clients know.
//!
//! Order: version, role, origin, device proof, credential, pairing. Scopes come out as requested ∩ granted (S-006).

use serde_json::json;
use torana_core::auth::{self, DeviceFault, Role, ScopeSet};
use torana_core::id::DeviceId;
use torana_core::problem::Problem;
use torana_engine::service::devices::{Devices, IssuedToken, ProvenDevice};
use torana_engine::service::login::{LoginCodes, Setup, SetupDone};

use super::connect::Connect;
use super::error::{INVALID_REQUEST, NOT_PAIRED, WireError};
use super::quirks::{self, close};
use crate::context::{AuthMode, FrontSettings};
use crate::front::gate::{Attempt, Class, Gate, GateOutcome, Source, digest};
use crate::front::peer::{Peer, Via};

/// A connection that was let in.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// Operator or node.
    pub(crate) role: Role,
    /// What dispatch enforces and hello tells.
    pub(crate) scopes: ScopeSet,
    /// `none`, `token`, `password`, `device-token`, `bootstrap-token`.
    pub(crate) method: &'static str,
    /// The device, when it proved itself.
    pub(crate) device: Option<DeviceId>,
    /// Its token.
    pub(crate) token: Option<IssuedToken>,
    /// Tokens for the roles a setup code granted, handed over once.
    pub(crate) handoff: Vec<(Role, IssuedToken)>,
    /// The shared secret, straight from this machine, without a device.
    pub(crate) local_tool: bool,
}

/// A connection that was not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// The answer; `None` closes without a word.
    pub(crate) error: Option<WireError>,
    /// Close code.
    pub(crate) code: u16,
    /// Close reason.
    pub(crate) reason: String,
}

impl Refusal {
    fn policy(error: WireError) -> Self {
        let reason = error.message.clone();
        Self {
            error: Some(error),
            code: close::POLICY,
            reason,
        }
    }

    /// Closes without an answer.
    pub(crate) fn silent(code: u16, reason: &str) -> Self {
        Self {
            error: None,
            code,
            reason: reason.to_owned(),
        }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self::policy(error)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::policy(WireError::from(problem))
    }
}

/// What the handshake decides with.
pub(crate) struct Doorkeeper<'a> {
    pub(crate) front: &'a FrontSettings,
    pub(crate) peer: &'a Peer,
    pub(crate) gate: &'a Gate,
    pub(crate) devices: &'a Devices,
    pub(crate) logins: &'a LoginCodes,
    /// The challenge of this connection.
    pub(crate) nonce: &'a str,
    /// Wall time, Unix milliseconds.
    pub(crate) now_ms: i64,
}

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

fn device_refusal(fault: DeviceFault) -> Refusal {
    let (message, code, reason) = match fault {
        DeviceFault::IdMismatch => (
            "device identity mismatch",
            "DEVICE_AUTH_DEVICE_ID_MISMATCH",
            "device-id-mismatch",
        ),
        DeviceFault::SignatureStale => (
            "device signature expired",
            "DEVICE_AUTH_SIGNATURE_EXPIRED",
            "device-signature-stale",
        ),
        DeviceFault::NonceMissing => (
            "device nonce required",
            "DEVICE_AUTH_NONCE_REQUIRED",
            "device-nonce-missing",
        ),
        DeviceFault::NonceMismatch => (
            "device nonce mismatch",
            "DEVICE_AUTH_NONCE_MISMATCH",
            "device-nonce-mismatch",
        ),
        DeviceFault::Signature => (
            "device signature invalid",
            "DEVICE_AUTH_SIGNATURE_INVALID",
            "device-signature",
        ),
        DeviceFault::PublicKey => (
            "device public key invalid",
            "DEVICE_AUTH_PUBLIC_KEY_INVALID",
            "device-public-key",
        ),
    };
    WireError::new(INVALID_REQUEST, message)
        .details(json!({ "code": code, "reason": reason }))
        .into()
}

/// One way to fail with a credential.
struct AuthFault {
    reason: &'static str,
    code: &'static str,
    next: &'static str,
    message: String,
    can_retry_with_device_token: bool,
    retry_after_ms: Option<u64>,
}

impl AuthFault {
    fn new(
        reason: &'static str,
        code: &'static str,
        next: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into();
        Self {
            reason,
            code,
            next,
            message,
            can_retry_with_device_token: false,
            retry_after_ms: None,
        }
    }

    fn device_token_mismatch() -> Self {
        let message = "device token mismatch (rotate/reissue device token)";
        let (code, next) = ("AUTH_DEVICE_TOKEN_MISMATCH", "update_auth_credentials");
        Self::new("device_token_mismatch", code, next, message)
    }

    fn limited(retry_after_ms: u64) -> Self {
        let message = "too many failed authentication attempts (retry later)";
        let fault = Self::new(
            "rate_limited",
            "AUTH_RATE_LIMITED",
            "wait_then_retry",
            message,
        );
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..fault
        }
    }
}

impl From<AuthFault> for Refusal {
    fn from(fault: AuthFault) -> Self {
        let error = WireError::invalid(format!("unauthorized: {}", fault.message)).details(json!({
            "code": fault.code,
            "authReason": fault.reason,
            "canRetryWithDeviceToken": fault.can_retry_with_device_token,
            "recommendedNextStep": fault.next,
        }));
        Self::policy(match fault.retry_after_ms {
            Some(wait_ms) => error.retry_after(wait_ms),
            None => error,
        })
    }
}

fn hint(connect: &Connect, peer: &Peer) -> &'static str {
    if connect.is_page() {
        "open the dashboard URL and paste the token in Control UI settings"
    } else if connect.client_id == "cli" && peer.direct_local {
        "use this gateway's gateway.auth.token or pair the device"
    } else if connect.client_id == "cli" {
        "set gateway.remote.token to match gateway.auth.token"
    } else {
        "provide gateway auth token"
    }
}

/// How the credential was right.
enum Proof {
    /// The shared secret, or mode `none`: everything may be asked for.
    Shared(&'static str),
    /// A code of ours: a sign-in code lets ask for everything, a setup code for what its profile grants, and the
    /// device is paired with it.
    Bootstrap(Option<Setup>),
    /// A device token with what it grants.
    Device {
        /// What was presented; a credential.
        presented: String,
        granted: ScopeSet,
    },
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
        let keeps = connect.is_local_tool() && self.peer.direct_local && self.peer.origin.is_none();
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

    /// Checks the shared secret in either field.
    async fn check_shared(
        &self,
        connect: &Connect,
        source: &Source,
        device: bool,
    ) -> Result<&'static str, Refusal> {
        if let Some(identity) = &self.peer.identity {
            return Ok(match identity.via {
                Via::TrustedProxy => "trusted-proxy",
                Via::Tailscale => "tailscale",
            });
        }
        let (word, method) = match self.front.auth {
            AuthMode::None => return Ok("none"),
            AuthMode::Token => ("token", "token"),
            AuthMode::Password => ("password", "password"),
            // The command line of this machine comes past the proxy, with the secret.
            AuthMode::TrustedProxy if self.peer.direct_local && self.peer.origin.is_none() => {
                ("token", "token")
            }
            AuthMode::TrustedProxy => {
                let (code, next) = ("AUTH_UNAUTHORIZED", "review_auth_configuration");
                let message = "the proxy named nobody who may come in";
                return Err(
                    AuthFault::new("trusted_proxy_user_missing", code, next, message).into(),
                );
            }
        };
        let codes = |token: &'static str, password: &'static str| {
            if word == "token" { token } else { password }
        };
        if self.front.secret.is_none() {
            let reason = codes("token_missing_config", "password_missing_config");
            let code = codes("AUTH_TOKEN_NOT_CONFIGURED", "AUTH_PASSWORD_NOT_CONFIGURED");
            let message =
                format!("gateway {word} not configured on gateway (set gateway.auth.{word})");
            return Err(AuthFault::new(reason, code, "update_auth_configuration", message).into());
        }
        let mut presented: Vec<&str> = [&connect.auth.token, &connect.auth.password]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        presented.dedup();
        if presented.is_empty() {
            let reason = codes("token_missing", "password_missing");
            let code = codes("AUTH_TOKEN_MISSING", "AUTH_PASSWORD_MISSING");
            let message = format!("gateway {word} missing ({})", hint(connect, self.peer));
            return Err(AuthFault::new(reason, code, "update_auth_configuration", message).into());
        }
        for secret in presented {
            match self.gate.check_shared(self.front, secret, source).await {
                GateOutcome::Accepted => return Ok(method),
                GateOutcome::Limited { retry_after_ms } => {
                    return Err(AuthFault::limited(retry_after_ms).into());
                }
                GateOutcome::Wrong => {}
            }
        }
        let reason = codes("token_mismatch", "password_mismatch");
        let code = codes("AUTH_TOKEN_MISMATCH", "AUTH_PASSWORD_MISMATCH");
        let message = format!("gateway {word} mismatch ({})", hint(connect, self.peer));
        let may_retry = device && connect.auth.token.is_some() && connect.auth.password.is_none();
        let next = if may_retry {
            "retry_with_device_token"
        } else {
            "update_auth_credentials"
        };
        let fault = AuthFault::new(reason, code, next, message);
        Err(AuthFault {
            can_retry_with_device_token: may_retry,
            ..fault
        }
        .into())
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
        let mut handoff = Vec::new();
        let (token, method, scopes) = match proof {
            Proof::Device { presented, granted } => {
                if !granted.covers(requested) {
                    let message = "device token scope mismatch (re-pair or approve scope upgrade)";
                    let next = "review_auth_configuration";
                    return Err(AuthFault::new(
                        "scope_mismatch",
                        "AUTH_SCOPE_MISMATCH",
                        next,
                        message,
                    )
                    .into());
                }
                self.renew_facts(connect, role, &device).await?;
                let token = self.still_live(&device.id, role, &presented).await?;
                (Some(token), "device-token", granted.limit(requested))
            }
            Proof::Bootstrap(setup) => {
                let granted = setup
                    .as_ref()
                    .map_or_else(ScopeSet::every, |setup| setup.profile.scopes());
                let scopes = granted.limit(requested);
                let token = self
                    .devices
                    .admit(&device, role, scopes, "bootstrap")
                    .await?;
                if let Some(setup) = setup {
                    handoff = self.hand_over(setup, role, &token, &device).await?;
                }
                (Some(token), "bootstrap-token", scopes)
            }
            Proof::Shared(method) => {
                let token = self.pair(connect, role, requested, &device).await?;
                let scopes = token.scopes.limit(requested);
                (Some(token), method, scopes)
            }
        };
        self.devices.seen(&device.id);
        Ok(Principal {
            role,
            scopes,
            method,
            device: Some(device.id),
            token,
            handoff,
            local_tool: false,
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

    async fn check_credential(
        &self,
        connect: &Connect,
        role: Role,
        device: &ProvenDevice,
        source: &Source,
    ) -> Result<Proof, Refusal> {
        let auth = &connect.auth;
        if let Some(code) = &auth.bootstrap
            && auth.token.is_none()
            && auth.password.is_none()
        {
            let expected = self.logins.is_live(code).then(|| digest(code));
            let attempt = Attempt {
                presented: code,
                expected,
                strong: true,
                class: Class::Login,
                source,
            };
            // A node is never let in by a code that was printed for a page.
            let outcome = self.gate.check(attempt).await;
            if outcome == GateOutcome::Accepted
                && let Some(setup) = self.logins.redeem_setup(code, role)
            {
                return Ok(Proof::Bootstrap(Some(setup)));
            }
            return match outcome {
                GateOutcome::Accepted
                    if role == Role::Operator && self.logins.redeem_login(code) =>
                {
                    Ok(Proof::Bootstrap(None))
                }
                GateOutcome::Limited { retry_after_ms } => {
                    Err(AuthFault::limited(retry_after_ms).into())
                }
                GateOutcome::Accepted | GateOutcome::Wrong => {
                    let message = "setup code invalid, expired, revoked, or already used; print a new link with \
                                   `torana dashboard`";
                    let (code, next) =
                        ("AUTH_BOOTSTRAP_TOKEN_INVALID", "review_auth_configuration");
                    Err(AuthFault::new("bootstrap_token_invalid", code, next, message).into())
                }
            };
        }
        // A right device token is found before anything counts as a wrong guess at the shared secret.
        for presented in [&auth.device_token, &auth.token].into_iter().flatten() {
            if let Some(granted) = self
                .devices
                .verify_token(&device.id, role, presented)
                .await?
            {
                let expected = Some(digest(presented));
                let attempt = Attempt {
                    presented,
                    expected,
                    strong: true,
                    class: Class::Device,
                    source,
                };
                return match self.gate.check(attempt).await {
                    GateOutcome::Limited { retry_after_ms } => {
                        Err(AuthFault::limited(retry_after_ms).into())
                    }
                    GateOutcome::Accepted | GateOutcome::Wrong => Ok(Proof::Device {
                        presented: presented.clone(),
                        granted,
                    }),
                };
            }
        }
        if let Some(presented) = &auth.device_token
            && auth.token.is_none()
            && auth.password.is_none()
        {
            let attempt = Attempt {
                presented,
                expected: None,
                strong: true,
                class: Class::Device,
                source,
            };
            if let GateOutcome::Limited { retry_after_ms } = self.gate.check(attempt).await {
                return Err(AuthFault::limited(retry_after_ms).into());
            }
            return Err(AuthFault::device_token_mismatch().into());
        }
        self.check_shared(connect, source, true)
            .await
            .map(Proof::Shared)
    }

    /// Straight from this machine, and not a foreign page: pairing needs no person.
    fn is_silent(&self, connect: &Connect, role: Role) -> bool {
        let is_page_ok = self.peer.origin.is_none() || connect.is_page();
        let is_role_ok = role == Role::Operator || self.front.nodes.auto_approve_local;
        self.peer.direct_local && is_page_ok && is_role_ok
    }

    /// A node of a network the operator trusts, on its first visit.
    fn is_trusted_node(&self, role: Role) -> bool {
        let networks = &self.front.nodes.auto_approve_networks;
        role == Role::Node
            && self.peer.origin.is_none()
            && networks
                .iter()
                .any(|network| network.contains(&self.peer.remote))
    }

    async fn pair(
        &self,
        connect: &Connect,
        role: Role,
        requested: ScopeSet,
        device: &ProvenDevice,
    ) -> Result<IssuedToken, Refusal> {
        let grant = self.devices.grant(&device.id, role).await?;
        let reason = match &grant {
            None => Some("not-paired"),
            Some(grant) if !grant.roles.contains(&role) => Some("role-upgrade"),
            Some(grant) if !grant.scopes.covers(requested) => Some("scope-upgrade"),
            Some(_) => None,
        };
        let reason = match reason {
            Some(reason) => reason,
            None => {
                self.renew_facts(connect, role, device).await?;
                match self.devices.token(&device.id, role).await? {
                    Some(token) => return Ok(token),
                    // Revoked since the grant was read: only a person lets it in again, whatever its network.
                    None => "role-upgrade",
                }
            }
        };
        let is_node_upgrade = reason == "role-upgrade" && role == Role::Node;
        let via = if self.is_silent(connect, role) && !is_node_upgrade {
            Some("silent")
        } else if reason == "not-paired" && self.is_trusted_node(role) {
            Some("trusted-cidr")
        } else {
            None
        };
        if let Some(via) = via {
            return Ok(self
                .devices
                .admit_unasked(device, role, requested, via)
                .await?);
        }
        Err(self.ask(connect, role, requested, device, reason).await?)
    }

    /// A device whose platform or family changed must be approved anew, unless it sits at this machine.
    async fn renew_facts(
        &self,
        connect: &Connect,
        role: Role,
        device: &ProvenDevice,
    ) -> Result<(), Refusal> {
        let Some(grant) = self.devices.grant(&device.id, role).await? else {
            return Ok(());
        };
        let known = &grant.facts;
        let changed = known.platform != device.facts.platform
            || known.device_family != device.facts.device_family;
        if !changed {
            return Ok(());
        }
        if self.is_silent(connect, role) {
            return Ok(self
                .devices
                .refresh_facts(&device.id, device.facts.clone())
                .await?);
        }
        Err(self
            .ask(connect, role, grant.scopes, device, "metadata-upgrade")
            .await?)
    }

    /// Leaves a request for people and tells the client so.
    async fn ask(
        &self,
        connect: &Connect,
        role: Role,
        requested: ScopeSet,
        device: &ProvenDevice,
        reason: &'static str,
    ) -> Result<Refusal, Problem> {
        let repair = reason != "not-paired";
        let request = self
            .devices
            .request(device, role, requested, repair)
            .await?;
        let (text, hint) = match reason {
            "role-upgrade" => (
                "device is asking for a higher role than currently approved",
                "Review the requested role upgrade, then approve the pending request.",
            ),
            "scope-upgrade" => (
                "device is asking for more scopes than currently approved",
                "Review the requested scopes, then approve the pending upgrade.",
            ),
            "metadata-upgrade" => (
                "device identity changed and must be re-approved",
                "Review the refreshed device details, then approve the pending request.",
            ),
            _ => (
                "device is not approved yet",
                "Approve this device from the pending pairing requests.",
            ),
        };
        let mut details = json!({
            "code": "PAIRING_REQUIRED",
            "reason": reason,
            "requestId": request.request_id,
            "remediationHint": hint,
            "deviceId": device.id.as_str(),
            "requestedRole": role.as_str(),
            "requestedScopes": requested.words(),
        });
        if repair && let Some(grant) = self.devices.grant(&device.id, role).await? {
            let roles: Vec<&str> = grant.roles.iter().map(|role| role.as_str()).collect();
            details["approvedRoles"] = json!(roles);
            details["approvedScopes"] = json!(grant.scopes.words());
        }
        let message = format!("pairing required: {text}");
        let close_reason = format!("{message} (requestId: {})", request.request_id);
        let mut error = WireError::new(NOT_PAIRED, message);
        if connect.is_page() {
            details["recommendedNextStep"] = json!("wait_then_retry");
            details["retryable"] = json!(true);
            details["pauseReconnect"] = json!(false);
            error.retryable = Some(true);
        }
        error.details = Some(Box::new(details));
        Ok(Refusal {
            error: Some(error),
            code: close::POLICY,
            reason: close_reason,
        })
    }
}
