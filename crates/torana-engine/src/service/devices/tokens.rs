//! Tokens of devices: derived, verified, renewed and taken back.
//!
//! They are derived from the installation's key, so the store holds digests only and the same token can be handed out
//! again (decisions-control-and-agents 6).

use torana_core::auth::{self, Digest, Role, ScopeSet};
use torana_core::id::DeviceId;
use torana_core::problem::{Code, Problem};

use super::registry::{Devices, unknown_device};
use super::scopes::{beyond, scopes_of, too_much};
use crate::store::StoreError;
use crate::store::device::{self, DeviceRow, TokenRow};

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

impl Devices {
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
    pub(crate) async fn drop_role(&self, device_id: &str, role: Role) -> Result<(), Problem> {
        let id = device_id.to_owned();
        let found = self
            .engine
            .write(move |connection| {
                let found = device::remove_token(connection, &id, role)?;
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

    /// Starts a new generation of a grant, never one that was used: it begins anywhere, so that a device that is
    /// removed and paired again does not get the string back that was taken from it, and grows from there.
    pub(super) fn begin(
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

    pub(super) fn store_token(
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

    pub(super) fn derive(&self, row: &TokenRow) -> Option<IssuedToken> {
        let device = DeviceId::new(&row.device_id).ok()?;
        let role = Role::parse(&row.role)?;
        let generation = row.generation.unsigned_abs();
        Some(IssuedToken {
            token: auth::derive_device_token(&self.install_key, &device, role, generation),
            scopes: scopes_of(&row.scopes),
            issued_at_ms: row.rotated_at_ms.unwrap_or(row.created_at_ms),
        })
    }
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

/// The grant of a device for a role, unless it was taken back.
pub(super) fn live_token(row: &DeviceRow, role: Role) -> Option<&TokenRow> {
    row.tokens
        .iter()
        .find(|token| token.role == role.as_str() && token.revoked_at_ms.is_none())
}

/// Quirk: OpenClaw 2026.9.6 says the same of a device it does not know, a role it never had and scopes it may not have.
fn rotation_denied() -> Problem {
    Problem::new(Code::NotFound, "device token rotation denied")
}
