//! Letting nodes in, and out again.

use serde_json::{Value, json};
use torana_core::auth::Role;
use torana_engine::service::nodes::NodeView;

use super::shape::node;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::own_device::{own_device, to_the_end};
use crate::openclaw::methods::{Call, Running};
use crate::openclaw::newcomer::{node_offer, put_texts};

/// Offers that wait, by device, for the list of devices.
pub(in crate::openclaw::methods) async fn pending_surfaces(
    call: &Call,
) -> Result<Vec<(String, Value)>, WireError> {
    let views = call.gateway.nodes().list().await?;
    let surface = |view: &NodeView| {
        let request = view.pending.as_ref()?;
        let mut value = json!({
            "requestId": request.request_id,
            // An offer that changes gets another id, so the id is its revision too.
            "revision": request.request_id,
            "platform": view.declared.platform,
            "version": view.declared.version,
            "caps": request.surface.caps,
            "commands": request.surface.commands,
            "silent": false,
            "ts": request.created_at_ms,
        });
        put_texts(
            &mut value,
            &[("deviceFamily", view.declared.device_family.as_deref())],
        );
        Some((view.device_id.clone(), value))
    };
    Ok(views.iter().filter_map(surface).collect())
}

fn approved(call: &Call, view: &NodeView) -> Value {
    let mut value = node(call, view);
    if let Value::Object(map) = &mut value {
        let gone = [
            "pendingRequestId",
            "pendingDeclaredCaps",
            "pendingDeclaredCommands",
        ];
        map.retain(|name, _| !gone.contains(&name.as_str()));
    }
    value
}

pub(in crate::openclaw::methods) fn pair_list(call: Call) -> Running {
    Box::pin(async move {
        let views = call.gateway.nodes().list().await?;
        let pending: Vec<Value> = views.iter().filter_map(node_offer).collect();
        let paired: Vec<Value> = views
            .iter()
            .filter(|view| view.approved_at_ms.is_some())
            .map(|view| approved(&call, view))
            .collect();
        Ok(Payload::of(
            &json!({ "pending": pending, "paired": paired }),
        ))
    })
}

pub(in crate::openclaw::methods) fn approve(call: Call) -> Running {
    Box::pin(async move {
        let request_id = call.params.word("requestId").unwrap_or_default();
        let nodes = call.gateway.nodes();
        let view = nodes.approve(request_id, call.scopes()).await?;
        Ok(Payload::of(
            &json!({ "requestId": request_id, "node": approved(&call, &view) }),
        ))
    })
}

pub(in crate::openclaw::methods) fn reject(call: Call) -> Running {
    Box::pin(async move {
        let request_id = call.params.word("requestId").unwrap_or_default();
        let node_id = call.gateway.nodes().reject(request_id).await?;
        Ok(Payload::of(
            &json!({ "requestId": request_id, "nodeId": node_id }),
        ))
    })
}

pub(in crate::openclaw::methods) fn remove(call: Call) -> Running {
    to_the_end(call, |call| {
        Box::pin(async move {
            let node_id = own_device(&call, "nodeId")?;
            let removed = call.gateway.nodes().remove(&node_id).await;
            // Its role may be gone even when not everything could be forgotten.
            let role = Some(Role::Node);
            call.gateway
                .invalidate(&node_id, role, "device-pair-removed");
            removed?;
            Ok(Payload::of(&json!({ "nodeId": node_id })))
        })
    })
}
