//! How devices come in: by a request that a person decides, or at once where that is allowed.
//!
//! No operation gives more than its caller holds (S-008).

use torana_core::auth::{PublicKey, Role, ScopeSet};
use torana_core::event::Event;
use torana_core::id::DeviceId;
use torana_core::limit::DEVICE_PENDING_MS;
use torana_core::problem::{Code, Problem};

use super::registry::Devices;
use super::scopes::{beyond, scopes_of, too_much};
use super::tokens::{IssuedToken, live_token};
use crate::store::StoreError;
use crate::store::device::{self, DeviceFacts, DeviceRequest, DeviceRow, TokenRow};
use crate::store::node;

/// A device that proved its key.
#[derive(Debug, Clone)]
pub struct ProvenDevice {
    /// Its fingerprint.
    pub id: DeviceId,
    /// Its key.
    pub key: PublicKey,
    /// What it says about itself.
    pub facts: DeviceFacts,
}

impl Devices {
    /// Asks people to let a device in. An equal live request is returned instead of a second one.
    pub async fn request(
        &self,
        proven: &ProvenDevice,
        role: Role,
        scopes: ScopeSet,
        repair: bool,
    ) -> Result<DeviceRequest, Problem> {
        let world = self.engine.world();
        let (now_ms, request_id) = (world.wall_ms(), world.uuid());
        let proven = proven.clone();
        let device_id = proven.id.clone();
        let (request, fresh) = self
            .engine
            .write(move |connection| {
                let known =
                    device::request_of(connection, proven.id.as_str(), role.as_str(), now_ms)?;
                if let Some(known) = known.filter(|known| scopes_of(&known.scopes) == scopes) {
                    return Ok((known, false));
                }
                let request = DeviceRequest {
                    request_id,
                    device_id: proven.id.to_string(),
                    public_key: proven.key.to_text(),
                    role: role.as_str().to_owned(),
                    scopes: scopes.to_string(),
                    facts: proven.facts,
                    repair,
                    created_at_ms: now_ms,
                    expires_at_ms: now_ms.saturating_add(DEVICE_PENDING_MS),
                };
                device::put_request(connection, &request)?;
                Ok((request, true))
            })
            .await?;
        if fresh {
            let request_id = request.request_id.clone();
            self.engine.bus().publish(Event::DevicePairRequested {
                request_id,
                device: device_id,
            });
        }
        Ok(request)
    }

    /// A live request.
    pub async fn waiting(&self, request_id: &str) -> Result<Option<DeviceRequest>, Problem> {
        let (id, now_ms) = (request_id.to_owned(), self.engine.world().wall_ms());
        self.engine
            .read(move |connection| device::request(connection, &id, now_ms))
            .await
    }

    /// Lets a device in with what it asked for; the caller must hold all of it. A request is decided once: what was
    /// refused or withdrawn meanwhile is unknown.
    pub async fn approve(&self, request_id: &str, caller: ScopeSet) -> Result<DeviceRow, Problem> {
        let (this, id) = (self.clone(), request_id.to_owned());
        let now_ms = self.engine.world().wall_ms();
        let decided = self
            .engine
            .write(move |connection| this.approve_in(connection, &id, caller, now_ms))
            .await?;
        match decided {
            Decided::Unknown => Err(not_found()),
            Decided::TooMuch(missing) => Err(too_much(missing)),
            Decided::Paired(device, row) => {
                self.resolved(request_id, &device, true);
                Ok(*row)
            }
        }
    }

    fn approve_in(
        &self,
        connection: &rusqlite::Connection,
        request_id: &str,
        caller: ScopeSet,
        now_ms: i64,
    ) -> Result<Decided, StoreError> {
        let Some(request) = device::request(connection, request_id, now_ms)? else {
            return Ok(Decided::Unknown);
        };
        let scopes = scopes_of(&request.scopes);
        let (Some(role), Some(key)) = (
            Role::parse(&request.role),
            PublicKey::parse(&request.public_key),
        ) else {
            return Ok(Decided::Unknown);
        };
        // Approving adds to what the device has, so the caller must hold what it has afterwards (S-008). The commands a
        // node lends are approved for themselves, and those that execute only by an administrator.
        let row = device::get(connection, key.device_id().as_str())?;
        let held = row.as_ref().and_then(|row| live_token(row, role));
        let resulting = held.map_or(scopes, |held| scopes_of(&held.scopes).union(scopes));
        if !caller.covers(resulting) {
            return Ok(Decided::TooMuch(beyond(resulting, caller)));
        }
        let proven = ProvenDevice {
            id: key.device_id(),
            key,
            facts: request.facts,
        };
        self.admit_in(connection, &proven, role, scopes, "owner")?;
        device::remove_request(connection, request_id)?;
        Ok(match device::get(connection, proven.id.as_str())? {
            Some(row) => Decided::Paired(proven.id, Box::new(row)),
            None => Decided::Unknown,
        })
    }

