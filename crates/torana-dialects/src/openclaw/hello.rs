//! The answer to a good `connect`. The object and its children are closed: no undeclared key.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use torana_core::auth::{Role, Scope};
use torana_core::event::SuspensionPhase;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::limit::{CLIENT_BUFFER_BYTES_MAX, FRAME_BYTES_MAX, TICK_INTERVAL_MS};
use torana_engine::service::presence::PresenceEntry;
use torana_engine::{Engine, Phase};

use super::frame::StateVersion;
use super::gateway::OpenClaw;
use super::handshake::Principal;
use super::methods;
use super::presence;
use super::quirks;
use super::surface::CANVAS;
use crate::context::AuthMode;

/// The answer. What is the same for everybody, and what somebody else has encoded already, is not encoded again: a
/// gateway that restarted has all its clients at the door.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hello {
    r#type: &'static str,
    protocol: i64,
    server: Value,
    features: &'static RawValue,
    snapshot: Snapshot,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin_surface_urls: Option<Value>,
    auth: Value,
    policy: &'static RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    suspension: Value,
    presence: Vec<Value>,
    health: Box<RawValue>,
    state_version: StateVersion,
    uptime_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_config_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_defaults: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_schedule: Option<&'static RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_mode: Option<&'static str>,
}

/// What the answer says about the connection itself.
pub(crate) struct HelloFacts<'a> {
    /// The connection, as clients know it.
    pub(crate) wire_id: &'a str,
    /// It gets what the reference sends beyond its published schema.
    pub(crate) observed: bool,
    /// The protocol that was agreed.
    pub(crate) protocol: i64,
    /// Where it finds the canvas; an address that is a permission.
    pub(crate) canvas_url: Option<String>,
    /// Its entry in presence, when it has one.
    pub(crate) own: Option<&'a PresenceEntry>,
}

/// Builds the answer.
pub(crate) fn hello(gateway: &OpenClaw, principal: &Principal, facts: &HelloFacts<'_>) -> Hello {
    let canvas_url = facts.canvas_url.as_deref();
    Hello {
        r#type: "hello-ok",
        protocol: facts.protocol,
        server: json!({
            "version": quirks::COMPATIBLE_RELEASE,
            "bootId": gateway.context().boot_id,
            "controlUiBuildSource": "configured",
            "connId": facts.wire_id,
        }),
        features: &FEATURES,
        snapshot: snapshot(gateway, principal, facts.own),
        plugin_surface_urls: canvas_url.map(|url| json!({ CANVAS: url })),
        auth: auth(principal, facts.observed),
        policy: &POLICY,
    }
}

static POLICY: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    raw(&json!({
        "maxPayload": FRAME_BYTES_MAX,
        "maxBufferedBytes": CLIENT_BUFFER_BYTES_MAX,
        "tickIntervalMs": TICK_INTERVAL_MS,
        "attachments": { "maxBytes": quirks::ATTACHMENT_BYTES_MAX, "maxImageBytes": quirks::IMAGE_BYTES_MAX },
        "allowedSessionVisibilities": ["shared"],
        "hasMultipleSessionSharingIdentities": false,
    }))
});

static SCHEDULE: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    raw(&json!({ "channel": "stable", "autoEnabled": false, "install": { "kind": "package" } }))
});

static FEATURES: LazyLock<Box<RawValue>> = LazyLock::new(|| {
    raw(&json!({
        "methods": methods::listed(),
        "events": quirks::EVENTS,
        "capabilities": quirks::CAPABILITIES,
    }))
});

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("a JSON value can be written")
}

fn auth(principal: &Principal, observed: bool) -> Value {
    let mut auth = json!({
        "role": principal.role.as_str(),
        "scopes": principal.scopes.words(),
        // Any opaque text that stays the same per principal: pages key their drafts with it.
        "recoveryScope": principal.device.as_ref().map_or("gateway", |device| device.as_str()),
    });
    if observed {
        // Quirk: sent by 2026.9.6, missing in the schema published with 2026.9.1, so only pages get it.
        auth["method"] = json!(principal.method);
    }
    if let Some(token) = &principal.token {
        auth["deviceToken"] = json!(token.token);
        auth["issuedAtMs"] = json!(token.issued_at_ms.max(0));
    }
    if !principal.handoff.is_empty() {
        auth["deviceTokens"] = principal
            .handoff
            .iter()
            .map(|(role, token)| {
                json!({
                    "deviceToken": token.token, "role": role.as_str(), "scopes": token.scopes.words(),
                    "issuedAtMs": token.issued_at_ms.max(0),
                })
            })
            .collect();
    }
    auth
}

fn snapshot(gateway: &OpenClaw, principal: &Principal, own: Option<&PresenceEntry>) -> Snapshot {
    let context = gateway.context();
    let is_operator = principal.role == Role::Operator;
    let reads = is_operator && principal.scopes.allows(Scope::Read);
    let is_admin = is_operator && principal.scopes.allows(Scope::Admin);
    let phase = suspension_phase(&context.engine);
    let entries = if reads {
        gateway.presence().snapshot().1
    } else {
        vec![gateway.presence().gateway()]
    };
    // Never waits; whoever builds a hello has looked before.
    let last = gateway.health().last().filter(|_| reads);
    let health = last.and_then(|last| serde_json::from_slice(&last.full.0).ok());
    let auth_mode = match context.front.load().auth {
        AuthMode::Token => "token",
        AuthMode::Password => "password",
        AuthMode::None => "none",
        AuthMode::TrustedProxy => "trusted-proxy",
    };
    Snapshot {
        suspension: json!({ "phase": phase }),
        presence: entries
            .iter()
            .chain(own.filter(|_| reads))
            .map(presence::told)
            .collect(),
        health: health.unwrap_or_else(|| raw(&json!({}))),
        state_version: gateway.state_version(),
        uptime_ms: gateway.uptime_ms(),
        applied_config_hash: gateway.desk().applied_hash().filter(|_| reads),
        session_defaults: reads.then(|| session_defaults(gateway)),
        update_schedule: reads.then(|| &**SCHEDULE),
        config_path: is_admin.then(|| context.config_path.display().to_string()),
        state_dir: is_admin.then(|| context.state_dir.display().to_string()),
        auth_mode: is_admin.then_some(auth_mode),
    }
}

/// Whether new turns begin: a gateway that stops drains.
fn suspension_phase(engine: &Engine) -> &'static str {
    if engine.phase() == Phase::Draining {
        SuspensionPhase::Draining.as_str()
    } else {
        engine.suspension_phase().as_str()
    }
}

fn session_defaults(gateway: &OpenClaw) -> Value {
    let settings = gateway.context().engine.settings();
    let default = settings.default_agent().map_or("main", AgentId::as_str);
    json!({
        "defaultAgentId": default,
        "modelConfigured": settings.model_configured,
        "ownership": "sole",
        "selectionRequired": settings.routing.default_agent.is_none() && settings.routing.agents.len() > 1,
        "mainKey": "main",
        "mainSessionKey": SessionKey::main(default).as_str(),
        "scope": if settings.routing.global { "global" } else { "per-sender" },
    })
}
