//! Changing sessions: settings, one or many; a fresh transcript; the end.

use serde_json::{Value, json};
use torana_core::auth::Scope;
use torana_core::command::Setting;
use torana_core::id::AgentId;
use torana_core::key::SessionKey;
use torana_core::run::{ModelRef, THINKING_LEVELS};
use torana_engine::service::sessions::{self, NewSession, SessionView};
use torana_engine::store::session::{Archived, Change, Filter, SessionRow};

use crate::openclaw::error::WireError;
use crate::openclaw::frame::Payload;
use crate::openclaw::methods::chat::{key_of, session_of};
use crate::openclaw::methods::models::providers;
use crate::openclaw::methods::{Answer, Call, Running};
use crate::openclaw::params::whole;
use crate::openclaw::shape;

/// Sessions that a clean-up looks at, newest first.
const CLEANED_MAX: usize = 100_000;
/// Characters of an icon: an emoji with all its parts.
const FACE_CHARS_MAX: usize = 64;
/// Colours of sessions (OpenClaw 2026.9.6).
const COLORS: &[&str] = &[
    "red", "blue", "green", "yellow", "purple", "orange", "pink", "cyan",
];

/// Settings that every writer may change; the rest needs an administrator (section 4 of our notes).
const PATCH_WRITABLE: &[&str] = &[
    "key",
    "agentId",
    "label",
    "autoLabel",
    "icon",
    "color",
    "category",
    "boardFace",
    "boardPresentation",
    "pinned",
    "archived",
    "unread",
    "model",
    "agentRuntime",
    "thinkingLevel",
    "fastMode",
];

/// Write is enough while only everyday settings change.
pub(in crate::openclaw::methods) fn scope_of_patch(params: &Value) -> Scope {
    let everyday =
        |key: &String| PATCH_WRITABLE.contains(&key.as_str()) || key.starts_with("expected");
    let keys = params.as_object();
    if keys.is_none_or(|keys| keys.keys().all(everyday)) {
        Scope::Write
    } else {
        Scope::Admin
    }
}

/// The same for the patch of many.
pub(in crate::openclaw::methods) fn scope_of_patch_many(params: &Value) -> Scope {
    scope_of_patch(&params["patch"])
}

fn text(value: &Value, name: &str) -> Option<Option<String>> {
    value.get(name).map(|value| {
        value
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    })
}

/// How answers are made, shown and sent, with the names clients have for it.
const MANNER: &[(&str, Setting)] = &[
    ("verboseLevel", Setting::Verbose),
    ("reasoningLevel", Setting::Reasoning),
    ("responseUsage", Setting::Usage),
    ("sendPolicy", Setting::Send),
    ("groupActivation", Setting::Activation),
];

fn manner_of(value: &Value) -> Result<Vec<(Setting, Option<&'static str>)>, WireError> {
    let mut chosen = Vec::new();
    for (name, setting) in MANNER {
        match text(value, name) {
            None => {}
            Some(None) => chosen.push((*setting, None)),
            Some(Some(word)) => {
                let word = setting.read(&word).ok_or_else(|| {
                    WireError::invalid(format!(
                        "invalid {name} (use {})",
                        setting.words().join("|")
                    ))
                })?;
                chosen.push((*setting, Some(word)));
            }
        }
    }
    Ok(chosen)
}

/// Reads the settings of a patch.
fn change_of(value: &Value) -> Result<Change, WireError> {
    let flag = |name: &str| value[name].as_bool();
    let change = Change {
        label: text(value, "label"),
        auto_label: text(value, "autoLabel"),
        display_name: None,
        icon: text(value, "icon"),
        color: text(value, "color"),
        category: text(value, "category"),
        parent: None,
        model: text(value, "model"),
        thinking: text(value, "thinkingLevel"),
        // The protocol has no such setting; `/queue` in the chat changes it.
        queue_mode: None,
        manner: manner_of(value)?,
        archived: flag("archived"),
        pinned: flag("pinned"),
        unread: flag("unread"),
    };
    if let Some(Some(icon)) = &change.icon
        && icon.chars().count() > FACE_CHARS_MAX
    {
        return Err(WireError::invalid(format!(
            "invalid icon: at most {FACE_CHARS_MAX} characters"
        )));
    }
    if let Some(Some(color)) = &change.color
        && !COLORS.contains(&color.as_str())
    {
        return Err(WireError::invalid(format!(
            "color must be one of: {}",
            COLORS.join(", ")
        )));
    }
    Ok(change)
}