    /// Refuses a request. Returns the device.
    pub async fn reject(&self, request_id: &str) -> Result<String, Problem> {
        let (id, now_ms) = (request_id.to_owned(), self.engine.world().wall_ms());
        let request = self
            .engine
            .write(move |connection| {
                let request = device::request(connection, &id, now_ms)?;
                if request.is_some() {
                    device::remove_request(connection, &id)?;
                }
                Ok(request)
            })
            .await?
            .ok_or_else(not_found)?;
        let device = DeviceId::new(&request.device_id)
            .map_err(|error| Problem::invalid(error.to_string()))?;
        self.resolved(request_id, &device, false);
        Ok(request.device_id)
    }

    fn resolved(&self, request_id: &str, device: &DeviceId, approved: bool) {
        self.decisions.note(request_id, approved);
        let request_id = request_id.to_owned();
        self.engine.bus().publish(Event::DevicePairResolved {
            request_id,
            device: device.clone(),
            approved,
        });
    }

    /// Pairs a device, or widens what it has, and returns its token. Whoever calls has decided that this is allowed.
    pub async fn admit(
        &self,
        proven: &ProvenDevice,
        role: Role,
        scopes: ScopeSet,
        via: &'static str,
    ) -> Result<IssuedToken, Problem> {
        let (this, proven) = (self.clone(), proven.clone());
        let row = self
            .engine
            .write(move |connection| this.admit_in(connection, &proven, role, scopes, via))
            .await?;
        self.derive(&row)
            .ok_or_else(|| Problem::new(Code::Internal, "the stored device token is unreadable"))
    }

    /// The same within a transaction that decides more.
    fn admit_in(
        &self,
        connection: &rusqlite::Connection,
        proven: &ProvenDevice,
        role: Role,
        scopes: ScopeSet,
        via: &'static str,
    ) -> Result<TokenRow, StoreError> {
        let at_ms = self.engine.world().wall_ms();
        let old = device::get(connection, proven.id.as_str())?;
        let had = old.as_ref().and_then(|old| live_token(old, role));
        let wider = had
            .map_or(ScopeSet::NONE, |token| scopes_of(&token.scopes))
            .union(scopes);
        let is_known = old.as_ref().is_some_and(|old| old.facts == proven.facts);
        if let Some(token) = had.filter(|token| is_known && scopes_of(&token.scopes) == wider) {
            return Ok(token.clone());
        }
        if had.is_none() && role == Role::Node {
            // What was approved belonged to a grant that was taken away (S-008).
            node::disapprove(connection, proven.id.as_str())?;
        }
        device::put(
            connection,
            &DeviceRow {
                device_id: proven.id.to_string(),
                public_key: proven.key.to_text(),
                facts: proven.facts.clone(),
                label: None,
                approved_via: via.to_owned(),
                created_at_ms: at_ms,
                approved_at_ms: at_ms,
                last_seen_at_ms: Some(at_ms),
                tokens: Vec::new(),
            },
        )?;
        let revoked = old
            .as_ref()
            .and_then(|old| old.tokens.iter().find(|token| token.role == role.as_str()));
        match had {
            Some(token) => {
                // Wider scopes keep the token: its string does not depend on them.
                let row = TokenRow {
                    scopes: wider.to_string(),
                    ..token.clone()
                };
                self.store_token(connection, row)
            }
            None => self.begin(
                connection,
                proven.id.as_str(),
                role,
                wider,
                revoked.cloned(),
                at_ms,
            ),
        }
    }

    /// Pairs a device that needs no person's decision, and tells whoever watches.
    pub async fn admit_unasked(
        &self,
        proven: &ProvenDevice,
        role: Role,
        scopes: ScopeSet,
        via: &'static str,
    ) -> Result<IssuedToken, Problem> {
        let token = self.admit(proven, role, scopes, via).await?;
        let request_id = self.engine.world().uuid();
        self.engine.bus().publish(Event::DevicePairResolved {
            request_id,
            device: proven.id.clone(),
            approved: true,
        });
        Ok(token)
    }

    /// A device was set up with a code; `record` notes it before anybody is told.
    pub fn set_up(&self, device: &DeviceId, setup_id: &str, record: impl FnOnce()) {
        record();
        self.engine.bus().publish(Event::DeviceSetUp {
            setup_id: setup_id.to_owned(),
            device: device.clone(),
        });
    }
}

/// What came of an approval.
enum Decided {
    /// There is no such request (any more).
    Unknown,
    /// The caller lacks these scopes.
    TooMuch(ScopeSet),
    /// The device is in.
    Paired(DeviceId, Box<DeviceRow>),
}

pub(super) fn not_found() -> Problem {
    Problem::new(Code::NotFound, "unknown requestId")
}
