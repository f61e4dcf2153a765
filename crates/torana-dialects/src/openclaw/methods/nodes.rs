//! `node.*`: what operators ask about nodes and of them, and what nodes answer.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use torana_core::auth::{Scope, Surface, is_executing};
use torana_core::id::DeviceId;
use torana_engine::service::nodes::{
    Approval, CallAnswer, CallFault, CallRequest, NodeTool, NodeView, Skill, WorkItem,
};

use super::devices::{own_device, to_the_end};
use super::{Answer, Call, Running};
use crate::openclaw::error::{UNAVAILABLE, WireError};
use crate::openclaw::frame::Payload;

/// Commands about a node's rules for programs. They have methods of their own, which take an administrator.
const EXEC_APPROVALS: &str = "system.execApprovals";
/// Requests handed out at once when a node names no number (OpenClaw 2026.9.6).
const DRAIN_DEFAULT: usize = 4;
/// Skills a node may publish (OpenClaw 2026.9.6).
const SKILLS_MAX: usize = 64;
/// Tools a node may publish: twice what models are usually given.
const TOOLS_MAX: usize = 128;
/// Bytes of all tools of a node, so that a list of nodes stays an answer.
const PUBLISHED_BYTES_MAX: usize = 256 * 1024;
/// Words about runners, and bytes of each (OpenClaw 2026.9.6 sends one of about thirty).
const FEATURES_MAX: usize = 16;
const FEATURE_BYTES_MAX: usize = 128;
/// Bytes of everything a node says about runners.
const RUNNERS_BYTES_MAX: usize = 16 * 1024;
/// A node reports idleness of at most this many seconds: thirty days (OpenClaw 2026.9.6).
const IDLE_SECONDS_MAX: i64 = 2_592_000;
/// Words a node gives for saying that it lives (OpenClaw 2026.9.6).
const ALIVE_TRIGGERS: &[&str] = &[
    "background",
    "silent_push",
    "bg_app_refresh",
    "significant_location",
    "manual",
    "connect",
];

// === For operators ===

fn put_texts(value: &mut Value, texts: &[(&str, Option<&str>)]) {
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            value[*name] = json!(text);
        }
    }
}

/// Whoever may not let nodes in does not learn what they offer and nobody approved.
fn sees_offers(call: &Call) -> bool {
    call.scopes().allows(Scope::Pairing)
}

fn node(call: &Call, view: &NodeView) -> Value {
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
    let is_own = call
        .client
        .device
        .as_ref()
        .is_some_and(|device| device.as_str() == view.device_id);
    if let Some(request) = &view.pending {
        if sees_offers(call) || is_own {
            value["pendingRequestId"] = json!(request.request_id);
        }
        if sees_offers(call) {
            value["pendingDeclaredCaps"] = json!(request.surface.caps);
            value["pendingDeclaredCommands"] = json!(request.surface.commands);
        }
    }
    value
}

pub(super) fn list(call: Call) -> Running {
    Box::pin(async move {
        let views = call.gateway.nodes().list().await?;
        let nodes: Vec<Value> = views.iter().map(|view| node(&call, view)).collect();
        Ok(Payload::of(&json!({ "ts": call.now_ms(), "nodes": nodes })))
    })
}

pub(super) fn describe(call: Call) -> Running {
    Box::pin(async move {
        let node_id = call.params.word("nodeId").unwrap_or_default();
        let view = call.gateway.nodes().get(node_id).await?;
        let mut value = node(&call, &view);
        value["ts"] = json!(call.now_ms());
        Ok(Payload::of(&value))
    })
}

pub(super) fn rename(call: Call) -> Running {
    Box::pin(async move {
        let node_id = own_device(&call, "nodeId")?;
        let name = call.params.word("displayName").unwrap_or_default();
        let name = call.gateway.nodes().rename(&node_id, name).await?;
        Ok(Payload::of(
            &json!({ "nodeId": node_id, "displayName": name }),
        ))
    })
}

/// An offer that waits, as listed and as told.
pub(crate) fn offer(view: &NodeView) -> Option<Value> {
    let request = view.pending.as_ref()?;
    let declared = &view.declared;
    let mut value = json!({
        "requestId": request.request_id,
        "nodeId": view.device_id,
        "clientId": declared.client_id,
        "clientMode": declared.client_mode,
        "platform": declared.platform,
        "version": declared.version,
        "caps": request.surface.caps,
        "commands": request.surface.commands,
        "requiredApproveScopes": NodeView::needed_scopes(request).words(),
        "silent": false,
        "ts": request.created_at_ms,
    });
    put_texts(
        &mut value,
        &[
            ("displayName", view.name.as_deref()),
            ("deviceFamily", declared.device_family.as_deref()),
            ("modelIdentifier", declared.model_identifier.as_deref()),
            ("remoteIp", declared.remote_ip.as_deref()),
        ],
    );
    Some(value)
}

