//! Where the configuration is shown and changed: one redacted form for everybody, and one guarded way to write.
//!
//! A write needs the hash of what it was made from, is checked as a whole, keeps comments, gives hidden values back by
//! their place, and is written down in the audit log.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use serde_json::{Value, json};
use torana_core::config::edit::EditError;
use torana_core::config::{KeyPath, ReturnError, TreeSchema, changed_paths, read_text};
use torana_core::problem::Problem;
use torana_engine::service::audit::{Act, Audit};

use super::error::WireError;
use super::frame::Payload;
use crate::site::{ConfigEffect, ConfigFile, ConfigIssue, ConfigView};

/// Issues in one error: enough to mend a file, few enough to read.
const ISSUES_MAX: usize = 50;
/// Paths in one audit record.
const AUDIT_PATHS_MAX: usize = 100;

/// The configuration as everybody may see it.
pub(crate) struct Shown {
    pub(crate) view: Arc<ConfigView>,
    /// The merged value without secrets.
    pub(crate) config: Value,
    /// The answer of `config.get`.
    pub(crate) payload: Payload,
}

/// Who changes something, and by which method.
pub(crate) struct Author {
    pub(crate) method: &'static str,
    pub(crate) actor: String,
    pub(crate) note: Option<String>,
    /// How long a restart that the change needs waits, milliseconds.
    pub(crate) restart_delay_ms: u64,
}

/// What a write is based on.
pub(crate) enum Base {
    /// The hash a client read before.
    Hash(Option<String>),
    /// Whatever is there: the gateway makes the change itself.
    Current,
}

/// What became of a write.
pub(crate) struct Written {
    pub(crate) shown: Arc<Shown>,
    /// Paths that differ from before; empty when nothing changed.
    pub(crate) changed: Vec<KeyPath>,
    pub(crate) effect: ConfigEffect,
}

/// The desk.
pub(crate) struct Desk {
    shown: ArcSwapOption<Shown>,
    /// One write after the other; a client that comes second sees the first one's hash.
    turn: tokio::sync::Mutex<()>,
    told: Mutex<String>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            shown: ArcSwapOption::empty(),
            turn: tokio::sync::Mutex::new(()),
            told: Mutex::default(),
        }
    }

    /// The configuration now. Redacted and encoded once per change.
    pub(crate) async fn shown(&self, file: &dyn ConfigFile) -> Result<Arc<Shown>, Problem> {
        let view = file.view().await?;
        if let Some(shown) = self
            .shown
            .load_full()
            .filter(|shown| Arc::ptr_eq(&shown.view, &view))
        {
            return Ok(shown);
        }
        let shown = Arc::new(show(file.schema(), view));
        self.shown.store(Some(Arc::clone(&shown)));
        Ok(shown)
    }

    /// Hash of the configuration that runs, as far as anybody looked.
    pub(crate) fn applied_hash(&self) -> Option<String> {
        let shown = self.shown.load();
        shown.as_ref().map(|shown| shown.view.running_hash.clone())
    }

    /// Makes a change: `make` turns the current text into the new one.
    pub(crate) async fn write(
        &self,
        file: &dyn ConfigFile,
        audit: &Audit,
        author: Author,
        base: Base,
        make: impl FnOnce(&ConfigView, &TreeSchema) -> Result<String, WireError> + Send,
    ) -> Result<Written, WireError> {
        let _turn = self.turn.lock().await;
        let before = file.view().await?;
        check_base(&before, &base)?;
        let text = make(&before, file.schema())?;
        let old = read_text(&before.text).unwrap_or_else(|_| json!({}));
        let new = read_text(&text).map_err(|error| edit_failure(&error))?;
        let changed = changed_paths(&old, &new);
        if text == before.text {
            return Ok(Written {
                shown: self.shown(file).await?,
                changed,
                effect: ConfigEffect::default(),
            });
        }
        let issues = file.check(&text);
        if !issues.is_empty() {
            return Err(invalid(&issues));
        }
        let delay_ms = author.restart_delay_ms;
        let effect = file.write(Arc::clone(&before), text, delay_ms).await?;
        let shown = self.shown(file).await?;
        audit.keep(act(&author, &before, &changed, &shown)).await;
        Ok(Written {
            shown,
            changed,
            effect,
        })
    }

    /// True once for every hash: the change was not told yet.
    pub(crate) fn is_news(&self, hash: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *told != hash;
        if is_news {
            hash.clone_into(&mut told);
        }
        is_news
    }
}

