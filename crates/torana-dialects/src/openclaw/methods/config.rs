//! Reading and changing the configuration. What a write must respect is in the desk.

use std::sync::OnceLock;

use serde_json::{Value, json};
use torana_core::config::{Described, DescribedChild, KeyPath, read_text};
use torana_core::key::SessionKey;
use torana_core::limit::{RESTART_DELAY_MS, RESTART_DELAY_MS_MAX};
use torana_host::moment::rfc3339_ms;

use super::{Answer, Call, Running, machine};
use crate::openclaw::desk::{Author, Base, Written, edit_failure, return_failure};
use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::quirks;

/// Characters of a note that are kept in the audit log.
const NOTE_CHARS_MAX: usize = 500;

pub(super) fn get(call: Call) -> Running {
    Box::pin(async move {
        let file = call.gateway.context().host.config_file();
        Ok(call.gateway.desk().shown(file).await?.payload.clone())
    })
}

pub(super) fn schema(call: Call) -> Running {
    // The tree does not change while the process lives.
    static FORMS: OnceLock<(Value, Value)> = OnceLock::new();
    Box::pin(async move {
        let schema = call.gateway.context().host.config_file().schema();
        let (schema, hints) =
            FORMS.get_or_init(|| (schema.for_forms(), Value::Object(schema.hints())));
        Ok(Payload::of(&json!({
            "schema": schema,
            "uiHints": hints,
            "version": quirks::COMPATIBLE_RELEASE,
            "generatedAt": rfc3339_ms(call.now_ms()),
        })))
    })
}

pub(super) fn lookup(call: Call) -> Running {
    Box::pin(async move {
        let path = call.params.word("path").unwrap_or_default();
        let is_readable =
            |letter: char| letter.is_ascii_alphanumeric() || "_./[]-*".contains(letter);
        if !path.chars().all(is_readable) {
            return Err(WireError::invalid(
                "invalid config.schema.lookup params: at /path: must match pattern \"^[A-Za-z0-9_./\\[\\]\\-*]+$\"",
            ));
        }
        let schema = call.gateway.context().host.config_file().schema();
        match schema.describe(path) {
            Some(found) => Ok(Payload::of(&described(&found))),
            None => Err(WireError::invalid(format!(
                "config schema path not found: {path}"
            ))),
        }
    })
}

fn described(found: &Described) -> Value {
    let mut value = json!({
        "path": found.path,
        "schema": found.schema,
        "hint": found.hint,
        "children": found.children.iter().map(child).collect::<Vec<_>>(),
    });
    if let Some(kind) = found.reload {
        value["reloadKind"] = json!(kind);
    }
    if !found.hint_path.is_empty() {
        value["hintPath"] = json!(found.hint_path);
    }
    value
}

fn child(child: &DescribedChild) -> Value {
    let mut value = json!({
        "key": child.key, "path": child.path, "required": child.required, "hasChildren": child.has_children,
        "hint": child.hint, "hintPath": child.hint_path,
    });
    if let Some(kind) = &child.kind {
        value["type"] = kind.clone();
    }
    if let Some(kind) = child.reload {
        value["reloadKind"] = json!(kind);
    }
    value
}

/// Who a call comes from, as the audit log names it.
pub(super) fn author(call: &Call, method: &'static str) -> Author {
    let note = call.params.word("note");
    let delay_ms = call.params.count("restartDelayMs");
    let delay_ms = delay_ms.map_or(RESTART_DELAY_MS, |delay_ms| {
        u64::try_from(delay_ms).unwrap_or(u64::MAX)
    });
    Author {
        method,
        actor: call.actor(),
        restart_delay_ms: delay_ms.min(RESTART_DELAY_MS_MAX),
        note: note.map(|note| note.chars().take(NOTE_CHARS_MAX).collect()),
    }
}

fn base(call: &Call) -> Base {
    Base::Hash(call.params.word("baseHash").map(str::to_owned))
}

pub(super) fn set(call: Call) -> Running {
    Box::pin(async move {
        let written = replace(&call, "config.set").await?;
        Ok(Payload::of(&json!({
            "ok": true, "path": written.shown.view.path, "hash": written.shown.view.hash, "config": written.shown.config,
        })))
    })
}

