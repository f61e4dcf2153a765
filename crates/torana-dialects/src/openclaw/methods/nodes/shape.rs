//! A node, as operators see it.

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_engine::service::nodes::{Approval, NodeView};

use crate::openclaw::methods::Call;
use crate::openclaw::methods::own_device::is_own;
use crate::openclaw::newcomer::put_texts;

/// Whoever may not let nodes in does not learn what they offer and nobody approved.
fn sees_offers(call: &Call) -> bool {
    call.scopes().allows(Scope::Pairing)
}

/// A node: what it is, what it may do, and what waits for approval.
pub(super) fn node(call: &Call, view: &NodeView) -> Value {
    let declared = &view.declared;
    let mut value = json!({
        "nodeId": view.device_id,
        "platform": declared.platform,
        "version": declared.version,
        "clientId": declared.client_id,
        "clientMode": declared.client_mode,
        "caps": view.effective.caps,
        "commands": view.effective.commands,
        "sessionHost": false,
        "approvalState": match view.approval {
            Approval::Approved => "approved",
            Approval::Pending => "pending-approval",
            Approval::PendingMore => "pending-reapproval",
            Approval::None => "unapproved",
        },
        "paired": view.paired,
        "connected": view.connected_at_ms.is_some(),
    });
    put_texts(
        &mut value,
        &[
            ("displayName", view.name.as_deref()),
            ("deviceFamily", declared.device_family.as_deref()),
            ("modelIdentifier", declared.model_identifier.as_deref()),
            ("remoteIp", declared.remote_ip.as_deref()),
            ("pathEnv", declared.path_env.as_deref()),
        ],
    );
    if !view.effective.permissions.is_empty() {
        value["permissions"] = json!(view.effective.permissions);
    }
    let times = [
        ("connectedAtMs", view.connected_at_ms),
        ("lastSeenAtMs", view.last_seen_at_ms),
        ("approvedAtMs", view.approved_at_ms),
        ("lastActiveAtMs", view.active_at_ms),
    ];
    for (name, at_ms) in times {
        if let Some(at_ms) = at_ms {
            value[name] = json!(at_ms);
        }
    }
    if view.last_seen_at_ms.is_some() {
        value["lastSeenReason"] = json!("connect");
    }
    if !view.skills.is_empty() {
        value["skills"] = json!(view.skills);
    }
    if !view.tools.is_empty() {
        value["nodePluginTools"] = json!(view.tools);
    }
    if let Some(runners) = &view.runners {
        value["runnerInventory"] = runners.clone();
    }
    if let Some(request) = &view.pending {
        if sees_offers(call) || is_own(call, &view.device_id) {
            value["pendingRequestId"] = json!(request.request_id);
        }
        if sees_offers(call) {
            value["pendingDeclaredCaps"] = json!(request.surface.caps);
            value["pendingDeclaredCommands"] = json!(request.surface.commands);
        }
    }
    value
}
