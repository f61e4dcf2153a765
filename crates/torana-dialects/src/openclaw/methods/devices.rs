//! Devices that wait, devices that are paired, and their tokens.

use serde_json::{Value, json};
use torana_core::auth::{Role, Scope, ScopeSet};
use torana_engine::service::devices::Upgrade;
use torana_engine::store::device::DeviceRow;

use super::own_device::{is_own, own_device, to_the_end};
use super::{Answer, Call, Running, nodes};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::{self, Payload};
use crate::openclaw::newcomer::{add_facts, device_request, scope_words};

fn paired(call: &Call, row: &DeviceRow, surfaces: &[(String, Value)]) -> Value {
    let live = || {
        row.tokens
            .iter()
            .filter(|token| token.revoked_at_ms.is_none())
    };
    let roles: Vec<&str> = live().map(|token| token.role.as_str()).collect();
    let scopes: Vec<&str> = live()
        .flat_map(|token| scope_words(&token.scopes))
        .collect();
    let tokens: Vec<Value> = row
        .tokens
        .iter()
        .map(|token| {
            let mut value =
                json!({ "role": token.role, "scopes": scope_words(&token.scopes), "createdAtMs": token.created_at_ms });
            if let Some(at_ms) = token.rotated_at_ms {
                value["rotatedAtMs"] = json!(at_ms);
            }
            if let Some(at_ms) = token.revoked_at_ms {
                value["revokedAtMs"] = json!(at_ms);
            }
            value
        })
        .collect();
    let connected = call.gateway.hub().clients().iter().any(|client| {
        client
            .device
            .as_ref()
            .is_some_and(|device| device.as_str() == row.device_id)
    });
    let mut value = json!({
        "deviceId": row.device_id, "publicKey": row.public_key, "role": roles.first().copied().unwrap_or("operator"),
        "roles": roles, "scopes": scopes, "approvedVia": row.approved_via, "createdAtMs": row.created_at_ms,
        "approvedAtMs": row.approved_at_ms, "connected": connected, "tokens": tokens,
    });
    if let Some(label) = &row.label {
        // Asked for as `label`, listed under this name (OpenClaw 2026.9.6).
        value["operatorLabel"] = json!(label);
    }
    add_facts(&mut value, &row.facts);
    if let Some((_, surface)) = surfaces.iter().find(|(id, _)| *id == row.device_id) {
        value["pendingNodeSurface"] = surface.clone();
    }
    if let Some(at_ms) = row.last_seen_at_ms {
        value["lastSeenAtMs"] = json!(at_ms);
        value["lastSeenReason"] = json!("connect");
    }
    value
}

pub(super) fn devices(call: Call) -> Running {
    Box::pin(async move {
        let (pending, known) = call.gateway.devices().list().await?;
        let pending: Vec<Value> = pending.iter().map(device_request).collect();
        let surfaces = nodes::pending_surfaces(&call).await?;
        let known: Vec<Value> = known
            .iter()
            .map(|row| paired(&call, row, &surfaces))
            .collect();
        Ok(Payload::of(&json!({ "pending": pending, "paired": known })))
    })
}

pub(super) fn approve_device(call: Call) -> Running {
    Box::pin(async move {
        let request_id = call.params.word("requestId").unwrap_or_default();
        let row = call
            .gateway
            .devices()
            .approve(request_id, call.scopes())
            .await?;
        Ok(Payload::of(
            &json!({ "requestId": request_id, "device": paired(&call, &row, &[]) }),
        ))
    })
}

pub(super) fn reject_device(call: Call) -> Running {
    Box::pin(async move {
        let request_id = call.params.word("requestId").unwrap_or_default();
        let device_id = call.gateway.devices().reject(request_id).await?;
        Ok(Payload::of(
            &json!({ "requestId": request_id, "deviceId": device_id }),
        ))
    })
}

/// Ends the connections of a device. Its own answer is queued first: closing waits for what is queued.
fn invalidate(call: &Call, device_id: &str, role: Option<Role>, reason: &str, payload: &Payload) {
    if is_own(call, device_id) {
        call.client.outgoing.text(frame::answer(&call.id, payload));
    }
    call.gateway.invalidate(device_id, role, reason);
}

/// Writes down what was done to a device that was let in (S-105).
async fn note(call: &Call, device_id: &str) {
    let role = call.params.word("role").map(|role| json!({ "role": role }));
    let act = call.act("device", device_id, role);
    call.gateway.audit().keep(act).await;
}

fn role_of(call: &Call) -> Result<Role, WireError> {
    let text = call.params.word("role").unwrap_or_default();
    Role::parse(text).ok_or_else(|| WireError::invalid("invalid role"))
}

