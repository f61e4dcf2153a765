//! The policy document for commands that a node keeps: read and replaced through the node, which compares the hash.

use serde_json::{Value, json};
use torana_core::id::DeviceId;
use torana_engine::service::nodes::CallRequest;
use torana_engine::store::node::Declared;

use super::policy;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running, nodes};

pub(in crate::openclaw::methods) fn node_policy(call: Call) -> Running {
    Box::pin(async move {
        let params = wanted(&call).await;
        let answer = ask(&call, "system.execApprovals.get", params).await?;
        let document = answer
            .filter(is_policy)
            .ok_or_else(|| WireError::invalid("node returned invalid exec approvals payload"))?;
        Ok(Payload::of(&document))
    })
}

pub(in crate::openclaw::methods) fn set_node_policy(call: Call) -> Running {
    Box::pin(async move {
        let params = replacement(&call)?;
        // The node may have replaced it even when its answer is lost.
        let node_id = call.params.word("nodeId").unwrap_or_default();
        policy::record(&call, node_id).await?;
        let answer = ask(&call, "system.execApprovals.set", params).await?;
        Ok(Payload::of(&answer))
    })
}

/// The app of macOS says what its rules come to when it is asked to; other nodes take no such word (OpenClaw 2026.9.6).
async fn wanted(call: &Call) -> Value {
    let node_id = call.params.word("nodeId").unwrap_or_default();
    let node = call.gateway.nodes().get(node_id).await;
    if node.is_ok_and(|node| is_mac_app(&node.declared)) {
        json!({ "includeResolvedDefaults": true })
    } else {
        json!({})
    }
}

fn is_mac_app(declared: &Declared) -> bool {
    let platform = declared.platform.trim().to_lowercase();
    declared.client_id == "openclaw-macos"
        && declared.client_mode == "node"
        && (platform == "macos" || platform.starts_with("macos "))
}

/// A file of rules, or the rules of the node's own system, which never replace others unseen: their hash has to be told.
fn replacement(call: &Call) -> Result<Value, WireError> {
    let hash = call.params.get("baseHash");
    let mut params = match (call.params.get("file"), call.params.get("native"), hash) {
        (Some(file), None, _) => json!({ "file": file }),
        (None, Some(native), Some(_)) => native.clone(),
        (None, Some(_), None) => {
            return Err(WireError::invalid(
                "invalid exec.approvals.node.set params: `native` needs the `baseHash` of the rules it replaces",
            ));
        }
        (None, None, _) | (Some(_), Some(_), _) => {
            return Err(WireError::invalid(
                "invalid exec.approvals.node.set params: give either `file` or `native`",
            ));
        }
    };
    if let Some(hash) = hash {
        params["baseHash"] = hash.clone();
    }
    Ok(params)
}

async fn ask(call: &Call, command: &str, params: Value) -> Result<Option<Value>, WireError> {
    let node_id = call.params.word("nodeId").unwrap_or_default();
    let node = DeviceId::new(node_id).map_err(|_| WireError::invalid("nodeId names no device"))?;
    let request = CallRequest {
        node,
        command: command.to_owned(),
        params: Some(params),
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
    use super::*;

    #[test]
    fn only_the_app_of_macos_is_asked_what_its_rules_come_to() {
        let node = |client: &str, mode: &str, platform: &str| {
            is_mac_app(&Declared {
                client_id: client.to_owned(),
                client_mode: mode.to_owned(),
                platform: platform.to_owned(),
                ..Declared::default()
            })
        };
        assert!(node("openclaw-macos", "node", "macos"));
        assert!(node("openclaw-macos", "node", " macOS 26.1"));
        assert!(!node("openclaw-macos", "ui", "macos"));
        assert!(!node("node-host", "node", "macos"));
        assert!(!node("openclaw-macos", "node", "darwin"));
    }

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
