//! A connected device asks for more scopes than it has, and waits for a person's decision.
//!
//! The request is an ordinary pairing request: whoever approves it must hold what it asks for (S-008), and until then
//! the old grant goes on working.

use torana_core::auth::{PublicKey, Role, ScopeSet};
use torana_core::id::DeviceId;
use torana_core::problem::Problem;

use super::pairing::{ProvenDevice, not_found};
use super::registry::Devices;
use super::scopes::scopes_of;
use super::tokens::IssuedToken;
use crate::store::device;
use crate::store::device::DeviceRequest;

/// What came of a request for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// The device has it now.
    Approved(IssuedToken),
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl Devices {
    /// A paired device asks for scopes beside those it has.
    pub async fn ask_for_more(
        &self,
        device_id: &DeviceId,
        scopes: ScopeSet,
    ) -> Result<DeviceRequest, Problem> {
        if scopes.is_empty() {
            return Err(Problem::invalid(
                "scopes must name at least one known scope",
            ));
        }
        let id = device_id.to_string();
        let row = self
            .engine
            .read(move |connection| device::get(connection, &id))
            .await?
            .ok_or_else(|| Problem::invalid("this device is not paired"))?;
        let key = PublicKey::parse(&row.public_key)
            .ok_or_else(|| Problem::invalid("this device is not paired"))?;
        let proven = ProvenDevice {
            id: device_id.clone(),
            key,
            facts: row.facts,
        };
        self.request(&proven, Role::Operator, scopes, true).await
    }

    /// Waits until a request of this device is decided or too old. Another device's request is unknown.
    pub async fn wait_for_more(
        &self,
        device_id: &DeviceId,
        request_id: &str,
    ) -> Result<Upgrade, Problem> {
        let mut bell = self.decisions.bell.subscribe();
        let id = request_id.to_owned();
        let known = self
            .engine
            .read(move |connection| device::any_request(connection, &id))
            .await?;
        if known
            .as_ref()
            .is_some_and(|request| request.device_id != device_id.as_str())
        {
            return Err(not_found());
        }
        let world = self.engine.world();
        loop {
            if let Some(approved) = self.decisions.of(request_id) {
                return self.decided(device_id, known.as_ref(), approved).await;
            }
            let Some(request) = &known else {
                return Err(not_found());
            };
            let left_ms = request.expires_at_ms.saturating_sub(world.wall_ms());
            let Ok(left_ms) = u64::try_from(left_ms) else {
                return Ok(Upgrade::Expired);
            };
            if left_ms == 0 {
                return Ok(Upgrade::Expired);
            }
            tokio::select! {
                changed = bell.changed() => {
                    if changed.is_err() {
                        return Ok(Upgrade::Expired);
                    }
                }
                () = world.sleep_ms(left_ms) => {}
            }
        }
    }

    async fn decided(
        &self,
        device_id: &DeviceId,
        request: Option<&DeviceRequest>,
        approved: bool,
    ) -> Result<Upgrade, Problem> {
        if !approved {
            return Ok(Upgrade::Rejected);
        }
        let token = self.token(device_id, Role::Operator).await?;
        // A token that does not hold what was asked for belongs to another device's request.
        let is_ours = |token: &IssuedToken| {
            request.is_none_or(|request| token.scopes.covers(scopes_of(&request.scopes)))
        };
        match token.filter(is_ours) {
            Some(token) => Ok(Upgrade::Approved(token)),
            None => Err(not_found()),
        }
    }
}