pub(super) fn apply(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call)?;
        let written = replace(&call, "config.apply").await?;
        tell_session(&call, session, &written).await;
        Ok(answer(&call, "config.apply", &written))
    })
}

async fn replace(call: &Call, method: &'static str) -> Result<Written, WireError> {
    let raw = call.params.text("raw").unwrap_or_default().to_owned();
    let value = read_text(&raw).map_err(|error| edit_failure(&error))?;
    if !value.is_object() {
        return Err(WireError::invalid(format!(
            "{method} raw must be an object"
        )));
    }
    let written = call
        .gateway
        .desk()
        .write(
            call.gateway.context().host.config_file(),
            call.gateway.audit(),
            author(call, method),
            base(call),
            move |view, schema| {
                schema
                    .returned_text(&raw, &view.text)
                    .map_err(|error| return_failure(&error))
            },
        )
        .await?;
    call.gateway.tell_config().await;
    Ok(written)
}

pub(super) fn patch(call: Call) -> Running {
    Box::pin(async move { patched(call).await })
}

/// The session that is to hear of the change.
fn session_of(call: &Call) -> Result<Option<SessionKey>, WireError> {
    let key = call.params.word("sessionKey");
    let key = key.map(|key| call.engine().parse_key(key)).transpose()?;
    if let Some(key) = &key {
        call.engine().agent_of(key)?;
    }
    Ok(key)
}

/// Leaves a remark in the transcript of who asked for a change that restarts the gateway: its next turn, which may be
/// after the restart, reads why.
async fn tell_session(call: &Call, session: Option<SessionKey>, written: &Written) {
    let Some(session) = session.filter(|_| written.effect.restarts) else {
        return;
    };
    let mut text = format!(
        "The gateway restarts: {} changed its configuration.",
        call.method
    );
    if let Some(note) = call.params.word("note") {
        let note: String = note.chars().take(NOTE_CHARS_MAX).collect();
        text.push_str(&format!(" Note: {note}"));
    }
    if let Err(problem) = machine::remark(call.engine(), &session, &text).await {
        tracing::warn!(%problem, "A session could not be told of a restart.");
    }
}

async fn patched(call: Call) -> Answer {
    let session = session_of(&call)?;
    let raw = call.params.text("raw").unwrap_or_default();
    let patch = read_text(raw).map_err(|error| edit_failure(&error))?;
    if !patch.is_object() {
        return Err(WireError::invalid("config.patch raw must be an object"));
    }
    let replaced = call
        .params
        .texts("replacePaths")
        .iter()
        .map(|path| {
            path.parse::<KeyPath>().map_err(|error| {
                WireError::invalid(format!(
                    "invalid config.patch params: at /replacePaths: {error}"
                ))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let written = call
        .gateway
        .desk()
        .write(
            call.gateway.context().host.config_file(),
            call.gateway.audit(),
            author(&call, "config.patch"),
            base(&call),
            move |view, schema| {
                schema
                    .patched_text(&patch, &replaced, &view.text)
                    .map_err(|error| return_failure(&error))
            },
        )
        .await?;
    call.gateway.tell_config().await;
    tell_session(&call, session, &written).await;
    Ok(answer(&call, "config.patch", &written))
}

/// The answer of `config.patch` and `config.apply`.
fn answer(call: &Call, method: &str, written: &Written) -> Payload {
    let view = &written.shown.view;
    let changed: Vec<String> = written.changed.iter().map(ToString::to_string).collect();
    let mut value = json!({
        "ok": true, "path": view.path, "hash": view.hash, "config": written.shown.config, "changedPaths": changed,
    });
    if changed.is_empty() {
        value["noop"] = json!(true);
        return Payload::of(&value);
    }
    let restart = &written.effect.restart;
    let message = (!restart.is_empty())
        .then(|| format!("takes effect after a restart: {}", restart.join(", ")));
    value["sentinel"] = json!({
        // Nothing is left to be told after a restart: the answer says it all.
        "persisted": false,
        "payload": {
            "kind": method.replace('.', "-"),
            "status": "ok",
            "ts": call.now_ms(),
            "message": message,
            "doctorHint": "Run: torana doctor",
            "stats": { "mode": method, "root": call.gateway.context().state_dir.display().to_string(), "requiresRestart": !restart.is_empty() },
        },
    });
    Payload::of(&value)
}