/// Offers that wait, by device, for the list of devices.
pub(super) async fn pending_surfaces(call: &Call) -> Result<Vec<(String, Value)>, WireError> {
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

pub(super) fn pair_list(call: Call) -> Running {
    Box::pin(async move {
        let views = call.gateway.nodes().list().await?;
        let pending: Vec<Value> = views.iter().filter_map(offer).collect();
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

pub(super) fn approve(call: Call) -> Running {
    Box::pin(async move {
        let request_id = call.params.word("requestId").unwrap_or_default();
        let nodes = call.gateway.nodes();
        let view = nodes.approve(request_id, call.scopes()).await?;
        Ok(Payload::of(
            &json!({ "requestId": request_id, "node": approved(&call, &view) }),
        ))
    })
}

pub(super) fn reject(call: Call) -> Running {
    Box::pin(async move {
        let request_id = call.params.word("requestId").unwrap_or_default();
        let node_id = call.gateway.nodes().reject(request_id).await?;
        Ok(Payload::of(
            &json!({ "requestId": request_id, "nodeId": node_id }),
        ))
    })
}

pub(super) fn remove(call: Call) -> Running {
    to_the_end(call, |call| {
        Box::pin(async move {
            let node_id = own_device(&call, "nodeId")?;
            let removed = call.gateway.nodes().remove(&node_id).await;
            // Its role may be gone even when not everything could be forgotten.
            let role = Some(torana_core::auth::Role::Node);
            call.gateway
                .invalidate(&node_id, role, "device-pair-removed");
            removed?;
            Ok(Payload::of(&json!({ "nodeId": node_id })))
        })
    })
}

/// Running programs on somebody's computer is an administrator's business.
pub(super) fn scope_of_invoke(params: &Value) -> Scope {
    match params["command"].as_str() {
        Some(command) if is_executing(command.trim()) => Scope::Admin,
        _ => Scope::Write,
    }
}

pub(super) fn invoke(call: Call) -> Running {
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
pub(super) fn content(value: Option<Value>, text: Option<&str>) -> Option<Value> {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) => crate::front::json::parse(text.as_bytes()).ok(),
        None => value,
    }
}

pub(super) fn bad(command: &str, fault: CallFault) -> WireError {
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

fn work(item: &WorkItem) -> Value {
    json!({
        "id": item.id,
        "type": item.body["type"],
        "priority": if item.urgent { "high" } else { "normal" },
        "createdAtMs": item.created_at_ms,
        "expiresAtMs": item.expires_at_ms,
    })
}

pub(super) fn enqueue(call: Call) -> Running {
    Box::pin(async move {
        let node_id = call.params.word("nodeId").unwrap_or_default();
        let urgent = call.params.word("priority") == Some("high");
        let (item, revision) = call
            .gateway
            .nodes()
            .enqueue(
                node_id,
                call.params.word("type").unwrap_or_default(),
                urgent,
                call.params.int("expiresInMs"),
            )
            .await?;
        Ok(Payload::of(&json!({
            "nodeId": node_id, "revision": revision, "queued": work(&item),
            // There is no push service in this build that could wake a phone.
            "wakeTriggered": false,
        })))
    })
}

// === For nodes ===

/// The node behind the call. A node connection always has a device.
fn caller(call: &Call) -> Result<DeviceId, WireError> {
    let device = call.client.device.clone();
    device.ok_or_else(|| WireError::invalid("nodeId required"))
}

/// The same, where the node names itself too: it cannot speak for another one (S-089).
fn named_caller(call: &Call) -> Result<DeviceId, WireError> {
    let device = caller(call)?;
    if call.params.word("nodeId") == Some(device.as_str()) {
        Ok(device)
    } else {
        Err(WireError::invalid("nodeId mismatch"))
    }
}

pub(super) fn drain(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let limit = call.params.count("maxItems").unwrap_or(DRAIN_DEFAULT);
        let page = call.gateway.nodes().drain(&device, limit).await?;
        let mut items: Vec<Value> = page.items.iter().map(work).collect();
        let asks_status = |item: &WorkItem| item.body["type"] == "status.request";
        if !page.more && items.len() < limit && !page.items.iter().any(asks_status) {
            // Quirk: a node that asks is always asked for its state (OpenClaw 2026.9.6).
            items.push(json!({
                "id": "baseline-status", "type": "status.request", "priority": "default",
                "createdAtMs": call.now_ms(), "expiresAtMs": null,
            }));
        }
        Ok(Payload::of(&json!({
            "nodeId": device.as_str(), "revision": page.revision, "items": items, "hasMore": page.more,
        })))
    })
}

pub(super) fn pull(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let items = call.gateway.nodes().actions(&device).await?;
        let actions: Vec<Value> = items
            .iter()
            .map(|item| {
                json!({
                    "id": item.id, "command": item.body["command"], "paramsJSON": item.body["paramsJSON"],
                    "enqueuedAtMs": item.created_at_ms,
                })
            })
            .collect();
        Ok(Payload::of(
            &json!({ "nodeId": device.as_str(), "actions": actions }),
        ))
    })
}

