//! Letting in strangers on channels.

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::limit::{PAIRING_CODE_MS, PAIRING_PENDING_MAX};
use torana_engine::service::pairing::{self, Waiting};
use torana_host::moment::rfc3339_ms;

use super::{Call, Running};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
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
        "createdAt": rfc3339_ms(request.created_at_ms),
        "lastSeenAt": rfc3339_ms(request.replied_at_ms.max(request.created_at_ms)),
        "expiresAt": rfc3339_ms(request.expires_at_ms),
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
