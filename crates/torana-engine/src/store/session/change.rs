//! Settings of a session that a person can change.

use rusqlite::{Connection, params};
use torana_core::command::Setting;

use super::manner::Manner;
use super::row::{Face, SessionRow, get};
use crate::store::StoreError;

/// Changed settings; the outer `None` leaves a value as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Name.
    pub label: Option<Option<String>>,
    /// Name a page made up.
    pub auto_label: Option<Option<String>>,
    /// Name given when it was made.
    pub display_name: Option<Option<String>>,
    /// Icon.
    pub icon: Option<Option<String>>,
    /// Colour.
    pub color: Option<Option<String>>,
    /// Group.
    pub category: Option<Option<String>>,
    /// Session it was made from or for.
    pub parent: Option<Option<String>>,
    /// Model, `provider/model`.
    pub model: Option<Option<String>>,
    /// Thinking level.
    pub thinking: Option<Option<String>>,
    /// Queue mode.
    pub queue_mode: Option<Option<String>>,
    /// How answers are made, shown and sent: settings and their words.
    pub manner: Vec<(Setting, Option<&'static str>)>,
    /// Archived.
    pub archived: Option<bool>,
    /// Pinned.
    pub pinned: Option<bool>,
    /// Unread.
    pub unread: Option<bool>,
}

fn replace(slot: &mut Option<String>, value: &Option<Option<String>>) {
    if let Some(value) = value {
        slot.clone_from(value);
    }
}

/// Applies a change and returns the row; `None` when there is no such session.
pub(crate) fn change(
    connection: &Connection,
    key: &str,
    change: &Change,
    at_ms: i64,
) -> Result<Option<SessionRow>, StoreError> {
    let Some(mut row) = get(connection, key)? else {
        return Ok(None);
    };
    replace(&mut row.label, &change.label);
    replace(&mut row.face.auto_label, &change.auto_label);
    replace(&mut row.face.display_name, &change.display_name);
    replace(&mut row.face.icon, &change.icon);
    replace(&mut row.face.color, &change.color);
    replace(&mut row.category, &change.category);
    replace(&mut row.parent, &change.parent);
    replace(&mut row.model, &change.model);
    replace(&mut row.thinking, &change.thinking);
    replace(&mut row.queue_mode, &change.queue_mode);
    for (setting, word) in &change.manner {
        row.manner.choose(*setting, *word);
    }
    if let Some(archived) = change.archived.filter(|archived| *archived != row.archived) {
        row.archived = archived;
        row.archived_at_ms = archived.then_some(at_ms);
    }
    if let Some(pinned) = change.pinned.filter(|pinned| *pinned != row.pinned) {
        row.pinned = pinned;
        row.pinned_at_ms = pinned.then_some(at_ms);
    }
    if let Some(unread) = change.unread {
        row.unread = unread;
        row.marked_unread_at_ms = unread.then_some(at_ms);
        if !unread {
            row.read_at_ms = Some(at_ms);
        }
    }
    // Looking at a session is no change of it: it must not jump to the top of every list.
    let only_read = Change {
        unread: None,
        ..change.clone()
    } == Change::default();
    if !only_read {
        row.updated_at_ms = at_ms;
    }
    write(connection, &row)?;
    Ok(Some(row))
}

fn write(connection: &Connection, row: &SessionRow) -> Result<(), StoreError> {
    let face = (row.face != Face::default())
        .then(|| serde_json::to_string(&row.face))
        .transpose()?;
    let manner = (row.manner != Manner::default())
        .then(|| serde_json::to_string(&row.manner))
        .transpose()?;
    connection
        .prepare_cached(
            "UPDATE session SET label = ?2, model = ?3, thinking = ?4, queue_mode = ?5, archived = ?6, pinned = ?7,
               unread = ?8, updated_at = ?9, category = ?10, parent_key = ?11, face_json = ?12, archived_at = ?13,
               pinned_at = ?14, read_at = ?15, marked_unread_at = ?16, manner_json = ?17 WHERE key = ?1",
        )?
        .execute(params![
            row.key,
            row.label,
            row.model,
            row.thinking,
            row.queue_mode,
            row.archived,
            row.pinned,
            row.unread,
            row.updated_at_ms,
            row.category,
            row.parent,
            face,
            row.archived_at_ms,
            row.pinned_at_ms,
            row.read_at_ms,
            row.marked_unread_at_ms,
            manner,
        ])?;
    Ok(())
}
