//! What a node reports: how a command went, and how it is.

use serde_json::{Map, Value, json};
use torana_core::id::DeviceId;
use torana_engine::service::nodes::{CallAnswer, CallFault};

use super::caller::{caller, named_caller};
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::{Call, Running};

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

pub(in crate::openclaw::methods) fn result(call: Call) -> Running {
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

pub(in crate::openclaw::methods) fn progress(call: Call) -> Running {
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

pub(in crate::openclaw::methods) fn event(call: Call) -> Running {
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
