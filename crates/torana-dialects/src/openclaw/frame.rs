//! Frames: reading requests strictly, writing answers and events once.

use serde::Serialize;
use serde_json::Value;

use super::error::WireError;
use super::params::{self, Kind, NAME, Params, Spec, may, must};
use crate::front::json;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    /// Repeated in the answer.
    pub(crate) id: String,
    /// Which method.
    pub(crate) method: String,
    /// Its parameters; an empty object when absent.
    pub(crate) params: Value,
}

/// Why a text is not a request.
#[derive(Debug, PartialEq)]
pub(crate) enum FrameFault {
    /// Not JSON, or JSON no client may send (too deep, duplicate keys).
    NotJson,
    /// JSON, but not a request.
    Invalid {
        /// The id to answer to, as far as there is one.
        id: Option<String>,
        /// What is wrong.
        message: String,
    },
}

impl From<json::JsonFault> for FrameFault {
    fn from(fault: json::JsonFault) -> Self {
        match fault {
            json::JsonFault::Invalid(_) => Self::NotJson,
            json::JsonFault::TooDeep
            | json::JsonFault::TooManyNodes
            | json::JsonFault::Infinite
            | json::JsonFault::DuplicateKey(_) => Self::Invalid {
                id: None,
                message: fault.to_string(),
            },
        }
    }
}

const REQUEST: Spec = params::closed(&[
    must("type", Kind::OneOf(&["req"])),
    must("id", NAME),
    must("method", NAME),
    may("params", Kind::Any),
    may("traceparent", Kind::Text(0, 128)),
    may("expectedProfileId", Kind::Text(1, 128)),
]);

/// Reads one text frame. Bounds are checked on the bytes before anything is parsed (decisions-control-and-agents 22).
pub(crate) fn read(text: &str) -> Result<Request, FrameFault> {
    let mut value: Value = json::parse(text.as_bytes())?;
    if let Err(message) = params::check(&REQUEST, &value, false) {
        let id = value
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty() && !id.contains(char::REPLACEMENT_CHARACTER))
            .map(str::to_owned);
        return Err(FrameFault::Invalid { id, message });
    }
    let mut take = |name: &str| value.get_mut(name).map(Value::take);
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let (id, method) = (text(take("id")), text(take("method")));
    let params = match take("params") {
        None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
        Some(value) => value,
    };
    Ok(Request { id, method, params })
}

#[derive(Serialize)]
struct Answered<'a, T: Serialize> {
    r#type: &'static str,
    id: &'a str,
    ok: bool,
    payload: &'a T,
}

#[derive(Serialize)]
struct Failed<'a> {
    r#type: &'static str,
    id: &'a str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Value>,
    error: &'a WireError,
}

#[derive(Serialize)]
struct EventFrame<'a, T: Serialize> {
    r#type: &'static str,
    event: &'a str,
    payload: &'a T,
    #[serde(rename = "stateVersion", skip_serializing_if = "Option::is_none")]
    state_version: Option<StateVersion>,
}

/// Versions a `presence` or `health` event carries.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct StateVersion {
    /// Of presence.
    pub(crate) presence: u64,
    /// Of health.
    pub(crate) health: u64,
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own frames always serialise")
}

/// The payload of an answer, encoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payload(pub(crate) bytes::Bytes);

impl Payload {
    /// Encodes a value.
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self(encode(value).into())
    }
}

/// A good answer around an encoded payload.
pub(crate) fn answer(id: &str, payload: &Payload) -> Vec<u8> {
    let id = encode(&id);
    let mut frame = Vec::with_capacity(payload.0.len() + id.len() + 48);
    frame.extend_from_slice(b"{\"type\":\"res\",\"id\":");
    frame.extend_from_slice(&id);
    frame.extend_from_slice(b",\"ok\":true,\"payload\":");
    frame.extend_from_slice(&payload.0);
    frame.push(b'}');
    frame
}

/// A good answer around a value.
pub(crate) fn answer_value(id: &str, payload: &impl Serialize) -> Vec<u8> {
    encode(&Answered {
        r#type: "res",
        id,
        ok: true,
        payload,
    })
}

/// A bad answer.
pub(crate) fn failure(id: &str, error: &WireError) -> Vec<u8> {
    encode(&Failed {
        r#type: "res",
        id,
        ok: false,
        payload: error.payload.as_deref(),
        error,
    })
}

/// An event without `seq`.
pub(crate) fn event(name: &str, payload: &impl Serialize) -> Vec<u8> {
    encode(&EventFrame {
        r#type: "event",
        event: name,
        payload,
        state_version: None,
    })
}

/// A `presence` or `health` event without `seq`.
pub(crate) fn versioned_event(
    name: &str,
    payload: &impl Serialize,
    version: StateVersion,
) -> Vec<u8> {
    encode(&EventFrame {
        r#type: "event",
        event: name,
        payload,
        state_version: Some(version),
    })
}

/// Checks the parameters of a method.
pub(crate) fn read_params(
    method: &str,
    spec: &Spec,
    value: Value,
    forgiving: bool,
) -> Result<Params, WireError> {
    params::check(spec, &value, forgiving)
        .map_err(|message| WireError::invalid(format!("invalid {method} params: {message}")))?;
    Ok(Params::new(value))
}