pub(super) fn acknowledge(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let mut ids: Vec<String> = call.params.texts("ids");
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            let message =
                "invalid node.pending.ack params: at /ids: must not have fewer than 1 items";
            return Err(WireError::invalid(message));
        }
        let nodes = call.gateway.nodes();
        let left = nodes.acknowledge(&device, ids.clone()).await?;
        Ok(Payload::of(&json!({
            "nodeId": device.as_str(), "ackedIds": ids, "remainingCount": left,
        })))
    })
}

pub(super) fn result(call: Call) -> Running {
    Box::pin(async move {
        let device = named_caller(&call)?;
        let outcome = if call.params.flag("ok") == Some(true) {
            Ok(CallAnswer {
                payload: call.params.get("payload").cloned(),
                payload_json: call.params.text("payloadJSON").map(str::to_owned),
            })
        } else {
            let error = call.params.get("error").cloned().unwrap_or_default();
            let text = |name: &str| error[name].as_str().map(str::to_owned);
            Err(CallFault::Failed {
                code: text("code"),
                message: text("message"),
            })
        };
        let id = call.params.word("id").unwrap_or_default();
        let nodes = call.gateway.nodes();
        let heard = nodes.answered(&device, call.client.id, id, outcome);
        Ok(accepted(heard))
    })
}

/// A late answer is no fault of the node's.
fn accepted(heard: bool) -> Payload {
    Payload::of(&if heard {
        json!({ "ok": true })
    } else {
        json!({ "ok": true, "ignored": true })
    })
}

pub(super) fn progress(call: Call) -> Running {
    Box::pin(async move {
        let device = named_caller(&call)?;
        let id = call.params.word("invokeId").unwrap_or_default();
        let seq = call.params.int("seq").unwrap_or(0).unsigned_abs();
        let chunk = call.params.text("chunk").unwrap_or_default().to_owned();
        let nodes = call.gateway.nodes();
        let heard = nodes.progressed(&device, call.client.id, id, seq, chunk);
        Ok(accepted(heard))
    })
}

/// The payload of a node's event: a value, or JSON text read with the bounds of frames.
fn event_payload(call: &Call) -> Option<Map<String, Value>> {
    let value = match call.params.text("payloadJSON") {
        Some(text) => crate::front::json::parse(text.as_bytes()).ok()?,
        None => call.params.get("payload").cloned()?,
    };
    match value {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// Carries out a node's event; the word says what came of it. Nothing here reaches a conversation (S-089).
fn apply_event(call: &Call, device: &DeviceId, name: &str) -> Result<&'static str, &'static str> {
    let payload = || event_payload(call).ok_or("invalid_payload");
    match name {
        "node.presence.alive" => {
            let payload = payload()?;
            let trigger = payload.get("trigger").and_then(Value::as_str);
            if !trigger.is_some_and(|trigger| ALIVE_TRIGGERS.contains(&trigger)) {
                return Err("invalid_payload");
            }
            call.gateway.devices().seen(device);
            Ok("updated")
        }
        "node.presence.activity" => {
            let payload = payload()?;
            let idle = payload.get("idleSeconds").and_then(Value::as_i64);
            let active_at_ms = match (payload.get("action").and_then(Value::as_str), idle) {
                (Some("clear"), None) => None,
                (None, Some(idle)) if (0..=IDLE_SECONDS_MAX).contains(&idle) => {
                    Some(call.now_ms().saturating_sub(idle.saturating_mul(1_000)))
                }
                _ => return Err("invalid_payload"),
            };
            let nodes = call.gateway.nodes();
            if nodes.active(device, call.client.id, active_at_ms) {
                Ok(if active_at_ms.is_some() {
                    "updated"
                } else {
                    "cleared"
                })
            } else {
                Err("stale_connection")
            }
        }
        _ => Err("unsupported_event"),
    }
}

pub(super) fn event(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let name = call.params.word("event").unwrap_or_default();
        let (handled, reason) = match apply_event(&call, &device, name) {
            Ok(reason) => (true, reason),
            Err(reason) => (false, reason),
        };
        let short: String = name.chars().take(128).collect();
        Ok(Payload::of(&json!({
            "ok": true, "event": short, "handled": handled, "reason": reason,
        })))
    })
}

