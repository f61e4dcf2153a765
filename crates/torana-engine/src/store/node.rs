//! Nodes: what each one offers, what of it a person approved, the offer that waits, and work for nodes that sleep.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use torana_core::auth::Surface;
use torana_core::limit::{DEVICE_PENDING_MAX, NODE_WORK_ALL_MAX, NODE_WORK_MAX};

use super::StoreError;

/// What a node says about itself at hello.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Declared {
    /// What it offers, as it said.
    pub surface: Surface,
    /// Operating system.
    pub platform: String,
    /// Phone, tablet, desktop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// Hardware model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    /// Version of its program.
    pub version: String,
    /// Program.
    pub client_id: String,
    /// How the program is used.
    pub client_mode: String,
    /// Name it gives itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where it looks for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_env: Option<String>,
    /// Address it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
}

/// A node that came at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRow {
    /// Its device.
    pub device_id: String,
    /// What it said last.
    pub declared: Declared,
    /// What was approved.
    pub approved: Option<Surface>,
    /// Name given by a person.
    pub name: Option<String>,
    /// When it was approved, Unix milliseconds.
    pub approved_at_ms: Option<i64>,
}

/// An offer that waits for an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRequest {
    /// Its id.
    pub request_id: String,
    /// The node's device.
    pub device_id: String,
    /// What is asked for.
    pub surface: Surface,
    /// Unix milliseconds.
    pub created_at_ms: i64,
}

/// What kind of work waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkKind {
    /// A question that the node answers when it comes.
    Request,
    /// A command that the node could not carry out in the background.
    Action,
}

impl WorkKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Action => "action",
        }
    }
}

/// Work that waits for a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRow {
    /// Its id.
    pub work_id: String,
    /// The node's device.
    pub device_id: String,
    /// What kind.
    pub kind: WorkKind,
    /// Higher comes first.
    pub rank: i64,
    /// The work, in the words of the service.
    pub body: serde_json::Value,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds; `None` stays until it is done.
    pub expires_at_ms: Option<i64>,
}

const NODE: &str = "device_id, declared_json, approved_json, name, approved_at";

fn read_node(row: &Row<'_>) -> Result<NodeRow, StoreError> {
    let declared: String = row.get(1)?;
    let approved: Option<String> = row.get(2)?;
    Ok(NodeRow {
        device_id: row.get(0)?,
        declared: serde_json::from_str(&declared)?,
        approved: approved
            .map(|text| serde_json::from_str(&text))
            .transpose()?,
        name: row.get(3)?,
        approved_at_ms: row.get(4)?,
    })
}

/// A node.
pub(crate) fn get(connection: &Connection, device_id: &str) -> Result<Option<NodeRow>, StoreError> {
    let sql = format!("SELECT {NODE} FROM node WHERE device_id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([device_id])?;
    rows.next()?.map(read_node).transpose()
}

/// All nodes, by device.
pub(crate) fn list(connection: &Connection) -> Result<Vec<NodeRow>, StoreError> {
    let sql = format!("SELECT {NODE} FROM node ORDER BY device_id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_node(row)?);
    }
    Ok(found)
}

/// Remembers what a node said; what was approved and its name stay.
pub(crate) fn put_declared(
    connection: &Connection,
    device_id: &str,
    declared: &Declared,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO node (device_id, declared_json) VALUES (?1, ?2)
             ON CONFLICT (device_id) DO UPDATE SET declared_json = excluded.declared_json",
        )?
        .execute(params![device_id, serde_json::to_string(declared)?])?;
    Ok(())
}

/// Approves a surface. `false` when the node is not known.
pub(crate) fn approve(
    connection: &Connection,
    device_id: &str,
    surface: &Surface,
    at_ms: i64,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "UPDATE node SET approved_json = ?2, approved_at = ?3 WHERE device_id = ?1",
        )?
        .execute(params![device_id, serde_json::to_string(surface)?, at_ms])?
        == 1)
}

/// Takes back what was approved of a node; its name stays.
pub(crate) fn disapprove(connection: &Connection, device_id: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE node SET approved_json = NULL, approved_at = NULL WHERE device_id = ?1",
        )?
        .execute([device_id])?;
    Ok(())
}

/// Gives a node a name. `false` when it is not known.
pub(crate) fn rename(
    connection: &Connection,
    device_id: &str,
    name: &str,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("UPDATE node SET name = ?2 WHERE device_id = ?1")?
        .execute(params![device_id, name])?
        == 1)
}

/// Forgets a node, its offer and its work. `false` when it was not known.
pub(crate) fn remove(connection: &Connection, device_id: &str) -> Result<bool, StoreError> {
    for sql in [
        "DELETE FROM node_request WHERE device_id = ?1",
        "DELETE FROM node_work WHERE device_id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([device_id])?;
    }
    Ok(connection
        .prepare_cached("DELETE FROM node WHERE device_id = ?1")?
        .execute([device_id])?
        == 1)
}

fn read_request(row: &Row<'_>) -> Result<NodeRequest, StoreError> {
    let surface: String = row.get(2)?;
    Ok(NodeRequest {
        request_id: row.get(0)?,
        device_id: row.get(1)?,
        surface: serde_json::from_str(&surface)?,
        created_at_ms: row.get(3)?,
    })
}

