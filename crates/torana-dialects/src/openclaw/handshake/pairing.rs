//! Pairing: devices that may come in unasked, and requests that wait for a person.

use serde_json::json;
use torana_core::auth::{Role, ScopeSet};
use torana_core::problem::Problem;
use torana_engine::service::devices::{IssuedToken, ProvenDevice};

use super::doorkeeper::Doorkeeper;
use super::refusal::Refusal;
use crate::openclaw::connect::Connect;
use crate::openclaw::error::{NOT_PAIRED, WireError};
use crate::openclaw::quirks::close;

impl Doorkeeper<'_> {
    /// The token of a device that came with the shared secret: it is paired already, or may be at once, or a person is
    /// asked.
    pub(super) async fn pair(
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
    pub(super) async fn renew_facts(
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
        let (text, hint) = asked_words(reason);
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

/// What a client is told of its request, and what people are to do with it.
fn asked_words(reason: &str) -> (&'static str, &'static str) {
    match reason {
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
    }
}
