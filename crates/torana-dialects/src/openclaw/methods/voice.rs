//! `voicewake.*`: the words devices listen for.

use serde_json::{Value, json};
use torana_core::auth::Role;
use torana_engine::service::voice_wake;

use super::{Call, Running};
use crate::front::outgoing::Fate;
use crate::openclaw::client::Client;
use crate::openclaw::error::WireError;
use crate::openclaw::frame::{self, Payload};

/// What a device that listens calls the ability (OpenClaw 2026.9.6).
const CAP: &str = "voiceWake";

/// Words when nobody chose any (OpenClaw 2026.9.6).
const USUAL: &[&str] = &["openclaw", "claude", "computer"];

fn payload(triggers: &[String]) -> Value {
    if triggers.is_empty() {
        json!({ "triggers": USUAL })
    } else {
        json!({ "triggers": triggers })
    }
}

pub(super) fn get(call: Call) -> Running {
    Box::pin(async move {
        let triggers = voice_wake::triggers(call.engine()).await?;
        Ok(Payload::of(&payload(&triggers)))
    })
}

pub(super) fn set(call: Call) -> Running {
    Box::pin(async move {
        // Whatever is no text is left out, as the reference does; a list it must be.
        if !call.params.get("triggers").is_some_and(Value::is_array) {
            return Err(WireError::invalid(
                "voicewake.set requires triggers: string[]",
            ));
        }
        let triggers = call.params.texts("triggers");
        let kept = voice_wake::set_triggers(call.engine(), triggers).await?;
        let payload = payload(&kept);
        call.gateway.hub().send(
            frame::event("voicewake.changed", &payload),
            Fate::Keep,
            &|client: &Client| client.reads() || client.role == Role::Node,
        );
        Ok(Payload::of(&payload))
    })
}

/// Which session a word leads to: always the one in use, because nothing in this build leads elsewhere.
pub(super) fn routing(_call: Call) -> Running {
    super::absent::empty(json!({
        "config": {
            "version": 1, "defaultTarget": { "mode": "current" }, "routes": [], "updatedAtMs": 0,
        },
    }))
}

/// Tells a node that listens for words which ones, once, when it comes; it may not ask itself.
pub(crate) async fn tell_node(
    gateway: &crate::openclaw::OpenClaw,
    client: &Client,
    caps: &[String],
) {
    if !caps.iter().any(|cap| cap == CAP) {
        return;
    }
    match voice_wake::triggers(&gateway.context().engine).await {
        Ok(triggers) => {
            let event = frame::event("voicewake.changed", &payload(&triggers));
            let id = client.id;
            gateway
                .hub()
                .send(event, Fate::Keep, &|other| other.id == id);
        }
        Err(problem) => tracing::warn!(%problem, "A node was not told its wake words."),
    }
}
