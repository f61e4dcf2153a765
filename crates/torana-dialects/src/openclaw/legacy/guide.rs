//! The bare dialect of OpenClaw's older guide: `{method: "auth", params: {token}}` first, then `{id?, method, params}`
//! answered by `{id?, result}` or `{id?, error}`, and events `{event, data}` with dotted names.
//!
//! Methods are those of the ordinary dialect, behind the same checks; only frames differ. An id comes in any JSON shape
//! and travels inside as its JSON text, so that it goes out exactly as it came.

use serde_json::{Map, Value, json};
use torana_core::auth::ScopeSet;
use torana_core::port::World;

use super::Legacy;
use crate::front::json;
use crate::openclaw::connect::{Connect, Credentials};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::{FrameFault, Request};
use crate::openclaw::gateway::OpenClaw;
use crate::openclaw::handshake::{Principal, Refusal};
use crate::openclaw::params::{self, Kind, Spec, TEXT, may};
use crate::openclaw::quirks;

/// The one method only this dialect has (control decision 21).
pub(in crate::openclaw) const INFO: &str = "gateway.info";

const AUTH: Spec = params::closed(&[may("token", TEXT), may("password", TEXT)]);
/// A request; `jsonrpc` is what libraries add unasked.
const REQUEST: Spec = params::closed(&[
    may("id", Kind::Any),
    params::must("method", params::NAME),
    may("params", Kind::Any),
    may("jsonrpc", TEXT),
]);
/// Bytes of an id; it is repeated in the answer.
const ID_BYTES_MAX: usize = 256;
/// Methods that need an idempotency key, which the guide does not know.
const KEYED: &[&str] = &["chat.send", "agent", "send"];

fn request_of(value: &Value) -> Option<Request> {
    if value.get("type").is_some() {
        return None;
    }
    let method = value.get("method")?.as_str()?.to_owned();
    let id = value.get("id").map_or_else(String::new, Value::to_string);
    if id.len() > ID_BYTES_MAX {
        return None;
    }
    let params = match value.get("params") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(params) => params.clone(),
    };
    Some(Request { id, method, params })
}

/// The first frame, if it is the `auth` of this dialect.
pub(in crate::openclaw) fn opening(text: &str) -> Option<Request> {
    let value = json::parse(text.as_bytes()).ok()?;
    params::check(&REQUEST, &value, false).ok()?;
    request_of(&value).filter(|request| request.method == "auth")
}

/// Reads a frame after `auth`.
pub(in crate::openclaw) fn read(text: &str, world: &World) -> Result<Request, FrameFault> {
    let value = json::parse(text.as_bytes())?;
    let invalid = |message: String| FrameFault::Invalid { id: None, message };
    params::check(&REQUEST, &value, false).map_err(invalid)?;
    let mut request = request_of(&value)
        .ok_or_else(|| invalid("must be {method, params} with a short id".to_owned()))?;
    if KEYED.contains(&request.method.as_str())
        && let Value::Object(params) = &mut request.params
        && !params.contains_key("idempotencyKey")
    {
        params.insert("idempotencyKey".to_owned(), json!(world.uuid()));
    }
    Ok(request)
}

