//! Devices and nodes that want to be let in, as listed and as told.

use serde_json::{Value, json};
use torana_engine::service::login::SetupDone;
use torana_engine::service::nodes::NodeView;
use torana_engine::store::device::{DeviceFacts, DeviceRequest};

/// A pairing request, as listed and as told.
pub(crate) fn device_request(request: &DeviceRequest) -> Value {
    let mut value = json!({
        "requestId": request.request_id,
        "deviceId": request.device_id,
        "publicKey": request.public_key,
        "role": request.role,
        "roles": [request.role],
        "scopes": scope_words(&request.scopes),
        "silent": false,
        "isRepair": request.repair,
        "ts": request.created_at_ms,
    });
    add_facts(&mut value, &request.facts);
    value
}

/// An offer that waits, as listed and as told.
pub(crate) fn node_offer(view: &NodeView) -> Option<Value> {
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

/// What came of a setup code, as answered and as told.
pub(crate) fn setup_done(done: &SetupDone) -> Value {
    let mut value = json!({
        "setupId": done.setup.id, "deviceId": done.device_id, "access": done.setup.profile.as_str(), "ts": done.at_ms,
    });
    if let Some(name) = &done.device_name {
        value["deviceName"] = json!(name);
    }
    value
}

/// What a device says about itself, as far as it does.
pub(crate) fn add_facts(value: &mut Value, facts: &DeviceFacts) {
    let texts = [
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
}

/// Scopes as they are stored, one by one.
pub(crate) fn scope_words(scopes: &str) -> Vec<&str> {
    scopes
        .split(',')
        .filter(|scope| !scope.is_empty())
        .collect()
}

/// Adds the texts there are.
pub(crate) fn put_texts(value: &mut Value, texts: &[(&str, Option<&str>)]) {
    for (name, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            value[*name] = json!(text);
        }
    }
}
