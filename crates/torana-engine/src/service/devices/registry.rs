//! Paired devices: which there are, what was approved for them, what they say and what people call them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::auth::{Role, ScopeSet};
use torana_core::event::Event;
use torana_core::id::DeviceId;
use torana_core::problem::{Code, Problem};

use super::decisions::Decisions;
use super::scopes::scopes_of;
use crate::engine::Engine;
use crate::store::device::{self, DeviceFacts, DeviceRequest, DeviceRow};

/// Sightings kept before they are written; more devices than this at once are written early.
const SIGHTINGS_MAX: usize = 1_024;
/// Characters of a label a person gives.
pub const LABEL_CHARS_MAX: usize = 64;

/// What a device may do by what was approved for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Approved scopes.
    pub scopes: ScopeSet,
    /// Approved roles.
    pub roles: Vec<Role>,
    /// The stored facts.
    pub facts: DeviceFacts,
}

/// Devices. Cheap to clone.
#[derive(Clone)]
pub struct Devices {
    pub(super) engine: Engine,
    pub(super) install_key: Arc<[u8; 32]>,
    seen: Arc<Mutex<BTreeMap<String, i64>>>,
    pub(super) decisions: Decisions,
}

impl Devices {
    /// Devices of an installation.
    pub fn new(engine: Engine, install_key: [u8; 32]) -> Self {
        Self {
            engine,
            install_key: Arc::new(install_key),
            seen: Arc::default(),
            decisions: Decisions::default(),
        }
    }

    /// Waiting requests, oldest first, and paired devices, newest approval first.
    pub async fn list(&self) -> Result<(Vec<DeviceRequest>, Vec<DeviceRow>), Problem> {
        let now_ms = self.engine.world().wall_ms();
        let (requests, mut devices) = self
            .engine
            .read(move |connection| {
                Ok((
                    device::requests(connection, now_ms)?,
                    device::list(connection)?,
                ))
            })
            .await?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &mut devices {
            if let Some(at_ms) = seen.get(&row.device_id) {
                row.last_seen_at_ms = Some(*at_ms);
            }
        }
        Ok((requests, devices))
    }

    /// What was approved for a device; `None` when it is not paired.
    pub async fn grant(&self, id: &DeviceId, role: Role) -> Result<Option<Grant>, Problem> {
        let id = id.to_string();
        let row = self
            .engine
            .read(move |connection| device::get(connection, &id))
            .await?;
        Ok(row.map(|row| {
            let live = || {
                row.tokens
                    .iter()
                    .filter(|token| token.revoked_at_ms.is_none())
            };
            Grant {
                scopes: live()
                    .filter(|token| token.role == role.as_str())
                    .map(|token| scopes_of(&token.scopes))
                    .fold(ScopeSet::NONE, ScopeSet::union),
                roles: live()
                    .filter_map(|token| Role::parse(&token.role))
                    .collect(),
                facts: row.facts.clone(),
            }
        }))
    }

    /// Renews what a paired device says about itself.
    pub async fn refresh_facts(&self, id: &DeviceId, facts: DeviceFacts) -> Result<(), Problem> {
        let id = id.to_string();
        self.engine
            .write(move |connection| device::put_facts(connection, &id, &facts))
            .await
    }

    /// Tells that devices changed without a request.
    pub(super) fn changed(&self) {
        self.engine.bus().publish(Event::DevicesChanged);
    }

    /// Forgets a device.
    pub async fn remove(&self, device_id: &str) -> Result<(), Problem> {
        let id = device_id.to_owned();
        if self
            .engine
            .write(move |connection| device::remove(connection, &id))
            .await?
        {
            self.changed();
            Ok(())
        } else {
            Err(unknown_device())
        }
    }

    /// Gives a device a name.
    pub async fn rename(&self, device_id: &str, label: &str) -> Result<(), Problem> {
        let (id, label) = (device_id.to_owned(), label.to_owned());
        let renamed = self
            .engine
            .write(move |connection| device::rename(connection, &id, &label))
            .await?;
        if renamed {
            self.changed();
            Ok(())
        } else {
            Err(unknown_device())
        }
    }

    /// A device said hello. Written by [`Devices::flush_seen`]: a connect writes nothing durable.
    pub fn seen(&self, id: &DeviceId) {
        let at_ms = self.engine.world().wall_ms();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < SIGHTINGS_MAX || seen.contains_key(id.as_str()) {
            seen.insert(id.to_string(), at_ms);
        }
    }

    /// Writes the sightings since the last call.
    pub async fn flush_seen(&self) -> Result<(), Problem> {
        let sightings: Vec<(String, i64)> = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *seen).into_iter().collect()
        };
        if sightings.is_empty() {
            return Ok(());
        }
        self.engine
            .write(move |connection| device::seen(connection, &sightings))
            .await
    }
}

pub(super) fn unknown_device() -> Problem {
    Problem::new(Code::NotFound, "unknown deviceId")
}