/// What the caller believes the session to be, compared with what it is.
fn check_expected(expected: &Value, current: Option<&SessionRow>) -> Result<(), WireError> {
    let changed = || WireError::invalid("session changed; reload and retry");
    let id = expected["expectedSessionId"].as_str();
    // A lifecycle is one transcript here: both ids name it.
    let revision = expected["expectedLifecycleRevision"].as_str();
    for wanted in [id, revision].into_iter().flatten() {
        if current.is_none_or(|row| row.session_id != wanted) {
            return Err(changed());
        }
    }
    Ok(())
}

/// A model of a provider that nothing here knows could never answer.
pub(super) fn check_provider(call: &Call, model: &str) -> Result<(), WireError> {
    let Some(ModelRef { provider, .. }) = ModelRef::parse(model) else {
        return Ok(());
    };
    if providers(call).iter().any(|known| known.id == provider) {
        return Ok(());
    }
    let short: String = provider.chars().take(64).collect();
    Err(WireError::invalid(format!(
        "Unknown provider \"{short}\". Use /models to list providers."
    )))
}

/// A level that the model does not have would be kept and change nothing.
pub(super) fn check_thinking(
    call: &Call,
    agent: &AgentId,
    model: Option<&str>,
    level: &str,
) -> Result<(), WireError> {
    let settings = call.engine().settings();
    let usual = settings
        .agents
        .get(agent)
        .and_then(|agent| agent.model.as_ref());
    let name = model.map_or_else(
        || usual.map(ToString::to_string),
        |name| Some(name.to_owned()),
    );
    let name = name.unwrap_or_default();
    let known = settings.models.iter().find(|known| {
        let names = [Some(known.reference.model.as_str()), known.alias.as_deref()];
        known.reference.to_string() == name || names.contains(&Some(name.as_str()))
    });
    let levels = settings.thinking_levels(known.map(|known| &known.reference));
    if levels.contains(&level) {
        return Ok(());
    }
    let offered = levels.join("|");
    Err(WireError::invalid(match known {
        Some(known) if THINKING_LEVELS.contains(&level) => format!(
            "thinkingLevel \"{level}\" is not supported for {} (use {offered})",
            known.reference
        ),
        _ => format!("invalid thinkingLevel (use {offered})"),
    }))
}

/// Who puts a session aside, or takes it back, says which transcript it means: another may have begun since.
fn check_lifecycle(
    session: &SessionKey,
    expected: &Value,
    current: Option<&SessionRow>,
) -> Result<(), WireError> {
    let Some(row) = current else {
        return Err(WireError::invalid(format!("session not found: {session}")));
    };
    match expected["expectedSessionId"].as_str() {
        None => Err(WireError::invalid(format!(
            "expectedSessionId required for session lifecycle patch: {session}"
        ))),
        Some(id) if id == row.session_id => Ok(()),
        Some(_) => {
            let why = format!("Session {session} changed before patch. Retry.");
            Err(WireError::invalid(why).details(json!({ "reason": "session-changed" })))
        }
    }
}