fn act(author: &Author, before: &ConfigView, changed: &[KeyPath], shown: &Shown) -> Act {
    let paths: Vec<String> = changed
        .iter()
        .take(AUDIT_PATHS_MAX)
        .map(ToString::to_string)
        .collect();
    let mut detail = json!({
        "paths": paths, "pathsTotal": changed.len(), "before": before.hash, "after": shown.view.hash,
    });
    if let Some(note) = &author.note {
        detail["note"] = json!(note);
    }
    Act {
        kind: "config",
        action: author.method.to_owned(),
        actor: author.actor.clone(),
        target: shown.view.path.clone(),
        allowed: true,
        detail: Some(detail),
    }
}

/// The texts are those of OpenClaw 2026.9.6; clients offer to load again when they see them.
fn check_base(view: &ConfigView, base: &Base) -> Result<(), WireError> {
    let Base::Hash(hash) = base else {
        return Ok(());
    };
    match hash {
        _ if !view.exists => Ok(()),
        None => Err(WireError::invalid(format!(
            "config base hash required for {}; re-run config.get and retry with baseHash",
            view.path
        ))),
        Some(hash) if *hash == view.hash => Ok(()),
        Some(_) => Err(stale()),
    }
}

fn stale() -> WireError {
    WireError::invalid("config changed since last load; re-run config.get and retry")
}

fn invalid(issues: &[ConfigIssue]) -> WireError {
    let first = &issues[0];
    let path = if first.path.is_empty() {
        "<root>"
    } else {
        &first.path
    };
    let listed: Vec<Value> = issues.iter().take(ISSUES_MAX).map(issue).collect();
    WireError::invalid(format!("invalid config: {path}: {}", first.message))
        .details(json!({ "issues": listed }))
}

fn issue(issue: &ConfigIssue) -> Value {
    json!({ "path": issue.path, "message": issue.message })
}

/// An edit that cannot be made, as clients know it.
pub(crate) fn edit_failure(error: &EditError) -> WireError {
    match error {
        EditError::Unreadable(text) => WireError::invalid(format!("SyntaxError: JSON5: {text}")),
        other => WireError::invalid(other.to_string()),
    }
}

/// The same for a document that came back.
pub(crate) fn return_failure(error: &ReturnError) -> WireError {
    match error {
        ReturnError::Edit(error) => edit_failure(error),
        ReturnError::Restore(error) => {
            WireError::invalid(error.to_string()).details(json!({ "paths": error.paths }))
        }
    }
}

fn show(schema: &TreeSchema, view: Arc<ConfigView>) -> Shown {
    let main = read_text(&view.text).unwrap_or_else(|_| json!({}));
    let parsed = schema.redacted(&main);
    let config = schema.redacted(&view.merged);
    let running = schema.redacted(&view.running);
    let payload = Payload::of(&json!({
        "path": view.path,
        "exists": view.exists,
        "raw": schema.redacted_text(&view.text),
        "parsed": parsed,
        "sourceConfig": config,
        "resolved": config,
        "valid": view.valid,
        "config": config,
        "runtimeConfig": running,
        "hash": view.hash,
        "configRevisionHash": view.hash,
        "appliedConfigHash": view.running_hash,
        "issues": view.issues.iter().map(issue).collect::<Vec<_>>(),
        "warnings": view.warnings.iter().map(issue).collect::<Vec<_>>(),
        "legacyIssues": [],
        "includedPaths": view.included,
        "includeProvenance": [],
        "agentRosterIncludeOwned": false,
        "bindingsIncludeOwned": false,
    }));
    Shown {
        config,
        payload,
        view,
    }
}
