//! Entries of presence: the gateway's own, a client's, and how they are told.

use serde_json::{Value, json};
use torana_core::auth::Role;
use torana_engine::service::presence::PresenceEntry;

use super::connect::Connect;
use super::handshake::Principal;
use super::quirks;
use crate::context::Context;
use crate::front::peer::Peer;

/// The gateway's own entry in presence.
pub(super) fn of_gateway(context: &Context) -> PresenceEntry {
    let machine = context.host.site().machine();
    let place = machine
        .address
        .map_or_else(String::new, |address| format!(" ({address})"));
    let release = quirks::COMPATIBLE_RELEASE;
    PresenceEntry {
        text: Some(format!(
            "Gateway: {}{place} · app {release} · mode gateway · reason self",
            machine.hostname
        )),
        host: Some(machine.hostname),
        ip: machine.address.map(|address| address.to_string()),
        version: Some(release.to_owned()),
        platform: Some(format!("{} {}", machine.platform, machine.release)),
        device_family: Some(family(machine.platform).to_owned()),
        mode: Some("gateway".to_owned()),
        reason: Some("self".to_owned()),
        instance_id: Some(context.boot_id.clone()),
        ..PresenceEntry::default()
    }
}

/// A kind of machine, as clients group them.
fn family(platform: &'static str) -> &'static str {
    match platform {
        "linux" => "Linux",
        "darwin" => "Mac",
        other => other,
    }
}

/// The entry in presence of a client that people want to see: programs with a window, and nodes.
pub(super) fn of_client(
    connect: &Connect,
    peer: &Peer,
    principal: &Principal,
    at_ms: i64,
) -> Option<PresenceEntry> {
    if !connect.is_ui() && principal.role != Role::Node {
        return None;
    }
    let shortened = |text: &str| Some(text.chars().take(64).collect());
    let name = connect.display_name.as_deref().unwrap_or("unknown");
    Some(PresenceEntry {
        host: connect
            .display_name
            .clone()
            .or_else(|| Some(connect.client_id.clone())),
        ip: (!peer.direct_local).then(|| peer.remote.to_string()),
        version: shortened(&connect.client_version),
        platform: shortened(&connect.platform),
        device_family: connect.device_family.clone(),
        model_identifier: connect.model_identifier.clone(),
        mode: Some(connect.client_mode.clone()),
        reason: Some("connect".to_owned()),
        // Quirk: whatever it is, it is called a node (OpenClaw 2026.9.6).
        text: Some(format!("Node: {name} · mode {}", connect.client_mode)),
        at_ms,
        online_since_ms: Some(at_ms),
        device_id: principal.device.as_ref().map(ToString::to_string),
        roles: vec![principal.role.as_str().to_owned()],
        scopes: principal
            .scopes
            .words()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        instance_id: connect.instance_id.clone(),
        ..PresenceEntry::default()
    })
}

/// An entry, as clients read it.
pub(crate) fn told(entry: &PresenceEntry) -> Value {
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