/// Applies a patch to one session.
async fn apply(
    call: &Call,
    session: &SessionKey,
    expected: &Value,
    mut change: Change,
) -> Result<SessionRow, WireError> {
    let missing = || WireError::invalid(format!("No session found: {session}"));
    let current = sessions::get(call.engine(), session).await?;
    let current = current.map(|view| view.row);
    if change.archived.is_some() {
        check_lifecycle(session, expected, current.as_ref())?;
    }
    check_expected(expected, current.as_ref())?;
    if let Some(marked) = expected.get("expectedMarkedUnreadAt") {
        let current = current.as_ref().ok_or_else(missing)?;
        let marked = match marked {
            Value::Number(number) => whole(number),
            _ => None,
        };
        // Somebody marked it unread since the page looked: reading what came before does not undo that.
        if marked != current.marked_unread_at_ms {
            change.unread = None;
        }
    }
    if let Some(Some(model)) = &change.model {
        check_provider(call, model)?;
    }
    if let Some(Some(level)) = &change.thinking {
        let agent = call.engine().agent_of(session)?;
        let kept = current.as_ref().and_then(|row| row.model.as_deref());
        let model = match &change.model {
            Some(chosen) => chosen.as_deref(),
            None => kept,
        };
        check_thinking(call, &agent, model, level)?;
    }
    match current {
        Some(row) if change == Change::default() => Ok(row),
        Some(_) => {
            let row = call.engine().change_session(session, change).await?;
            row.ok_or_else(missing)
        }
        // A page chooses a model before anything was said; the choice makes the session (OpenClaw 2026.9.6).
        None => {
            let new = NewSession {
                key: Some(session.clone()),
                change,
                ..NewSession::default()
            };
            Ok(sessions::create(call.engine(), new).await?.row)
        }
    }
}

pub(in crate::openclaw::methods) fn patch(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let value = call.params.value();
        let change = change_of(&value)?;
        let is_sorted = matches!(change.category, Some(Some(_)));
        let row = apply(&call, &session, &value, change).await?;
        if is_sorted {
            // A session may be the first of its group.
            call.gateway.hub().tell_groups();
        }
        Ok(changed(&call, row))
    })
}

pub(in crate::openclaw::methods) fn patch_many(call: Call) -> Running {
    Box::pin(async move { change_many(call).await })
}

async fn change_many(call: Call) -> Answer {
    let targets = call
        .params
        .get("targets")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let patch = call.params.get("patch").cloned().unwrap_or_default();
    let change = change_of(&patch)?;
    let is_sorted = matches!(change.category, Some(Some(_)));
    let mut outcomes = Vec::with_capacity(targets.len());
    for target in targets {
        let (name, agent) = (
            target["key"].as_str().unwrap_or_default(),
            target["agentId"].as_str(),
        );
        let outcome = match key_of(&call, name, agent) {
            Ok(session) => apply(&call, &session, &target, change.clone()).await,
            Err(error) => Err(error),
        };
        let mut shown = match outcome {
            Ok(row) => json!({ "ok": true, "key": row.key }),
            Err(error) => json!({ "ok": false, "key": name, "error": error }),
        };
        if let Some(agent) = agent {
            shown["agentId"] = json!(agent);
        }
        outcomes.push(shown);
    }
    if is_sorted && outcomes.iter().any(|shown| shown["ok"] == true) {
        call.gateway.hub().tell_groups();
    }
    Ok(Payload::of(&json!({ "outcomes": outcomes })))
}

/// The answer of a method that changed a session.
fn changed(call: &Call, row: SessionRow) -> Payload {
    let key = row.key.clone();
    let resolved = shape::resolved(call.engine(), &row);
    let view = SessionView { row, active: None };
    let entry = shape::session_row(call.engine(), &view);
    Payload::of(
        &json!({ "ok": true, "path": "torana.db", "key": key, "entry": entry, "resolved": resolved }),
    )
}

pub(in crate::openclaw::methods) fn reset(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        let current = sessions::get(call.engine(), &session).await?;
        let current = current.map(|view| view.row);
        check_expected(&call.params.value(), current.as_ref())?;
        let reason = if call.params.text("reason") == Some("new") {
            "new"
        } else {
            "reset"
        };
        let row = call.engine().reset_session(&session, reason).await?;
        Ok(changed(&call, row))
    })
}

