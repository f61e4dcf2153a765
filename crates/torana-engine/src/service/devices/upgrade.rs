//! A connected device asks for more scopes than it has, and waits for a person's decision.
//!
//! The request is an ordinary pairing request: whoever approves it must hold what it asks for (S-008), and until then
//! the old grant goes on working.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use torana_core::auth::{PublicKey, Role, ScopeSet};
use torana_core::id::DeviceId;
use torana_core::problem::Problem;

use super::pairing::{ProvenDevice, not_found};
use super::registry::Devices;
use super::scopes::scopes_of;
use super::tokens::IssuedToken;
use crate::store::device::{self, DeviceRequest};

/// Decisions remembered for whoever asks after them; far above the requests that can wait at once.
const DECISIONS_MAX: usize = 256;

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

/// The last decisions, and a bell for those who wait for one.
#[derive(Clone)]
pub(super) struct Decisions {
    last: Arc<Mutex<VecDeque<(String, bool)>>>,
    bell: watch::Sender<u64>,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            last: Arc::default(),
            bell: watch::Sender::new(0),
        }
    }
}

impl Decisions {
    /// Remembers a decision and wakes those who wait.
    pub(super) fn note(&self, request_id: &str, approved: bool) {
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.len() >= DECISIONS_MAX {
                last.pop_front();
            }
            last.push_back((request_id.to_owned(), approved));
        }
        self.bell.send_modify(|count| *count += 1);
    }

    fn of(&self, request_id: &str) -> Option<bool> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter()
            .rev()
            .find(|(id, _)| id == request_id)
            .map(|(_, approved)| *approved)
    }
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