pub(super) fn remove_device(call: Call) -> Running {
    to_the_end(call, |call| {
        Box::pin(async move {
            let device_id = own_device(&call, "deviceId")?;
            call.gateway.devices().remove(&device_id).await?;
            let payload = Payload::of(&json!({ "deviceId": device_id }));
            invalidate(&call, &device_id, None, "device-removed", &payload);
            let forgotten = call.gateway.nodes().forget(&device_id).await;
            note(&call, &device_id).await;
            forgotten?;
            Ok(payload)
        })
    })
}

pub(super) fn rename_device(call: Call) -> Running {
    Box::pin(async move {
        let device_id = own_device(&call, "deviceId")?;
        let label = call.params.word("label").unwrap_or_default();
        if label.is_empty() || label.chars().any(char::is_control) {
            return Err(WireError::invalid(
                "invalid device.pair.rename params: at /label: must be readable text",
            ));
        }
        call.gateway.devices().rename(&device_id, label).await?;
        Ok(Payload::of(
            &json!({ "deviceId": device_id, "label": label }),
        ))
    })
}

pub(super) fn rotate_token(call: Call) -> Running {
    to_the_end(call, |call| Box::pin(rotate(call)))
}

async fn rotate(call: Call) -> Answer {
    let device_id = own_device(&call, "deviceId")?;
    let role = role_of(&call)?;
    let words = call.params.texts("scopes");
    if words.iter().any(|word| Scope::parse(word).is_none()) {
        // A token without what was asked for would be of no use to whoever asked.
        return Err(WireError::invalid("device token rotation denied"));
    }
    let wanted = call.params.get("scopes").map(|_| ScopeSet::parse(words));
    let issued = call
        .gateway
        .devices()
        .rotate(&device_id, role, wanted, call.scopes())
        .await?;
    let mut answer = json!({
        "deviceId": device_id, "role": role.as_str(), "scopes": issued.scopes.words(), "rotatedAtMs": issued.issued_at_ms,
    });
    if is_own(&call, &device_id) {
        answer["token"] = json!(issued.token);
    } else {
        answer["tokenDelivery"] = json!("withheld-cross-device");
    }
    let payload = Payload::of(&answer);
    invalidate(
        &call,
        &device_id,
        Some(role),
        "device-token-rotated",
        &payload,
    );
    note(&call, &device_id).await;
    Ok(payload)
}

pub(super) fn revoke_token(call: Call) -> Running {
    to_the_end(call, |call| Box::pin(revoke(call)))
}

async fn revoke(call: Call) -> Answer {
    let device_id = own_device(&call, "deviceId")?;
    let role = role_of(&call)?;
    let at_ms = call.gateway.devices().revoke(&device_id, role).await?;
    let payload =
        Payload::of(&json!({ "deviceId": device_id, "role": role.as_str(), "revokedAtMs": at_ms }));
    invalidate(
        &call,
        &device_id,
        Some(role),
        "device-token-revoked",
        &payload,
    );
    note(&call, &device_id).await;
    Ok(payload)
}

/// The device behind a client that asks for itself.
fn own(call: &Call) -> Result<torana_core::id::DeviceId, WireError> {
    let device = call.client.device.clone();
    device.ok_or_else(|| {
        WireError::invalid("a paired device identity is required").details(json!({
            "code": "DEVICE_IDENTITY_REQUIRED", "recommendedNextStep": "reopen_control_ui_securely",
        }))
    })
}

pub(super) fn request_upgrade(call: Call) -> Running {
    Box::pin(async move {
        let device = own(&call)?;
        let scopes = ScopeSet::parse(call.params.texts("scopes"));
        let request = call.gateway.devices().ask_for_more(&device, scopes).await?;
        Ok(Payload::of(&json!({ "requestId": request.request_id })))
    })
}

pub(super) fn wait_upgrade(call: Call) -> Running {
    Box::pin(async move {
        let device = own(&call)?;
        let request_id = call.params.word("requestId").unwrap_or_default();
        let devices = call.gateway.devices();
        let outcome = devices.wait_for_more(&device, request_id).await?;
        let answer = match outcome {
            Upgrade::Approved(token) => json!({
                "status": "approved", "requestId": request_id, "deviceToken": token.token,
                "scopes": token.scopes.words(),
            }),
            Upgrade::Rejected => json!({ "status": "rejected", "requestId": request_id }),
            Upgrade::Expired => json!({ "status": "expired", "requestId": request_id }),
        };
        Ok(Payload::of(&answer))
    })
}
