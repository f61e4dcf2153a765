//! Paired devices, their tokens, and requests that wait.
//!
//! Tokens are derived from the installation's key, so the store holds digests only and the same token can be handed
//! out again (decisions-control-and-agents 6). No operation gives more than its caller holds (S-008).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use torana_core::auth::{self, Digest, PublicKey, Role, Scope, ScopeSet};
use torana_core::event::Event;
use torana_core::id::DeviceId;
use torana_core::limit::DEVICE_PENDING_MS;
use torana_core::problem::{Code, Problem};

use super::upgrade::Decisions;
use crate::engine::Engine;
use crate::store::StoreError;
use crate::store::device::{self, DeviceFacts, DeviceRequest, DeviceRow, TokenRow};

/// Sightings kept before they are written; more devices than this at once are written early.
const SIGHTINGS_MAX: usize = 1_024;
/// Characters of a label a person gives.
pub const LABEL_CHARS_MAX: usize = 64;

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

/// A token, ready to be handed to its device.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token; a credential.
    pub token: String,
    /// What it grants.
    pub scopes: ScopeSet,
    /// When this generation began, Unix milliseconds.
    pub issued_at_ms: i64,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "IssuedToken(…, {})", self.scopes)
    }
}

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
    install_key: Arc<[u8; 32]>,
    seen: Arc<Mutex<BTreeMap<String, i64>>>,
    pub(super) decisions: Decisions,
}

pub(super) fn scopes_of(words: &str) -> ScopeSet {
    ScopeSet::parse(words.split(','))
}

pub(super) fn not_found() -> Problem {
    Problem::new(Code::NotFound, "unknown requestId")
}

