//! Subscriptions: changed rows, messages of a session, and who looks at what.

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::key::SessionKey;

use super::list::listing;
use crate::openclaw::asks;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::{key_of, session_of};
use crate::openclaw::methods::{Call, Running};

/// Sessions one client can look at (OpenClaw 2026.9.6).
const VIEWED_MAX: usize = 32;
/// Open approvals told with a subscription; more fit no page.
const REPLAYED_MAX: usize = 100;

pub(in crate::openclaw::methods) fn subscribe(call: Call) -> Running {
    Box::pin(async move {
        // First the subscription, then the snapshot: nothing between them is lost (decisions-control-and-agents 30).
        call.client.listen_to_lists();
        let mut answer = json!({ "subscribed": true });
        if call.params.keys().next().is_some() {
            answer["list"] = listing(&call).await?;
        }
        Ok(Payload::of(&answer))
    })
}

pub(in crate::openclaw::methods) fn listen(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        if !call.client.listen_to(session.clone()) {
            return Err(WireError::invalid(
                "too many sessions are subscribed on this connection",
            ));
        }
        let mut answer = json!({ "subscribed": true, "key": session.as_str() });
        if call.params.flag("includeApprovals") == Some(true) {
            answer["approvalReplay"] = open_approvals(&call, &session).await?;
        }
        Ok(Payload::of(&answer))
    })
}

/// What waits for a decision in a session, for those who may decide; read after the subscription, so nothing is missed.
async fn open_approvals(call: &Call, session: &SessionKey) -> Result<Value, WireError> {
    let mut open = Vec::new();
    if call.scopes().allows(Scope::Approvals) {
        open = call.gateway.approvals().pending(None).await?;
        open.retain(|approval| approval.session.as_ref() == Some(session));
    }
    let shown: Vec<Value> = open.iter().take(REPLAYED_MAX).map(asks::snapshot).collect();
    Ok(json!({
        "sessionKey": session.as_str(), "updatedAtMs": call.now_ms(), "approvals": shown,
        "truncated": open.len() > REPLAYED_MAX,
    }))
}

pub(in crate::openclaw::methods) fn stop_listening(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        call.client.stop_listening_to(&session);
        Ok(Payload::of(
            &json!({ "subscribed": false, "key": session.as_str() }),
        ))
    })
}

/// Says which sessions this client shows; others see it in its presence entry.
pub(in crate::openclaw::methods) fn view(call: Call) -> Running {
    Box::pin(async move {
        let agent = call.params.word("agentId");
        let wanted = call.params.texts("sessionKeys");
        if wanted.len() > VIEWED_MAX {
            return Err(WireError::invalid(format!(
                "invalid sessions.viewers.set params: at /sessionKeys: must not have more than {VIEWED_MAX} items"
            )));
        }
        let mut keys = Vec::with_capacity(wanted.len());
        for key in &wanted {
            keys.push(key_of(&call, key, agent)?.as_str().to_owned());
        }
        call.gateway.presence().watch(call.client.id, keys.clone());
        Ok(Payload::of(&json!({ "sessionKeys": keys })))
    })
}
