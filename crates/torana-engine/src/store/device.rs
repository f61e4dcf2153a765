//! Paired devices, the grants behind their tokens, and devices that wait for an approval.
//!
//! A token is never stored: only its digest and the generation it is derived from.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use torana_core::auth::Role;
use torana_core::limit::DEVICE_PENDING_MAX;

use super::StoreError;

/// What a device says about itself. For people; nothing here authorises anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceFacts {
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Phone, tablet, desktop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// Program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How the program is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    /// Address it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
}

/// A grant of a device for one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The device.
    pub device_id: String,
    /// Role word.
    pub role: String,
    /// Scope words, comma separated.
    pub scopes: String,
    /// Input of the derivation; grows with every rotation and is never used twice.
    pub generation: i64,
    /// Hex SHA-256 of the token.
    pub digest: String,
    /// First issue, Unix milliseconds.
    pub created_at_ms: i64,
    /// Last rotation, Unix milliseconds.
    pub rotated_at_ms: Option<i64>,
    /// Revocation, Unix milliseconds.
    pub revoked_at_ms: Option<i64>,
}

/// A paired device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Fingerprint of the key.
    pub device_id: String,
    /// The key, base64url.
    pub public_key: String,
    /// What it says about itself.
    pub facts: DeviceFacts,
    /// Name given by a person.
    pub label: Option<String>,
    /// `silent`, `owner` or `bootstrap`.
    pub approved_via: String,
    /// First pairing, Unix milliseconds.
    pub created_at_ms: i64,
    /// Last approval, Unix milliseconds.
    pub approved_at_ms: i64,
    /// Last hello, Unix milliseconds.
    pub last_seen_at_ms: Option<i64>,
    /// Its grants.
    pub tokens: Vec<TokenRow>,
}

/// A device that waits for an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// Its id.
    pub request_id: String,
    /// The device.
    pub device_id: String,
    /// The key, base64url.
    pub public_key: String,
    /// Role word.
    pub role: String,
    /// Scope words, comma separated.
    pub scopes: String,
    /// What it says about itself.
    pub facts: DeviceFacts,
    /// The device is paired already and asks for more.
    pub repair: bool,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
}