/// `auth` as a connect of a command line that asks for everything it may have.
pub(in crate::openclaw) fn connect(params: &Value) -> Result<Connect, WireError> {
    params::check(&AUTH, params, false)
        .map_err(|message| WireError::invalid(format!("invalid auth params: {message}")))?;
    let secret = |name: &str| {
        params[name]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let scopes = ScopeSet::every().words();
    Ok(Connect {
        min_protocol: quirks::PROTOCOL,
        max_protocol: quirks::PROTOCOL,
        client_id: "cli".to_owned(),
        client_mode: "cli".to_owned(),
        client_version: "guide".to_owned(),
        display_name: None,
        platform: "unknown".to_owned(),
        device_family: None,
        model_identifier: None,
        instance_id: None,
        caps: vec!["tool-events".to_owned()],
        role_text: "operator".to_owned(),
        scope_texts: scopes.into_iter().map(str::to_owned).collect(),
        device: None,
        auth: Credentials {
            token: secret("token"),
            password: secret("password"),
            ..Credentials::default()
        },
        commands: Vec::new(),
        permissions: Vec::new(),
        path_env: None,
        model_catalog: None,
        legacy: Some(Legacy::Guide),
    })
}

/// A refusal in words that help here: this dialect has no devices, so what is missing is the secret.
pub(in crate::openclaw) fn reworded(refusal: Refusal) -> Refusal {
    let code = refusal
        .error
        .as_ref()
        .and_then(|error| error.details.as_ref()?["code"].as_str());
    if code != Some("DEVICE_IDENTITY_REQUIRED") {
        return refusal;
    }
    let message =
        "unauthorized: gateway token missing (send it as params.token or params.password of auth)";
    let details = json!({
        "code": "AUTH_TOKEN_MISSING", "authReason": "token_missing", "canRetryWithDeviceToken": false,
        "recommendedNextStep": "update_auth_configuration",
    });
    Refusal {
        reason: message.to_owned(),
        error: Some(WireError::invalid(message).details(details)),
        ..refusal
    }
}

/// The answer to a good `auth`.
pub(in crate::openclaw) fn hello(principal: &Principal) -> Value {
    json!({
        "authenticated": true,
        "version": quirks::COMPATIBLE_RELEASE,
        "scopes": principal.scopes.words(),
    })
}

/// The answer of `gateway.info`.
pub(in crate::openclaw) fn info(gateway: &OpenClaw) -> Value {
    json!({
        "name": "torana",
        "version": quirks::COMPATIBLE_RELEASE,
        "uptimeMs": gateway.uptime_ms(),
    })
}

/// Our frame as this dialect's; `None` when it has no such frame.
pub(in crate::openclaw) fn translate(frame: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(frame).ok()?;
    let translated = match value["type"].as_str()? {
        "res" => answer(&mut value),
        "event" => {
            let name = value["event"].as_str()?.to_owned();
            event(&name, &value["payload"])?
        }
        _ => return None,
    };
    serde_json::to_vec(&translated).ok()
}

fn answer(value: &mut Value) -> Value {
    let mut answer = Map::new();
    // What we made up for a frame without a readable id stays inside.
    if let Some(id) = value["id"]
        .as_str()
        .and_then(|id| serde_json::from_str::<Value>(id).ok())
    {
        answer.insert("id".to_owned(), id);
    }
    if value["ok"] == true {
        answer.insert("result".to_owned(), value["payload"].take());
    } else {
        answer.insert("error".to_owned(), value["error"].take());
    }
    Value::Object(answer)
}

fn event(name: &str, payload: &Value) -> Option<Value> {
    let (name, data) = match name {
        "agent" => agent(payload)?,
        "presence" => ("presence", json!({ "presence": payload["presence"] })),
        "session.message" => (
            "message",
            json!({
                "sessionKey": payload["sessionKey"], "messageId": payload["messageId"], "message": payload["message"],
            }),
        ),
        "session.typing" => ("typing", payload.clone()),
        "sessions.changed" => {
            let name = match payload["reason"].as_str() {
                Some("create") => "session.created",
                Some("delete") => "session.pruned",
                _ => "session.updated",
            };
            let data = json!({
                "sessionKey": payload["sessionKey"], "agentId": payload["agentId"], "session": payload["session"],
            });
            (name, data)
        }
        _ => return None,
    };
    Some(json!({ "event": name, "data": data }))
}

fn agent(payload: &Value) -> Option<(&'static str, Value)> {
    let data = &payload["data"];
    let mut told = json!({ "runId": payload["runId"], "sessionKey": payload["sessionKey"] });
    let name = match (payload["stream"].as_str()?, data["phase"].as_str()) {
        ("assistant", _) => {
            told["text"] = data["delta"].clone();
            if data["replace"] == true {
                told["replace"] = json!(true);
            }
            "agent.text"
        }
        ("thinking", _) => {
            told["text"] = data["delta"].clone();
            "agent.thinking"
        }
        ("tool", Some("start")) => {
            told["id"] = data["toolCallId"].clone();
            told["name"] = data["name"].clone();
            told["args"] = data["args"].clone();
            "agent.tool.start"
        }
        ("tool", Some("result")) => {
            told["id"] = data["toolCallId"].clone();
            told["name"] = data["name"].clone();
            told["isError"] = data["isError"].clone();
            told["result"] = data["result"].clone();
            "agent.tool.result"
        }
        ("lifecycle", Some("end")) => {
            let is_stopped = data["aborted"] == true;
            told["status"] = json!(if is_stopped { "cancelled" } else { "ok" });
            told["text"] = data["terminalReply"]["text"].clone();
            "agent.done"
        }
        ("lifecycle", Some("error")) => {
            told["status"] = json!("error");
            told["error"] = data["error"].clone();
            "agent.done"
        }
        _ => return None,
    };
    Some((name, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_auth_opens_the_dialect() {
        for (text, is_it) in [
            (r#"{"method":"auth","params":{"token":"x"}}"#, true),
            (
                r#"{"jsonrpc":"2.0","id":7,"method":"auth","params":{"password":"x"}}"#,
                true,
            ),
            (
                r#"{"type":"req","id":"1","method":"auth","params":{}}"#,
                false,
            ),
            (r#"{"method":"chat.send","params":{}}"#, false),
            (r#"{"method":"connect","params":{}}"#, false),
            (r#"{"method":"auth","extra":1}"#, false),
            (r#"{"method":"auth","method":"auth"}"#, false),
            (r#"["auth"]"#, false),
            ("auth", false),
        ] {
            assert_eq!(opening(text).is_some(), is_it, "{text}");
        }
    }

    #[test]
    fn ids_go_out_as_they_came() {
        for id in [json!(7), json!("seven"), json!(null), json!({ "a": [1] })] {
            let text = json!({ "id": id, "method": "auth" }).to_string();
            let request = opening(&text).expect("an auth");
            let frame =
                json!({ "type": "res", "id": request.id, "ok": true, "payload": { "a": 1 } });
            let told = translate(frame.to_string().as_bytes()).expect("an answer");
            let told: Value = serde_json::from_slice(&told).expect("JSON");
            assert_eq!(told, json!({ "id": id, "result": { "a": 1 } }));
        }
        let frame = json!({ "type": "res", "id": "", "ok": false, "error": { "code": "X" } });
        let told = translate(frame.to_string().as_bytes()).expect("an answer");
        assert_eq!(told, br#"{"error":{"code":"X"}}"#);
    }

    #[test]
    fn events_get_the_guides_names_and_the_rest_is_not_said() {
        let name = |event: &str, payload: Value| {
            let frame = json!({ "type": "event", "event": event, "payload": payload, "seq": 1 });
            translate(frame.to_string().as_bytes()).map(|bytes| {
                let value: Value = serde_json::from_slice(&bytes).expect("JSON");
                value["event"].as_str().unwrap_or_default().to_owned()
            })
        };
        let agent = |stream: &str, data: Value| {
            name(
                "agent",
                json!({ "runId": "r", "stream": stream, "data": data }),
            )
        };
        assert_eq!(
            agent("assistant", json!({ "delta": "a" })).as_deref(),
            Some("agent.text")
        );
        assert_eq!(
            agent("thinking", json!({ "delta": "a" })).as_deref(),
            Some("agent.thinking")
        );
        assert_eq!(
            agent("tool", json!({ "phase": "start" })).as_deref(),
            Some("agent.tool.start")
        );
        assert_eq!(
            agent("tool", json!({ "phase": "result" })).as_deref(),
            Some("agent.tool.result")
        );
        assert_eq!(
            agent("lifecycle", json!({ "phase": "end" })).as_deref(),
            Some("agent.done")
        );
        assert_eq!(
            agent("lifecycle", json!({ "phase": "error" })).as_deref(),
            Some("agent.done")
        );
        assert_eq!(agent("lifecycle", json!({ "phase": "start" })), None);
        assert_eq!(
            name("sessions.changed", json!({ "reason": "create" })).as_deref(),
            Some("session.created")
        );
        assert_eq!(
            name("sessions.changed", json!({ "reason": "delete" })).as_deref(),
            Some("session.pruned")
        );
        assert_eq!(
            name("sessions.changed", json!({ "reason": "patch" })).as_deref(),
            Some("session.updated")
        );
        assert_eq!(
            name("session.message", json!({})).as_deref(),
            Some("message")
        );
        assert_eq!(name("presence", json!({})).as_deref(), Some("presence"));
        for silent in [
            "tick",
            "health",
            "chat",
            "connect.challenge",
            "exec.approval.requested",
        ] {
            assert_eq!(name(silent, json!({})), None, "{silent}");
        }
    }
}
