//! Letting in: strangers on channels, and devices.

use serde_json::{Value, json};
use torana_core::auth::{Role, Scope, ScopeSet};
use torana_core::limit::{PAIRING_CODE_MS, PAIRING_PENDING_MAX};
use torana_engine::service::pairing::{self, Waiting};
use torana_engine::store::device::DeviceRow;

use super::system::rfc3339;
use super::{Answer, Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::gateway::request_value;
use crate::openclaw::health::label;

pub(super) fn list(call: Call) -> Running {
    Box::pin(async move {
        let channel = call.params.word("channel").map(str::to_owned);
        let list = pairing::list(call.engine(), channel, call.params.word("accountId")).await?;
        let accounts: Vec<Value> = call
            .engine()
            .accounts()
            .iter()
            .map(|account| {
                json!({
                    "channel": account.channel.as_str(), "channelLabel": label(account.channel.as_str()),
                    "accountId": account.account.as_str(), "notifySupported": false,
                })
            })
            .collect();
        let requests: Vec<Value> = list.waiting.iter().map(waiting).collect();
        Ok(Payload::of(&json!({
            "accounts": accounts,
            "requests": requests,
            "commandOwnerConfigured": list.owner_known,
            "limits": { "pendingPerAccount": PAIRING_PENDING_MAX, "ttlMs": PAIRING_CODE_MS },
        })))
    })
}

fn waiting(waiting: &Waiting) -> Value {
    let request = &waiting.request;
    let name = request
        .name
        .clone()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| request.sender.clone());
    json!({
        "requestId": waiting.request_id,
        "channel": request.channel,
        "channelLabel": label(&request.channel),
        "accountId": request.account,
        "senderId": request.sender,
        "senderLabel": name,
        // The object is closed; free words for people go here. The code is what the sender reads out.
        "metadata": { "code": request.code },
        "createdAt": rfc3339(request.created_at_ms),
        "lastSeenAt": rfc3339(request.replied_at_ms.max(request.created_at_ms)),
        "expiresAt": rfc3339(request.expires_at_ms),
        "notifySupported": false,
    })
}

/// Making the first owner is more than letting somebody in.
pub(super) fn scope_of_approve(params: &Value) -> Scope {
    if params["bootstrapCommandOwner"] == json!(true) {
        Scope::Admin
    } else {
        Scope::Pairing
    }
}

async fn named(call: &Call) -> Result<Waiting, WireError> {
    let params = &call.params;
    let (channel, account) = (
        params.word("channel").unwrap_or_default(),
        params.word("accountId"),
    );
    let wanted = params.word("requestId").unwrap_or_default();
    pairing::find(call.engine(), channel, account, wanted)
        .await?
        .ok_or_else(|| WireError::invalid("unknown requestId"))
}

pub(super) fn approve(call: Call) -> Running {
    Box::pin(async move {
        let found = named(&call).await?;
        let request = &found.request;
        let process_now = call.params.flag("processNow").unwrap_or(false);
        let approved = call
            .engine()
            .approve_pairing(
                &request.channel,
                Some(&request.account),
                &request.code,
                process_now,
            )
            .await?;
        let owner = if approved.owner {
            "configured"
        } else {
            "not-requested"
        };
        Ok(Payload::of(&json!({
            "requestId": found.request_id,
            "senderId": approved.sender,
            "notification": if call.params.flag("notify") == Some(true) { "unsupported" } else { "not-requested" },
            "commandOwnerBootstrap": owner,
        })))
    })
}

pub(super) fn dismiss(call: Call) -> Running {
    Box::pin(async move {
        let found = named(&call).await?;
        let request = &found.request;
        call.engine()
            .deny_pairing(&request.channel, Some(&request.account), &request.code)
            .await?;
        Ok(Payload::of(
            &json!({ "requestId": found.request_id, "senderId": request.sender }),
        ))
    })
}

fn words(scopes: &str) -> Vec<&str> {
    scopes
        .split(',')
        .filter(|scope| !scope.is_empty())
        .collect()
}

