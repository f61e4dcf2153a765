//! What operators see of nodes, and what they call them.

use serde_json::{Value, json};

use super::shape::node;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::own_device::own_device;
use crate::openclaw::methods::{Call, Running};

pub(in crate::openclaw::methods) fn list(call: Call) -> Running {
    Box::pin(async move {
        let views = call.gateway.nodes().list().await?;
        let nodes: Vec<Value> = views.iter().map(|view| node(&call, view)).collect();
        Ok(Payload::of(&json!({ "ts": call.now_ms(), "nodes": nodes })))
    })
}

pub(in crate::openclaw::methods) fn describe(call: Call) -> Running {
    Box::pin(async move {
        let node_id = call.params.word("nodeId").unwrap_or_default();
        let view = call.gateway.nodes().get(node_id).await?;
        let mut value = node(&call, &view);
        value["ts"] = json!(call.now_ms());
        Ok(Payload::of(&value))
    })
}

pub(in crate::openclaw::methods) fn rename(call: Call) -> Running {
    Box::pin(async move {
        let node_id = own_device(&call, "nodeId")?;
        let name = call.params.word("displayName").unwrap_or_default();
        let name = call.gateway.nodes().rename(&node_id, name).await?;
        Ok(Payload::of(
            &json!({ "nodeId": node_id, "displayName": name }),
        ))
    })
}