fn tokens_of(connection: &Connection, device_id: &str) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT device_id, role, scopes, generation, digest, created_at, rotated_at, revoked_at
         FROM device_token WHERE device_id = ?1 ORDER BY role",
    )?;
    let rows = statement.query_map([device_id], |row| {
        Ok(TokenRow {
            device_id: row.get(0)?,
            role: row.get(1)?,
            scopes: row.get(2)?,
            generation: row.get(3)?,
            digest: row.get(4)?,
            created_at_ms: row.get(5)?,
            rotated_at_ms: row.get(6)?,
            revoked_at_ms: row.get(7)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const DEVICE: &str =
    "device_id, public_key, facts_json, label, approved_via, created_at, approved_at, last_seen_at";

fn read_device(connection: &Connection, row: &Row<'_>) -> Result<DeviceRow, StoreError> {
    let device_id: String = row.get(0)?;
    let facts: String = row.get(2)?;
    Ok(DeviceRow {
        tokens: tokens_of(connection, &device_id)?,
        device_id,
        public_key: row.get(1)?,
        facts: serde_json::from_str(&facts)?,
        label: row.get(3)?,
        approved_via: row.get(4)?,
        created_at_ms: row.get(5)?,
        approved_at_ms: row.get(6)?,
        last_seen_at_ms: row.get(7)?,
    })
}

/// A paired device with its grants.
pub(crate) fn get(
    connection: &Connection,
    device_id: &str,
) -> Result<Option<DeviceRow>, StoreError> {
    let sql = format!("SELECT {DEVICE} FROM device WHERE device_id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([device_id])?;
    rows.next()?
        .map(|row| read_device(connection, row))
        .transpose()
}

/// All paired devices, newest approval first.
pub(crate) fn list(connection: &Connection) -> Result<Vec<DeviceRow>, StoreError> {
    let sql = format!("SELECT {DEVICE} FROM device ORDER BY approved_at DESC, device_id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_device(connection, row)?);
    }
    Ok(found)
}

/// Stores a device, or renews its key, facts and approval. The label a person gave stays.
pub(crate) fn put(connection: &Connection, device: &DeviceRow) -> Result<(), StoreError> {
    let facts = serde_json::to_string(&device.facts)?;
    connection
        .prepare_cached(
            "INSERT INTO device (device_id, public_key, facts_json, label, approved_via, created_at, approved_at, last_seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (device_id) DO UPDATE SET public_key = excluded.public_key, facts_json = excluded.facts_json,
               approved_via = excluded.approved_via, approved_at = excluded.approved_at",
        )?
        .execute(params![
            device.device_id,
            device.public_key,
            facts,
            device.label,
            device.approved_via,
            device.created_at_ms,
            device.approved_at_ms,
            device.last_seen_at_ms
        ])?;
    Ok(())
}

/// Renews what a device says about itself.
pub(crate) fn put_facts(
    connection: &Connection,
    device_id: &str,
    facts: &DeviceFacts,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE device SET facts_json = ?2 WHERE device_id = ?1")?
        .execute(params![device_id, serde_json::to_string(facts)?])?;
    Ok(())
}

/// Gives a device a name. `false` when it is not paired.
pub(crate) fn rename(
    connection: &Connection,
    device_id: &str,
    label: &str,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("UPDATE device SET label = ?2 WHERE device_id = ?1")?
        .execute(params![device_id, label])?
        == 1)
}

/// Forgets a device, its grants and its requests. `false` when it was not paired.
pub(crate) fn remove(connection: &Connection, device_id: &str) -> Result<bool, StoreError> {
    connection
        .prepare_cached("DELETE FROM device_token WHERE device_id = ?1")?
        .execute([device_id])?;
    connection
        .prepare_cached("DELETE FROM device_request WHERE device_id = ?1")?
        .execute([device_id])?;
    Ok(connection
        .prepare_cached("DELETE FROM device WHERE device_id = ?1")?
        .execute([device_id])?
        == 1)
}

/// Forgets the grant of a device for a role, also one that was taken back.
pub(crate) fn remove_token(
    connection: &Connection,
    device_id: &str,
    role: Role,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("DELETE FROM device_token WHERE device_id = ?1 AND role = ?2")?
        .execute([device_id, role.as_str()])?
        == 1)
}

/// Records when devices were last seen.
pub(crate) fn seen(connection: &Connection, sightings: &[(String, i64)]) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("UPDATE device SET last_seen_at = ?2 WHERE device_id = ?1")?;
    for (device_id, at_ms) in sightings {
        statement.execute(params![device_id, at_ms])?;
    }
    Ok(())
}

/// Stores or replaces the grant of a device for a role.
pub(crate) fn put_token(connection: &Connection, token: &TokenRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO device_token (device_id, role, scopes, generation, digest, created_at, rotated_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            token.device_id,
            token.role,
            token.scopes,
            token.generation,
            token.digest,
            token.created_at_ms,
            token.rotated_at_ms,
            token.revoked_at_ms
        ])?;
    Ok(())
}

const REQUEST: &str =
    "request_id, device_id, public_key, role, scopes, facts_json, repair, created_at, expires_at";

fn read_request(row: &Row<'_>) -> Result<DeviceRequest, StoreError> {
    let facts: String = row.get(5)?;
    Ok(DeviceRequest {
        request_id: row.get(0)?,
        device_id: row.get(1)?,
        public_key: row.get(2)?,
        role: row.get(3)?,
        scopes: row.get(4)?,
        facts: serde_json::from_str(&facts)?,
        repair: row.get(6)?,
        created_at_ms: row.get(7)?,
        expires_at_ms: row.get(8)?,
    })
}

/// Live requests, oldest first.
pub(crate) fn requests(
    connection: &Connection,
    now_ms: i64,
) -> Result<Vec<DeviceRequest>, StoreError> {
    let sql = format!(
        "SELECT {REQUEST} FROM device_request WHERE expires_at > ?1 ORDER BY created_at, request_id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([now_ms])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_request(row)?);
    }
    Ok(found)
}

/// A live request.
pub(crate) fn request(
    connection: &Connection,
    request_id: &str,
    now_ms: i64,
) -> Result<Option<DeviceRequest>, StoreError> {
    let sql =
        format!("SELECT {REQUEST} FROM device_request WHERE request_id = ?1 AND expires_at > ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![request_id, now_ms])?;
    rows.next()?.map(read_request).transpose()
}

/// A request, live or not; expired ones go with the next new one.
pub(crate) fn any_request(
    connection: &Connection,
    request_id: &str,
) -> Result<Option<DeviceRequest>, StoreError> {
    request(connection, request_id, i64::MIN)
}

/// The live request of a device for a role.
pub(crate) fn request_of(
    connection: &Connection,
    device_id: &str,
    role: &str,
    now_ms: i64,
) -> Result<Option<DeviceRequest>, StoreError> {
    let sql = format!(
        "SELECT {REQUEST} FROM device_request WHERE device_id = ?1 AND role = ?2 AND expires_at > ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![device_id, role, now_ms])?;
    rows.next()?.map(read_request).transpose()
}

/// Stores a request; one per device and role, expired ones go, and the oldest go above the bound (S-045).
pub(crate) fn put_request(
    connection: &Connection,
    request: &DeviceRequest,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM device_request WHERE expires_at <= ?1 OR (device_id = ?2 AND role = ?3)",
        )?
        .execute(params![
            request.created_at_ms,
            request.device_id,
            request.role
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO device_request (request_id, device_id, public_key, role, scopes, facts_json, repair, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            request.request_id,
            request.device_id,
            request.public_key,
            request.role,
            request.scopes,
            serde_json::to_string(&request.facts)?,
            request.repair,
            request.created_at_ms,
            request.expires_at_ms
        ])?;
    let keep = i64::try_from(DEVICE_PENDING_MAX).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM device_request WHERE request_id NOT IN
               (SELECT request_id FROM device_request ORDER BY created_at DESC, request_id DESC LIMIT ?1)",
        )?
        .execute([keep])?;
    Ok(())
}

/// Removes a request. `false` when it was not there.
pub(crate) fn remove_request(
    connection: &Connection,
    request_id: &str,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("DELETE FROM device_request WHERE request_id = ?1")?
        .execute([request_id])?
        == 1)
}