fn paired(call: &Call, row: &DeviceRow) -> Value {
    let live = || {
        row.tokens
            .iter()
            .filter(|token| token.revoked_at_ms.is_none())
    };
    let roles: Vec<&str> = live().map(|token| token.role.as_str()).collect();
    let scopes: Vec<&str> = live().flat_map(|token| words(&token.scopes)).collect();
    let tokens: Vec<Value> = row
        .tokens
        .iter()
        .map(|token| {
            let mut value =
                json!({ "role": token.role, "scopes": words(&token.scopes), "createdAtMs": token.created_at_ms });
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
    let facts = &row.facts;
    let texts = [
        ("label", &row.label),
        ("displayName", &facts.display_name),
        ("platform", &facts.platform),
        ("deviceFamily", &facts.device_family),
        ("clientId", &facts.client_id),
        ("clientMode", &facts.client_mode),
        ("remoteIp", &facts.remote_ip),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            value[name] = json!(text);
        }
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
        let pending: Vec<Value> = pending.iter().map(request_value).collect();
        let known: Vec<Value> = known.iter().map(|row| paired(&call, row)).collect();
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
            &json!({ "requestId": request_id, "device": paired(&call, &row) }),
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

/// A caller that is no administrator touches only its own device (S-008).
fn own_device(call: &Call) -> Result<String, WireError> {
    let wanted = call.params.word("deviceId").unwrap_or_default();
    let is_own = call
        .client
        .device
        .as_ref()
        .is_some_and(|device| device.as_str() == wanted);
    if is_own || call.scopes().allows(Scope::Admin) {
        Ok(wanted.to_owned())
    } else {
        Err(WireError::missing_scope(Scope::Admin))
    }
}

fn role_of(call: &Call) -> Result<Role, WireError> {
    let text = call.params.word("role").unwrap_or_default();
    Role::parse(text).ok_or_else(|| WireError::invalid("invalid role"))
}

pub(super) fn remove_device(call: Call) -> Running {
    Box::pin(async move {
        let device_id = own_device(&call)?;
        call.gateway.devices().remove(&device_id).await?;
        call.gateway.invalidate(&device_id, "device-removed");
        Ok(Payload::of(&json!({ "deviceId": device_id })))
    })
}

pub(super) fn rename_device(call: Call) -> Running {
    Box::pin(async move {
        let device_id = own_device(&call)?;
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
    Box::pin(async move { rotate(call).await })
}

async fn rotate(call: Call) -> Answer {
    let device_id = own_device(&call)?;
    let role = role_of(&call)?;
    let wanted = call
        .params
        .get("scopes")
        .map(|_| ScopeSet::parse(call.params.texts("scopes")));
    let issued = call
        .gateway
        .devices()
        .rotate(&device_id, role, wanted, call.scopes())
        .await?;
    let is_own = call
        .client
        .device
        .as_ref()
        .is_some_and(|device| device.as_str() == device_id);
    let mut answer = json!({
        "deviceId": device_id, "role": role.as_str(), "scopes": issued.scopes.words(), "rotatedAtMs": issued.issued_at_ms,
    });
    if is_own {
        answer["token"] = json!(issued.token);
    } else {
        answer["tokenDelivery"] = json!("withheld-cross-device");
    }
    let gateway = std::sync::Arc::clone(&call.gateway);
    // Its own answer is queued before the connection closes: closing waits for what is queued.
    let payload = Payload::of(&answer);
    if is_own {
        call.client
            .outgoing
            .text(crate::openclaw::frame::answer(&call.id, &payload));
    }
    gateway.invalidate(&device_id, "device-token-rotated");
    Ok(payload)
}

pub(super) fn revoke_token(call: Call) -> Running {
    Box::pin(async move {
        let device_id = own_device(&call)?;
        let role = role_of(&call)?;
        let at_ms = call.gateway.devices().revoke(&device_id, role).await?;
        let payload = Payload::of(
            &json!({ "deviceId": device_id, "role": role.as_str(), "revokedAtMs": at_ms }),
        );
        if call
            .client
            .device
            .as_ref()
            .is_some_and(|device| device.as_str() == device_id)
        {
            call.client
                .outgoing
                .text(crate::openclaw::frame::answer(&call.id, &payload));
        }
        call.gateway.invalidate(&device_id, "device-token-revoked");
        Ok(payload)
    })
}