/// The caller lacks these scopes; the first is named as clients expect it.
pub(crate) fn too_much(missing: ScopeSet) -> Problem {
    let words = missing.words();
    let first = words.first().copied().unwrap_or(Scope::Admin.as_str());
    Problem::new(Code::MissingScope, format!("missing scope: {first}"))
        .details(serde_json::json!({ "missingScope": first, "requiredScopes": words }))
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

    fn derive(&self, row: &TokenRow) -> Option<IssuedToken> {
        let device = DeviceId::new(&row.device_id).ok()?;
        let role = Role::parse(&row.role)?;
        let generation = row.generation.unsigned_abs();
        Some(IssuedToken {
            token: auth::derive_device_token(&self.install_key, &device, role, generation),
            scopes: scopes_of(&row.scopes),
            issued_at_ms: row.rotated_at_ms.unwrap_or(row.created_at_ms),
        })
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

    /// What a token grants its device; `None` when it is wrong, revoked, or another device's.
    pub async fn verify_token(
        &self,
        id: &DeviceId,
        role: Role,
        token: &str,
    ) -> Result<Option<ScopeSet>, Problem> {
        let presented = auth::digest(token);
        let id = id.to_string();
        let row = self
            .engine
            .read(move |connection| device::get(connection, &id))
            .await?;
        let tokens = row.map(|row| row.tokens).unwrap_or_default();
        Ok(tokens
            .iter()
            .find(|row| row.role == role.as_str() && row.revoked_at_ms.is_none())
            .filter(|row| Digest::from_hex(&row.digest).is_some_and(|stored| stored == presented))
            .map(|row| scopes_of(&row.scopes)))
    }

    /// What a token grants whoever carries it over HTTP, where no device proves itself.
    pub async fn verify_bearer(&self, token: &str) -> Result<Option<ScopeSet>, Problem> {
        let presented = auth::digest(token);
        let devices = self.engine.read(device::list).await?;
        Ok(devices
            .iter()
            .flat_map(|row| &row.tokens)
            .filter(|row| row.role == Role::Operator.as_str() && row.revoked_at_ms.is_none())
            .find(|row| Digest::from_hex(&row.digest).is_some_and(|stored| stored == presented))
            .map(|row| scopes_of(&row.scopes)))
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

    /// Starts a new generation of a grant, never one that was used: it begins anywhere, so that a device that is
    /// removed and paired again does not get the string back that was taken from it, and grows from there.
    fn begin(
        &self,
        connection: &rusqlite::Connection,
        device_id: &str,
        role: Role,
        scopes: ScopeSet,
        previous: Option<TokenRow>,
        at_ms: i64,
    ) -> Result<TokenRow, StoreError> {
        let row = match previous {
            Some(row) => TokenRow {
                scopes: scopes.to_string(),
                generation: at_ms.max(row.generation + 1),
                rotated_at_ms: Some(at_ms),
                revoked_at_ms: None,
                ..row
            },
            None => TokenRow {
                device_id: device_id.to_owned(),
                role: role.as_str().to_owned(),
                scopes: scopes.to_string(),
                generation: self.first_generation(),
                digest: String::new(),
                created_at_ms: at_ms,
                rotated_at_ms: None,
                revoked_at_ms: None,
            },
        };
        self.store_token(connection, row)
    }

    /// 62 random bits: no two first generations are equal, and there is room to grow.
    fn first_generation(&self) -> i64 {
        let mut bytes = [0; 8];
        self.engine.world().entropy.fill(&mut bytes);
        i64::from_le_bytes(bytes) & (i64::MAX >> 1)
    }

    fn store_token(
        &self,
        connection: &rusqlite::Connection,
        mut row: TokenRow,
    ) -> Result<TokenRow, StoreError> {
        let issued = self
            .derive(&row)
            .ok_or_else(|| StoreError::Database("a device id is unreadable".to_owned()))?;
        row.digest = auth::digest(&issued.token).to_hex();
        device::put_token(connection, &row)?;
        Ok(row)
    }

    /// The live token of a paired device; `None` when it has none for the role.
    pub async fn token(&self, id: &DeviceId, role: Role) -> Result<Option<IssuedToken>, Problem> {
        let id = id.to_string();
        let row = self
            .engine
            .read(move |connection| device::get(connection, &id))
            .await?;
        Ok(row
            .as_ref()
            .and_then(|row| live_token(row, role))
            .and_then(|row| self.derive(row)))
    }

    /// Renews what a paired device says about itself.
    pub async fn refresh_facts(&self, id: &DeviceId, facts: DeviceFacts) -> Result<(), Problem> {
        let id = id.to_string();
        self.engine
            .write(move |connection| device::put_facts(connection, &id, &facts))
            .await
    }

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
        // Approving adds to what the device has, so the caller must hold what it has afterwards (S-008).
        let row = device::get(connection, key.device_id().as_str())?;
        let held = row.as_ref().and_then(|row| live_token(row, role));
        let resulting = held.map_or(scopes, |held| scopes_of(&held.scopes).union(scopes));
        if !caller.covers(resulting) {
            return Ok(Decided::TooMuch(beyond(resulting, caller)));
        }
        // A node lends commands of its device to agents, so letting one in is an administrator's decision.
        if role == Role::Node && !caller.allows(Scope::Admin) {
            return Ok(Decided::TooMuch(ScopeSet::NONE.with(Scope::Admin)));
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

    /// Replaces the token of a device; the old string is dead at once. Scopes can only shrink, and to no more than the
    /// caller holds.
    pub async fn rotate(
        &self,
        device_id: &str,
        role: Role,
        scopes: Option<ScopeSet>,
        caller: ScopeSet,
    ) -> Result<IssuedToken, Problem> {
        let at_ms = self.engine.world().wall_ms();
        let (this, id) = (self.clone(), device_id.to_owned());
        // One transaction: a grant that was revoked meanwhile does not come back.
        let row = self
            .engine
            .write(move |connection| {
                let row = device::get(connection, &id)?;
                let Some(had) = row.as_ref().and_then(|row| live_token(row, role)) else {
                    return Ok(Err(rotation_denied()));
                };
                let granted = scopes_of(&had.scopes);
                let wanted = scopes.unwrap_or(granted);
                if !granted.covers(wanted) {
                    return Ok(Err(rotation_denied()));
                }
                if !caller.covers(wanted) {
                    return Ok(Err(too_much(beyond(wanted, caller))));
                }
                this.begin(connection, &id, role, wanted, Some(had.clone()), at_ms)
                    .map(Ok)
            })
            .await??;
        self.changed();
        self.derive(&row).ok_or_else(rotation_denied)
    }

    /// Takes the grant of a device away. The generation stays, so that a later grant gets another token.
    pub async fn revoke(&self, device_id: &str, role: Role) -> Result<i64, Problem> {
        let at_ms = self.engine.world().wall_ms();
        let id = device_id.to_owned();
        let found = self
            .engine
            .write(move |connection| revoke_in(connection, &id, role, at_ms))
            .await?;
        if found {
            self.changed();
            Ok(at_ms)
        } else {
            Err(Problem::new(
                Code::NotFound,
                "device token revocation denied",
            ))
        }
    }

    /// Takes a role from a device; a device without any role left is forgotten.
    pub async fn drop_role(&self, device_id: &str, role: Role) -> Result<(), Problem> {
        let at_ms = self.engine.world().wall_ms();
        let id = device_id.to_owned();
        let found = self
            .engine
            .write(move |connection| {
                let found = revoke_in(connection, &id, role, at_ms)?;
                let row = device::get(connection, &id)?;
                let is_live = |token: &TokenRow| token.revoked_at_ms.is_none();
                if found && row.is_some_and(|row| !row.tokens.iter().any(is_live)) {
                    device::remove(connection, &id)?;
                }
                Ok(found)
            })
            .await?;
        if found {
            self.changed();
            Ok(())
        } else {
            Err(unknown_device())
        }
    }

    /// Tells that devices changed without a request.
    fn changed(&self) {
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

/// What came of an approval.
enum Decided {
    /// There is no such request (any more).
    Unknown,
    /// The caller lacks these scopes.
    TooMuch(ScopeSet),
    /// The device is in.
    Paired(DeviceId, Box<DeviceRow>),
}

/// Scopes that a caller lacks.
fn beyond(scopes: ScopeSet, caller: ScopeSet) -> ScopeSet {
    scopes
        .iter()
        .filter(|scope| !caller.allows(*scope))
        .collect()
}

/// `false` when there is no live grant for the role.
fn revoke_in(
    connection: &rusqlite::Connection,
    device_id: &str,
    role: Role,
    at_ms: i64,
) -> Result<bool, StoreError> {
    let row = device::get(connection, device_id)?;
    let Some(token) = row.as_ref().and_then(|row| live_token(row, role)) else {
        return Ok(false);
    };
    device::put_token(
        connection,
        &TokenRow {
            revoked_at_ms: Some(at_ms),
            ..token.clone()
        },
    )?;
    Ok(true)
}

fn live_token(row: &DeviceRow, role: Role) -> Option<&TokenRow> {
    row.tokens
        .iter()
        .find(|token| token.role == role.as_str() && token.revoked_at_ms.is_none())
}

fn unknown_device() -> Problem {
    Problem::new(Code::NotFound, "unknown deviceId")
}

/// Quirk: OpenClaw 2026.9.6 says the same of a device it does not know, a role it never had and scopes it may not have.
fn rotation_denied() -> Problem {
    Problem::new(Code::NotFound, "device token rotation denied")
}
