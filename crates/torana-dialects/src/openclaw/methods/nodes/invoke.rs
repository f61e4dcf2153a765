//! Asking a node to carry out a command.

use serde_json::{Value, json};
use torana_core::auth::{Scope, is_executing};
use torana_core::id::DeviceId;
use torana_engine::service::nodes::{CallAnswer, CallFault, CallRequest};

use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Answer, Call, Running};

/// Commands about a node's rules for programs. They have methods of their own, which take an administrator.
const EXEC_APPROVALS: &str = "system.execApprovals";

/// Running programs on somebody's computer is an administrator's business.
pub(in crate::openclaw::methods) fn scope_of_invoke(params: &Value) -> Scope {
    match params["command"].as_str() {
        Some(command) if is_executing(command.trim()) => Scope::Admin,
        _ => Scope::Write,
    }
}

pub(in crate::openclaw::methods) fn invoke(call: Call) -> Running {
    Box::pin(run_invoke(call))
}

async fn run_invoke(call: Call) -> Answer {
    let (node_id, command) = (
        call.params.word("nodeId").unwrap_or_default(),
        call.params.word("command").unwrap_or_default(),
    );
    let device = DeviceId::new(node_id)
        .ok()
        .filter(|_| !command.is_empty())
        .ok_or_else(|| WireError::invalid("nodeId and command required"))?;
    if command.starts_with(EXEC_APPROVALS) {
        let message =
            "node.invoke does not allow system.execApprovals.*; use exec.approvals.node.*";
        return Err(WireError::invalid(message).details(json!({ "command": command })));
    }
    let params = call.params.get("params").filter(|params| !params.is_null());
    let key = call.params.word("idempotencyKey").unwrap_or_default();
    let request = CallRequest {
        node: device.clone(),
        command: command.to_owned(),
        params: params.cloned(),
        timeout_ms: call
            .params
            .int("timeoutMs")
            .and_then(|wait_ms| u64::try_from(wait_ms).ok()),
        idempotency_key: key.to_owned(),
        progress: None,
    };
    match call.gateway.nodes().call(request).await {
        Ok(answer) => Ok(Payload::of(&good(node_id, command, answer))),
        Err(CallFault::Failed { code, message })
            if is_backgrounded(&call, node_id, command, code.as_deref()).await =>
        {
            let text = params.map(Value::to_string);
            let nodes = call.gateway.nodes();
            let item = nodes
                .postpone(&device, command, text.as_deref(), key)
                .await?;
            Err(WireError::new(
                UNAVAILABLE,
                "node command queued until its app returns to the foreground",
            )
            .details(json!({
                "code": "QUEUED_UNTIL_FOREGROUND", "queuedActionId": item.id, "nodeId": node_id,
                "command": command, "nodeError": { "code": code, "message": message },
            })))
        }
        Err(fault) => Err(bad(command, fault)),
    }
}

fn good(node_id: &str, command: &str, answer: CallAnswer) -> Value {
    let text = answer.payload_json;
    let payload = content(answer.payload, text.as_deref());
    json!({
        "ok": true, "nodeId": node_id, "command": command, "payload": payload, "payloadJSON": text,
    })
}

/// What a node answered: its text when there is one (OpenClaw 2026.9.6), which stays a text only when it is no JSON.
pub(in crate::openclaw::methods) fn content(
    value: Option<Value>,
    text: Option<&str>,
) -> Option<Value> {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => crate::front::json::parse(text.as_bytes()).ok(),
        None => value,
    }
}

pub(in crate::openclaw::methods) fn bad(command: &str, fault: CallFault) -> WireError {
    let unavailable = |message: &str, code: &str| {
        WireError::new(UNAVAILABLE, message).details(json!({ "code": code }))
    };
    match fault {
        CallFault::NotConnected => unavailable("node not connected", "NOT_CONNECTED"),
        CallFault::Disconnected => unavailable("node disconnected", "NOT_CONNECTED"),
        CallFault::TimedOut => unavailable("node invoke timed out", "TIMEOUT"),
        CallFault::Aborted => unavailable("node invoke cancelled", "ABORTED"),
        CallFault::Busy => {
            unavailable("too many calls wait for this node", "BUSY").retry_after(1_000)
        }
        CallFault::Conflict => WireError::invalid("the idempotency key was used for another call")
            .details(json!({ "code": "IDEMPOTENCY_CONFLICT" })),
        CallFault::NotAllowed(reason) => {
            WireError::invalid(format!("node command not allowed: {reason}"))
                .details(json!({ "reason": reason, "command": command }))
        }
        CallFault::Failed { code, message } => {
            let words = message.as_deref().unwrap_or("node invoke failed");
            let text = match &code {
                Some(code) => format!("{code}: {words}"),
                None => words.to_owned(),
            };
            WireError::new(UNAVAILABLE, text)
                .details(json!({ "nodeError": { "code": code, "message": message } }))
        }
    }
}

/// A phone whose app sleeps cannot use camera or screen; it says so, and the command waits (OpenClaw 2026.9.6).
async fn is_backgrounded(call: &Call, node_id: &str, command: &str, code: Option<&str>) -> bool {
    if code != Some("NODE_BACKGROUND_UNAVAILABLE") {
        return false;
    }
    let needs_foreground = ["camera.", "screen.", "canvas.", "talk."]
        .iter()
        .any(|word| command.starts_with(word));
    let view = call.gateway.nodes().get(node_id).await;
    let is_phone = view.is_ok_and(|view| {
        let platform = view.declared.platform.to_ascii_lowercase();
        platform.starts_with("ios") || platform.starts_with("ipados")
    });
    needs_foreground && is_phone
}