/// Lower-case words joined by single hyphens (OpenClaw 2026.9.6).
fn is_skill_name(name: &str) -> bool {
    !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

pub(super) fn skills(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let wrong = |what: &str| {
            WireError::invalid(format!(
                "invalid node.skills.update params: at /skills: {what}"
            ))
        };
        let items = call.params.get("skills").and_then(Value::as_array);
        let items = items.map(Vec::as_slice).unwrap_or_default();
        if items.len() > SKILLS_MAX {
            return Err(wrong("must not have more than 64 items"));
        }
        let mut skills: Vec<Skill> = Vec::new();
        for item in items {
            let name = item["name"].as_str().unwrap_or_default();
            if !is_skill_name(name) || skills.iter().any(|skill| skill.name == name) {
                return Err(wrong("names must be unique lower-case words with hyphens"));
            }
            skills.push(Skill {
                name: name.to_owned(),
                content: item["content"].as_str().unwrap_or_default().to_owned(),
            });
        }
        let count = skills.len();
        let nodes = call.gateway.nodes();
        if !nodes.publish_skills(&device, call.client.id, skills) {
            return Err(replaced());
        }
        Ok(Payload::of(
            &json!({ "ok": true, "nodeId": device.as_str(), "skills": count }),
        ))
    })
}

fn replaced() -> WireError {
    WireError::new(UNAVAILABLE, "a newer connection of this node took over")
}

/// The words of one tool's name: a letter, then letters, digits, hyphens and underscores (OpenClaw 2026.9.6).
fn is_tool_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

pub(super) fn tools(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let wrong = |what: &str| {
            WireError::invalid(format!(
                "invalid node.pluginTools.update params: at /tools: {what}"
            ))
        };
        let items = call.params.get("tools").and_then(Value::as_array);
        let items = items.map(Vec::as_slice).unwrap_or_default();
        if items.len() > TOOLS_MAX {
            return Err(wrong("must not have more than 128 items"));
        }
        let (mut tools, mut names, mut bytes) = (Vec::new(), BTreeSet::new(), 0);
        for item in items {
            let name = item["name"].as_str().unwrap_or_default();
            if !is_tool_name(name) || !names.insert((item["pluginId"].as_str(), name)) {
                return Err(wrong(
                    "names must be words of letters, digits, hyphens and underscores, unique per plugin",
                ));
            }
            bytes += item.to_string().len();
            tools.push(NodeTool {
                command: item["command"].as_str().map(str::to_owned),
                descriptor: item.clone(),
            });
        }
        if bytes > PUBLISHED_BYTES_MAX {
            return Err(wrong("is too large"));
        }
        let nodes = call.gateway.nodes();
        if !nodes.publish_tools(&device, call.client.id, tools) {
            return Err(replaced());
        }
        Ok(Payload::of(
            &json!({ "nodeId": device.as_str(), "tools": items }),
        ))
    })
}

/// What a node says about the programs it could run agents with. It is kept and shown; this build runs agents itself.
pub(super) fn runners(call: Call) -> Running {
    Box::pin(async move {
        let device = caller(&call)?;
        let value = call.params.value();
        let is_word = |word: &Value| {
            word.as_str()
                .is_some_and(|word| !word.is_empty() && word.len() <= FEATURE_BYTES_MAX)
        };
        let features = value["protocolFeatures"].as_array();
        let is_fit = features
            .is_some_and(|features| features.len() <= FEATURES_MAX && features.iter().all(is_word))
            && value.to_string().len() <= RUNNERS_BYTES_MAX;
        if !is_fit {
            return Err(WireError::invalid("invalid node runner inventory"));
        }
        let nodes = call.gateway.nodes();
        if !nodes.publish_runners(&device, call.client.id, value) {
            return Err(replaced());
        }
        Ok(Payload::of(&json!({ "nodeId": device.as_str() })))
    })
}

/// What a node declares at hello, in the terms of the service.
pub(crate) fn surface_of(
    caps: &[String],
    commands: &[String],
    permissions: &[(String, bool)],
) -> Surface {
    Surface::declared(
        caps.iter().cloned(),
        commands.iter().cloned(),
        permissions.iter().cloned(),
    )
}