const REQUEST: &str = "request_id, device_id, surface_json, created_at";

/// Offers that wait, oldest first.
pub(crate) fn requests(connection: &Connection) -> Result<Vec<NodeRequest>, StoreError> {
    let sql = format!("SELECT {REQUEST} FROM node_request ORDER BY created_at, request_id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read_request(row)?);
    }
    Ok(found)
}

/// One offer.
pub(crate) fn request(
    connection: &Connection,
    request_id: &str,
) -> Result<Option<NodeRequest>, StoreError> {
    let sql = format!("SELECT {REQUEST} FROM node_request WHERE request_id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([request_id])?;
    rows.next()?.map(read_request).transpose()
}

/// The offer of a node.
pub(crate) fn request_of(
    connection: &Connection,
    device_id: &str,
) -> Result<Option<NodeRequest>, StoreError> {
    let sql = format!("SELECT {REQUEST} FROM node_request WHERE device_id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([device_id])?;
    rows.next()?.map(read_request).transpose()
}

/// Stores an offer; one per node, and the oldest go above the bound (S-045). An offer has no end of its own: it lives
/// as long as its node is paired, and a node is paired only by a person or from this machine.
pub(crate) fn put_request(
    connection: &Connection,
    request: &NodeRequest,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO node_request (request_id, device_id, surface_json, created_at)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            request.request_id,
            request.device_id,
            serde_json::to_string(&request.surface)?,
            request.created_at_ms
        ])?;
    let keep = i64::try_from(DEVICE_PENDING_MAX).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM node_request WHERE request_id NOT IN
               (SELECT request_id FROM node_request ORDER BY created_at DESC, request_id DESC LIMIT ?1)",
        )?
        .execute([keep])?;
    Ok(())
}

/// Removes the offer of a node. `false` when there was none.
pub(crate) fn remove_request(connection: &Connection, device_id: &str) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("DELETE FROM node_request WHERE device_id = ?1")?
        .execute([device_id])?
        == 1)
}

/// Live work of a node and a kind, the most urgent first, then the oldest.
pub(crate) fn work(
    connection: &Connection,
    device_id: &str,
    kind: WorkKind,
    now_ms: i64,
) -> Result<Vec<WorkRow>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT work_id, rank, body_json, created_at, expires_at FROM node_work
         WHERE device_id = ?1 AND kind = ?2 AND (expires_at IS NULL OR expires_at > ?3)
         ORDER BY rank DESC, created_at, work_id",
    )?;
    let mut rows = statement.query(params![device_id, kind.as_str(), now_ms])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let body: String = row.get(2)?;
        found.push(WorkRow {
            work_id: row.get(0)?,
            device_id: device_id.to_owned(),
            kind,
            rank: row.get(1)?,
            body: serde_json::from_str(&body)?,
            created_at_ms: row.get(3)?,
            expires_at_ms: row.get(4)?,
        });
    }
    Ok(found)
}

/// Stores work; expired work goes. `false` when too much waits already: work that was promised is never dropped for
/// newer work.
pub(crate) fn put_work(
    connection: &Connection,
    work: &WorkRow,
    now_ms: i64,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached("DELETE FROM node_work WHERE expires_at <= ?1")?
        .execute([now_ms])?;
    let count = |sql: &str, device: &str| -> Result<i64, StoreError> {
        Ok(connection
            .prepare_cached(sql)?
            .query_row([device], |row| row.get(0))?)
    };
    let own = count(
        "SELECT count(*) FROM node_work WHERE device_id = ?1",
        &work.device_id,
    )?;
    let all = count(
        "SELECT count(*) FROM node_work WHERE ?1 <> ''",
        &work.device_id,
    )?;
    let limit = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
    if own >= limit(NODE_WORK_MAX) || all >= limit(NODE_WORK_ALL_MAX) {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO node_work (work_id, device_id, kind, rank, body_json, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            work.work_id,
            work.device_id,
            work.kind.as_str(),
            work.rank,
            serde_json::to_string(&work.body)?,
            work.created_at_ms,
            work.expires_at_ms
        ])?;
    touch(connection, &work.device_id)?;
    Ok(true)
}

/// Removes work that its node has done; ids of others are left alone. Returns how many were there.
pub(crate) fn done(
    connection: &Connection,
    device_id: &str,
    work_ids: &[String],
) -> Result<usize, StoreError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM node_work WHERE device_id = ?1 AND work_id = ?2")?;
    let mut removed = 0;
    for id in work_ids {
        removed += statement.execute(params![device_id, id])?;
    }
    if removed > 0 {
        touch(connection, device_id)?;
    }
    Ok(removed)
}

fn touch(connection: &Connection, device_id: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE node SET work_revision = work_revision + 1 WHERE device_id = ?1")?
        .execute([device_id])?;
    Ok(())
}

/// How often a node's work has changed.
pub(crate) fn revision(connection: &Connection, device_id: &str) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT work_revision FROM node WHERE device_id = ?1")?
        .query_row([device_id], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}
