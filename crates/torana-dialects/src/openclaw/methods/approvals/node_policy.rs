//! The policy document for commands that a node keeps: read and replaced through the node, which compares the hash.

use serde_json::{Map, Value};
use torana_core::id::DeviceId;
use torana_engine::service::nodes::CallRequest;

use super::policy;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running, nodes};

pub(in crate::openclaw::methods) fn node_policy(call: Call) -> Running {
    Box::pin(async move {
        let answer = ask(&call, "system.execApprovals.get").await?;
        let document = answer
            .filter(is_policy)
            .ok_or_else(|| WireError::invalid("node returned invalid exec approvals payload"))?;
        Ok(Payload::of(&document))
    })
}

pub(in crate::openclaw::methods) fn set_node_policy(call: Call) -> Running {
    Box::pin(async move {
        // The node may have replaced it even when its answer is lost.
        let node_id = call.params.word("nodeId").unwrap_or_default();
        policy::record(&call, node_id).await?;
        let answer = ask(&call, "system.execApprovals.set").await?;
        Ok(Payload::of(&answer))
    })
}

async fn ask(call: &Call, command: &str) -> Result<Option<Value>, WireError> {
    let node_id = call.params.word("nodeId").unwrap_or_default();
    let node = DeviceId::new(node_id).map_err(|_| WireError::invalid("nodeId names no device"))?;
    let mut params = Map::new();
    for name in ["file", "baseHash"] {
        if let Some(value) = call.params.get(name) {
            params.insert(name.to_owned(), value.clone());
        }
    }
    let request = CallRequest {
        node,
        command: command.to_owned(),
        params: Some(Value::Object(params)),
        timeout_ms: None,
        idempotency_key: call.engine().world().uuid(),
        progress: None,
    };
    let answer = call.gateway.nodes().call(request).await;
    let answer = answer.map_err(|fault| nodes::bad(command, fault))?;
    Ok(nodes::content(
        answer.payload,
        answer.payload_json.as_deref(),
    ))
}

/// A node keeps its document in a file, or says whether its system has rules of its own (OpenClaw 2026.9.6).
fn is_policy(document: &Value) -> bool {
    match document["enabled"].as_bool() {
        None => document["hash"].is_string() && document["file"].is_object(),
        Some(true) => document["hash"].is_string() && document["rules"].is_array(),
        Some(false) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_file_or_the_rules_of_a_system_are_a_policy() {
        for good in [
            json!({ "path": "/srv/rules", "exists": true, "hash": "h", "file": { "version": 1 } }),
            json!({ "enabled": true, "hash": "h", "defaultAction": "deny", "rules": [] }),
            json!({ "enabled": false, "message": "off" }),
        ] {
            assert!(is_policy(&good), "{good}");
        }
        for bad in [
            json!(null),
            json!("text"),
            json!([]),
            json!({}),
            json!({ "hash": "h" }),
            json!({ "file": {} }),
            json!({ "hash": 1, "file": {} }),
            json!({ "hash": "h", "file": "text" }),
            json!({ "enabled": true, "hash": "h" }),
        ] {
            assert!(!is_policy(&bad), "{bad}");
        }
    }
}
