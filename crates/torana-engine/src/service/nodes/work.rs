//! Work for nodes that sleep or cannot act in the background: durable, bounded, removed when the node says so.

use serde_json::{Value, json};
use torana_core::id::DeviceId;
use torana_core::limit::NODE_ACTION_MS;
use torana_core::problem::{Code, Problem};

use super::registry::Nodes;
use crate::store::node::{self, WorkKind, WorkRow};

/// Work as a node reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkItem {
    /// Its id, for the acknowledgement.
    pub id: String,
    /// What is asked, in the words of whoever enqueued it.
    pub body: Value,
    /// It comes before the rest.
    pub urgent: bool,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub expires_at_ms: Option<i64>,
}

/// A page of work.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkPage {
    /// How often the node's work has changed.
    pub revision: i64,
    /// The first items.
    pub items: Vec<WorkItem>,
    /// There is more.
    pub more: bool,
}

/// Rank of work that comes first.
const URGENT: i64 = 1;

fn item(row: WorkRow) -> WorkItem {
    WorkItem {
        id: row.work_id,
        body: row.body,
        urgent: row.rank >= URGENT,
        created_at_ms: row.created_at_ms,
        expires_at_ms: row.expires_at_ms,
    }
}

fn full() -> Problem {
    Problem::new(Code::Busy, "too much work waits for this node").retry_after_ms(60_000)
}

impl Nodes {
    /// Leaves a request for a paired node. A request of the same type that waits already is returned instead.
    pub async fn enqueue(
        &self,
        node_id: &str,
        r#type: &str,
        urgent: bool,
        expires_in_ms: Option<i64>,
    ) -> Result<(WorkItem, i64), Problem> {
        let view = self.get(node_id).await?;
        let world = self.engine.world();
        let (now_ms, work_id) = (world.wall_ms(), world.uuid());
        let wanted = r#type.to_owned();
        let (id, declared) = (view.device_id, view.declared);
        let stored = self
            .engine
            .write(move |connection| {
                if node::get(connection, &id)?.is_none() {
                    node::put_declared(connection, &id, &declared)?;
                }
                let waiting = node::work(connection, &id, WorkKind::Request, now_ms)?;
                if let Some(same) = waiting.into_iter().find(|row| row.body["type"] == wanted) {
                    return Ok(Some((same, node::revision(connection, &id)?)));
                }
                let row = WorkRow {
                    work_id,
                    device_id: id.clone(),
                    kind: WorkKind::Request,
                    rank: if urgent { URGENT } else { 0 },
                    body: json!({ "type": wanted }),
                    created_at_ms: now_ms,
                    expires_at_ms: expires_in_ms.map(|wait_ms| now_ms.saturating_add(wait_ms)),
                };
                if !node::put_work(connection, &row, now_ms)? {
                    return Ok(None);
                }
                Ok(Some((row, node::revision(connection, &id)?)))
            })
            .await?;
        stored
            .map(|(row, revision)| (item(row), revision))
            .ok_or_else(full)
    }

    /// Requests that wait for a node, urgent ones first. They stay until they are acknowledged.
    pub async fn drain(&self, device: &DeviceId, limit: usize) -> Result<WorkPage, Problem> {
        let now_ms = self.engine.world().wall_ms();
        let id = device.to_string();
        let (rows, revision) = self
            .engine
            .read(move |connection| {
                Ok((
                    node::work(connection, &id, WorkKind::Request, now_ms)?,
                    node::revision(connection, &id)?,
                ))
            })
            .await?;
        let more = rows.len() > limit;
        Ok(WorkPage {
            revision,
            items: rows.into_iter().take(limit).map(item).collect(),
            more,
        })
    }

    /// Keeps a command for the time when its node is in the foreground again. A repeat with the same key is the same
    /// action.
    pub async fn postpone(
        &self,
        device: &DeviceId,
        command: &str,
        params_json: Option<&str>,
        idempotency_key: &str,
    ) -> Result<WorkItem, Problem> {
        let world = self.engine.world();
        let (now_ms, work_id) = (world.wall_ms(), world.uuid());
        let body = json!({
            "command": command, "paramsJSON": params_json, "idempotencyKey": idempotency_key,
        });
        let (id, key) = (device.to_string(), idempotency_key.to_owned());
        let row = self
            .engine
            .write(move |connection| {
                let waiting = node::work(connection, &id, WorkKind::Action, now_ms)?;
                if let Some(same) = waiting
                    .into_iter()
                    .find(|row| row.body["idempotencyKey"] == key.as_str())
                {
                    return Ok(Some(same));
                }
                let row = WorkRow {
                    work_id,
                    device_id: id,
                    kind: WorkKind::Action,
                    rank: 0,
                    body,
                    created_at_ms: now_ms,
                    expires_at_ms: Some(now_ms.saturating_add(NODE_ACTION_MS)),
                };
                Ok(node::put_work(connection, &row, now_ms)?.then_some(row))
            })
            .await?;
        row.map(item).ok_or_else(full)
    }

    /// Actions that wait for a node. What it may not be asked for any more is left out.
    pub async fn actions(&self, device: &DeviceId) -> Result<Vec<WorkItem>, Problem> {
        let now_ms = self.engine.world().wall_ms();
        let id = device.to_string();
        let rows = self
            .engine
            .read(move |connection| node::work(connection, &id, WorkKind::Action, now_ms))
            .await?;
        let rules = self.rules();
        let allowed = self
            .state()
            .nodes
            .get(device)
            .map(|node| node.effective(&rules).commands)
            .unwrap_or_default();
        Ok(rows
            .into_iter()
            .filter(|row| {
                row.body["command"]
                    .as_str()
                    .is_some_and(|command| allowed.contains(command))
            })
            .map(item)
            .collect())
    }

    /// A node has done work. Returns how many actions still wait for it.
    pub async fn acknowledge(
        &self,
        device: &DeviceId,
        work_ids: Vec<String>,
    ) -> Result<usize, Problem> {
        let now_ms = self.engine.world().wall_ms();
        let id = device.to_string();
        self.engine
            .write(move |connection| {
                node::done(connection, &id, &work_ids)?;
                Ok(node::work(connection, &id, WorkKind::Action, now_ms)?.len())
            })
            .await
    }
}
