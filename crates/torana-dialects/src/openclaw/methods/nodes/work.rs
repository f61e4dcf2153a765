//! Work that waits for a node until it asks.

use serde_json::{Value, json};
use torana_engine::service::nodes::WorkItem;

use super::caller::caller;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

/// Requests handed out at once when a node names no number (OpenClaw 2026.9.6).
const DRAIN_DEFAULT: usize = 4;

fn work(item: &WorkItem) -> Value {
    json!({
        "id": item.id,
        "type": item.body["type"],
        "priority": if item.urgent { "high" } else { "normal" },
        "createdAtMs": item.created_at_ms,
        "expiresAtMs": item.expires_at_ms,
    })
}

pub(in crate::openclaw::methods) fn enqueue(call: Call) -> Running {
    Box::pin(async move {
        let node_id = call.params.word("nodeId").unwrap_or_default();
        let urgent = call.params.word("priority") == Some("high");
        let (item, revision) = call
            .gateway
            .nodes()
            .enqueue(
                node_id,
                call.params.word("type").unwrap_or_default(),
                urgent,
                call.params.int("expiresInMs"),
            )
            .await?;
        Ok(Payload::of(&json!({
            "nodeId": node_id, "revision": revision, "queued": work(&item),
            // There is no push service in this build that could wake a phone.
            "wakeTriggered": false,
        })))
    })
}

pub(in crate::openclaw::methods) fn drain(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let limit = call.params.count("maxItems").unwrap_or(DRAIN_DEFAULT);
        let page = call.gateway.nodes().drain(&device, limit).await?;
        let mut items: Vec<Value> = page.items.iter().map(work).collect();
        let asks_status = |item: &WorkItem| item.body["type"] == "status.request";
        if !page.more && items.len() < limit && !page.items.iter().any(asks_status) {
            // Quirk: a node that asks is always asked for its state (OpenClaw 2026.9.6).
            items.push(json!({
                "id": "baseline-status", "type": "status.request", "priority": "default",
                "createdAtMs": call.now_ms(), "expiresAtMs": null,
            }));
        }
        Ok(Payload::of(&json!({
            "nodeId": device.as_str(), "revision": page.revision, "items": items, "hasMore": page.more,
        })))
    })
}

pub(in crate::openclaw::methods) fn pull(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let items = call.gateway.nodes().actions(&device).await?;
        let actions: Vec<Value> = items
            .iter()
            .map(|item| {
                json!({
                    "id": item.id, "command": item.body["command"], "paramsJSON": item.body["paramsJSON"],
                    "enqueuedAtMs": item.created_at_ms,
                })
            })
            .collect();
        Ok(Payload::of(
            &json!({ "nodeId": device.as_str(), "actions": actions }),
        ))
    })
}

pub(in crate::openclaw::methods) fn acknowledge(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let mut ids: Vec<String> = call.params.texts("ids");
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            let message =
                "invalid node.pending.ack params: at /ids: must not have fewer than 1 items";
            return Err(WireError::invalid(message));
        }
        let nodes = call.gateway.nodes();
        let left = nodes.acknowledge(&device, ids.clone()).await?;
        Ok(Payload::of(&json!({
            "nodeId": device.as_str(), "ackedIds": ids, "remainingCount": left,
        })))
    })
}