/// Deleting what is archived already needs less.
pub(in crate::openclaw::methods) fn scope_of_delete(params: &Value) -> Scope {
    let narrow = [
        "key",
        "agentId",
        "deleteTranscript",
        "expectedSessionId",
        "archivedOnly",
    ];
    let keys = params.as_object();
    let only_narrow =
        keys.is_some_and(|keys| keys.keys().all(|key| narrow.contains(&key.as_str())));
    if params["archivedOnly"] == json!(true) && only_narrow {
        Scope::Write
    } else {
        Scope::Admin
    }
}

pub(in crate::openclaw::methods) fn delete(call: Call) -> Running {
    Box::pin(async move {
        let session = session_of(&call, "key")?;
        if session.is_main() {
            return Err(WireError::invalid(format!(
                "Cannot delete the main session ({session})."
            )));
        }
        let params = &call.params;
        let current = sessions::get(call.engine(), &session).await?;
        let is_archived = current.as_ref().is_some_and(|view| view.row.archived);
        if params.flag("archivedOnly") == Some(true) && !is_archived {
            return Err(WireError::invalid(format!(
                "Session {session} is not archived. Archive it first, then delete it."
            )));
        }
        if let Some(view) = &current {
            let row = &view.row;
            let other_id = ["expectedSessionId", "expectedLifecycleRevision"]
                .iter()
                .filter_map(|name| params.word(name))
                .any(|expected| expected != row.session_id);
            let other_time = params
                .get("expectedSessionUpdatedAt")
                .is_some_and(|expected| expected.as_f64() != json!(row.updated_at_ms).as_f64());
            if other_id || other_time {
                let why = format!("Session {session} changed before deletion. Retry.");
                return Err(WireError::invalid(why).details(json!({ "reason": "session-changed" })));
            }
        }
        let deleted = call.engine().delete_session(&session).await?;
        // A transcript that is to be kept is not said to be put away; either can be read by its id later.
        let archived: Vec<&str> = deleted
            .iter()
            .filter(|row| row.entries > 0 && params.flag("deleteTranscript") != Some(false))
            .map(|row| row.session_id.as_str())
            .collect();
        Ok(Payload::of(
            &json!({ "ok": true, "key": session.as_str(), "deleted": deleted.is_some(), "archived": archived }),
        ))
    })
}

pub(in crate::openclaw::methods) fn cleanup(call: Call) -> Running {
    Box::pin(async move { clean(call).await })
}

/// Looks for sessions whose agent is gone; with `enforce` they are removed, and their transcripts archived.
async fn clean(call: Call) -> Answer {
    let params = &call.params;
    let engine = call.engine();
    let enforce = params.flag("enforce") == Some(true);
    let active = match params.word("activeKey") {
        Some(key) => Some(key_of(&call, key, None)?),
        None => None,
    };
    if params.flag("allAgents") == Some(true) && params.word("agent").is_some() {
        return Err(WireError::invalid("agent and allAgents exclude each other"));
    }
    let agents = params
        .word("agent")
        .map(|agent| vec![agent.to_ascii_lowercase()]);
    let filter = Filter {
        agents,
        archived: Archived::Shown,
        limit: CLEANED_MAX,
        ..Filter::default()
    };
    let keys = sessions::keys(engine, filter).await?;
    let (before, mut orphans, mut removed) = (keys.len(), 0_usize, 0_usize);
    for key in keys {
        let key = engine.parse_key(&key)?;
        if engine.agent_of(&key).is_ok() || active.as_ref() == Some(&key) {
            continue;
        }
        orphans += 1;
        if enforce && engine.delete_session(&key).await?.is_some() {
            removed += 1;
        }
    }
    Ok(Payload::of(&json!({
        "ok": true, "dryRun": !enforce, "applied": enforce, "beforeCount": before, "afterCount": before - removed,
        "missing": orphans, "removed": removed,
    })))
}
