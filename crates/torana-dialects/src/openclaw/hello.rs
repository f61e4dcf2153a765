//! The answer to a good `connect`. The object and its children are closed: no undeclared key.

use serde_json::{Value, json};
use torana_core::auth::{Role, Scope};
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::limit::{CLIENT_BUFFER_BYTES_MAX, FRAME_BYTES_MAX, TICK_INTERVAL_MS};
use torana_engine::Phase;
use torana_engine::service::presence::PresenceEntry;

use super::gateway::OpenClaw;
use super::handshake::Principal;
use super::methods;
use super::quirks;
use crate::context::AuthMode;

/// An entry of presence.
pub(crate) fn presence(entry: &PresenceEntry) -> Value {
    let mut value = json!({ "ts": entry.at_ms });
    let texts = [
        ("host", &entry.host),
        ("ip", &entry.ip),
        ("version", &entry.version),
        ("platform", &entry.platform),
        ("deviceFamily", &entry.device_family),
        ("modelIdentifier", &entry.model_identifier),
        ("mode", &entry.mode),
        ("reason", &entry.reason),
        ("text", &entry.text),
        ("deviceId", &entry.device_id),
        ("instanceId", &entry.instance_id),
    ];
    for (name, text) in texts {
        if let Some(text) = text.as_ref().filter(|text| !text.is_empty()) {
            value[name] = json!(text);
        }
    }
    if let Some(since) = entry.online_since_ms {
        value["onlineSince"] = json!(since);
    }
    for (name, words) in [
        ("roles", &entry.roles),
        ("scopes", &entry.scopes),
        ("tags", &entry.tags),
        ("watchedSessions", &entry.watched),
    ] {
        if !words.is_empty() {
            value[name] = json!(words);
        }
    }
    value
}

/// Builds the answer.
pub(crate) fn hello(
    gateway: &OpenClaw,
    principal: &Principal,
    wire_id: &str,
    observed: bool,
    protocol: i64,
) -> Value {
    let context = gateway.context();
    let front = context.front.load();
    let reads = principal.role == Role::Operator && principal.scopes.allows(Scope::Read);
    let is_admin = principal.role == Role::Operator && principal.scopes.allows(Scope::Admin);
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
    let mut snapshot = json!({
        "suspension": { "phase": if context.engine.phase() == Phase::Draining { "draining" } else { "accepting" } },
        "presence": [],
        "health": {},
        "stateVersion": gateway.state_version(),
        "uptimeMs": gateway.uptime_ms(),
    });
    let entries = if reads {
        gateway.presence().snapshot().1
    } else {
        vec![gateway.presence().gateway().1]
    };
    snapshot["presence"] = entries.iter().map(presence).collect();
    if reads {
        // Never waits: before the first look it is empty, which clients expect.
        if let Some(last) = gateway.health().last()
            && let Ok(health) = serde_json::from_slice::<Value>(&last.full.0)
        {
            snapshot["health"] = health;
        }
        snapshot["sessionDefaults"] = session_defaults(gateway);
        snapshot["updateSchedule"] =
            json!({ "channel": "stable", "autoEnabled": false, "install": { "kind": "package" } });
    }
    if is_admin {
        snapshot["configPath"] = json!(context.config_path.display().to_string());
        snapshot["stateDir"] = json!(context.state_dir.display().to_string());
        snapshot["authMode"] = json!(match front.auth {
            AuthMode::Token => "token",
            AuthMode::Password => "password",
            AuthMode::None => "none",
            AuthMode::TrustedProxy => "trusted-proxy",
        });
    }
    json!({
        "type": "hello-ok",
        "protocol": protocol,
        "server": {
            "version": quirks::COMPATIBLE_RELEASE,
            "bootId": context.boot_id,
            "controlUiBuildSource": "configured",
            "connId": wire_id,
        },
        "features": {
            "methods": methods::listed(),
            "events": quirks::EVENTS,
            "capabilities": quirks::CAPABILITIES,
        },
        "snapshot": snapshot,
        "auth": auth,
        "policy": {
            "maxPayload": FRAME_BYTES_MAX,
            "maxBufferedBytes": CLIENT_BUFFER_BYTES_MAX,
            "tickIntervalMs": TICK_INTERVAL_MS,
            "attachments": { "maxBytes": quirks::ATTACHMENT_BYTES_MAX, "maxImageBytes": quirks::IMAGE_BYTES_MAX },
            "allowedSessionVisibilities": ["shared"],
            "hasMultipleSessionSharingIdentities": false,
        },
    })
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
